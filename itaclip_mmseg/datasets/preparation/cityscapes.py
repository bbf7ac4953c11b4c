"""Label maps of Cityscapes' 19 classes from the published label ids."""

from pathlib import Path

import numpy as np
from mmseg.datasets import CityscapesDataset

from itaclip_mmseg.datasets.cityscapes27 import CLASSES, FIRST, IGNORED
from itaclip_mmseg.datasets.labels import read_labels
from itaclip_mmseg.datasets.preparation.convert import Conversion, Item, convert_all
from itaclip_mmseg.datasets.preparation.record import Record, digest, file_digest
from itaclip_mmseg.utils.label_maps import save_labels

RAW_SUFFIX, SUFFIX = '_gtFine_labelIds.png', '_gtFine_labelTrainIds.png'


def convert_cityscapes(folder: Path, workers: int | None = None) -> Conversion:
    """Write NAME_gtFine_labelTrainIds.png beside each NAME_gtFine_labelIds.png below a folder; see `convert_all`."""
    raw, table = sorted(folder.rglob(f'*{RAW_SUFFIX}')), train_ids().tobytes()
    items = [
        Item(path.with_name(path.name.replace(RAW_SUFFIX, SUFFIX)), digest(file_digest(path), table), path)
        for path in raw
    ]
    return convert_all(convert_map, items, Record(folder, 'cityscapes'), raw, workers, replace=True)


def convert_map(item: Item) -> None:
    """Write one map."""
    save_labels(train_ids()[read_labels(item.arguments)], item.target)


def train_ids() -> np.ndarray:
    """Table from label id to the label of one of the 19 classes, 255 for all others; 256 uint8."""
    table = np.full(256, IGNORED, np.uint8)
    for label, name in enumerate(CityscapesDataset.METAINFO['classes']):
        table[FIRST + CLASSES.index(name)] = label
    return table
