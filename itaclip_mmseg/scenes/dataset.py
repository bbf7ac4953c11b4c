"""Rendered scenes with label maps: a data set that needs no download, made on first use.

render_scene(seed, height, width): layout -> backgrounds -> objects, far to near -> light, blur, noise
"""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS
from PIL import Image, ImageFilter

from itaclip_mmseg.scenes.drawing import BACKGROUND_COLOURS, DRAWINGS, Array, background, paint_part

BACKGROUNDS = tuple(BACKGROUND_COLOURS)
SCENE_CLASSES = ('background', *DRAWINGS)
# In maps of names: backgrounds first, then objects, each by its index.
NAMES = (*BACKGROUNDS, *DRAWINGS)
LABEL_OF_NAME = np.array([0] * len(BACKGROUNDS) + list(range(1, len(SCENE_CLASSES))), np.uint8)
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
UPRIGHT = ('sky', 'brick wall')  # objects float in front of these, and stand on the others
# What a caption names covers this share of its picture.
NAMED_SHARE = 0.012
PALETTE = [
    [0, 0, 0], [220, 40, 40], [150, 100, 60], [30, 130, 50], [250, 250, 250], [250, 150, 30], [240, 110, 190],
    [255, 215, 60], [60, 60, 90], [160, 60, 200], [130, 20, 60], [40, 190, 190], [120, 230, 120], [70, 110, 240],
    [180, 200, 80],
]  # fmt: skip


class Scene(NamedTuple):
    """A picture, H x W x 3 uint8 RGB; its labels, H x W uint8 below len(SCENE_CLASSES); the names of what it shows."""

    image: Array
    labels: Array
    names: tuple[str, ...]


class Placed(NamedTuple):
    """An object at its place: centre and half extent in pixels, cosine and sine of its turn, mirrored (-1) or not."""

    name: str
    x: float
    y: float
    half: float
    turn: tuple[float, float]
    mirror: int
    shadow: bool


def render_scene(seed: int, height: int, width: int) -> Scene:
    """Render a scene.

    Args:
        seed: below 2^31; the same seed and size give the same labels on every machine, and nearly the same colours.
        height, width: in pixels, at least 32.
    """
    image, names = render_names(seed, height, width)
    return Scene(image, LABEL_OF_NAME[names], visible_names(names))


def visible_names(names: Array) -> tuple[str, ...]:
    """What a caption of (a part of) a scene names: all that covers enough of its map of names, backgrounds first."""
    shares = np.bincount(names.ravel(), minlength=len(NAMES)) / names.size
    return tuple(name for name, share in zip(NAMES, shares) if share >= NAMED_SHARE)


def render_names(seed: int, height: int, width: int) -> tuple[Array, Array]:
    """A picture, H x W x 3 uint8, and its map of names, H x W uint8, each an index of `NAMES`."""
    # Outlines and colours draw from streams of their own: no change of a texture can move a label.
    layout, paint = np.random.RandomState(seed), np.random.RandomState(seed ^ 0x5CE7E5)
    short = float(min(height, width))
    image, names = draw_backgrounds(height, width, layout, paint)
    for placed in place_objects(names, short, layout):
        draw_object(image, names, placed, paint)
    return finish(image, short, paint), names


def draw_backgrounds(height: int, width: int, layout: np.random.RandomState, paint: np.random.RandomState) -> tuple:
    """Bands of backgrounds from top to bottom, each border gently bent outdoors: picture (float32) and names."""
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


def place_objects(names: Array, short: float, layout: np.random.RandomState) -> list[Placed]:
    """Choose 1 to 5 objects that suit the backgrounds and do not hide each other altogether, far ones first."""
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
    """An object with its foot (or its middle, where it floats) at a point; on the ground near things are larger."""
    drawing = DRAWINGS[name]
    low, high = drawing.size
    floats = NAMES[names[int(y), int(x)]] in UPRIGHT
    nearness = layout.uniform() if floats else 0.5 * layout.uniform() + 0.5 * y / len(names)
    half = (low + (high - low) * nearness) * short
    tangent = layout.uniform(-drawing.tilt, drawing.tilt)  # of half the angle: no library's sine decides a label
    norm = 1 + tangent * tangent
    turn = ((1 - tangent * tangent) / norm, 2 * tangent / norm)
    return Placed(name, x, y if floats else y - drawing.foot * half, half, turn, 1 - 2 * layout.randint(2), not floats)


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


def object_points(placed: Placed, shape: tuple[int, int]) -> tuple[slice, slice, Array, Array]:
    """Rows and columns of the picture that an object may touch, and their coordinates u and v in its drawing."""
    reach = 1.45 * placed.half
    rows = slice(max(int(placed.y - reach), 0), min(int(placed.y + reach) + 1, shape[0]))
    columns = slice(max(int(placed.x - reach), 0), min(int(placed.x + reach) + 1, shape[1]))
    y = (np.arange(rows.start, rows.stop)[:, None] + 0.5 - placed.y) / placed.half
    x = (np.arange(columns.start, columns.stop)[None] + 0.5 - placed.x) / placed.half
    cosine, sine = placed.turn
    return rows, columns, (cosine * x + sine * y) * placed.mirror, cosine * y - sine * x


