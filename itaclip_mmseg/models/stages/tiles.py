"""Tiles: the pixels of an image a rectangle at a time, so that memory follows the tile, not the photograph."""

import itertools
import math
from collections.abc import Iterator
from types import EllipsisType
from typing import NamedTuple

# Bytes of logits, and of PAMR's weights, held at a time. COCO-Stuff's 640 x 640 pixels with 171 classes are one tile
# (310 MB); a photograph of 4000 x 6000 is 40, and with the margins of PAMR (10 steps, 16 pixels) 1.7 times the work.
LOGITS_BYTES = 512 << 20
FLOAT_BYTES = 4


class Tile(NamedTuple):
    """A rectangle of pixels, `bottom` and `right` not included."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return self.bottom - self.top, self.right - self.left

    @property
    def place(self) -> tuple[EllipsisType, slice, slice]:
        """Index of its pixels in an array ... x H x W of the image."""
        return ..., slice(self.top, self.bottom), slice(self.left, self.right)

    def within(self, outer: 'Tile') -> 'Tile':
        """The same rectangle, counted from the top left pixel of a tile around it."""
        return Tile(self.top - outer.top, self.bottom - outer.top, self.left - outer.left, self.right - outer.left)

    def grown(self, margin: int, size: tuple[int, int]) -> 'Tile':
        """With a margin on all sides, as far as the image, height and width `size`, goes."""
        top, left = max(self.top - margin, 0), max(self.left - margin, 0)
        return Tile(top, min(self.bottom + margin, size[0]), left, min(self.right + margin, size[1]))

    def strips(self, pixels: int) -> Iterator['Tile']:
        """The same rectangle in strips of whole rows, each of about so many pixels."""
        step = max(pixels // self.shape[1], 1)
        for top in range(self.top, self.bottom, step):
            yield self._replace(top=top, bottom=min(top + step, self.bottom))


def tile_shape(size: tuple[int, int], maps: int, budget: float = LOGITS_BYTES) -> tuple[int, int]:
    """Height and width of the largest tile, square where the image allows it, of which float32 `maps` fit in `budget`.

    Square, as margins cost least there.
    """
    height, width = size
    area = max(int(budget) // (FLOAT_BYTES * maps), 1)
    height = min(height, max(math.isqrt(area), area // width))
    return height, min(width, max(area // height, 1))


def tiles(size: tuple[int, int], shape: tuple[int, int]) -> list[Tile]:
    """An image, height and width `size`, in tiles of at most `shape`, row by row, as equal as whole pixels allow."""
    rows, columns = (borders(*axis) for axis in zip(size, shape))
    return [Tile(*row, *column) for row in itertools.pairwise(rows) for column in itertools.pairwise(columns)]


def borders(length: int, longest: int) -> list[int]:
    """Where the fewest equal parts of at most `longest` pixels begin and end."""
    parts = -(-length // longest)
    return [length * part // parts for part in range(parts + 1)]
