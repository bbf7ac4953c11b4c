"""Access to the files of an export; each is read once."""

from pathlib import Path

from itaclip_mmseg.datasets.preparation import record
from itaclip_mmseg.datasets.preparation.document import Node, read_json
from itaclip_mmseg.datasets.reading import SUFFIXES
from itaclip_mmseg.utils.errors import UserError
from itaclip_mmseg.utils.folders import each_once, files_below
from itaclip_mmseg.utils.progress import track

WHOLE = ('.json', '.xml')  # such a file is a complete export; for any other, its folder is the export


class Source:
    """An export given by the user as a file or folder.

    Args:
        out: a folder inside that is skipped.

    Attributes:
        root: the folder that paths are relative to.
        files: all files except hidden ones, sorted.

    Raises:
        UserError: the file or folder does not exist.
    """

    def __init__(self, path: Path, out: Path | None = None) -> None:
        if not path.exists():
            raise UserError(f'{path}: no such file or folder; check the path')
        if path.suffix.lower() == '.zip':
            raise UserError(f'{path}: is an archive; unpack it and give the folder')
        self.path, self.root = path, path if path.is_dir() else path.parent
        alone = path.suffix.lower() in WHOLE and path.is_file()
        self.files = [path] if alone else sorted(map(Path, each_once(files_below(self.root, out))))
        self._documents: dict[Path, Node] | None = None

    def ending(self, *ends: str) -> list[Path]:
        """Files with these endings, in any case."""
        return [path for path in self.files if path.name.lower().endswith(ends)]

    def pictures(self, *folders: str) -> list[Path]:
        """Images in folders with these names, at any depth."""
        return [path for path in self.ending(*SUFFIXES) if {*folders} & {*path.relative_to(self.root).parts[:-1]}]

    def documents(self) -> dict[Path, Node]:
        """All JSON files, each parsed once."""
        if self._documents is None:
            paths = [path for path in self.ending('.json') if path.name != record.NAME]
            self._documents = {path: read_json(path) for path in track(paths, 'annotation files')}
        return self._documents

    def objects(self, *keys: str) -> list[Path]:
        """JSON files with at least two of these keys, so that a file that lost one is still found."""
        found = self.documents().items()
        return [path for path, node in found if isinstance(node.value, dict) and len({*keys} & {*node.value}) >= 2]

    def place(self, path: Path, suffix: str = '') -> str:
        """The path of a file relative to the root, with `/`, and with another suffix if one is given."""
        place = path.relative_to(self.root)
        return (place.with_name(place.stem + suffix) if suffix else place).as_posix()
