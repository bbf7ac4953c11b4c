"""Checks of a data set before hours of work: folders, pairs of files, headers; and of its truth afterwards."""

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
    """The class of a data set's config.

    Raises:
        UserError: there is none, or it is no data set of MMSegmentation's kind, such as a list of several.
    """
    kind = config.get('type')
    found = DATASETS.get(kind) if isinstance(kind, str) else kind
    if found is None:
        raise UserError(f'test_dataloader.dataset.type={kind!r}: not registered; check the name')
    if not isinstance(found, type) or not issubclass(found, BaseSegDataset):
        raise UserError(
            f'test_dataloader.dataset.type={kind!r}: a run measures one data set; name it alone, or link the folders '
            'of several into one and take FolderDataset, which follows links'
        )
    return found


def dataset_classes(config: ConfigDict) -> tuple[str, ...]:
    """Class names of a data set's config, in label order."""
    classes = config.get('metainfo', {}).get('classes') or dataset_class(config).METAINFO.get('classes')
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
    config = named_dataset(name)
    return None if config is None else dataset_classes(config)


def named_dataset(name: str, data_root: str | os.PathLike = 'data') -> ConfigDict | None:
    """The data set of our config `_base_/datasets/NAME.py`, below what replaces `data`; None where there is none."""
    path = ROOT / 'configs' / '_base_' / 'datasets' / f'{name}.py'
    if Path(name).name != name or not path.is_file():
        return None
    init_default_scope('mmseg')
    config = Config.fromfile(path).test_dataloader.dataset
    move_root(config, data_root)
    return config


def move_root(config: ConfigDict, data_root: str | os.PathLike) -> None:
    """Let the folder of a data set of ours lie below another one than `data`; in place."""
    config.data_root = str(Path(data_root) / Path(config.data_root).relative_to('data'))


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
    dataset_class(config)
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
    place = check_root(config) / (folder or '')
    return folder is not None and place.is_dir() and any(files_below(place))


def build_dataset(config: ConfigDict) -> BaseSegDataset:
    """Build a data set; a `UserError` for keys that do not fit, and where there is no image."""
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
    except Exception as error:  # whatever a data set's class raises
        raise UserError(f'test_dataloader.dataset: {first_line(error)}; check its keys and files') from error
    return dataset


def chosen_indices(config: ConfigDict) -> list[int] | None:
    """The images of a data set that the `indices` of its config choose; None for all.

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
    """Build a data set that has not yet looked for its images; a `UserError` for keys or a split that do not fit."""
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
    """Raise a `UserError` for a split that MMSegmentation's own data sets, which read bare names in UTF-8, misread."""
    path, folder, lines = dataset.ann_file, image_folder(dataset), split_lines(dataset.ann_file)
    if Path(path).read_text(encoding='utf-8', errors='replace').split() != ' '.join(lines).split():
        raise UserError(f'{path}: not in UTF-8 without a byte-order mark; save it so')
    for line in lines:
        name = spelled(line, lambda name: os.path.isfile(f'{os.path.join(folder, name)}{dataset.img_suffix}'), folder)
        if name not in (line, None):
            raise UserError(
                f'{path}: lists {line!r}, where {type(dataset).__name__} takes {name!r}; write names without suffix, '
                'folder and further columns'
            )


def nothing_found(dataset: BaseSegDataset) -> str:
    """What was looked for where there is no image, and what lies there."""
    folder, wanted = image_folder(dataset), dataset.img_suffix or ', '.join(SUFFIXES)
    if dataset.ann_file:
        return f'{dataset.ann_file}: lists no image; give a name a line'
    kinds = Counter(Path(path).suffix or 'without suffix' for path in files_below(folder))
    there = ', '.join(f'{number} {kind}' for kind, number in kinds.most_common(5)) or f'no file ({NOT_READ})'
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
