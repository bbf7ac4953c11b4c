"""Label maps of COCO-Object and COCO-Stuff from the raw pixel maps of COCO-Stuff164k."""

from pathlib import Path

import numpy as np

from itaclip_mmseg.datasets.coco import OBJECT_SUFFIX, STUFF_SUFFIX, object_table, stuff_table
from itaclip_mmseg.datasets.preparation.convert import convert_all
from itaclip_mmseg.datasets.reading import read_labels
from itaclip_mmseg.utils.errors import UserError
from itaclip_mmseg.utils.label_maps import save_labels
from itaclip_mmseg.utils.resources import remove_unfinished


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
        raw = read_labels(path)
        if raw.dtype != np.uint8:
            raise UserError(f'{path}: not a map of one byte a pixel ({raw.dtype}); restore it')
        save_labels(table[raw], target)
