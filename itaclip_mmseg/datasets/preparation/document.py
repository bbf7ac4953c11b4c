"""JSON and XML documents of annotation tools, read so that whatever is wrong is one line that names file and key."""

import json
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from itaclip_mmseg.utils.errors import UserError, first_line

FARTHEST = 100_000  # pixels; a corner farther out is a fault, and drawing it would take all memory
KINDS = {dict: 'an object', list: 'a list', str: 'a text'}


def read_json(path: Path) -> 'Node':
    """A JSON file.

    Raises:
        UserError: it is missing, damaged or cut off.
    """
    try:
        return Node(json.loads(path.read_text(encoding='utf-8-sig')), path)
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f'{path}: not readable as JSON ({first_line(error)}); export it again') from error


def read_lines(path: Path) -> list[str]:
    """The lines of a text file without blanks around them, those without text left out; see `read_json`."""
    try:
        lines = path.read_text(encoding='utf-8-sig').splitlines()
    except (OSError, ValueError) as error:
        raise UserError(f'{path}: not readable as text ({first_line(error)}); save it as UTF-8') from error
    return [line.strip() for line in lines if line.strip()]


class Node:
    """A value of a document, which knows its place there.

    Attributes:
        value: as the document has it.
        path, place: file and place, for messages.
    """

    def __init__(self, value: object, path: Path, place: str = '') -> None:
        self.value, self.path, self.place = value, path, place

    def fault(self, what: str, remedy: str = 'export it again') -> UserError:
        """An error that names the place."""
        place = ' '.join(f'{self.place} {what}'.split())  # what it quotes may have line breaks
        return UserError(f'{self.path}: {place}; {remedy}')

    def of(self, kind: type) -> 'Node':
        """This node, checked to be a dict, list or str."""
        if not isinstance(self.value, kind):
            raise self.fault(f'is not {KINDS[kind]} ({self.value!s:.40})')
        return self

    def __getitem__(self, key: str) -> 'Node':
        """A value of an object, which has to be there."""
        found = self.get(key)
        if found is None:
            raise self.fault(f'has no "{key}"')
        return found

    def get(self, key: str) -> 'Node | None':
        """A value of an object; None where it is missing or null."""
        value = self.of(dict).value.get(key)
        return None if value is None else Node(value, self.path, f'{self.place}.{key}'.removeprefix('.'))

    def __iter__(self) -> Iterator['Node']:
        """The entries of a list."""
        for index, value in enumerate(self.of(list).value):
            yield Node(value, self.path, f'{self.place}[{index}]')

    def text(self) -> str:
        """A text that is not empty, blanks and line breaks in it made one blank."""
        text = ' '.join(self.of(str).value.split())
        if not text or '\0' in text or text.encode('utf-8', 'ignore').decode() != text:
            raise self.fault('is empty or has a sign that no name has')
        return text

    def key(self) -> int | str:
        """An id."""
        if not isinstance(self.value, int | str):
            raise self.fault(f'is no id ({self.value!s:.40})')
        return self.value

    def number(self) -> float:
        """A finite number; texts that say one count."""
        try:
            number = float(self.value)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        if not math.isfinite(number):
            raise self.fault(f'is no number ({self.value!s:.40})')
        return number

    def whole(self) -> int:
        """A whole number; see `number`."""
        number = self.number()
        if number != int(number):
            raise self.fault(f'is no whole number ({self.value})')
        return int(number)

    def numbers(self) -> np.ndarray:
        """Finite numbers, as they are nested."""
        try:
            numbers = np.asarray(self.value, np.float64)
        except (TypeError, ValueError, OverflowError):
            numbers = np.array(math.nan)
        if not np.isfinite(numbers).all():
            raise self.fault('has something that is no number')
        return numbers

    def points(self) -> np.ndarray:
        """Corners x, y of a ring, N x 2, from pairs or one plain list."""
        numbers = self.numbers()
        if numbers.size % 2 or (numbers.ndim == 2 and numbers.shape[1] != 2) or numbers.ndim > 2:
            raise self.fault(f'has {numbers.size} numbers that are not pairs of x and y')
        if np.abs(numbers).max(initial=0) > FARTHEST:
            raise self.fault(f'has corners more than {FARTHEST} pixels away')
        return numbers.reshape(-1, 2)

    def runs(self, pixels: int) -> np.ndarray:
        """Run lengths that make so many pixels."""
        numbers = self.numbers()
        if numbers.ndim != 1 or (numbers < 0).any() or (numbers % 1).any() or numbers.sum() != pixels:
            raise self.fault(f'has run lengths of {numbers.sum():.0f} pixels instead of {pixels}')
        return numbers.astype(np.int64)

    def size(self, height: str = 'height', width: str = 'width') -> tuple[int, int]:
        """Height and width of a photograph, by the keys of both."""
        sides = self[height].whole(), self[width].whole()
        if min(sides) < 1 or math.prod(sides) > Image.MAX_IMAGE_PIXELS:
            raise self.fault(f'is a photograph of {sides[0]} x {sides[1]} pixels')
        return sides
