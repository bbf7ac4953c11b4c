"""Steps from archives to the folders that evaluation reads; of each it is known whether it is done."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from itaclip_mmseg.datasets.preparation.archives import unpack
from itaclip_mmseg.datasets.preparation.remote import RemoteFile


@dataclass(frozen=True)
class Unpack:
    """Files of one folder of an archive.

    Attributes:
        file: the archive.
        inside: the folder in it.
        folder: the one they go to, below the data set's.
        pattern: of their names below `inside`.
        split: below the data set's folder, a file that lists the names that are meant; None for all.
    """

    file: RemoteFile
    inside: str
    folder: str
    pattern: str
    split: str | None = None

    def is_done(self, root: Path, images: int) -> bool:
        """Are they there, one for each of the data set's images?"""
        if self.split is not None:
            return all_listed(root / self.split, root / self.folder, self.pattern)
        found = sum(1 for _ in (root / self.folder).glob(self.pattern))
        return found >= (images if '*' in self.pattern else 1)

    def run(self, root: Path, archive: Path) -> None:
        """Unpack what is not there yet."""
        names = None if self.split is None else names_in(root / self.split)
        unpack(archive, self.inside, root / self.folder, self.pattern, names)


@dataclass(frozen=True)
class Convert:
    """Label maps from what is published as something else; those that are finished are kept.

    Attributes:
        convert: gets the data set's folder and the annotation.
        folder: the one that it writes into, below the data set's.
        file: the annotation; None for maps that were unpacked.
        split: below the data set's folder, the file that it lists its maps in; None where it writes none.
    """

    convert: Callable[[Path, Path | None], object]
    folder: str
    file: RemoteFile | None = None
    split: str | None = None

    def is_done(self, root: Path, images: int) -> bool:
        """Are they there? Without a list that is not asked, as converting again costs nothing then."""
        return self.split is not None and all_listed(root / self.split, root / self.folder, '*.png')

    def run(self, root: Path, annotation: Path | None) -> None:
        """Convert what is not there yet."""
        self.convert(root, annotation)


def names_in(split: Path) -> set[str]:
    """The names in a split file; none where it is missing."""
    return set(split.read_text(encoding='utf-8').split()) if split.is_file() else set()


def all_listed(split: Path, folder: Path, pattern: str) -> bool:
    """Has each name of a split file, which is there, its file in a folder?"""
    names = names_in(split)
    return bool(names) and all((folder / pattern.replace('*', name)).is_file() for name in names)
