"""Steps from archives to the folders that evaluation reads; each can check whether it is done."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from itaclip_mmseg.datasets.preparation.archives import unpack
from itaclip_mmseg.datasets.preparation.remote import RemoteFile


@dataclass(frozen=True)
class Unpack:
    """Unpacks files of one folder of an archive.

    Attributes:
        file: the archive.
        inside: the folder in it.
        folder: the folder to unpack to, relative to the dataset's.
        pattern: pattern of file paths below `inside`.
        split: a file, relative to the dataset's folder, that lists the names to unpack; None for all.
    """

    file: RemoteFile
    inside: str
    folder: str
    pattern: str
    split: str | None = None

    def is_done(self, root: Path, images: int) -> bool:
        """Whether all files exist, one for each image of the dataset."""
        if self.split is not None:
            return all_listed(root / self.split, root / self.folder, self.pattern)
        found = sum(1 for _ in (root / self.folder).glob(self.pattern))
        return found >= (images if '*' in self.pattern else 1)

    def run(self, root: Path, archive: Path) -> None:
        """Unpack missing files."""
        names = None if self.split is None else names_in(root / self.split)
        unpack(archive, self.inside, root / self.folder, self.pattern, names)


@dataclass(frozen=True)
class Convert:
    """Converts published annotations to label maps; finished ones are kept.

    Attributes:
        convert: a function of the dataset's folder and the annotation.
        folder: the folder it writes to, relative to the dataset's.
        file: the annotation; None to convert unpacked maps.
        split: the file, relative to the dataset's folder, in which it lists its maps; None if it writes none.
    """

    convert: Callable[[Path, Path | None], object]
    folder: str
    file: RemoteFile | None = None
    split: str | None = None

    def is_done(self, root: Path, images: int) -> bool:
        """Whether all maps exist; always False without a split file, since converting again then costs nothing."""
        return self.split is not None and all_listed(root / self.split, root / self.folder, '*.png')

    def run(self, root: Path, annotation: Path | None) -> None:
        """Convert missing maps."""
        self.convert(root, annotation)


def names_in(split: Path) -> set[str]:
    """The names in a split file; empty if it is missing."""
    return set(split.read_text(encoding='utf-8').split()) if split.is_file() else set()


def all_listed(split: Path, folder: Path, pattern: str) -> bool:
    """Whether a split file exists and each of its names has a file in a folder."""
    names = names_in(split)
    return bool(names) and all((folder / pattern.replace('*', name)).is_file() for name in names)
