import shutil

import numpy as np
import pytest
from conftest import SAMPLES
from mmengine.config import ConfigDict
from PIL import Image

from itaclip_mmseg.datasets.inspection import TILE, inspect, write_sheet
from itaclip_mmseg.datasets.preparation.coco import convert_folder


@pytest.fixture
def own_set(tmp_path):
    """Three pairs of a user's two classes."""
    for folder in ('images', 'labels'):
        (tmp_path / folder).mkdir()
    for name in 'abc':
        Image.new('RGB', (8, 6)).save(tmp_path / f'images/{name}.jpg')
        Image.fromarray(np.eye(6, 8, dtype=np.uint8)).save(tmp_path / f'labels/{name}.png')
    return ConfigDict(
        type='BaseSegDataset',
        data_root=str(tmp_path),
        metainfo=dict(classes=('ground', 'thing')),
        data_prefix=dict(img_path='images', seg_map_path='labels'),
    )


def test_good_set(own_set, tmp_path):
    inspection = inspect(own_set)
    assert not inspection.faults
    assert inspection.pixels == {0: 126, 1: 18} and inspection.sizes == {(6, 8): 3}
    write_sheet(inspection, tmp_path / 'sheet.png')
    assert (tmp_path / 'sheet.png').is_file()


def test_the_sheet_shows_names(own_set, tmp_path):
    """Below each picture its file's name, beside all of them a legend: other names give other pixels there."""
    sheets = []
    for classes in (('ground', 'thing'), ('ground', 'other')):
        inspection = inspect(own_set | dict(metainfo=dict(classes=classes, palette=[[0, 0, 0], [255, 0, 0]])))
        write_sheet(inspection, tmp_path / 'sheet.png')
        with Image.open(tmp_path / 'sheet.png') as picture:
            sheets.append(np.asarray(picture))
    assert (sheets[0][:, 3 * TILE :] != sheets[1][:, 3 * TILE :]).any()
    names = [sheets[0][6:30, column * TILE : column * TILE + 60] for column in range(3)]  # a.jpg, b.jpg, c.jpg
    assert all((name < 128).any() for name in names) and (names[0] != names[1]).any()


def test_all_faults_at_once(own_set, tmp_path):
    """One run names every fault: size, label out of range, map missing, image missing."""
    Image.new('L', (3, 3)).save(tmp_path / 'labels/a.png')
    Image.new('L', (8, 6), 7).save(tmp_path / 'labels/b.png')
    (tmp_path / 'labels/c.png').rename(tmp_path / 'labels/d.png')
    faults = inspect(own_set).faults
    for part in ('a.png: size', 'b.png: contains label 7, but', 'c.png: no such file', 'd.png: label map without'):
        assert any(part in fault for fault in faults)
    assert len(faults) == 4


def test_converted_samples_pass(tmp_path):
    """The converter's maps of a real raw map are what the data set expects."""
    raw = next(SAMPLES.glob('**/annotations/val2017/*.png'), None)
    if raw is None:
        pytest.skip('../shared/data is absent')
    root = tmp_path / 'coco'
    shutil.copytree(raw.parents[2], root, copy_function=shutil.copyfile)
    convert_folder(root / 'annotations/val2017', workers=1)
    prefix = dict(img_path='images/val2017', seg_map_path='annotations/val2017')
    for kind in ('COCOObjectDataset', 'COCOStuffDataset'):
        inspection = inspect(ConfigDict(type=kind, data_root=str(root), data_prefix=prefix))
        assert inspection.samples and not inspection.faults


def test_mixed_suffixes_are_pairs(own_set, tmp_path):
    """No 'label map without an image' for photographs that a camera wrote in capitals."""
    for name, suffix in (('a', 'JPG'), ('b', 'jpeg')):
        (tmp_path / f'images/{name}.jpg').rename(tmp_path / f'images/{name}.{suffix}')
    inspection = inspect(own_set | dict(type='FolderDataset'))
    assert not inspection.faults and len(inspection.good) == 3 and not inspection.warnings()
    (tmp_path / 'images/b.jpeg').unlink()
    assert [fault.split(': ')[1] for fault in inspect(own_set | dict(type='FolderDataset')).faults] == [
        'label map without an image; add the image, or remove the label map'
    ]


def test_photographs_alone(own_set, tmp_path):
    """Sizes are told, and there is no truth to warn of."""
    inspection = inspect(own_set | dict(type='FolderDataset', data_prefix=dict(img_path='images')))
    assert not inspection.faults and inspection.sizes == {(6, 8): 3} and not inspection.warnings()
    write_sheet(inspection, tmp_path / 'sheet.png')


def test_an_empty_set_says_what_lies_there(own_set, tmp_path):
    for path in (tmp_path / 'images').iterdir():
        path.rename(path.with_suffix('.gif'))
    assert 'expected .jpg, found 3 .gif' in inspect(own_set).faults[0]


def test_masks_of_0_and_255_are_no_fault_but_said(own_set, tmp_path):
    for name in 'abc':
        Image.fromarray(np.eye(6, 8, dtype=np.uint8) * 255).save(tmp_path / f'labels/{name}.png')
    inspection = inspect(own_set)
    assert not inspection.faults
    (warning,) = inspection.warnings()
    assert '1 of 2 classes do not occur in the ground truth (thing), 12.5% of its pixels are ignored' in warning
