"""What files, folders and patterns stand for."""

from pathlib import Path

import pytest

from itaclip_mmseg.apis.sources import image_files
from itaclip_mmseg.utils.errors import UserError


@pytest.fixture
def folder(tmp_path, monkeypatch):
    for name in ('a.jpg', 'b.JPEG', 'notes.txt', 'x/a.png', 'x/.hidden.png', 'y/a.png'):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(*sources):
    return [str(source.name) for source in image_files(sources)[0]]


def test_files_folders_and_patterns(folder):
    """Folders keep their folders, any case of a suffix counts, nothing is left out without being named."""
    assert names('.') == ['a', 'b', 'x/a', 'y/a']
    assert image_files(['.'])[1] == [Path('notes.txt')]
    assert names('*.jp*g') == ['a'] and names('**/a.*') == ['a', 'x/a', 'y/a']
    assert names('x/a.png', 'y/a.png') == ['x/a', 'y/a']  # one name each
    assert names('x/a.png', 'x') == ['a']  # each once
    assert names('notes.txt') == ['notes']  # asked for by name; its reader says what it is


def test_faults(folder):
    (folder / 'empty').mkdir()
    for source in ('empty', 'x/*.jpg'):
        with pytest.raises(UserError, match=f'{source.replace("*", "[*]")}: contains no photograph'):
            image_files([source])
    (folder / 'x/a.jpg').touch()
    with pytest.raises(UserError, match=r'x/a\.png: its result would have the same name as that of x/a\.jpg'):
        image_files(['x'])
