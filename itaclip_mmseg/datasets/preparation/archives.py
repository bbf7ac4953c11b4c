"""Unpacking selected files of tar and zip archives, never outside the target folder."""

import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO

from itaclip_mmseg.utils.errors import UserError, first_line
from itaclip_mmseg.utils.progress import ProgressBar
from itaclip_mmseg.utils.resources import remove_unfinished, written_whole

DAMAGE = (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, RuntimeError)  # the last: encrypted

Members = Mapping[str, Callable[[], IO[bytes]]]


def unpack(archive: Path, inside: str, folder: Path, pattern: str, names: Collection[str] | None = None) -> None:
    """Unpack files of one folder of an archive; existing files are kept.

    Only regular files are unpacked, no links; each file is written completely or not at all.

    Args:
        archive: a .zip or tar archive.
        inside: the folder in the archive.
        folder: the folder to write to.
        pattern: pattern of file paths below `inside`, such as `*/*_labelIds.png`.
        names: names without suffix of the files to unpack; None for all.

    Raises:
        UserError: the archive is damaged, or a member's path leads out of the folder.
    """
    with opened(archive) as members:
        chosen = {}
        for name, read in members.items():
            place = place_of(name, inside, archive)
            if place and fits(place, pattern) and (names is None or place.stem in names):
                chosen[folder / place] = read
        remove_unfinished(chosen)
        remaining = {target: read for target, read in chosen.items() if not target.exists()}
        with ProgressBar(f'{folder}, files', len(remaining)) as bar:
            for target, read in remaining.items():
                with written_whole(target) as temporary, read() as content, open(temporary, 'wb') as out:
                    shutil.copyfileobj(content, out)
                bar.advance()


def place_of(name: str, inside: str, archive: Path) -> PurePosixPath | None:
    """Path of a member relative to a folder of its archive; None if it lies elsewhere.

    Raises:
        UserError: the path begins in the folder and leads out of it.
    """
    path = PurePosixPath(name)
    if not path.is_relative_to(inside):
        return None
    if '..' in path.parts or '\\' in name:
        raise UserError(f'{archive}: the path of {name!r} leads out of its folder; get the original archive')
    return path.relative_to(inside)


def fits(place: PurePosixPath, pattern: str) -> bool:
    """Whether a path matches a pattern part by part; hidden files never do."""
    depth = len(PurePosixPath(pattern).parts)
    return len(place.parts) == depth and place.match(pattern) and not place.name.startswith('.')


@contextmanager
def opened(path: Path) -> Iterator[Members]:
    """The regular files of an archive by name, each with a function that opens it; a `UserError` if it is damaged."""
    try:
        if path.suffix == '.zip':
            with zipfile.ZipFile(path) as archive:
                yield {one.filename: partial(archive.open, one) for one in archive.infolist() if is_regular(one)}
        else:
            with tarfile.open(path, 'r:') as archive:
                yield {one.name: partial(archive.extractfile, one) for one in archive if one.isreg()}
    except DAMAGE as error:
        raise UserError(
            f'{path}: damaged ({first_line(error)}); remove it and run again, or pass the folder of a copy as --from'
        ) from error


def is_regular(member: zipfile.ZipInfo) -> bool:
    """Whether a member of a zip archive is neither a folder nor a link; some programs do not store its kind."""
    kind = stat.S_IFMT(member.external_attr >> 16)
    return not member.is_dir() and kind in (0, stat.S_IFREG)
