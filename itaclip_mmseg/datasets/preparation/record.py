"""What the maps of a folder were made from, in one small file beside them: maps that no longer fit are made anew."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from itaclip_mmseg.utils.errors import UserError
from itaclip_mmseg.utils.resources import written_whole
from itaclip_mmseg.version import __version__

NAME = 'made_from.json'


def digest(*parts: str | bytes) -> str:
    """A hash of texts and bytes, each by itself."""
    result = hashlib.sha256()
    for part in parts:
        content = part.encode() if isinstance(part, str) else part
        result.update(b'%d:' % len(content) + content)
    return result.hexdigest()[:32]


def file_digest(path: Path) -> str:
    """A hash of a file's content."""
    return digest(path.read_bytes())


class Record:
    """What an earlier run wrote into a folder: by file name, which converter made it and a hash of all it depends on.

    A run drops the files that no longer fit, writes the new record, and then makes what is missing. So a file that is
    there and that the record names always fits, whenever the run was killed.
    """

    def __init__(self, folder: Path, converter: str) -> None:
        self.folder, self.converter, self.path = folder, converter, folder / NAME
        try:
            content = json.loads(self.path.read_text(encoding='utf-8'))['files']
            self.files = {str(name): str(made_of) for name, made_of in content.items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            self.files = {}  # none, or damaged: it then vouches for no file

    def entry(self, made_of: str) -> str:
        """What is written down for a file."""
        return f'{self.converter} {digest(__version__, self.converter, made_of)}'

    def name(self, path: Path) -> str:
        """How the record calls a file."""
        return path.relative_to(self.folder).as_posix()

    def check_known(self, files: Mapping[Path, str]) -> None:
        """Raise a `UserError` for a file that is there and that no converter wrote."""
        for path in files:
            if path.exists() and self.name(path) not in self.files:
                raise UserError(f'{path}: was not written by a converter ({self.path} does not name it); move it away')

    def renew(self, files: Mapping[Path, str]) -> None:
        """Remove those of the files that no longer fit, and write down what all of them are made from."""
        entries = {self.name(path): self.entry(made_of) for path, made_of in files.items()}
        for path in files:
            name = self.name(path)
            if self.files.get(name) != entries[name]:
                path.unlink(missing_ok=True)
        self.files |= entries
        with written_whole(self.path) as temporary:
            temporary.write_text(json.dumps(dict(files=self.files), indent=0, sort_keys=True) + '\n', encoding='utf-8')

    def left_over(self, files: Mapping[Path, str]) -> list[str]:
        """Files of this converter's earlier runs that are still there and belong to nothing any more."""
        names = {self.name(path) for path in files}
        mine = [name for name, made_of in self.files.items() if made_of.startswith(f'{self.converter} ')]
        return [name for name in mine if name not in names and (self.folder / name).exists()]
