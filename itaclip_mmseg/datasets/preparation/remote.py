"""Published files: what is known of each, and how a checked copy comes from a folder, a mirror or its own address."""

import hashlib
import os
import tarfile
import zipfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from itaclip_mmseg.datasets.preparation.download import download
from itaclip_mmseg.utils.errors import UserError

PASS_A_COPY = 'pass the folder of a copy by --from'


@dataclass(frozen=True)
class RemoteFile:
    """A published file.

    Attributes:
        name: as it is published, and as it is looked for in the folder or mirror of `--from`.
        addresses: tried in this order; none where people have to register.
        gigabytes: about; None where it is not known.
        size: exactly, in bytes; None where it is not known.
        md5: None where none is published.
        remedy: what to do where no address answers.
    """

    name: str
    addresses: tuple[str, ...] = ()
    gigabytes: float | None = None
    size: int | None = None
    md5: str | None = None
    remedy: str = PASS_A_COPY


@dataclass(frozen=True)
class Fetcher:
    """Gets files from a folder, a mirror or their own addresses.

    Attributes:
        source: a folder or the address of one; asked first. None for the files' own addresses alone.
        keep: downloads go to `archives` below the folder and stay there; else to `.archives`, until they are used up.

    Raises:
        UserError: there is no such folder.
    """

    source: str | None = None
    keep: bool = False

    def __post_init__(self) -> None:
        if self.source and not self.is_mirror and not Path(self.source).is_dir():
            raise UserError(f'--from {self.source}: no such folder; give a folder or an address, http://...')

    @property
    def is_mirror(self) -> bool:
        """Is the source an address?"""
        return self.source is not None and self.source.startswith(('http://', 'https://'))

    def given(self, file: RemoteFile) -> Path | None:
        """The copy in the source's folder."""
        path = None if self.source is None or self.is_mirror else Path(self.source) / file.name
        return path if path and path.is_file() else None

    def addresses(self, file: RemoteFile) -> tuple[str, ...]:
        """Where to ask for a file, in this order."""
        return (f'{self.source.rstrip("/")}/{file.name}', *file.addresses) if self.is_mirror else file.addresses

    def place(self, file: RemoteFile, folder: Path) -> Path:
        """Where a download lies, below the folder that it is for."""
        return folder / ('archives' if self.keep else '.archives') / file.name

    def fetch(self, file: RemoteFile, folder: Path) -> Path:
        """The file, whole and checked.

        Raises:
            UserError: it is not to be had, or not the file that was published.
        """
        if given := self.given(file):
            check_whole(given, file)
            return given
        place = self.place(file, folder)
        if not place.is_file():  # what has the name was checked
            part = unfinished(place)
            place.parent.mkdir(parents=True, exist_ok=True)
            download(self.addresses(file), part, file.name, file.size, file.remedy)
            try:
                check_whole(part, file)
            except UserError:
                part.unlink()  # so that the next run fetches it anew
                raise
            os.replace(part, place)
        return place

    def discard(self, file: RemoteFile, folder: Path) -> None:
        """Remove a download that is not what it should be, so that the next run fetches it anew."""
        self.place(file, folder).unlink(missing_ok=True)

    def remove(self, file: RemoteFile, folder: Path) -> None:
        """Remove a download that is used up, unless it is to be kept, and the folder if it was the last."""
        place = self.place(file, folder)
        if not self.keep and place.parent.is_dir():
            for path in (place, unfinished(place)):
                path.unlink(missing_ok=True)
            with suppress(OSError):  # another file is in it
                place.parent.rmdir()


def unfinished(place: Path) -> Path:
    """Where a file is as long as it is not whole."""
    return place.with_name(f'{place.name}.part')


def check_whole(path: Path, file: RemoteFile) -> None:
    """Raise a `UserError` if size, checksum or, where there is none, the form of an archive is not the file's."""
    size = path.stat().st_size
    if file.size not in (None, size):
        fault = f'{size:,} bytes, expected {file.size:,}'
    elif file.md5 is not None:
        found = md5_of(path)
        fault = None if found == file.md5 else f'md5 {found}, expected {file.md5}'
    else:
        fault = None if is_archive(path, file.name) else f'not a whole archive ({size:,} bytes)'
    if fault:
        raise UserError(f'{path}: {fault}; fetch it anew, or {file.remedy}')


def md5_of(path: Path) -> str:
    """The checksum of a file, in hexadecimal digits."""
    digest = hashlib.md5(usedforsecurity=False)
    with open(path, 'rb') as content:
        while piece := content.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def is_archive(path: Path, name: str) -> bool:
    """Is it what the end of its published name promises? Other files than archives always are."""
    if name.endswith('.zip'):
        return zipfile.is_zipfile(path)
    return not name.endswith('.tar') or tarfile.is_tarfile(path)
