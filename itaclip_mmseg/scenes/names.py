"""Names and labels of the objects and backgrounds in the rendered scenes."""

import numpy as np

from itaclip_mmseg.scenes.backgrounds import BACKGROUND_COLOURS
from itaclip_mmseg.scenes.objects import DRAWINGS
from itaclip_mmseg.scenes.shapes import Array

BACKGROUNDS = tuple(BACKGROUND_COLOURS)
SCENE_CLASSES = ('background', *DRAWINGS)
# In maps of names: backgrounds first, then objects, each by its index.
NAMES = (*BACKGROUNDS, *DRAWINGS)
LABEL_OF_NAME = np.array([0] * len(BACKGROUNDS) + list(range(1, len(SCENE_CLASSES))), np.uint8)
# Minimum share of the image that a name in the caption covers.
NAMED_SHARE = 0.012
PALETTE = [
    [0, 0, 0], [220, 40, 40], [150, 100, 60], [30, 130, 50], [250, 250, 250], [250, 150, 30], [240, 110, 190],
    [255, 215, 60], [60, 60, 90], [160, 60, 200], [130, 20, 60], [40, 190, 190], [120, 230, 120], [70, 110, 240],
    [180, 200, 80],
]  # fmt: skip


def visible_names(names: Array) -> tuple[str, ...]:
    """Names for the caption of (a part of) a scene: those that cover enough of its map, backgrounds first."""
    shares = np.bincount(names.ravel(), minlength=len(NAMES)) / names.size
    return tuple(name for name, share in zip(NAMES, shares) if share >= NAMED_SHARE)
