"""COCO-Object and COCO-Stuff: label ids made from the raw pixel maps of COCO-Stuff164k.

A raw map holds category id - 1: 0 to 90 things, 91 to 181 stuff, 255 unlabelled; ten ids are not in use.
"""

from pathlib import Path

import numpy as np
from mmseg.datasets import BaseSegDataset, COCOStuffDataset
from mmseg.registry import DATASETS
from PIL import Image

from itaclip_mmseg.datasets.convert import convert_all, save_map
from itaclip_mmseg.errors import UserError
from itaclip_mmseg.resources import remove_unfinished

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


def convert_folder(folder: Path, workers: int | None = None) -> int:
    """Write the label maps of both data sets beside the raw maps `NAME.png` of a folder.

    Maps that an earlier run finished are kept; each file is written whole or not at all.

    Args:
        folder: annotations/val2017 of COCO-Stuff164k.
        workers: processes; None for one a core.

    Returns:
        The number of raw maps.

    Raises:
        UserError: no such folder, no raw map in it, or one that is none.
    """
    if not folder.is_dir():
        raise UserError(f'{folder}: no such folder; give the data set folder, the one that holds annotations/val2017')
    maps = [path for path in folder.glob('*.png') if not path.name.startswith('.')]
    raw = sorted(path for path in maps if not path.name.endswith((STUFF_SUFFIX, OBJECT_SUFFIX)))
    if not raw:
        raise UserError(f'{folder}: holds no raw map NAME.png; unpack stuffthingmaps_trainval2017.zip there')
    remove_unfinished(path.with_name(path.stem + suffix) for path in raw for suffix in (STUFF_SUFFIX, OBJECT_SUFFIX))
    convert_all(convert_map, raw, workers)
    return len(raw)


def convert_map(path: Path) -> None:
    """Write NAME_labelTrainIds.png and NAME_instanceTrainIds.png beside the raw map NAME.png."""
    for suffix, table in ((STUFF_SUFFIX, stuff_table()), (OBJECT_SUFFIX, object_table())):
        target = path.with_name(path.stem + suffix)
        if target.exists():
            continue
        try:
            with Image.open(path) as image:
                raw = np.asarray(image)
        except OSError as error:
            raise UserError(f'{path}: not readable as a label map; restore it') from error
        if raw.ndim != 2 or raw.dtype != np.uint8:
            raise UserError(f'{path}: not a map of one byte a pixel ({raw.dtype}, {raw.shape}); restore it')
        save_map(table[raw], target)
