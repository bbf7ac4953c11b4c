"""The dataset in a config: its class in MMSegmentation, its class names, and our configs by name."""

import os
from pathlib import Path

from mmengine.config import Config, ConfigDict
from mmengine.fileio import list_from_file
from mmengine.registry import init_default_scope
from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS

from itaclip_mmseg.utils.errors import UserError
from itaclip_mmseg.utils.resources import ROOT


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
