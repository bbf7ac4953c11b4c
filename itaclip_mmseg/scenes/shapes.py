"""Shapes of the rendered scenes.

Outlines define the label maps, which must be identical on every machine. They use only sums, products, quotients and
comparisons of float64 arrays, which IEEE 754 rounds the same everywhere: no sine, no smoothing, no drawing library.
"""

from typing import NamedTuple

import numpy as np

Array = np.ndarray


class Ellipse(NamedTuple):
    """An ellipse with its axes along u and v."""

    u: float
    v: float
    half_width: float
    half_height: float

    @property
    def bottom(self) -> float:
        """The largest v."""
        return self.v + self.half_height

    def covers(self, u: Array, v: Array) -> Array:
        """Which points lie inside, bool, shaped like `u`."""
        x, y = (u - self.u) / self.half_width, (v - self.v) / self.half_height
        return x * x + y * y <= 1.0


class Polygon(NamedTuple):
    """A polygon by its corners (u, v), in any direction."""

    corners: tuple[tuple[float, float], ...]

    @property
    def bottom(self) -> float:
        """The largest v."""
        return max(v for _, v in self.corners)

    def covers(self, u: Array, v: Array) -> Array:
        """Which points lie inside by the even-odd rule, bool, shaped like `u`."""
        inside = np.zeros(u.shape, bool)
        for (u0, v0), (u1, v1) in zip(self.corners, self.corners[1:] + self.corners[:1]):
            if v0 != v1:
                inside ^= ((v0 <= v) != (v1 <= v)) & (u < u0 + (v - v0) * ((u1 - u0) / (v1 - v0)))
        return inside


def polygon(*corners: tuple[float, float]) -> Polygon:
    """A polygon by its corners."""
    return Polygon(corners)


def box(left: float, top: float, right: float, bottom: float) -> Polygon:
    """A rectangle."""
    return Polygon(((left, top), (right, top), (right, bottom), (left, bottom)))
