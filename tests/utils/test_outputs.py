"""Nothing of the user's is replaced by a result, and no result by another."""

import json
import unicodedata
from pathlib import Path

import pytest
from PIL import Image

from itaclip_mmseg.utils.errors import UserError
from itaclip_mmseg.utils.outputs import Output, check_outputs, is_result, save_result


@pytest.fixture
def refused(tmp_path, monkeypatch):
    """Refuse outputs in a line; the line."""
    monkeypatch.chdir(tmp_path)

    def line(outputs, inputs=(), data_folders=()):
        with pytest.raises(UserError) as fault:
            check_outputs(outputs, inputs, data_folders)
        assert '\n' not in str(fault.value)
        return str(fault.value)

    return line


def result(folder, name, kind='results', suffix='.jpg'):
    return Output(folder / f'{name}.png', f'{name}{suffix}', kind)


def test_no_output_is_an_input(refused, tmp_path):
    """By links to files and folders, relative paths, case, and both spellings of an accent."""
    photos = tmp_path / 'photos'
    (photos / 'x').mkdir(parents=True)
    for name in ('a.png', 'x/b.png', 'é.png'):
        Image.new('L', (2, 2)).save(photos / name)
    (tmp_path / 'folder').symlink_to(photos)
    (tmp_path / 'out').mkdir()
    (tmp_path / 'out/c.png').symlink_to(photos / 'a.png')
    inputs = [photos / 'a.png', photos / 'x/b.png', photos / unicodedata.normalize('NFD', 'é.png')]
    for place in ('photos/a.png', 'photos/x/../a.png', 'folder/a.png', 'out/c.png', 'PHOTOS/A.png', 'photos/é.png'):
        assert f'{place}: would replace the input' in refused([Output(tmp_path / place, 'a.jpg')], inputs), place
    check_outputs([result(tmp_path / 'out', 'a'), Output(tmp_path / 'out/results.json')], inputs)


def test_outputs_are_files_of_their_own(refused, tmp_path):
    for first, second in (('a', 'a'), ('a', 'A'), ('./a', 'a')):
        line = refused([result(tmp_path, first), result(tmp_path, second, suffix='.tif')])
        assert line.startswith(f'{second}.tif: shares its name with {first}.jpg')
    assert 'two outputs' in refused([Output(tmp_path / 'a.json'), Output(tmp_path / 'a.json')])
    (tmp_path / 'same').symlink_to(tmp_path)
    (tmp_path / 'x').mkdir()
    assert 'shares its name' in refused([result(tmp_path, 'a'), result(tmp_path / 'same', 'a')])


def test_kinds_have_folders_of_their_own(refused, tmp_path):
    """Also where no two names are the same, and where something else lies there too."""
    outputs = [Output(tmp_path / 'results.json'), result(tmp_path, 'a', 'label maps')]
    check_outputs([*outputs, result(tmp_path / 'x', 'a', 'overlays')], [])
    line = refused([*outputs, result(tmp_path, 'b', 'overlays')])
    assert 'would contain both label maps and overlays' in line
    line = refused([*outputs, result(tmp_path / 'x', 'b', 'label maps'), result(tmp_path / 'X', 'a', 'overlays')])
    assert f'{tmp_path}/X: would contain' in line


def test_no_picture_is_written_into_data(refused, tmp_path):
    images = tmp_path / 'images'
    for folder in (images, images / 'x', images / 'x/..', Path('images/')):
        assert 'whose files are read as data' in refused([result(folder, 'a')], (), [images])
    check_outputs([Output(images / 'results.json'), result(tmp_path / 'images2', 'a')], (), [images])


def test_only_results_are_replaced(refused, tmp_path):
    """A file that a name was derived for may be somebody's; one that was named on purpose is replaced."""
    Image.new('L', (2, 2)).save(tmp_path / 'a.png')
    assert 'a.png: exists already and was not written by this package' in refused([result(tmp_path, 'a')])
    check_outputs([Output(tmp_path / 'a.png')], [])
    save_result(Image.new('P', (2, 2)), tmp_path / 'a.png')
    check_outputs([result(tmp_path, 'a')], [])
    assert is_result(tmp_path / 'a.png') and not is_result(tmp_path / 'absent.png')
    for content in ('{"mine": 1}', '{"images": [{"id": 1, "file_name": "a.jpg"}]}', '[{"label": 0}]', 'none'):
        (tmp_path / 'a_coco.json').write_text(content)
        assert 'a_coco.json: exists already' in refused([Output(tmp_path / 'a_coco.json', 'a.jpg')])
    for content in ([dict(label=0, name='a', colour=[0, 0, 0], share=1)], dict(images=[dict(id=1, height=1, width=1)])):
        (tmp_path / 'a_coco.json').write_text(json.dumps(content))
        check_outputs([Output(tmp_path / 'a_coco.json', 'a.jpg')], [])
    (tmp_path / 'b.png').write_bytes(b'none')
    assert 'b.png: exists already' in refused([result(tmp_path, 'b')])
