"""COCO-Object and COCO-Stuff: label ids made from the raw pixel maps of COCO-Stuff164k.

A raw map holds category id - 1: 0 to 90 things, 91 to 181 stuff, 255 unlabelled; ten ids are not in use.
"""

import numpy as np
from mmseg.datasets import BaseSegDataset, COCOStuffDataset
from mmseg.registry import DATASETS

NUM_THINGS, NUM_RAW = 91, 182
UNUSED = (11, 25, 28, 29, 44, 65, 67, 68, 70, 82, 90)
STUFF_SUFFIX = '_labelTrainIds.png'
OBJECT_SUFFIX = '_instanceTrainIds.png'


@DATASETS.register_module()
class COCOObjectDataset(BaseSegDataset):
    """COCO's 80 things and a background (label 0), which is everything else; nothing is ignored."""

    METAINFO = dict(
        classes=('background', *COCOStuffDataset.METAINFO['classes'][:80]),
        palette=[[0, 0, 0], *COCOStuffDataset.METAINFO['palette'][:80]],
    )

    def __init__(self, img_suffix: str = '.jpg', seg_map_suffix: str = OBJECT_SUFFIX, **kwargs) -> None:
        super().__init__(img_suffix=img_suffix, seg_map_suffix=seg_map_suffix, **kwargs)


def stuff_table() -> np.ndarray:
    """Raw id to COCO-Stuff training id (0 to 170 in the order of the ids in use, 255 ignored), 256 entries, uint8."""
    table = np.full(256, 255, np.uint8)
    used = [raw for raw in range(NUM_RAW) if raw not in UNUSED]
    table[used] = np.arange(len(used))
    return table


def object_table() -> np.ndarray:
    """Raw id to COCO-Object label (1 to 80 for things, 0 for all else, the unlabelled too), 256 entries, uint8."""
    things = [raw for raw in range(NUM_THINGS) if raw not in UNUSED]
    table = np.zeros(256, np.uint8)
    table[things] = np.arange(1, len(things) + 1)
    return table
