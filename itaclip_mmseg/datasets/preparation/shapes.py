"""The common representation of annotations: images with shapes of classes, in drawing order."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Shape:
    """A shape: polygons or a mask.

    Attributes:
        name: its class; None for ignored pixels.
        rings: polygons of corners x, y in pixels (N x 2); the shape is their union.
        holes: polygons that are cut out of it.
        runs: a mask as run lengths, column by column, starting with pixels outside; see `runs_of`.
    """

    name: str | None
    rings: Sequence[np.ndarray] = ()
    holes: Sequence[np.ndarray] = ()
    runs: np.ndarray | None = None


@dataclass(frozen=True)
class Annotation:
    """All shapes of one image; later ones cover earlier ones.

    Attributes:
        names: possible paths of the image, the likeliest first, with `/`; `x.*` matches any suffix.
        source: file of the annotation, for messages.
        size: height and width; None if `rings` are relative to both (0 to 1).
    """

    names: tuple[str, ...]
    source: str
    size: tuple[int, int] | None
    shapes: Sequence[Shape] = ()


@dataclass
class Export:
    """The export of an annotation tool.

    Attributes:
        classes: the export's class list; None if it has none.
        annotations: annotations of images.
        pictures: image files that belong to the export itself, such as masks.
        left_out: number of shapes that cannot be drawn, by kind.
        title: name of its format.
    """

    classes: Sequence[str] | None = None
    annotations: list[Annotation] = field(default_factory=list)
    pictures: Sequence[Path] = ()
    left_out: Counter[str] = field(default_factory=Counter)
    title: str = ''


def runs_of(mask: np.ndarray, size: tuple[int, int] | None = None, left: int = 0, top: int = 0) -> np.ndarray:
    """The run lengths of a mask, H x W bool, placed in an image and clipped to it.

    Args:
        size: height and width of the image; None for the mask's size.
        left, top: position of the mask in the image.
    """
    if size is not None:
        mask, small = np.zeros(size, bool), mask
        rows, columns = slice(max(top, 0), top + small.shape[0]), slice(max(left, 0), left + small.shape[1])
        part = mask[rows, columns] if rows.stop > 0 and columns.stop > 0 else mask[:0, :0]
        above, beside = max(-top, 0), max(-left, 0)
        part[:] = small[above : above + part.shape[0], beside : beside + part.shape[1]]
    flat = mask.ravel(order='F')
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    runs = np.diff(np.concatenate([[0], changes, [flat.size]])) if flat.size else np.zeros(1, int)
    return np.concatenate([[0], runs]) if flat.size and flat[0] else runs


def mask_of(runs: np.ndarray, size: tuple[int, int], order: str = 'F') -> np.ndarray:
    """The mask, H x W bool, of run lengths that start with pixels outside; by column, or by row for order 'C'."""
    return np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(size, order=order)


def circle(x: float, y: float, horizontal: float, vertical: float, degrees: float = 0) -> np.ndarray:
    """An ellipse as a ring of 90 corners.

    Args:
        x, y: its centre.
        horizontal, vertical: its radii, before it is rotated clockwise by `degrees`.
    """
    angles = np.linspace(0, 2 * np.pi, 90, endpoint=False)
    ring = np.stack([horizontal * np.cos(angles), vertical * np.sin(angles)], axis=-1)
    return turned(ring, degrees) + np.array([x, y])


def box(left: float, top: float, right: float, bottom: float) -> np.ndarray:
    """A box as a ring."""
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float64)


def turned(ring: np.ndarray, degrees: float, x: float = 0, y: float = 0) -> np.ndarray:
    """A ring rotated clockwise (as displayed) around x, y."""
    sine, cosine = np.sin(np.deg2rad(degrees)), np.cos(np.deg2rad(degrees))
    return (ring - (x, y)) @ np.array([[cosine, sine], [-sine, cosine]]) + (x, y)
