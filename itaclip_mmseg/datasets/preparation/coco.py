"""Label maps of COCO-Object and COCO-Stuff from the raw pixel maps of COCO-Stuff164k."""

from pathlib import Path

import numpy as np

from itaclip_mmseg.datasets.coco import OBJECT_SUFFIX, STUFF_SUFFIX, object_table, stuff_table
from itaclip_mmseg.datasets.labels import read_labels
from itaclip_mmseg.datasets.preparation.convert import Conversion, Item, convert_all
from itaclip_mmseg.datasets.preparation.record import Record, digest, file_digest
from itaclip_mmseg.utils.errors import UserError
from itaclip_mmseg.utils.label_maps import save_labels

TABLES = {STUFF_SUFFIX: stuff_table, OBJECT_SUFFIX: object_table}


def convert_folder(folder: Path, workers: int | None = None) -> Conversion:
    """Write the label maps of both datasets, NAME_labelTrainIds.png and NAME_instanceTrainIds.png.

    They are written beside the raw maps `NAME.png`. Up-to-date maps of an earlier run are kept; each file is written
    completely or not at all.

    Args:
        folder: annotations/val2017 of COCO-Stuff164k.
        workers: number of processes; None for one per core.

    Raises:
        UserError: the folder is missing or has no raw maps, or a raw map is invalid.
    """
    if not folder.is_dir():
        raise UserError(f'{folder}: no such folder; give the dataset folder, which contains annotations/val2017')
    maps = [path for path in folder.glob('*.png') if not path.name.startswith('.')]
    raw = sorted(path for path in maps if not path.name.endswith((STUFF_SUFFIX, OBJECT_SUFFIX)))
    if not raw:
        raise UserError(f'{folder}: contains no raw maps NAME.png; unpack stuffthingmaps_trainval2017.zip there')
    items = []
    for path in raw:
        content = file_digest(path)
        for suffix, table in TABLES.items():
            made_of = digest(content, table().tobytes())
            items.append(Item(path.with_name(path.stem + suffix), made_of, (path, suffix)))
    return convert_all(convert_map, items, Record(folder, 'coco_stuff164k'), raw, workers, replace=True)


def convert_map(item: Item) -> None:
    """Write one label map from a raw map."""
    path, suffix = item.arguments
    raw = read_labels(path)
    if raw.dtype != np.uint8:
        raise UserError(f'{path}: does not have one byte per pixel ({raw.dtype}); restore it')
    save_labels(TABLES[suffix]()[raw], item.target)
