"""The files of an export, each read once."""

from pathlib import Path

from itaclip_mmseg.datasets.preparation import record
from itaclip_mmseg.datasets.preparation.document import Node, read_json
from itaclip_mmseg.datasets.reading import SUFFIXES
from itaclip_mmseg.utils.errors import UserError
from itaclip_mmseg.utils.folders import each_once, files_below
from itaclip_mmseg.utils.progress import track

WHOLE = ('.json', '.xml')  # a file of these is an export by itself; another stands for its folder


class Source:
    """What a user gives: a file or a folder.

    Args:
        out: a folder inside that is not read.

    Attributes:
        root: the folder that places are counted from.
        files: all files, sorted; hidden ones are left out.

    Raises:
        UserError: there is no such file or folder.
    """

    def __init__(self, path: Path, out: Path | None = None) -> None:
        if not path.exists():
            raise UserError(f'{path}: no such file or folder; check the path')
        if path.suffix.lower() == '.zip':
            raise UserError(f'{path}: an archive; unpack it and give the folder')
        self.path, self.root = path, path if path.is_dir() else path.parent
        alone = path.suffix.lower() in WHOLE and path.is_file()
        self.files = [path] if alone else sorted(map(Path, each_once(files_below(self.root, out))))
        self._documents: dict[Path, Node] | None = None

    def ending(self, *ends: str) -> list[Path]:
        """Files by the ends of their names, in any case."""
        return [path for path in self.files if path.name.lower().endswith(ends)]

    def pictures(self, *folders: str) -> list[Path]:
        """Images in folders of these names, at any depth."""
        return [path for path in self.ending(*SUFFIXES) if {*folders} & {*path.relative_to(self.root).parts[:-1]}]

    def documents(self) -> dict[Path, Node]:
        """All JSON files, each parsed once."""
        if self._documents is None:
            paths = [path for path in self.ending('.json') if path.name != record.NAME]
            self._documents = {path: read_json(path) for path in track(paths, 'annotation files')}
        return self._documents

    def objects(self, *keys: str) -> list[Path]:
        """JSON files that are an object with at least two of these keys, of which one may have been lost."""
        found = self.documents().items()
        return [path for path, node in found if isinstance(node.value, dict) and len({*keys} & {*node.value}) >= 2]

    def place(self, path: Path, suffix: str = '') -> str:
        """The path of a file below the root, with `/`, its suffix replaced."""
        place = path.relative_to(self.root)
        return (place.with_name(place.stem + suffix) if suffix else place).as_posix()
