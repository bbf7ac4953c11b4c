"""Running a config on your own data, with the dataset, text bank and thresholds set from the command line."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mmengine.config import Config, ConfigDict

from itaclip_mmseg.datasets.building import build_dataset
from itaclip_mmseg.datasets.folders import FolderDataset
from itaclip_mmseg.datasets.labels import IGNORED
from itaclip_mmseg.engine.kinds import value_at
from itaclip_mmseg.engine.launchers import is_first_process
from itaclip_mmseg.engine.normalise import OURS, is_type
from itaclip_mmseg.text.bank import TextBank
from itaclip_mmseg.text.classes import bank_of, told
from itaclip_mmseg.utils.errors import UserError
from itaclip_mmseg.utils.resources import written_whole

IGNORED_IN_16_BITS = 65535  # if 255 is a class


@dataclass(frozen=True)
class OwnData:
    """The user's data, from `--images`, `--labels` and `--classes`.

    Attributes:
        images: folder of images.
        labels: folder of label maps, or None.
        classes: classes as a text for `bank_of`; None for the config's text bank.

    Raises:
        UserError: a folder is missing.
    """

    images: str
    labels: str | None = None
    classes: str | None = None

    def __post_init__(self) -> None:
        for option, folder in (('--images', self.images), ('--labels', self.labels)):
            if folder is not None and not os.path.isdir(os.path.expanduser(folder)):
                raise UserError(f'{option} {folder}: no such folder; check the path')

    @property
    def name(self) -> str:
        """A name made from the folder of images, such as mydata-images."""
        return '-'.join(part for part in Path(self.images).parts if part not in (os.sep, os.pardir, '~'))


def own_data(images: str | None, labels: str | None, classes: str | None) -> OwnData | None:
    """The data given on the command line; None if there are none.

    Raises:
        UserError: `--labels` or `--classes` without `--images`, or a folder is missing.
    """
    if images is not None:
        return OwnData(images, labels, classes)
    for option, value in (('--labels', labels), ('--classes', classes)):
        if value is not None:
            raise UserError(f'{option} {value}: needs images, too; add --images FOLDER')
    return None


def adopt_data(config: Config, data: OwnData) -> None:
    """Change a config in place to use the user's data; see `OwnData`.

    Raises:
        UserError: the classes are invalid.
    """
    if data.classes is not None:
        config.model.text_bank = data.classes.strip()
    bank = bank_of(config.model.text_bank)
    if is_first_process(config.launcher):
        told(bank)
    config.model.update(fitted(bank, config.model))
    folders = dict(img_path=os.path.expanduser(data.images))
    if data.labels is not None:
        folders['seg_map_path'] = os.path.expanduser(data.labels)
    pipeline = config.test_dataloader.dataset.pipeline
    config.test_dataloader.dataset = ConfigDict(type=FolderDataset.__name__, data_prefix=folders, pipeline=pipeline)
    config.test_evaluator = ConfigDict(type=OURS)
    if (ignored := ignored_label(len(bank.classes))) != IGNORED:
        config.test_evaluator.ignore_index = ignored


def ignored_label(num_classes: int) -> int:
    """The label of pixels that do not count, in label maps of so many classes."""
    return IGNORED_IN_16_BITS if num_classes > IGNORED else IGNORED


def fitted(bank: TextBank, model: dict) -> dict[str, object]:
    """A config's thresholds, or None without a background, and its `auxiliary`, or None without auxiliary texts."""
    keys = {key: model[key] for key in ('prob_threshold', 'area_threshold', 'auxiliary') if key in model}
    if not bank.background:
        keys |= {key: None for key in keys if key != 'auxiliary'}
    if not any(entry.definition or entry.synonym for entry in bank.classes[bank.background :]):
        keys |= {key: None for key in keys if key == 'auxiliary'}
    return keys


def names_from_bank(config: Config) -> None:
    """Give a `FolderDataset` without classes those of the text bank, in place."""
    dataset, classes = value_at(config, 'test_dataloader.dataset'), value_at(config, 'model.text_bank')
    if is_folders(dataset) and classes is not None and value_at(dataset, 'metainfo.classes') is None:
        names = tuple(entry.name for entry in bank_of(classes).classes)
        dataset.metainfo = dict(dataset.get('metainfo') or {}, classes=names)


def is_folders(dataset: object) -> bool:
    """Whether a config is that of a `FolderDataset`."""
    return isinstance(dataset, Mapping) and is_type(dataset, FolderDataset.__name__)


def first_image(config: Config) -> str:
    """The first image of a config's dataset; a `UserError` if it has none."""
    return build_dataset(config.test_dataloader.dataset).get_data_info(0)['img_path']


def config_text(config: Config) -> str:
    """A config as Python code that repeats the run; without its work folder and class names from the text bank."""
    kept = Config(config.to_dict())
    for key in ('launcher', 'run_name', 'work_dir'):
        kept.pop(key, None)
    dataset = value_at(kept, 'test_dataloader.dataset')
    if is_folders(dataset) and list(dataset.get('metainfo') or ()) == ['classes']:
        del dataset.metainfo
    return f'"""Written by tools/test.py --write-config: {config.run_name}."""\n\n{kept.pretty_text}'


def config_place(path: str | os.PathLike) -> Path:
    """Check a path to write a config to.

    Raises:
        UserError: the name does not end in .py, or the file exists.
    """
    place = Path(path).expanduser().absolute()
    if place.suffix != '.py':
        raise UserError(f'--write-config {path}: not the name of a config; use a name that ends in .py')
    if os.path.lexists(place):
        raise UserError(f'--write-config {path}: exists already; remove it, or choose another path')
    return place


def write_config(text: str, place: Path) -> None:
    """Write a config, completely or not at all."""
    with written_whole(place) as temporary:
        temporary.write_text(text, encoding='utf-8')
