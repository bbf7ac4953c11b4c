"""Drawing shapes into label maps; pycocotools rasterizes polygons."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from itaclip_mmseg.datasets.preparation.convert import Item
from itaclip_mmseg.datasets.preparation.record import digest
from itaclip_mmseg.datasets.preparation.shapes import Shape, mask_of
from itaclip_mmseg.utils.coco_masks import coco_masks
from itaclip_mmseg.utils.label_maps import save_labels

CORNERS = 3  # minimum of a polygon


@dataclass(frozen=True)
class Drawing:
    """A label map to draw.

    Attributes:
        size: height and width.
        layers: labels and shapes; later ones cover earlier ones.
        unlabelled: the label of pixels that no shape covers.
        number: number of labels, including the label of ignored pixels.
    """

    size: tuple[int, int]
    layers: Sequence[tuple[int, Shape]]
    unlabelled: int = 0
    number: int = 256

    def digest(self) -> str:
        """A hash of everything that the map depends on."""
        parts = [repr((self.size, self.unlabelled, self.number))]
        for label, shape in self.layers:
            runs = b'' if shape.runs is None else np.asarray(shape.runs, np.int64).tobytes()
            parts += [repr((label, len(shape.rings), len(shape.holes))), runs]
            parts += [np.asarray(ring, np.float64).tobytes() for ring in (*shape.rings, *shape.holes)]
        return digest(*parts)


def draw_item(item: Item) -> None:
    """Draw an item's `Drawing` and write the map."""
    save_labels(draw(item.arguments), item.target, item.arguments.number)


def draw(drawing: Drawing) -> np.ndarray:
    """Draw a label map, H x W."""
    labels = np.full(drawing.size, drawing.unlabelled, np.int64)
    for label, shape in drawing.layers:
        labels[shape_mask(shape, drawing.size)] = label
    return labels


def shape_mask(shape: Shape, size: tuple[int, int]) -> np.ndarray:
    """Pixels of a shape, H x W bool."""
    if shape.runs is not None:
        return mask_of(shape.runs, size)
    mask = np.zeros(size, bool)
    for ring in shape.rings:
        mask |= polygon_mask(ring, size)
    for ring in shape.holes:
        mask &= ~polygon_mask(ring, size)
    return mask


def even_odd(rings: Sequence[np.ndarray], size: tuple[int, int]) -> np.ndarray:
    """Pixels in an odd number of rings, H x W bool: a ring inside another is a hole."""
    mask = np.zeros(size, bool)
    for ring in rings:
        mask ^= polygon_mask(ring, size)
    return mask


def polygon_mask(ring: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Pixels of a polygon with corners x, y (N x 2), clipped to the image; none for fewer than three corners."""
    if len(ring) < CORNERS:
        return np.zeros(size, bool)
    codec = coco_masks()
    return codec.decode(codec.frPyObjects([ring.ravel().tolist()], *size))[..., 0] > 0
