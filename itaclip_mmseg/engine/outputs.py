"""The folders that a test writes into: writable, held by one run at a time, free of what a killed run left behind."""

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from itaclip_mmseg.utils.errors import UserError
from itaclip_mmseg.utils.locks import locked
from itaclip_mmseg.utils.resources import mirrored, remove_unfinished

RANKS = ('RANK', 'SLURM_PROCID', 'OMPI_COMM_WORLD_RANK')  # known before the processes have found each other
RESULTS = ('results.json', 'confusion.csv')
COLLECTED = '.collect'  # where several processes hand their counts to the first
NEEDED = 1 << 16  # bytes that must be free; a disk that is full already is known by less


@contextmanager
def held(folders: Iterable[str | None], launcher: str = 'none') -> Iterator[None]:
    """Hold folders for this run while the context lasts, as two runs in one would mix their files.

    Args:
        folders: made where they are missing; None is left out.
        launcher: of several processes, the first holds for all.

    Raises:
        UserError: one is not writable, or another run holds it.
    """
    with ExitStack() as stack:
        if launcher == 'none' or all(os.environ.get(name, '0') == '0' for name in RANKS):
            for folder in {Path(folder).resolve(): folder for folder in folders if folder}.values():
                check_writable(Path(folder))
                stack.enter_context(locked(Path(folder)))
        yield


def check_writable(folder: Path) -> None:
    """Make a folder where it is missing; a `UserError` if nothing can be written there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(NEEDED))
    except OSError as error:
        raise UserError(f'{folder}: not writable ({error.strerror}); name another folder') from error


def clean(work_dir: str, folders: Iterable[str | None], images: Iterable[str], root: str) -> None:
    """Remove what runs that were killed while they wrote left beside their results and beside each image's output.

    Args:
        folders: of the outputs for each image; None is left out.
        images: their paths, below `root`.
    """
    images = list(images)
    shutil.rmtree(Path(work_dir) / COLLECTED, ignore_errors=True)
    remove_unfinished(Path(work_dir) / name for name in RESULTS)
    remove_unfinished(mirrored(image, root, folder) for folder in folders if folder for image in images)
