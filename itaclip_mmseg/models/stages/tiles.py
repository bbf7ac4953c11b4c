"""Tiles: process an image in rectangles, so that memory depends on the tile size, not on the image size."""

import itertools
import math
from collections.abc import Iterator
from types import EllipsisType
from typing import NamedTuple

# Limit in bytes for logits and PAMR's weights at a time. COCO-Stuff's 640 x 640 pixels with 171 classes are one tile
# (310 MB); a photograph of 4000 x 6000 is 40, with 1.7 times the work due to PAMR's margins (10 steps, 16 pixels).
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
        """The same rectangle relative to the top left pixel of an enclosing tile."""
        return Tile(self.top - outer.top, self.bottom - outer.top, self.left - outer.left, self.right - outer.left)

    def grown(self, margin: int, size: tuple[int, int]) -> 'Tile':
        """Add a margin on all sides, clipped to the image, height and width `size`."""
        top, left = max(self.top - margin, 0), max(self.left - margin, 0)
        return Tile(top, min(self.bottom + margin, size[0]), left, min(self.right + margin, size[1]))

    def strips(self, pixels: int) -> Iterator['Tile']:
        """Split the rectangle into strips of whole rows with about `pixels` pixels each."""
        step = max(pixels // self.shape[1], 1)
        for top in range(self.top, self.bottom, step):
            yield self._replace(top=top, bottom=min(top + step, self.bottom))


def tile_shape(size: tuple[int, int], maps: int, budget: float = LOGITS_BYTES) -> tuple[int, int]:
    """Height and width of the largest tile, square if the image allows it, whose float32 `maps` fit in `budget`.

    Square tiles have the smallest margins.
    """
    height, width = size
    area = max(int(budget) // (FLOAT_BYTES * maps), 1)
    height = min(height, max(math.isqrt(area), area // width))
    return height, min(width, max(area // height, 1))


def tiles(size: tuple[int, int], shape: tuple[int, int]) -> list[Tile]:
    """Split an image, height and width `size`, into tiles of at most `shape`, row by row, as equal as possible."""
    rows, columns = (borders(*axis) for axis in zip(size, shape))
    return [Tile(*row, *column) for row in itertools.pairwise(rows) for column in itertools.pairwise(columns)]


def borders(length: int, longest: int) -> list[int]:
    """Borders of the fewest equal parts of at most `longest` pixels."""
    parts = -(-length // longest)
    return [length * part // parts for part in range(parts + 1)]
