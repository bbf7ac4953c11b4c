"""Textures of objects and backgrounds; they affect only colours, not labels, and may use all of numpy and PIL."""

from collections.abc import Callable

import numpy as np
from PIL import Image

from itaclip_mmseg.scenes.shapes import Array

Colour = tuple[int, int, int]


def noise(rng: np.random.RandomState, height: int, width: int, rows: int, columns: int) -> Array:
    """Smooth noise, height x width, values about [-1, 1], with `rows` x `columns` knots."""
    knots = rng.uniform(-1, 1, (max(rows, 2), max(columns, 2))).astype(np.float32)
    return np.asarray(Image.fromarray(knots).resize((width, height), Image.Resampling.BICUBIC))


def checks(x: Array, y: Array, across: float, down: float) -> Array:
    """A chessboard of -1 and 1."""
    return ((np.floor(x * across) + np.floor(y * down)) % 2) * 2 - 1


def bricks(x: Array, y: Array, across: float, down: float) -> Array:
    """Bricks in bond: -1 in the joints, else a tone of each brick in [0, 1]."""
    row = np.floor(y * down)
    column = x * across + 0.5 * (row % 2)
    joint = ((y * down) % 1 < 0.14) | (column % 1 < 0.08)
    tone = (row * 12.9898 + np.floor(column) * 78.233) * 0.371 % 1
    return np.where(joint, -1.0, tone)


def dots(x: Array, y: Array, count: float) -> Array:
    """Round dots, 1 inside and -1 outside; every second row is shifted."""
    row = np.floor(y * count)
    in_x, in_y = (x * count + 0.5 * (row % 2)) % 1 - 0.5, (y * count) % 1 - 0.5
    return np.where(in_x * in_x + in_y * in_y < 0.1, 1.0, -1.0)


def sectors(u: Array, v: Array, count: int) -> Array:
    """Alternating sectors around (0, -0.1), -1 and 1."""
    return np.sign(np.sin(np.arctan2(v + 0.1, u + 0.05) * count / 2))


def grain(u: Array, v: Array) -> Array:
    """A fine irregular pattern that sticks to the object."""
    return np.sin(u * 31 + 3 * np.sin(v * 23)) * np.sin(v * 37 + 3 * np.sin(u * 19))


# Share of the second colour, [0, 1], from object coordinates.
TEXTURES: dict[str, Callable[[Array, Array], Array]] = {
    'plain': lambda u, v: 0 * u,
    'stripes': lambda u, v: np.sin(u * 17) > 0,
    'bands': lambda u, v: np.sin(v * 14) > 0.2,
    'checks': lambda u, v: checks(u, v, 5, 5) > 0,
    'dots': lambda u, v: dots(u, v, 3.2) > 0,
    'sectors': lambda u, v: sectors(u, v, 8) > 0,
    'scales': lambda u, v: 0.55 * (np.hypot((u * 7 + 0.5 * (np.floor(v * 7) % 2)) % 1 - 0.5, v * 7 % 1) > 0.62),
    'leaves': lambda u, v: 0.5 + 0.5 * grain(u, v),
    'planks': lambda u, v: 0.7 * ((v * 7) % 1 < 0.2),
    'tiles': lambda u, v: 0.6 * (bricks(u, v, 4, 7) < 0),
}


def mix(first: Colour, second: Colour, share: Array) -> Array:
    """Blend two colours, H x W x 3 float32 in [0, 255], by the share of the second, H x W."""
    first, second = np.float32(first), np.float32(second)
    return first + (second - first) * np.clip(share, 0, 1)[..., None].astype(np.float32)
