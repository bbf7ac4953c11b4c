"""Folders that one run at a time writes into."""

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from itaclip_mmseg.utils.errors import UserError

LOCK = '.lock'


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder by a file in it; the system lets go of it when a process is killed."""
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise UserError(f'{folder}: another run writes into this folder; wait for it, or name another one') from error
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            (folder / LOCK).unlink()
        lock.release()
