import numpy as np
import pytest
from mmseg.datasets import COCOStuffDataset
from PIL import Image

from itaclip_mmseg.datasets import COCOObjectDataset, PascalVOC20Dataset
from itaclip_mmseg.datasets.coco import object_table, stuff_table
from itaclip_mmseg.datasets.preparation.coco import convert_folder
from itaclip_mmseg.utils.errors import UserError


def test_tables():
    """Protects the ids: in the order of those in use; for objects nothing is ignored, the unlabelled neither."""
    stuff, things = stuff_table(), object_table()
    assert sorted(set(stuff.tolist())) == [*range(171), 255] and stuff[255] == 255
    assert (stuff[0], stuff[89], stuff[91], stuff[181]) == (0, 79, 80, 170)  # person, toothbrush, banner, wood
    assert sorted(set(things.tolist())) == list(range(81))
    assert (things[0], things[89], things[91], things[255]) == (1, 80, 0, 0)
    assert np.array_equal(things[:91][stuff[:91] < 255], stuff[:91][stuff[:91] < 255] + 1)


def test_classes():
    assert len(COCOObjectDataset.METAINFO['classes']) == len(COCOObjectDataset.METAINFO['palette']) == 81
    assert COCOObjectDataset.METAINFO['classes'][80] == COCOStuffDataset.METAINFO['classes'][79] == 'toothbrush'
    assert PascalVOC20Dataset.METAINFO['classes'][0] == 'aeroplane'


def test_folder_is_converted_once(tmp_path):
    """Both maps of each raw map; a second run keeps them and does not take them for raw maps."""
    raw = np.arange(256, dtype=np.uint8).reshape(16, 16)
    for name in ('1', '2'):
        Image.fromarray(raw).save(tmp_path / f'{name}.png')
    (tmp_path / '2_labelTrainIds.png').write_bytes(b'of another version')
    assert convert_folder(tmp_path, workers=1)[1:3] == (0, 4) and convert_folder(tmp_path, workers=1)[1:3] == (4, 0)
    for name in ('1', '2'):
        assert np.array_equal(np.array(Image.open(tmp_path / f'{name}_labelTrainIds.png')), stuff_table()[raw])
        assert np.array_equal(np.array(Image.open(tmp_path / f'{name}_instanceTrainIds.png')), object_table()[raw])
    assert len(list(tmp_path.iterdir())) == 7


def test_a_changed_raw_map_is_converted_anew(tmp_path):
    raw = np.zeros((4, 4), np.uint8)
    for name in ('1', '2'):
        Image.fromarray(raw).save(tmp_path / f'{name}.png')
    convert_folder(tmp_path, workers=1)
    Image.fromarray(raw + 1).save(tmp_path / '1.png')
    assert convert_folder(tmp_path, workers=1)[1:3] == (2, 2)
    assert (np.array(Image.open(tmp_path / '1_labelTrainIds.png')) == 1).all()


def test_faults_are_named(tmp_path):
    with pytest.raises(UserError, match='no such folder'):
        convert_folder(tmp_path / 'absent')
    with pytest.raises(UserError, match='no raw map'):
        convert_folder(tmp_path)
    (tmp_path / 'cut.png').write_bytes(b'no image')
    with pytest.raises(UserError, match=r'cut\.png: not readable'):
        convert_folder(tmp_path, workers=1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ['cut.png', 'made_from.json']
