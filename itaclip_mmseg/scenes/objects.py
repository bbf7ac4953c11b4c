"""The objects of the rendered scenes: a table of drawings, and painting of their parts."""

from typing import NamedTuple

import numpy as np

from itaclip_mmseg.scenes.shapes import Array, Ellipse, Polygon, box, polygon
from itaclip_mmseg.scenes.textures import TEXTURES, Colour, mix

DARK, GLASS, WHITE, GREEN = (38, 36, 40), (176, 214, 232), (240, 238, 232), (52, 120, 44)
BROWN, YELLOW, ORANGE = (104, 70, 42), (246, 206, 58), (240, 136, 40)
GROUND = ('grass', 'sand', 'road', 'snow')
INDOORS = ('wood floor',)


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


DRAWINGS: dict[str, Drawing] = {
    'car': Drawing(
        (
            Part(
                polygon(
                    (-1, 0.45),
                    (-0.96, 0.12),
                    (-0.5, 0.02),
                    (-0.24, -0.42),
                    (0.42, -0.42),
                    (0.7, 0),
                    (1, 0.1),
                    (1, 0.45),
                ),
                0,
            ),
            Part(polygon((-0.38, 0.02), (-0.17, -0.32), (0.06, -0.32), (0.06, 0.02)), GLASS),
            Part(polygon((0.14, 0.02), (0.14, -0.32), (0.37, -0.32), (0.56, 0.02)), GLASS),
            Part(box(-1, 0.22, 1, 0.29), 1),
            Part(Ellipse(-0.92, 0.2, 0.07, 0.07), YELLOW),
            Part(Ellipse(-0.55, 0.45, 0.24, 0.24), DARK),
            Part(Ellipse(0.56, 0.45, 0.24, 0.24), DARK),
            Part(Ellipse(-0.55, 0.45, 0.11, 0.11), (190, 190, 194)),
            Part(Ellipse(0.56, 0.45, 0.11, 0.11), (190, 190, 194)),
        ),
        (((206, 34, 38), WHITE), ((34, 76, 176), WHITE), ((240, 186, 30), DARK)),
        (0.22, 0.38),
        (*GROUND, 'road', 'road'),
    ),
    'house': Drawing(
        (
            Part(box(0.38, -0.9, 0.6, -0.3), (140, 70, 56)),
            Part(box(-0.8, -0.1, 0.8, 1), 0, 'planks'),
            Part(polygon((-1, -0.08), (0, -0.85), (1, -0.08)), 1, 'tiles'),
            Part(box(-0.16, 0.36, 0.16, 1), BROWN),
            Part(box(-0.64, 0.16, -0.3, 0.54), GLASS),
            Part(box(0.3, 0.16, 0.64, 0.54), GLASS),
        ),
        (((236, 222, 188), (168, 54, 42)), ((222, 180, 140), (96, 58, 48)), ((238, 238, 232), (72, 86, 112))),
        (0.2, 0.38),
        ('grass', 'sand', 'snow', 'grass', 'road'),
    ),
    'tree': Drawing(
        (
            Part(polygon((-0.13, 0.1), (0.13, 0.1), (0.2, 1), (-0.2, 1)), BROWN, 'stripes'),
            Part(Ellipse(-0.42, -0.12, 0.42, 0.36), 0, 'leaves'),
            Part(Ellipse(0.42, -0.1, 0.42, 0.38), 0, 'leaves'),
            Part(Ellipse(0, -0.5, 0.5, 0.5), 0, 'leaves'),
            Part(Ellipse(0, 0, 0.48, 0.38), 0, 'leaves'),
        ),
        (((30, 98, 36), (86, 150, 54)), ((22, 76, 48), (60, 122, 62)), ((150, 84, 26), (216, 140, 44))),
        (0.24, 0.42),
        ('grass', 'grass', 'sand', 'snow', 'road'),
    ),
    'boat': Drawing(
        (
            Part(box(-0.04, -1, 0.04, 0.5), BROWN),
            Part(polygon((0.08, -0.95), (0.08, 0.36), (0.84, 0.36)), 1),
            Part(polygon((-0.08, -0.75), (-0.08, 0.36), (-0.66, 0.36)), 1, 'bands'),
            Part(polygon((-1, 0.45), (1, 0.45), (0.68, 0.92), (-0.62, 0.92)), 0),
            Part(polygon((-1, 0.45), (1, 0.45), (0.93, 0.56), (-0.91, 0.56)), WHITE),
        ),
        (((124, 62, 32), WHITE), ((176, 32, 40), WHITE), ((30, 52, 110), (250, 232, 190))),
        (0.22, 0.4),
        ('water', 'water', 'water', 'sand'),
        0.06,
    ),
    'ball': Drawing(
        (Part(Ellipse(0, 0, 1, 1), 0, 'sectors'), Part(Ellipse(-0.05, -0.1, 0.16, 0.16), WHITE)),
        (((226, 48, 50), WHITE), ((40, 96, 206), YELLOW), ((238, 120, 28), WHITE)),
        (0.1, 0.22),
        (*GROUND, *INDOORS, *INDOORS, 'water'),
        0.5,
    ),
    'flower': Drawing(
        (
            Part(polygon((-0.05, -0.3), (0.05, -0.3), (0.07, 1), (-0.05, 1)), GREEN),
            Part(Ellipse(-0.26, 0.52, 0.24, 0.1), GREEN),
            Part(Ellipse(0.28, 0.68, 0.24, 0.1), GREEN),
            *(
                Part(Ellipse(u, v, 0.27, 0.27), 0)
                for u, v in ((0, -0.73), (0.36, -0.47), (0.23, -0.05), (-0.23, -0.05), (-0.36, -0.47))
            ),
            Part(Ellipse(0, -0.36, 0.22, 0.22), 1),
        ),
        (((232, 70, 146), YELLOW), ((244, 240, 246), ORANGE), ((148, 70, 200), YELLOW)),
        (0.16, 0.3),
        ('grass', 'grass', 'sand', 'snow', *INDOORS),
        0.08,
    ),
    'fish': Drawing(
        (
            Part(polygon((0.45, 0), (1, -0.48), (0.88, 0), (1, 0.48)), 1),
            Part(polygon((-0.3, -0.3), (0.05, -0.66), (0.42, -0.2)), 1),
            Part(polygon((-0.1, 0.3), (0.2, 0.6), (0.34, 0.2)), 1),
            Part(Ellipse(-0.14, 0, 0.78, 0.44), 0, 'scales'),
            Part(Ellipse(-0.6, -0.08, 0.11, 0.11), WHITE),
            Part(Ellipse(-0.62, -0.08, 0.06, 0.06), DARK),
        ),
        (((246, 140, 36), (206, 70, 24)), ((250, 206, 60), (224, 120, 30)), ((214, 70, 84), (130, 30, 60))),
        (0.16, 0.3),
        ('water', 'water', 'water', 'sand'),
        0.12,
    ),
    'bird': Drawing(
        (
            Part(polygon((0.4, 0.05), (1, -0.1), (1, 0.3), (0.45, 0.35)), 1, 'stripes'),
            Part(box(-0.16, 0.5, -0.09, 0.98), ORANGE),
            Part(box(0.12, 0.5, 0.19, 0.98), ORANGE),
            Part(Ellipse(0, 0.14, 0.62, 0.46), 0),
            Part(Ellipse(-0.5, -0.32, 0.33, 0.33), 0),
            Part(polygon((-0.78, -0.42), (-1, -0.24), (-0.76, -0.2)), ORANGE),
            Part(Ellipse(-0.58, -0.4, 0.08, 0.08), WHITE),
            Part(polygon((-0.28, -0.02), (0.3, -0.42), (0.86, -0.2), (0.2, 0.36)), 1, 'stripes'),
        ),
        (((40, 44, 58), (104, 108, 122)), ((62, 70, 84), (150, 60, 44)), ((92, 60, 44), (190, 160, 120))),
        (0.14, 0.27),
        ('sky', 'sky', 'grass', 'snow', 'sand', 'brick wall'),
        0.12,
    ),
    'balloon': Drawing(
        (
            Part(polygon((-0.5, 0.1), (-0.2, 0.7), (0.2, 0.7), (0.5, 0.1)), 0, 'stripes'),
            Part(Ellipse(0, -0.32, 0.68, 0.68), 0, 'stripes'),
            Part(box(-0.19, 0.74, 0.19, 1), BROWN, 'checks'),
        ),
        (((220, 44, 60), YELLOW), ((130, 50, 170), WHITE), ((240, 110, 40), (40, 70, 160))),
        (0.18, 0.36),
        ('sky', 'sky', 'sky', 'brick wall'),
        0.05,
    ),
    'mushroom': Drawing(
        (
            Part(polygon((-0.22, 0), (0.22, 0), (0.34, 1), (-0.34, 1)), (236, 224, 200)),
            Part(
                polygon((-1, 0.12), (-0.86, -0.42), (-0.46, -0.8), (0, -0.92), (0.46, -0.8), (0.86, -0.42), (1, 0.12)),
                0,
                'dots',
            ),
        ),
        (((200, 30, 30), WHITE), ((150, 84, 40), (240, 220, 180)), ((176, 24, 70), WHITE)),
        (0.13, 0.26),
        ('grass', 'grass', 'snow', 'sand', *INDOORS),
    ),
    'umbrella': Drawing(
        (
            Part(box(-0.04, -0.2, 0.04, 1), DARK),
            Part(box(-0.04, 0.92, 0.26, 1), DARK),
            Part(
                polygon(
                    (-1, 0.1),
                    (-0.9, -0.38),
                    (-0.56, -0.76),
                    (0, -0.92),
                    (0.56, -0.76),
                    (0.9, -0.38),
                    (1, 0.1),
                    (0.72, -0.06),
                    (0.36, 0.1),
                    (0, -0.06),
                    (-0.36, 0.1),
                    (-0.72, -0.06),
                ),
                0,
                'sectors',
            ),
        ),
        (((50, 160, 160), WHITE), ((60, 60, 150), (230, 110, 150)), ((250, 200, 50), (60, 150, 90))),
        (0.2, 0.36),
        ('sand', 'sand', 'road', 'grass', *INDOORS),
        0.1,
    ),
    'bottle': Drawing(
        (
            Part(box(-0.12, -0.8, 0.12, -0.3), 0),
            Part(box(-0.14, -1, 0.14, -0.82), BROWN),
            Part(polygon((-0.12, -0.45), (0.12, -0.45), (0.34, -0.1), (0.34, 1), (-0.34, 1), (-0.34, -0.1)), 0),
            Part(box(-0.34, 0.12, 0.34, 0.66), 1, 'bands'),
            Part(box(-0.25, -0.08, -0.17, 0.9), (190, 226, 190)),
        ),
        (((24, 110, 60), (244, 232, 190)), ((120, 66, 22), (240, 224, 170)), ((20, 94, 120), WHITE)),
        (0.2, 0.34),
        (*INDOORS, *INDOORS, 'sand', 'grass'),
    ),
    'cup': Drawing(
        (
            Part(Ellipse(0.6, 0.05, 0.4, 0.44), 0),
            Part(Ellipse(0.6, 0.05, 0.2, 0.24), DARK),
            Part(polygon((-0.8, -0.7), (0.62, -0.7), (0.5, 0.85), (-0.68, 0.85)), 0, 'checks'),
            Part(Ellipse(-0.09, -0.7, 0.71, 0.16), WHITE),
            Part(Ellipse(-0.09, -0.68, 0.6, 0.11), (92, 56, 34)),
        ),
        (((240, 240, 240), (50, 90, 190)), ((236, 226, 200), (190, 50, 50)), ((180, 214, 196), (34, 110, 100))),
        (0.14, 0.25),
        (*INDOORS, *INDOORS, *INDOORS, 'grass'),
    ),
    'kite': Drawing(
        (
            Part(polygon((-0.02, 0.4), (0.04, 0.4), (0.2, 0.7), (0.02, 1), (-0.05, 1), (0.12, 0.7)), DARK),
            Part(polygon((0, -1), (0.66, -0.36), (0, 0.5)), 0),
            Part(polygon((0, -1), (-0.66, -0.36), (0, 0.5)), 1),
            Part(polygon((0, -0.36), (0.66, -0.36), (0, 0.5)), 1),
            Part(polygon((0, -0.36), (-0.66, -0.36), (0, 0.5)), 0),
            Part(polygon((0.1, 0.72), (0.36, 0.62), (0.32, 0.84)), 0),
            Part(polygon((0.1, 0.72), (-0.16, 0.62), (-0.12, 0.84)), 1),
        ),
        (((60, 180, 80), YELLOW), ((230, 60, 140), (60, 200, 220)), ((120, 210, 60), (230, 60, 60))),
        (0.18, 0.34),
        ('sky', 'sky', 'sky', 'brick wall'),
        0.35,
    ),
}
