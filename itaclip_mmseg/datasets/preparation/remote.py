"""Published files, and getting a checked copy of one from a folder, a mirror or its own address."""

import hashlib
import os
import tarfile
import zipfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from itaclip_mmseg.datasets.preparation.download import download
from itaclip_mmseg.utils.errors import UserError

PASS_A_COPY = 'pass the folder of a copy as --from'


@dataclass(frozen=True)
class RemoteFile:
    """A published file.

    Attributes:
        name: published file name, also in the folder or mirror of `--from`.
        addresses: addresses to try, in this order; none if you have to register.
        gigabytes: approximate size; None if unknown.
        size: exact size in bytes; None if unknown.
        md5: published checksum; None if there is none.
        remedy: what to do if the download fails.
    """

    name: str
    addresses: tuple[str, ...] = ()
    gigabytes: float | None = None
    size: int | None = None
    md5: str | None = None
    remedy: str = PASS_A_COPY


@dataclass(frozen=True)
class Fetcher:
    """Gets published files from a folder, a mirror or their own addresses.

    Attributes:
        source: a folder or URL to try first; None for the files' own addresses only.
        keep: keep downloads, in `archives` below the folder; else they go to `.archives` and are removed after use.

    Raises:
        UserError: the source folder does not exist.
    """

    source: str | None = None
    keep: bool = False

    def __post_init__(self) -> None:
        if self.source and not self.is_mirror and not Path(self.source).is_dir():
            raise UserError(f'--from {self.source}: no such folder; give a folder or an address, http://...')

    @property
    def is_mirror(self) -> bool:
        """Whether the source is a URL."""
        return self.source is not None and self.source.startswith(('http://', 'https://'))

    def given(self, file: RemoteFile) -> Path | None:
        """The copy in the source folder; None if there is none."""
        path = None if self.source is None or self.is_mirror else Path(self.source) / file.name
        return path if path and path.is_file() else None

    def addresses(self, file: RemoteFile) -> tuple[str, ...]:
        """Addresses to try for a file, in this order."""
        return (f'{self.source.rstrip("/")}/{file.name}', *file.addresses) if self.is_mirror else file.addresses

    def place(self, file: RemoteFile, folder: Path) -> Path:
        """The path of a download, below the folder that it is for."""
        return folder / ('archives' if self.keep else '.archives') / file.name

    def fetch(self, file: RemoteFile, folder: Path) -> Path:
        """Get a complete and checked file.

        Raises:
            UserError: it cannot be downloaded, or differs from the published file.
        """
        if given := self.given(file):
            check_whole(given, file)
            return given
        place = self.place(file, folder)
        if not place.is_file():  # an existing file was checked when it was downloaded
            part = unfinished(place)
            place.parent.mkdir(parents=True, exist_ok=True)
            download(self.addresses(file), part, file.name, file.size, file.remedy)
            try:
                check_whole(part, file)
            except UserError:
                part.unlink()  # so that the next run downloads it again
                raise
            os.replace(part, place)
        return place

    def discard(self, file: RemoteFile, folder: Path) -> None:
        """Remove a wrong download, so that the next run downloads it again."""
        self.place(file, folder).unlink(missing_ok=True)

    def remove(self, file: RemoteFile, folder: Path) -> None:
        """Remove a download after use, unless `keep` is set, and its folder if that is then empty."""
        place = self.place(file, folder)
        if not self.keep and place.parent.is_dir():
            for path in (place, unfinished(place)):
                path.unlink(missing_ok=True)
            with suppress(OSError):  # another file is in it
                place.parent.rmdir()


def unfinished(place: Path) -> Path:
    """The path of an incomplete download."""
    return place.with_name(f'{place.name}.part')


def check_whole(path: Path, file: RemoteFile) -> None:
    """Raise a `UserError` if a file has the wrong size or checksum or, without a checksum, is no valid archive."""
    size = path.stat().st_size
    if file.size not in (None, size):
        fault = f'{size:,} bytes, expected {file.size:,}'
    elif file.md5 is not None:
        found = md5_of(path)
        fault = None if found == file.md5 else f'md5 {found}, expected {file.md5}'
    else:
        fault = None if is_archive(path, file.name) else f'not a complete archive ({size:,} bytes)'
    if fault:
        raise UserError(f'{path}: {fault}; run again to download it again, or {file.remedy}')


def md5_of(path: Path) -> str:
    """The MD5 checksum of a file, in hexadecimal digits."""
    digest = hashlib.md5(usedforsecurity=False)
    with open(path, 'rb') as content:
        while piece := content.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def is_archive(path: Path, name: str) -> bool:
    """Whether a file has the archive format of its published suffix; always true for other files."""
    if name.endswith('.zip'):
        return zipfile.is_zipfile(path)
    return not name.endswith('.tar') or tarfile.is_tarfile(path)
