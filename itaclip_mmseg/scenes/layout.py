"""Layout of a rendered scene: positions of its objects."""

from typing import NamedTuple

import numpy as np

from itaclip_mmseg.scenes.names import NAMES
from itaclip_mmseg.scenes.objects import DRAWINGS
from itaclip_mmseg.scenes.shapes import Array

# Backgrounds from top to bottom.
PLACES = (
    ('sky', 'grass'),
    ('sky', 'sand'),
    ('sky', 'snow'),
    ('sky', 'water'),
    ('sky', 'water'),
    ('sky', 'road'),
    ('sky', 'water', 'sand'),
    ('sky', 'grass', 'road'),
    ('sky', 'water', 'grass'),
    ('sky', 'snow', 'road'),
    ('brick wall', 'wood floor'),
    ('brick wall', 'wood floor'),
    ('brick wall', 'wood floor'),
    ('brick wall', 'grass'),
    ('brick wall', 'road'),
    ('brick wall', 'snow'),
)
UPRIGHT = ('sky', 'brick wall')  # objects float in front of these and are placed on the others


class Placed(NamedTuple):
    """A placed object: centre and half extent in pixels, cosine and sine of its rotation, mirrored (-1) or not."""

    name: str
    x: float
    y: float
    half: float
    turn: tuple[float, float]
    mirror: int
    shadow: bool


def place_objects(names: Array, short: float, layout: np.random.RandomState) -> list[Placed]:
    """Choose 1 to 5 objects that suit the backgrounds and do not hide each other completely, far ones first."""
    height, width = names.shape
    present = {NAMES[index] for index in np.unique(names)}
    placed: list[Placed] = []
    candidates = [name for name, drawing in DRAWINGS.items() if present & set(drawing.places)]
    number = layout.randint(1, 6) if width * height > 1.2 * short * short else layout.randint(1, 5)
    for _ in range(8 * number):
        name = candidates[layout.randint(len(candidates))]
        x, y = layout.uniform(0.04, 0.96) * width, layout.uniform(0.12, 0.97) * height
        one = put(name, x, y, short, names, layout)
        crowded = any(
            (one.x - other.x) ** 2 + (one.y - other.y) ** 2 < (0.75 * (one.half + other.half)) ** 2 for other in placed
        )
        if NAMES[names[int(y), int(x)]] in DRAWINGS[name].places and not crowded:
            placed.append(one)
        if len(placed) == number:
            break
    return sorted(placed, key=lambda one: one.y + one.half)


def put(name: str, x: float, y: float, short: float, names: Array, layout: np.random.RandomState) -> Placed:
    """Place an object with its foot (or its centre, if it floats) at a point; near objects on the ground are larger."""
    drawing = DRAWINGS[name]
    low, high = drawing.size
    floats = NAMES[names[int(y), int(x)]] in UPRIGHT
    nearness = layout.uniform() if floats else 0.5 * layout.uniform() + 0.5 * y / len(names)
    half = (low + (high - low) * nearness) * short
    tangent = layout.uniform(
        -drawing.tilt, drawing.tilt
    )  # of half the angle, so that labels do not depend on a library's sine
    norm = 1 + tangent * tangent
    turn = ((1 - tangent * tangent) / norm, 2 * tangent / norm)
    return Placed(name, x, y if floats else y - drawing.foot * half, half, turn, 1 - 2 * layout.randint(2), not floats)


def object_points(placed: Placed, shape: tuple[int, int]) -> tuple[slice, slice, Array, Array]:
    """Rows and columns of the picture that an object may touch, and their coordinates u and v in its drawing."""
    reach = 1.45 * placed.half
    rows = slice(max(int(placed.y - reach), 0), min(int(placed.y + reach) + 1, shape[0]))
    columns = slice(max(int(placed.x - reach), 0), min(int(placed.x + reach) + 1, shape[1]))
    y = (np.arange(rows.start, rows.stop)[:, None] + 0.5 - placed.y) / placed.half
    x = (np.arange(columns.start, columns.stop)[None] + 0.5 - placed.x) / placed.half
    cosine, sine = placed.turn
    return rows, columns, (cosine * x + sine * y) * placed.mirror, cosine * y - sine * x
