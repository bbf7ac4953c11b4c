"""What maps were made from: kept, made anew, or refused."""

import json

import numpy as np
import pytest
from PIL import Image

from itaclip_mmseg.datasets.preparation.coco import convert_folder
from itaclip_mmseg.datasets.preparation.convert import Item, convert_all
from itaclip_mmseg.datasets.preparation.record import NAME, Record
from itaclip_mmseg.datasets.preparation.segments import convert_instances
from itaclip_mmseg.utils.errors import UserError


def convert(folder, made_of, names=('a', 'b'), converter='one', **options):
    """A converter that writes down what its files are made of."""
    items = [Item(folder / f'{name}.png', made_of, made_of) for name in names]
    write = lambda item: item.target.write_text(item.arguments)  # noqa: E731
    return convert_all(write, items, Record(folder, converter), [], 1, **options)


def contents(folder):
    return {path.name: path.read_text() for path in folder.glob('*.png')}


def test_what_fits_is_kept(tmp_path):
    assert str(convert(tmp_path, 'x')) == f'{tmp_path}: 2 label maps, 0 kept, 2 written'
    assert convert(tmp_path, 'x')[1:3] == (2, 0) and convert(tmp_path, 'y')[1:3] == (0, 2)
    assert contents(tmp_path) == {'a.png': 'y', 'b.png': 'y'}


def test_a_run_that_ended_early_leaves_nothing_that_looks_right(tmp_path, monkeypatch):
    """Maps of the old table go before the new record is written, so that no later run can take them for new ones."""
    convert(tmp_path, 'x')
    monkeypatch.setattr('itaclip_mmseg.datasets.preparation.convert.run_all', lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        convert(tmp_path, 'y')
    monkeypatch.undo()
    assert contents(tmp_path) == {} and convert(tmp_path, 'y')[1:3] == (0, 2)
    assert contents(tmp_path) == {'a.png': 'y', 'b.png': 'y'}


@pytest.mark.parametrize('text', ['', '{', '[]', '{"files": 3}', '{"files": {"a.png": null}}'])
def test_a_damaged_record_vouches_for_nothing(tmp_path, text):
    convert(tmp_path, 'x')
    (tmp_path / NAME).write_text(text)
    with pytest.raises(UserError, match=r'\.png: was not written by a converter .*made_from\.json does not list it'):
        convert(tmp_path, 'x', names=('b',))
    assert convert(tmp_path, 'x', replace=True)[1:3] == (0, 2)


def test_another_version_makes_maps_anew(tmp_path, monkeypatch):
    convert(tmp_path, 'x')
    monkeypatch.setattr('itaclip_mmseg.datasets.preparation.record.__version__', '9')
    assert convert(tmp_path, 'x')[1:3] == (0, 2)


def test_two_converters_share_a_folder(tmp_path):
    """Each knows its own maps; where both write one, the last makes it anew. Only one's own are left over."""
    convert(tmp_path, 'x')
    assert convert(tmp_path, 'x', names=('c',), converter='two')[:4] == (tmp_path, 0, 1, [])
    assert convert(tmp_path, 'x', names=('a',), converter='two')[1:4] == (0, 1, ['c.png'])
    assert convert(tmp_path, 'x')[1:3] == (1, 1)


def test_names_that_differ_by_case_are_refused(tmp_path):
    """They are one file on other systems."""
    with pytest.raises(UserError, match=r'A\.png: two .* would be this one file'):
        convert(tmp_path, 'x', names=('a', 'A'))
    assert not list(tmp_path.iterdir())


def test_from_pixel_maps_to_instances_and_back(tmp_path):
    """COCO-Object drawn another way replaces the first way's maps, never a mixture."""
    folder = tmp_path / 'maps'
    folder.mkdir()
    for name in ('1', '2'):
        Image.fromarray(np.zeros((4, 6), np.uint8)).save(folder / f'{name}.png')
    convert_folder(folder, workers=1)
    images = [dict(id=1, file_name='1.jpg', height=4, width=6)]
    content = dict(images=images, annotations=[], categories=[dict(id=1, name='person')])
    (tmp_path / 'instances.json').write_text(json.dumps(content))
    assert convert_instances(tmp_path / 'instances.json', folder, workers=1)[1:3] == (0, 1)
    with Image.open(folder / '1_instanceTrainIds.png') as labels:
        assert not np.array(labels).any()
    assert convert_folder(folder, workers=1)[1:3] == (3, 1)
    with Image.open(folder / '1_instanceTrainIds.png') as labels:
        assert (np.array(labels) == 1).all()


def test_workers_are_checked(tmp_path):
    with pytest.raises(UserError, match='--workers=0: invalid'):
        convert_all(None, [], Record(tmp_path, 'one'), [], 0)
