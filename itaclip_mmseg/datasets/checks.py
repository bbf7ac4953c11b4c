"""Checks of a dataset before a long run (folders, pairs of files, headers) and of its ground truth afterwards."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from mmengine.config import ConfigDict

from itaclip_mmseg.datasets.configs import dataset_class, dataset_classes
from itaclip_mmseg.datasets.label_folders import beside
from itaclip_mmseg.datasets.labels import IGNORED, check_label_map
from itaclip_mmseg.datasets.reading import check_photograph
from itaclip_mmseg.utils.checks import is_count
from itaclip_mmseg.utils.errors import UserError, warn
from itaclip_mmseg.utils.folders import files_below
from itaclip_mmseg.utils.resources import mirrored


def check_folders(config: ConfigDict) -> None:
    """Raise a `UserError` if a folder or split file of a dataset's config is missing."""
    root = check_root(config)
    for key, folder in config.get('data_prefix', {}).items():
        if folder and not (root / folder).is_dir():
            raise UserError(f'{root / folder}: no such folder; check data_prefix.{key} and data/README.md')
    split = config.get('ann_file')
    if split and not (root / split).is_file():
        raise UserError(f'{root / split}: no such split file; check ann_file and data/README.md')


def check_root(config: ConfigDict) -> Path:
    """The dataset's folder; a `UserError` if it is missing."""
    dataset_class(config)
    root = Path(config.get('data_root') or '.')
    if not root.is_dir():
        raise UserError(
            f'data root {root}: no such folder; put or link the data there (data/README.md), or set '
            'test_dataloader.dataset.data_root'
        )
    return root


def has_label_maps(config: ConfigDict) -> bool:
    """Whether a dataset's config sets a folder of label maps that is not empty."""
    folder = config.get('data_prefix', dict(seg_map_path='')).get('seg_map_path')
    place = check_root(config) / (folder or '')
    return folder is not None and place.is_dir() and any(files_below(place))


def check_labels(config: ConfigDict, num_classes: int, ignored: object) -> None:
    """Raise a `UserError` if `ignore_index` is not a label, or is a class by mistake.

    You may ignore a class on purpose, with a warning; but 255 is the default, and `reduce_zero_label` ignores 0 itself.
    """
    if not is_count(ignored, 0) or ignored > 65535:
        raise UserError(f'test_evaluator.ignore_index={ignored!r}: is not a label; set a whole number from 0 to 65535')
    if ignored < num_classes and (ignored == IGNORED or config.get('reduce_zero_label')):
        raise UserError(
            f'test_evaluator.ignore_index={ignored}: is one of the {num_classes} classes; set it to 65535 and save the '
            'label maps with 16 bits'
        )
    if ignored < num_classes:
        name = dataset_classes(config)[ignored]
        warn(f'test_evaluator.ignore_index={ignored}: pixels of class {name!r} are ignored')


def check_places(paths: Sequence[str], root: str) -> None:
    """Raise a `UserError` if an image is listed twice or lies outside `root`, or if two would have the same output."""
    places: dict[Path, str] = {}
    for path in paths:
        place = mirrored(path, root, '')
        if place in places:
            raise UserError(f'{path}: shares its name with {places[place]}; list it once, or rename one')
        places[place] = path


def check_files(samples: Sequence[dict]) -> None:
    """Raise a `UserError` for the first image or label map of a dataset that cannot be used.

    Only the beginning and end of each file are read, in threads: thousands of files take about a second.
    """
    with ThreadPoolExecutor(16) as pool:
        for faults in pool.map(pair_faults, samples):
            for fault in faults:
                raise UserError(fault)


def pair_faults(sample: dict) -> list[str]:
    """Errors in an image or, if it has none, in its label map, as far as the beginning and end of the file show."""
    try:
        size = check_photograph(sample['img_path'])
        path = sample.get('seg_map_path')
        if path is not None:
            if not os.path.isfile(path) and (other := beside(Path(path))):
                return [f'{path}: no such file{other}']
            check_label_map(path, size)
    except UserError as error:
        return [str(error)]
    return []


def truth_warnings(pixels: Sequence[int], ignored: int, classes: Sequence[str]) -> list[str]:
    """A warning if a class does not occur in the ground truth, since results on such a dataset mean little.

    Args:
        pixels: ground-truth pixels by class.
        ignored: number of ignored pixels.
    """
    absent = [name for name, number in zip(classes, pixels) if not number]
    total = sum(pixels) + ignored
    if not absent or not total:
        return []
    named = ', '.join(absent[:5]) + (f' and {len(absent) - 5} more' if len(absent) > 5 else '')
    return [
        f'{len(absent)} of {len(classes)} classes do not occur in the ground truth ({named}), {ignored / total:.1%} of '
        'its pixels are ignored; if you did not expect that, check label ids and classes (tools/check_dataset.py)'
    ]
