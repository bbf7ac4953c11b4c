"""An object of the rendered scenes: its drawing of coloured shapes, and painting of these."""

from typing import NamedTuple

import numpy as np

from itaclip_mmseg.scenes.shapes import Array, Ellipse, Polygon
from itaclip_mmseg.scenes.textures import TEXTURES, Colour, mix


class Part(NamedTuple):
    """A shape in one colour: 0 or 1 for the object's first or second colour, or RGB; `texture` is one of `TEXTURES`."""

    shape: Ellipse | Polygon
    colour: int | Colour
    texture: str = 'plain'


class Drawing(NamedTuple):
    """An object in coordinates (u to the right, v down) within [-1, 1].

    `palettes` are its pairs of colours, `size` the range of half its extent relative to the short side, `places` the
    backgrounds it is placed on, `tilt` the largest tangent of half its rotation angle.
    """

    parts: tuple[Part, ...]
    palettes: tuple[tuple[Colour, Colour], ...]
    size: tuple[float, float]
    places: tuple[str, ...]
    tilt: float = 0.03

    @property
    def foot(self) -> float:
        """Coordinate v at which it touches the ground."""
        return max(part.shape.bottom for part in self.parts)


def paint_part(part: Part, palette: tuple[Colour, Colour], u: Array, v: Array) -> Array:
    """Colours of a part at points (u, v) given as flat arrays, N x 3 float32."""
    colour = palette[part.colour] if isinstance(part.colour, int) else part.colour
    if part.texture in ('planks', 'tiles') or not isinstance(part.colour, int):
        other = tuple(0.55 * channel for channel in colour)
    else:
        other = palette[1 - part.colour]
    return mix(colour, other, TEXTURES[part.texture](u, v).astype(np.float32))
