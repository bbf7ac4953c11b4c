"""Checks of a data set before hours of work: folders, pairs of files, headers; and of its truth afterwards."""

import os
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from mmengine.config import Config, ConfigDict
from mmengine.fileio import list_from_file
from mmengine.registry import init_default_scope
from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS

from itaclip_mmseg.datasets.folders import image_folder
from itaclip_mmseg.datasets.label_folders import beside, map_faults
from itaclip_mmseg.datasets.reading import IGNORED, SUFFIXES, check_label_map, check_photograph
from itaclip_mmseg.utils.checks import is_count
from itaclip_mmseg.utils.errors import UserError, first_line, warn
from itaclip_mmseg.utils.resources import ROOT, mirrored


def dataset_classes(config: ConfigDict) -> tuple[str, ...]:
    """Class names of a data set's config, in label order."""
    dataset_class = DATASETS.get(config.type)
    if dataset_class is None:
        raise UserError(f'test_dataloader.dataset.type={config.type!r}: not registered; check the name')
    classes = config.get('metainfo', {}).get('classes') or dataset_class.METAINFO.get('classes')
    if isinstance(classes, str) and os.path.isfile(classes):  # as MMEngine reads it
        classes = list_from_file(classes)
    if not classes:
        raise UserError("test_dataloader.dataset.metainfo: names no classes; set metainfo=dict(classes=('...', '...'))")
    if not isinstance(classes, list | tuple) or not all(isinstance(name, str) and name.strip() for name in classes):
        raise UserError(
            f'test_dataloader.dataset.metainfo.classes={classes!r:.80}: not a list of names; write '
            f'classes=({classes if isinstance(classes, str) else "water"!r},) or a file with a name a line'
        )
    return tuple(classes)


def config_classes(name: str) -> tuple[str, ...] | None:
    """Class names of the data set that our config `_base_/datasets/NAME.py` describes; None where there is none."""
    path = ROOT / 'configs' / '_base_' / 'datasets' / f'{name}.py'
    if Path(name).name != name or not path.is_file():
        return None
    init_default_scope('mmseg')
    return dataset_classes(Config.fromfile(path).test_dataloader.dataset)


def check_folders(config: ConfigDict) -> None:
    """Raise a `UserError` if a folder or split file of a data set's config is missing."""
    root = check_root(config)
    for key, folder in config.get('data_prefix', {}).items():
        if folder and not (root / folder).is_dir():
            raise UserError(f'{root / folder}: no such folder; check data_prefix.{key} and data/README.md')
    split = config.get('ann_file')
    if split and not (root / split).is_file():
        raise UserError(f'{root / split}: no such split file; check ann_file and data/README.md')


def check_root(config: ConfigDict) -> Path:
    """The data set's folder; a `UserError` if it is missing."""
    root = Path(config.get('data_root') or '.')
    if not root.is_dir():
        raise UserError(
            f'data root {root}: no such folder; put or link the data there (data/README.md), or set '
            'test_dataloader.dataset.data_root'
        )
    return root


def has_label_maps(config: ConfigDict) -> bool:
    """Does a data set's config name a folder of label maps with anything in it?"""
    folder = config.get('data_prefix', dict(seg_map_path='')).get('seg_map_path')
    root = check_root(config)
    return folder is not None and any(names for _, _, names in os.walk(root / folder, followlinks=True))


def build_dataset(config: ConfigDict) -> BaseSegDataset:
    """Build a data set; a `UserError` for keys that do not fit, and where there is no image."""
    try:
        dataset = DATASETS.build({**config, 'lazy_init': True})
    except (TypeError, ValueError) as error:
        raise UserError(f'test_dataloader.dataset: {first_line(error)}; check its keys') from error
    samples = dataset.load_data_list()
    if not samples:
        raise UserError(nothing_found(dataset))
    for fault in map_faults(dataset, samples):
        raise UserError(fault)
    dataset.full_init()
    return dataset


def nothing_found(dataset: BaseSegDataset) -> str:
    """What was looked for where there is no image, and what lies there."""
    folder, wanted = image_folder(dataset), dataset.img_suffix or ', '.join(SUFFIXES)
    if dataset.ann_file:
        return f'{dataset.ann_file}: lists no image; give a name a line'
    files = [name for _, _, names in os.walk(folder, followlinks=True) for name in names if not name.startswith('.')]
    kinds = Counter(Path(name).suffix or 'without suffix' for name in files)
    there = ', '.join(f'{number} {kind}' for kind, number in kinds.most_common(5)) or 'no file'
    return f'{folder}: holds no image; looked for {wanted}, found {there}; check data_prefix and img_suffix'


def check_labels(config: ConfigDict, num_classes: int, ignored: object) -> None:
    """Raise a `UserError` if the label of ignored pixels is none, or that of a class which is hardly meant.

    A class whose pixels are not to count is possible; but 255 is the default, and `reduce_zero_label` ignores 0 itself.
    """
    if not is_count(ignored, 0) or ignored > 65535:
        raise UserError(f'test_evaluator.ignore_index={ignored!r}: not a label; give one whole number, 0 to 65535')
    if ignored < num_classes and (ignored == IGNORED or config.get('reduce_zero_label')):
        raise UserError(
            f'test_evaluator.ignore_index={ignored}: is a class, as there are {num_classes}; set it to 65535 and save '
            'the label maps with 16 bits'
        )
    if ignored < num_classes:
        name = dataset_classes(config)[ignored]
        warn(f'test_evaluator.ignore_index={ignored}: pixels of the class {name!r} do not count')


def check_places(paths: Sequence[str], root: str) -> None:
    """Raise a `UserError` if an image is listed twice, or if outputs of two would have one place, or one outside."""
    places: dict[Path, str] = {}
    for path in paths:
        place = mirrored(path, root, '')
        if place in places:
            raise UserError(f'{path}: shares its name with {places[place]}; list it once, or rename one')
        places[place] = path


def check_files(samples: Sequence[dict]) -> None:
    """Raise a `UserError` that names the first image or label map of a data set that cannot be used.

    Only headers and ends are read, in threads: thousands of files take about a second.
    """
    with ThreadPoolExecutor(16) as pool:
        for faults in pool.map(pair_faults, samples):
            for fault in faults:
                raise UserError(fault)


def pair_faults(sample: dict) -> list[str]:
    """What is wrong with a photograph, or else with its label map, as far as headers and ends tell."""
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
    """A line where some class occurs nowhere in the truth: figures of such a data set say little.

    Args:
        pixels: of the truth by class.
        ignored: pixels that do not count.
    """
    absent = [name for name, number in zip(classes, pixels) if not number]
    if not absent:
        return []
    named = ', '.join(absent[:5]) + (f' and {len(absent) - 5} more' if len(absent) > 5 else '')
    share = ignored / max(sum(pixels) + ignored, 1)
    return [
        f'{len(absent)} of {len(classes)} classes occur nowhere in the truth ({named}), {share:.1%} of its pixels are '
        'ignored; if that is not meant, check label ids and class list (tools/check_dataset.py)'
    ]
