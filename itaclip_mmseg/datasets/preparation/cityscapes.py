"""Cityscapes' 19 classes from the label ids as they are published."""

from pathlib import Path

import numpy as np
from mmseg.datasets import CityscapesDataset

from itaclip_mmseg.datasets.cityscapes27 import CLASSES, FIRST, IGNORED
from itaclip_mmseg.datasets.preparation.convert import convert_all
from itaclip_mmseg.datasets.reading import read_labels
from itaclip_mmseg.utils.label_maps import save_labels
from itaclip_mmseg.utils.resources import remove_unfinished

RAW_SUFFIX, SUFFIX = '_gtFine_labelIds.png', '_gtFine_labelTrainIds.png'


def convert_cityscapes(folder: Path, workers: int | None = None) -> int:
    """Write NAME_gtFine_labelTrainIds.png beside each NAME_gtFine_labelIds.png below a folder; their number.

    Maps that an earlier run finished are kept; each file is written whole or not at all.
    """
    targets = {path: path.with_name(path.name.replace(RAW_SUFFIX, SUFFIX)) for path in folder.rglob(f'*{RAW_SUFFIX}')}
    remove_unfinished(targets.values())
    remaining = [(path, target) for path, target in sorted(targets.items()) if not target.exists()]
    convert_all(convert_map, remaining, workers)
    return len(targets)


def convert_map(paths: tuple[Path, Path]) -> None:
    """Write one map."""
    raw, target = paths
    save_labels(train_ids()[read_labels(raw)], target)


def train_ids() -> np.ndarray:
    """Label id of the files to the number of one of the 19 classes, 255 for all others; 256 entries, uint8."""
    table = np.full(256, IGNORED, np.uint8)
    for label, name in enumerate(CityscapesDataset.METAINFO['classes']):
        table[FIRST + CLASSES.index(name)] = label
    return table
