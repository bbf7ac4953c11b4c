"""Locks on folders, so that only one run at a time writes into a folder."""

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from itaclip_mmseg.utils.errors import UserError

LOCK = '.lock'


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Lock a folder by a file in it; the system releases the lock when a process is killed."""
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise UserError(f'{folder}: another run is writing to this folder; wait for it or choose another') from error
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            (folder / LOCK).unlink()
        lock.release()
