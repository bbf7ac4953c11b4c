"""Render a scene with its label map.

render_scene(seed, height, width): layout -> backgrounds -> objects, far to near -> light, blur, noise
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageFilter

from itaclip_mmseg.scenes.backgrounds import background
from itaclip_mmseg.scenes.drawing import paint_part
from itaclip_mmseg.scenes.layout import PLACES, Placed, object_points, place_objects
from itaclip_mmseg.scenes.names import LABEL_OF_NAME, NAMES, visible_names
from itaclip_mmseg.scenes.objects import DRAWINGS
from itaclip_mmseg.scenes.shapes import Array
from itaclip_mmseg.utils.errors import UserError


class Scene(NamedTuple):
    """An image, H x W x 3 uint8 RGB; its labels, H x W uint8 below len(SCENE_CLASSES); and the names in it."""

    image: Array
    labels: Array
    names: tuple[str, ...]


def render_scene(seed: int, height: int, width: int) -> Scene:
    """Render a scene.

    Args:
        seed: below 2^31; the same seed and size give the same labels on every machine, and nearly the same colours.
        height, width: in pixels, at least 32.
    """
    image, names = render_names(seed, height, width)
    return Scene(image, LABEL_OF_NAME[names], visible_names(names))


def scene_to_measure(size: Sequence[int]) -> Array:
    """The image on which tools measure, H x W x 3 uint8 RGB; a `UserError` if `size` (height, width) is too small."""
    height, width = size
    if min(size) < 32:
        raise UserError(f'--size {height} {width}: must be at least 32 each')
    return render_scene(0, height, width).image


def render_names(seed: int, height: int, width: int) -> tuple[Array, Array]:
    """Render an image, H x W x 3 uint8, and its map of names, H x W uint8, indices of `NAMES`."""
    # Outlines and colours use separate random streams, so that changing a texture cannot change a label.
    layout, paint = np.random.RandomState(seed), np.random.RandomState(seed ^ 0x5CE7E5)
    short = float(min(height, width))
    image, names = draw_backgrounds(height, width, layout, paint)
    for placed in place_objects(names, short, layout):
        draw_object(image, names, placed, paint)
    return finish(image, short, paint), names


def draw_backgrounds(height: int, width: int, layout: np.random.RandomState, paint: np.random.RandomState) -> tuple:
    """Draw bands of backgrounds from top to bottom, with curved borders outdoors: image (float32) and names."""
    place = PLACES[layout.randint(len(PLACES))]
    short = min(height, width)
    image = background(place[0], height, width, short, paint)
    names = np.full((height, width), NAMES.index(place[0]), np.uint8)
    rows, columns = np.arange(height)[:, None], np.arange(width)[None]
    top = layout.uniform(0.3, 0.6) * height
    for name in place[1:]:
        level = name in ('water', 'wood floor')
        bend, lean = (0.0, 0.0) if level else (layout.uniform(-0.12, 0.12), layout.uniform(-0.06, 0.06))
        along = columns / width - 0.5
        below = rows >= top + height * (lean * along + bend * (along * along))
        start = max(int(top - 0.08 * height), 0)
        texture = np.zeros_like(image)
        texture[start:] = background(name, height - start, width, short, paint)
        image[below], names[below] = texture[below], NAMES.index(name)
        top += layout.uniform(0.2, 0.34) * height
    return image, names


def draw_object(image: Array, names: Array, placed: Placed, paint: np.random.RandomState) -> None:
    """Draw an object with its shadow, in place."""
    drawing = DRAWINGS[placed.name]
    if placed.shadow:
        draw_shadow(image, placed)
    rows, columns, u, v = object_points(placed, names.shape)
    palette = drawing.palettes[paint.randint(len(drawing.palettes))]
    light = 1 + 0.22 * (paint.uniform(-1, 1) * u - v * paint.uniform(0.3, 1))
    tint = paint.uniform(0.85, 1.12, 3).astype(np.float32)
    window, map_window = image[rows, columns], names[rows, columns]
    for part in drawing.parts:
        inside = part.shape.covers(u, v)
        colours = paint_part(part, palette, u[inside], v[inside])
        window[inside] = colours * light[inside, None].astype(np.float32) * tint
        map_window[inside] = NAMES.index(placed.name)


def draw_shadow(image: Array, placed: Placed) -> None:
    """Darken the ground at an object's foot, softly."""
    rows, columns, u, v = object_points(placed, image.shape[:2])
    distance = (u / 1.05) ** 2 + ((v - DRAWINGS[placed.name].foot + 0.06) / 0.2) ** 2
    image[rows, columns] *= (1 - 0.45 * np.clip(1.2 - distance, 0, 1))[..., None].astype(np.float32)


def finish(image: Array, short: float, paint: np.random.RandomState) -> Array:
    """Add light from one side, a colour cast, lens blur and sensor noise; uint8."""
    height, width = image.shape[:2]
    y, x = np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width)[None]
    light = paint.uniform(0.78, 1.12) * (1 + paint.uniform(-0.15, 0.15) * x + paint.uniform(-0.12, 0.12) * y)
    image = image * light[..., None].astype(np.float32) * paint.uniform(0.93, 1.07, 3).astype(np.float32)
    picture = Image.fromarray(np.clip(image, 0, 255).astype(np.uint8))
    blurred = np.asarray(picture.filter(ImageFilter.GaussianBlur(0.0022 * short)), np.float32)
    grain = paint.standard_normal((height, width, 1)) * paint.uniform(1, 6) + paint.uniform(-2, 2, image.shape)
    return np.clip(blurred + grain, 0, 255).astype(np.uint8)
