"""A small file beside a folder's label maps with hashes of their inputs, so that outdated maps are written again."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from itaclip_mmseg.utils.errors import UserError
from itaclip_mmseg.utils.resources import written_whole
from itaclip_mmseg.version import __version__

NAME = 'made_from.json'


def digest(*parts: str | bytes) -> str:
    """A hash of several texts and byte strings."""
    result = hashlib.sha256()
    for part in parts:
        content = part.encode() if isinstance(part, str) else part
        result.update(b'%d:' % len(content) + content)
    return result.hexdigest()[:32]


def file_digest(path: Path) -> str:
    """A hash of a file's content."""
    return digest(path.read_bytes())


class Record:
    """The files that earlier runs wrote into a folder, each with its converter and a hash of its inputs.

    A run removes outdated files, writes the new record, and then writes the missing files. So an existing file in the
    record is always up to date, even if the run was killed.
    """

    def __init__(self, folder: Path, converter: str) -> None:
        self.folder, self.converter, self.path = folder, converter, folder / NAME
        try:
            content = json.loads(self.path.read_text(encoding='utf-8'))['files']
            self.files = {str(name): str(made_of) for name, made_of in content.items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            self.files = {}  # missing or damaged

    def entry(self, made_of: str) -> str:
        """The record's entry for a file."""
        return f'{self.converter} {digest(__version__, self.converter, made_of)}'

    def name(self, path: Path) -> str:
        """The record's name for a file."""
        return path.relative_to(self.folder).as_posix()

    def check_known(self, files: Mapping[Path, str]) -> None:
        """Raise a `UserError` for an existing file that no converter wrote."""
        for path in files:
            if path.exists() and self.name(path) not in self.files:
                raise UserError(f'{path}: was not written by a converter ({self.path} does not list it); move it away')

    def renew(self, files: Mapping[Path, str]) -> None:
        """Remove outdated files and write the new record."""
        entries = {self.name(path): self.entry(made_of) for path, made_of in files.items()}
        for path in files:
            name = self.name(path)
            if self.files.get(name) != entries[name]:
                path.unlink(missing_ok=True)
        self.files |= entries
        with written_whole(self.path) as temporary:
            temporary.write_text(json.dumps(dict(files=self.files), indent=0, sort_keys=True) + '\n', encoding='utf-8')

    def left_over(self, files: Mapping[Path, str]) -> list[str]:
        """Existing files of this converter's earlier runs that no longer have an input."""
        names = {self.name(path) for path in files}
        mine = [name for name, made_of in self.files.items() if made_of.startswith(f'{self.converter} ')]
        return [name for name in mine if name not in names and (self.folder / name).exists()]
