"""The output folders of a test: checking, locking and cleaning them."""

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from itaclip_mmseg.utils.errors import UserError
from itaclip_mmseg.utils.locks import locked
from itaclip_mmseg.utils.resources import mirrored, remove_unfinished

RANKS = ('RANK', 'SLURM_PROCID', 'OMPI_COMM_WORLD_RANK')  # set before the processes are connected
RESULTS = ('results.json', 'confusion.csv')
COLLECTED = '.collect'  # folder through which processes pass their counts to the first
NEEDED = 1 << 16  # bytes that must be free, to detect a full disk


@contextmanager
def held(folders: Iterable[str | None], launcher: str = 'none') -> Iterator[None]:
    """Lock folders for this run while the context lasts, since two runs in one would mix their files.

    Args:
        folders: folders to lock, created if missing; None is skipped.
        launcher: with several processes, the first one locks for all.

    Raises:
        UserError: a folder is not writable, or another run uses it.
    """
    with ExitStack() as stack:
        if launcher == 'none' or all(os.environ.get(name, '0') == '0' for name in RANKS):
            for folder in {Path(folder).resolve(): folder for folder in folders if folder}.values():
                check_writable(Path(folder))
                stack.enter_context(locked(Path(folder)))
        yield


def check_writable(folder: Path) -> None:
    """Create a folder if it is missing; a `UserError` if it is not writable."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(NEEDED))
    except OSError as error:
        raise UserError(f'{folder}: not writable ({error.strerror}); choose another folder') from error


def clean(work_dir: str, folders: Iterable[str | None], images: Iterable[str], root: str) -> None:
    """Remove temporary files of killed runs beside their results and the outputs of each image.

    Args:
        folders: folders of outputs for each image; None is skipped.
        images: paths of the images, below `root`.
    """
    images = list(images)
    shutil.rmtree(Path(work_dir) / COLLECTED, ignore_errors=True)
    remove_unfinished(Path(work_dir) / name for name in RESULTS)
    remove_unfinished(mirrored(image, root, folder) for folder in folders if folder for image in images)
