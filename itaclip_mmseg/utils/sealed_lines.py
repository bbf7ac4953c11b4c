"""Journal lines with a hash each, so that a truncated or damaged journal can still be read line by line."""

import hashlib
from collections.abc import Iterator
from pathlib import Path


def sealed(content: str, key: str) -> str:
    """A line of ASCII text without line breaks, such as JSON, that `read_sealed` reads with the same key."""
    return f'{seal(content.encode(), key)} {content}'


def read_sealed(path: Path, key: str) -> Iterator[str]:
    """The contents of a file's intact lines; all others are skipped."""
    for line in path.read_bytes().split(b'\n'):
        hashed, _, content = line.partition(b' ')
        if hashed == seal(content, key).encode():
            yield content.decode()


def seal(content: bytes, key: str) -> str:
    """The hash of a line, which includes the version of the format: lines of other versions are skipped."""
    return hashlib.sha256(f'1 {key} '.encode() + content).hexdigest()[:32]
