"""Checks of a dataset before a long run (folders, pairs of files, headers) and of its ground truth afterwards."""

import os
import re
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
from itaclip_mmseg.datasets.splits import spelled, split_lines
from itaclip_mmseg.utils.checks import is_count
from itaclip_mmseg.utils.errors import UserError, first_line, warn
from itaclip_mmseg.utils.folders import NOT_READ, files_below
from itaclip_mmseg.utils.resources import ROOT, mirrored

INDICES = 'test_dataloader.dataset.indices'
CHOICE = 'give how many, or a list of their numbers from 0, each once'


def dataset_class(config: ConfigDict) -> type[BaseSegDataset]:
    """The dataset class of a config.

    Raises:
        UserError: it is not registered, or it is not a `BaseSegDataset`, such as a `ConcatDataset`.
    """
    kind = config.get('type')
    found = DATASETS.get(kind) if isinstance(kind, str) else kind
    if found is None:
        raise UserError(f'test_dataloader.dataset.type={kind!r}: not registered; check the name')
    if not isinstance(found, type) or not issubclass(found, BaseSegDataset):
        raise UserError(
            f'test_dataloader.dataset.type={kind!r}: a run evaluates one dataset; use a single one, or link the '
            'folders of several into one for FolderDataset, which follows links'
        )
    return found


def dataset_classes(config: ConfigDict) -> tuple[str, ...]:
    """Class names of a dataset's config, in label order."""
    classes = config.get('metainfo', {}).get('classes') or dataset_class(config).METAINFO.get('classes')
    if isinstance(classes, str) and os.path.isfile(classes):  # as MMEngine reads it
        classes = list_from_file(classes)
    if not classes:
        raise UserError("test_dataloader.dataset.metainfo: has no classes; set metainfo=dict(classes=('...', '...'))")
    if not isinstance(classes, list | tuple) or not all(isinstance(name, str) and name.strip() for name in classes):
        raise UserError(
            f'test_dataloader.dataset.metainfo.classes={classes!r:.80}: not a list of names; write '
            f'classes=({classes if isinstance(classes, str) else "water"!r},) or a file with one name per line'
        )
    return tuple(classes)


def config_classes(name: str) -> tuple[str, ...] | None:
    """Class names of the dataset in our config `_base_/datasets/NAME.py`; None if there is no such config."""
    config = named_dataset(name)
    return None if config is None else dataset_classes(config)


def named_dataset(name: str, data_root: str | os.PathLike = 'data') -> ConfigDict | None:
    """The dataset of our config `_base_/datasets/NAME.py`, below `data_root` instead of `data`; None if missing."""
    path = ROOT / 'configs' / '_base_' / 'datasets' / f'{name}.py'
    if Path(name).name != name or not path.is_file():
        return None
    init_default_scope('mmseg')
    config = Config.fromfile(path).test_dataloader.dataset
    move_root(config, data_root)
    return config


def move_root(config: ConfigDict, data_root: str | os.PathLike) -> None:
    """Move the folder of one of our datasets from `data` to another root, in place."""
    config.data_root = str(Path(data_root) / Path(config.data_root).relative_to('data'))


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


def build_dataset(config: ConfigDict) -> BaseSegDataset:
    """Build a dataset; a `UserError` for invalid keys and for a dataset without images."""
    dataset = lazy_dataset(config)
    try:
        samples = dataset.load_data_list()
        if not samples:
            raise UserError(nothing_found(dataset))
        for fault in map_faults(dataset, samples):
            raise UserError(fault)
        chosen = chosen_indices(config)
        if isinstance(config.get('indices'), list | tuple) and max(chosen) >= len(samples):
            raise UserError(f'{INDICES}={chosen!r:.60}: there are {len(samples)} images; {CHOICE}')
        dataset.full_init()
    except (UserError, OSError):
        raise
    except Exception as error:  # a dataset's class may raise anything
        raise UserError(f'test_dataloader.dataset: {first_line(error)}; check its keys and files') from error
    return dataset


def chosen_indices(config: ConfigDict) -> list[int] | None:
    """The images of a dataset that the `indices` of its config choose; None for all.

    Raises:
        UserError: they are neither a number of images nor a list of such.
    """
    indices = config.get('indices')
    if indices is None or is_count(indices):
        return None if indices is None else list(range(indices))
    numbers = isinstance(indices, list | tuple) and all(is_count(index, 0) for index in indices)
    if not numbers or not indices or len(set(indices)) < len(indices):
        raise UserError(f'{INDICES}={indices!r:.60}: chooses no images; {CHOICE}')
    return list(indices)


def lazy_dataset(config: ConfigDict, **changes: object) -> BaseSegDataset:
    """Build a dataset without searching for its images; a `UserError` for invalid keys or an invalid split file."""
    try:
        dataset = DATASETS.build({**config, **changes, 'lazy_init': True})
    except (TypeError, ValueError, KeyError, AttributeError, AssertionError) as error:
        if twice := re.search(r"multiple values for keyword argument '(\w+)'", str(error)):
            kind = f'{config.get("type")} sets it itself; leave it out, or take FolderDataset'
            raise UserError(f'test_dataloader.dataset.{twice[1]}: {kind}') from error
        raise UserError(f'test_dataloader.dataset: {first_line(error)}; check its keys') from error
    if dataset.ann_file and type(dataset).load_data_list is BaseSegDataset.load_data_list:
        check_split(dataset)
    return dataset


def check_split(dataset: BaseSegDataset) -> None:
    """Raise a `UserError` for a split file that MMSegmentation's datasets misread: they expect bare names in UTF-8."""
    path, folder, lines = dataset.ann_file, image_folder(dataset), split_lines(dataset.ann_file)
    if Path(path).read_text(encoding='utf-8', errors='replace').split() != ' '.join(lines).split():
        raise UserError(f'{path}: is not UTF-8 without a byte-order mark; save it as that')
    for line in lines:
        name = spelled(line, lambda name: os.path.isfile(f'{os.path.join(folder, name)}{dataset.img_suffix}'), folder)
        if name not in (line, None):
            raise UserError(
                f'{path}: lists {line!r}, but {type(dataset).__name__} expects {name!r}; write names without suffix, '
                'folder or other columns'
            )


def nothing_found(dataset: BaseSegDataset) -> str:
    """The error for a dataset without images: what was expected and what was found."""
    folder, wanted = image_folder(dataset), dataset.img_suffix or ', '.join(SUFFIXES)
    if dataset.ann_file:
        return f'{dataset.ann_file}: lists no images; write one name per line'
    kinds = Counter(Path(path).suffix or 'without suffix' for path in files_below(folder))
    there = ', '.join(f'{number} {kind}' for kind, number in kinds.most_common(5)) or f'no files ({NOT_READ})'
    return f'{folder}: contains no images; expected {wanted}, found {there}; check data_prefix and img_suffix'


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
