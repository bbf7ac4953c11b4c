"""Lines of journals, each sealed by a hash: of a file that was cut, damaged or mixed up, the whole ones count."""

import hashlib
from collections.abc import Iterator
from pathlib import Path


def sealed(content: str, key: str) -> str:
    """A line that holds ASCII text without line breaks, such as JSON, for readers of the same key."""
    return f'{seal(content.encode(), key)} {content}'


def read_sealed(path: Path, key: str) -> Iterator[str]:
    """What the whole lines of a file hold; all others are passed over."""
    for line in path.read_bytes().split(b'\n'):
        hashed, _, content = line.partition(b' ')
        if hashed == seal(content, key).encode():
            yield content.decode()


def seal(content: bytes, key: str) -> str:
    """The hash, which also holds the version of the form: lines of another are not read as ours."""
    return hashlib.sha256(f'1 {key} '.encode() + content).hexdigest()[:32]
