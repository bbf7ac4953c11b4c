"""A run on a folder of photographs: data set, text bank and thresholds follow from what the command line names."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mmengine.config import Config, ConfigDict

from itaclip_mmseg.datasets.checks import build_dataset
from itaclip_mmseg.datasets.folders import FolderDataset
from itaclip_mmseg.datasets.reading import IGNORED
from itaclip_mmseg.engine.kinds import value_at
from itaclip_mmseg.engine.launchers import is_first_process
from itaclip_mmseg.engine.normalise import OURS, is_type
from itaclip_mmseg.text.bank import TextBank
from itaclip_mmseg.text.classes import bank_of, told
from itaclip_mmseg.utils.errors import UserError
from itaclip_mmseg.utils.resources import written_whole

IGNORED_IN_16_BITS = 65535  # where 255 is a class


@dataclass(frozen=True)
class OwnData:
    """The data of a user, as `--images`, `--labels` and `--classes` name them.

    Attributes:
        images: folder of photographs.
        labels: folder of their label maps, or None.
        classes: any form that `bank_of` takes as a text; None for the config's text bank.

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
        """The folder of photographs in a name: mydata-images."""
        return '-'.join(part for part in Path(self.images).parts if part not in (os.sep, os.pardir, '~'))


def own_data(images: str | None, labels: str | None, classes: str | None) -> OwnData | None:
    """The data that a command line names; None where it names none.

    Raises:
        UserError: `--labels` or `--classes` without `--images`, or a folder is missing.
    """
    if images is not None:
        return OwnData(images, labels, classes)
    for option, value in (('--labels', labels), ('--classes', classes)):
        if value is not None:
            raise UserError(f'{option} {value}: needs the photographs too; add --images FOLDER')
    return None


def adopt_data(config: Config, data: OwnData) -> None:
    """Let a config test a user's data, in place; see `OwnData`.

    Raises:
        UserError: the classes are not readable.
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
    if len(bank.classes) > IGNORED:
        config.test_evaluator.ignore_index = IGNORED_IN_16_BITS


def fitted(bank: TextBank, model: dict) -> dict[str, object]:
    """A config's thresholds and kind of text as some classes can serve them: None without a background, or texts."""
    keys = {key: model[key] for key in ('prob_threshold', 'area_threshold', 'auxiliary') if key in model}
    if not bank.background:
        keys |= {key: None for key in keys if key != 'auxiliary'}
    if not any(entry.definition or entry.synonym for entry in bank.classes[bank.background :]):
        keys |= {key: None for key in keys if key == 'auxiliary'}
    return keys


def names_from_bank(config: Config) -> None:
    """Let a `FolderDataset` that names no classes take those of the text bank, in place."""
    dataset, classes = value_at(config, 'test_dataloader.dataset'), value_at(config, 'model.text_bank')
    if is_folders(dataset) and classes is not None and value_at(dataset, 'metainfo.classes') is None:
        names = tuple(entry.name for entry in bank_of(classes).classes)
        dataset.metainfo = dict(dataset.get('metainfo') or {}, classes=names)


def is_folders(dataset: object) -> bool:
    """Is it the config of a `FolderDataset`?"""
    return isinstance(dataset, Mapping) and is_type(dataset, FolderDataset.__name__)


def first_image(config: Config) -> str:
    """The first photograph of a config's data set; a `UserError` where there is none."""
    return build_dataset(config.test_dataloader.dataset).get_data_info(0)['img_path']


def config_text(config: Config) -> str:
    """A config as Python, which gives the same run by itself: without names that the text bank gives, and its place."""
    kept = Config(config.to_dict())
    for key in ('launcher', 'run_name', 'work_dir'):
        kept.pop(key, None)
    dataset = value_at(kept, 'test_dataloader.dataset')
    if is_folders(dataset) and list(dataset.get('metainfo') or ()) == ['classes']:
        del dataset.metainfo
    return f'"""Written by tools/test.py --write-config: {config.run_name}."""\n\n{kept.pretty_text}'


def config_place(path: str | os.PathLike) -> Path:
    """Where a config can be written.

    Raises:
        UserError: no name of a config, or a file is there.
    """
    place = Path(path).expanduser().absolute()
    if place.suffix != '.py':
        raise UserError(f'--write-config {path}: no name of a config; let it end in .py')
    if os.path.lexists(place):
        raise UserError(f'--write-config {path}: is there already; remove it, or name another place')
    return place


def write_config(text: str, place: Path) -> None:
    """Write a config whole or not at all."""
    with written_whole(place) as temporary:
        temporary.write_text(text, encoding='utf-8')