def draw_shadow(image: Array, placed: Placed) -> None:
    """Darken the ground at an object's foot, softly."""
    rows, columns, u, v = object_points(placed, image.shape[:2])
    distance = (u / 1.05) ** 2 + ((v - DRAWINGS[placed.name].foot + 0.06) / 0.2) ** 2
    image[rows, columns] *= (1 - 0.45 * np.clip(1.2 - distance, 0, 1))[..., None].astype(np.float32)


def finish(image: Array, short: float, paint: np.random.RandomState) -> Array:
    """Light from one side, a colour cast, the blur of a lens and the noise of a sensor; uint8."""
    height, width = image.shape[:2]
    y, x = np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width)[None]
    light = paint.uniform(0.78, 1.12) * (1 + paint.uniform(-0.15, 0.15) * x + paint.uniform(-0.12, 0.12) * y)
    image = image * light[..., None].astype(np.float32) * paint.uniform(0.93, 1.07, 3).astype(np.float32)
    picture = Image.fromarray(np.clip(image, 0, 255).astype(np.uint8))
    blurred = np.asarray(picture.filter(ImageFilter.GaussianBlur(0.0022 * short)), np.float32)
    grain = paint.standard_normal((height, width, 1)) * paint.uniform(1, 6) + paint.uniform(-2, 2, image.shape)
    return np.clip(blurred + grain, 0, 255).astype(np.uint8)


def write_scenes(root: Path, seed: int = 0, num_images: int = 50) -> None:
    """Write a validation split in VOC's layout; does nothing where it is complete.

    Args:
        root: gets JPEGImages, SegmentationClass and ImageSets/Segmentation/val.txt.
        seed: of the first scene; the others follow.
        num_images: sizes are mixed, short sides 224 to 500.
    """
    root = Path(root)
    split = root / 'ImageSets' / 'Segmentation' / 'val.txt'
    sizes = list(scene_sizes(seed, num_images))
    names = [f'scene_{seed + index:06d}_{height}x{width}' for index, (height, width) in enumerate(sizes)]
    listing = '\n'.join(names) + '\n'
    if split.is_file() and split.read_text() == listing and all(path.is_file() for path in scene_files(root, names)):
        return
    for folder in ('JPEGImages', 'SegmentationClass', 'ImageSets/Segmentation'):
        (root / folder).mkdir(parents=True, exist_ok=True)
    colours = [channel for colour in PALETTE for channel in colour]
    for index, ((height, width), name) in enumerate(zip(sizes, names)):
        scene = render_scene(seed + index, height, width)
        save(Image.fromarray(scene.image), root / 'JPEGImages' / f'{name}.jpg', quality=95)
        labels = Image.fromarray(scene.labels)
        labels.putpalette(colours)
        save(labels, root / 'SegmentationClass' / f'{name}.png')
    # Last: whoever finds the list finds everything it lists.
    temporary = split.with_suffix(f'.{os.getpid()}')
    temporary.write_text(listing)
    os.replace(temporary, split)


def scene_sizes(seed: int, number: int) -> Iterator[tuple[int, int]]:
    """Mixed sizes, short side 224 to 500, long side up to 1.5 times that, some upright."""
    rng = np.random.RandomState(seed)
    for _ in range(number):
        short = int(rng.randint(224, 501))
        long = short * int(rng.randint(100, 151)) // 100
        yield (long, short) if rng.randint(4) == 0 else (short, long)


def scene_files(root: Path, names: list[str]) -> Iterator[Path]:
    """Paths of all pictures and label maps."""
    for name in names:
        yield root / 'JPEGImages' / f'{name}.jpg'
        yield root / 'SegmentationClass' / f'{name}.png'


def save(picture: Image.Image, path: Path, **options: int) -> None:
    """Save a picture so that its path never holds half of it."""
    temporary = path.with_name(f'.{os.getpid()}-{path.name}')
    picture.save(temporary, **options)
    os.replace(temporary, path)


def labels_checksum(root: Path) -> str:
    """SHA-256 over names, sizes and pixels of the label maps that val.txt lists, in its order."""
    root = Path(root)
    digest = hashlib.sha256()
    for name in (root / 'ImageSets' / 'Segmentation' / 'val.txt').read_text().split():
        with Image.open(root / 'SegmentationClass' / f'{name}.png') as picture:
            labels = np.asarray(picture)
        digest.update(f'{name} {labels.shape}'.encode() + labels.tobytes())
    return digest.hexdigest()


@DATASETS.register_module()
class ScenesDataset(BaseSegDataset):
    """The rendered scenes; label 0 is the background, which counts as a class."""

    METAINFO = dict(classes=SCENE_CLASSES, palette=PALETTE)

    def __init__(self, reduce_zero_label: bool = False, **kwargs) -> None:
        super().__init__(img_suffix='.jpg', seg_map_suffix='.png', reduce_zero_label=reduce_zero_label, **kwargs)
