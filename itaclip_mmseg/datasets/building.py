"""Build a dataset from its config, with one-line errors."""

import os
import re
from collections import Counter
from pathlib import Path

from mmengine.config import ConfigDict
from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS

from itaclip_mmseg.datasets.folders import image_folder
from itaclip_mmseg.datasets.label_folders import map_faults
from itaclip_mmseg.datasets.reading import SUFFIXES
from itaclip_mmseg.datasets.splits import spelled, split_lines
from itaclip_mmseg.utils.checks import is_count
from itaclip_mmseg.utils.errors import UserError, first_line
from itaclip_mmseg.utils.folders import NOT_READ, files_below

INDICES = 'test_dataloader.dataset.indices'
CHOICE = 'give how many, or a list of their numbers from 0, each once'


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
