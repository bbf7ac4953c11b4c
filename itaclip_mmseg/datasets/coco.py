"""COCO-Object and COCO-Stuff, with labels from the raw pixel maps of COCO-Stuff164k.

The pixels of a raw map are category id - 1: 0 to 90 things, 91 to 181 stuff, 255 unlabelled; ten ids are unused.
"""

import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from mmseg.datasets import BaseSegDataset, COCOStuffDataset
from mmseg.registry import DATASETS
from PIL import Image

from itaclip_mmseg.utils.colours import distinct_colours

NUM_THINGS, NUM_RAW = 91, 182
UNUSED = (11, 25, 28, 29, 44, 65, 67, 68, 70, 82, 90)
STUFF_SUFFIX = '_labelTrainIds.png'
OBJECT_SUFFIX = '_instanceTrainIds.png'

# Coarse class of each of the 171, in their order.
# fmt: off
STUFF_TO_COARSE = (
    9, 11, 11, 11, 11, 11, 11, 11, 11, 8, 8, 8, 8, 8, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 6, 6, 6, 6, 6, 10, 10, 10, 10, 10,
    10, 10, 10, 10, 10, 5, 5, 5, 5, 5, 5, 5, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 0, 0, 0, 0, 0, 0, 1, 1,
    1, 1, 1, 4, 4, 4, 4, 4, 4, 4, 17, 17, 22, 20, 20, 22, 15, 25, 16, 13, 12, 12, 17, 17, 23, 15, 15, 17, 15, 21, 15,
    25, 13, 13, 13, 13, 13, 22, 26, 14, 14, 15, 22, 21, 21, 24, 20, 22, 15, 17, 16, 15, 22, 24, 21, 17, 25, 16, 21,
    17, 22, 16, 21, 21, 25, 21, 26, 21, 24, 20, 17, 14, 21, 26, 15, 23, 20, 21, 24, 15, 24, 22, 25, 15, 20, 17, 17,
    22, 14, 18, 18, 18, 18, 18, 18, 18, 26, 26, 19, 19, 24,
)
COARSE = (
    'electronic', 'appliance', 'food things', 'furniture things', 'indoor', 'kitchen', 'accessory', 'animal',
    'outdoor', 'person', 'sports', 'vehicle', 'ceiling', 'floor', 'food stuff', 'furniture stuff', 'raw material',
    'textile', 'wall', 'window', 'building', 'ground', 'plant', 'sky', 'solid', 'structural', 'water',
)
# fmt: on


@DATASETS.register_module()
class COCOObjectDataset(BaseSegDataset):
    """COCO's 80 thing classes and a background (label 0) for everything else; no pixel is ignored.

    With `filter_cfg=dict(min_labelled=1000)`, images with fewer pixels of things are skipped, as in some public
    evaluations; this reads every label map.
    """

    METAINFO = dict(
        classes=('background', *COCOStuffDataset.METAINFO['classes'][:80]),
        palette=[[0, 0, 0], *COCOStuffDataset.METAINFO['palette'][:80]],
    )

    def __init__(self, img_suffix: str = '.jpg', seg_map_suffix: str = OBJECT_SUFFIX, **kwargs) -> None:
        super().__init__(img_suffix=img_suffix, seg_map_suffix=seg_map_suffix, **kwargs)

    def filter_data(self) -> list[dict]:
        """Select the images by `filter_cfg`."""
        least = (self.filter_cfg or {}).get('min_labelled', 0)
        if not least:
            return self.data_list
        with ThreadPoolExecutor(8) as pool:
            counts = pool.map(lambda info: labelled_pixels(info['seg_map_path']), self.data_list)
            return [info for info, count in zip(self.data_list, counts) if count >= least]


@DATASETS.register_module()
class COCOStuff27Dataset(BaseSegDataset):
    """COCO-Stuff with 27 coarse classes (12 things, 15 stuff); it uses the files of `COCOStuffDataset`."""

    METAINFO = dict(classes=COARSE, palette=distinct_colours(len(COARSE)))

    def __init__(self, img_suffix: str = '.jpg', seg_map_suffix: str = STUFF_SUFFIX, **kwargs) -> None:
        super().__init__(img_suffix=img_suffix, seg_map_suffix=seg_map_suffix, **kwargs)

    @classmethod
    def get_label_map(cls, new_classes: Sequence[str] | None = None) -> dict[int, int]:
        """Map from the files' labels to the dataset's labels; MMSegmentation applies it when loading."""
        return dict(enumerate(STUFF_TO_COARSE))


def labelled_pixels(path: str) -> int:
    """Number of pixels of a label map that are neither background nor ignored.

    An unreadable file is kept (the number is huge), so that the checks of the dataset report it.
    """
    try:
        with Image.open(path) as image:
            labels = np.asarray(image)
    except OSError:
        return sys.maxsize
    return int(((labels != 0) & (labels != 255)).sum())


def stuff_table() -> np.ndarray:
    """Table from raw id to COCO-Stuff training id: 0 to 170 in the order of used ids, 255 ignored; 256 uint8."""
    table = np.full(256, 255, np.uint8)
    used = [raw for raw in range(NUM_RAW) if raw not in UNUSED]
    table[used] = np.arange(len(used))
    return table


def object_table() -> np.ndarray:
    """Table from raw id to COCO-Object label: 1 to 80 for things, 0 for all else, also unlabelled; 256 uint8."""
    things = [raw for raw in range(NUM_THINGS) if raw not in UNUSED]
    table = np.zeros(256, np.uint8)
    table[things] = np.arange(1, len(things) + 1)
    return table
