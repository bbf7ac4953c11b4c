"""Checks of a data set before hours of work: folders, pairs of files, images that end too early."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from mmengine.config import Config, ConfigDict
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS
from PIL import Image

from itaclip_mmseg.utils.errors import UserError
from itaclip_mmseg.utils.resources import ROOT

JPEG_END = b'\xff\xd9'
JPEG_TAIL = 65536  # some cameras write a few bytes after the end marker


def dataset_classes(config: ConfigDict) -> tuple[str, ...]:
    """Class names of a data set's config, in label order."""
    dataset_class = DATASETS.get(config.type)
    if dataset_class is None:
        raise UserError(f'test_dataloader.dataset.type={config.type!r}: not registered; check the name')
    return tuple(config.get('metainfo', {}).get('classes') or dataset_class.METAINFO['classes'])


def config_classes(name: str) -> tuple[str, ...] | None:
    """Class names of the data set that our config `_base_/datasets/NAME.py` describes; None where there is none."""
    path = ROOT / 'configs' / '_base_' / 'datasets' / f'{name}.py'
    if Path(name).name != name or not path.is_file():
        return None
    init_default_scope('mmseg')
    return dataset_classes(Config.fromfile(path).test_dataloader.dataset)


def check_folders(config: ConfigDict) -> None:
    """Raise a `UserError` if a folder or split file of a data set's config is missing."""
    root = Path(config.get('data_root') or '.')
    if not root.is_dir():
        raise UserError(
            f'data root {root}: no such folder; put or link the data there (data/README.md), or set '
            'test_dataloader.dataset.data_root'
        )
    for key, folder in config.get('data_prefix', {}).items():
        if folder and not (root / folder).is_dir():
            raise UserError(f'{root / folder}: no such folder; check data_prefix.{key} and data/README.md')
    split = config.get('ann_file')
    if split and not (root / split).is_file():
        raise UserError(f'{root / split}: no such split file; check ann_file and data/README.md')


def check_files(samples: Iterable[dict]) -> None:
    """Raise a `UserError` that names the first image or label map of a data set that is missing or cut off.

    Only headers and ends are read, in threads: thousands of files take about a second.
    """
    pairs = [(sample['img_path'], sample.get('seg_map_path')) for sample in samples]
    if not pairs:
        raise UserError('test_dataloader.dataset: holds no image; check data_root, data_prefix and ann_file')
    with ThreadPoolExecutor(16) as pool:
        for fault in pool.map(file_fault, [path for pair in pairs for path in pair if path]):
            if fault:
                raise UserError(fault)


def file_fault(path: str) -> str | None:
    """What is wrong with an image file, or None."""
    if not Path(path).is_file():
        return f'{path}: no such file, but the split lists it; complete the data (data/README.md)'
    try:
        with Image.open(path) as image:
            image_format = image.format
    except OSError:
        return f'{path}: not readable as an image; restore or remove it'
    if image_format == 'JPEG' and JPEG_END not in tail(path):
        return f'{path}: image ends too early; restore it'
    return None


def tail(path: str) -> bytes:
    """The last bytes of a file."""
    with open(path, 'rb') as file:
        size = file.seek(0, 2)
        # At most half the file, so that the end marker of a preview at its start does not count.
        file.seek(size - min(JPEG_TAIL, size // 2))
        return file.read()
