"""Fingerprints of files, by which a later run checks whether a file has changed."""

import hashlib
import os
from collections.abc import Iterable, Sequence
from functools import partial

Fingerprint = Sequence  # size in bytes, time stamp in nanoseconds, hash of the content; a list, as in JSON


def fingerprint(path: str | os.PathLike) -> Fingerprint:
    """Size, time stamp and content hash of a file."""
    return [*stamp(path), content_hash(path)]


def is_unchanged(path: str | os.PathLike, earlier: Fingerprint) -> bool:
    """Whether a file is unchanged: if size and time stamp do not both agree, its content is compared."""
    try:
        now = stamp(path)
        if now == list(earlier[:2]):
            return True
        return now[0] == earlier[0] and content_hash(path) == earlier[2]
    except OSError:
        return False


def stamp(path: str | os.PathLike) -> list[int]:
    """Size and time stamp of a file."""
    status = os.stat(path)
    return [status.st_size, status.st_mtime_ns]


def content_hash(path: str | os.PathLike) -> str:
    """Hash of a file's content."""
    found = hashlib.sha256()
    with open(path, 'rb') as file:
        for block in iter(partial(file.read, 1 << 20), b''):
            found.update(block)
    return found.hexdigest()[:32]


def combined(parts: Iterable[object]) -> str:
    """One hash of many parts, in the given order."""
    joined = hashlib.sha256()
    for part in parts:
        joined.update(repr(part).encode() + b'\n')
    return joined.hexdigest()[:32]
