"""Reading JSON and XML documents of annotation tools, with one-line errors that give file and key."""

import json
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from itaclip_mmseg.utils.errors import UserError, first_line

FARTHEST = 100_000  # pixels; a corner farther out is an error, and drawing it would use all memory
KINDS = {dict: 'an object', list: 'a list', str: 'a text'}


def read_json(path: Path) -> 'Node':
    """Read a JSON file.

    Raises:
        UserError: the file is missing, damaged or truncated.
    """
    try:
        return Node(json.loads(path.read_text(encoding='utf-8-sig')), path)
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f'{path}: not readable as JSON ({first_line(error)}); export it again') from error


def read_lines(path: Path) -> list[str]:
    """Read the stripped lines of a text file, without empty ones; see `read_json`."""
    try:
        lines = path.read_text(encoding='utf-8-sig').splitlines()
    except (OSError, ValueError) as error:
        raise UserError(f'{path}: not readable as text ({first_line(error)}); save it as UTF-8') from error
    return [line.strip() for line in lines if line.strip()]


class Node:
    """A value of a document with its place there, for messages.

    Attributes:
        value: the value in the document.
        path, place: the file and the place in it.
    """

    def __init__(self, value: object, path: Path, place: str = '') -> None:
        self.value, self.path, self.place = value, path, place

    def fault(self, what: str, remedy: str = 'export it again') -> UserError:
        """An error with file and place."""
        place = ' '.join(f'{self.place} {what}'.split())  # quoted values may have line breaks
        return UserError(f'{self.path}: {place}; {remedy}')

    def of(self, kind: type) -> 'Node':
        """This node, after checking that its value is a dict, list or str."""
        if not isinstance(self.value, kind):
            raise self.fault(f'is not {KINDS[kind]} ({self.value!s:.40})')
        return self

    def __getitem__(self, key: str) -> 'Node':
        """A value of an object; a `UserError` if it is missing."""
        found = self.get(key)
        if found is None:
            raise self.fault(f'has no "{key}"')
        return found

    def get(self, key: str) -> 'Node | None':
        """A value of an object; None if it is missing or null."""
        value = self.of(dict).value.get(key)
        return None if value is None else Node(value, self.path, f'{self.place}.{key}'.removeprefix('.'))

    def __iter__(self) -> Iterator['Node']:
        """The entries of a list."""
        for index, value in enumerate(self.of(list).value):
            yield Node(value, self.path, f'{self.place}[{index}]')

    def text(self) -> str:
        """A nonempty text, with spaces and line breaks collapsed."""
        text = ' '.join(self.of(str).value.split())
        if not text or '\0' in text or text.encode('utf-8', 'ignore').decode() != text:
            raise self.fault('is empty or has a character that names cannot have')
        return text

    def key(self) -> int | str:
        """An id, a number or text."""
        if not isinstance(self.value, int | str):
            raise self.fault(f'is not an id ({self.value!s:.40})')
        return self.value

    def number(self) -> float:
        """A finite number, also if it is written as text."""
        try:
            number = float(self.value)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        if not math.isfinite(number):
            raise self.fault(f'is not a number ({self.value!s:.40})')
        return number

    def whole(self) -> int:
        """A whole number; see `number`."""
        number = self.number()
        if number != int(number):
            raise self.fault(f'is not a whole number ({self.value})')
        return int(number)

    def numbers(self) -> np.ndarray:
        """An array of finite numbers from nested lists."""
        try:
            numbers = np.asarray(self.value, np.float64)
        except (TypeError, ValueError, OverflowError):
            numbers = np.array(math.nan)
        if not np.isfinite(numbers).all():
            raise self.fault('has a value that is not a number')
        return numbers

    def points(self) -> np.ndarray:
        """Corners x, y of a ring, N x 2, from pairs or a flat list."""
        numbers = self.numbers()
        if numbers.size % 2 or (numbers.ndim == 2 and numbers.shape[1] != 2) or numbers.ndim > 2:
            raise self.fault(f'has {numbers.size} numbers that are not pairs of x and y')
        if np.abs(numbers).max(initial=0) > FARTHEST:
            raise self.fault(f'has corners more than {FARTHEST} pixels away')
        return numbers.reshape(-1, 2)

    def runs(self, pixels: int) -> np.ndarray:
        """Run lengths that add up to `pixels`."""
        numbers = self.numbers()
        if numbers.ndim != 1 or (numbers < 0).any() or (numbers % 1).any() or numbers.sum() != pixels:
            raise self.fault(f'has run lengths of {numbers.sum():.0f} pixels instead of {pixels}')
        return numbers.astype(np.int64)

    def size(self, height: str = 'height', width: str = 'width') -> tuple[int, int]:
        """Height and width of an image, from two keys."""
        sides = self[height].whole(), self[width].whole()
        if min(sides) < 1 or math.prod(sides) > Image.MAX_IMAGE_PIXELS:
            raise self.fault(f'has an image size of {sides[0]} x {sides[1]} pixels')
        return sides
