"""Split files as people and Windows write them."""

import pytest

from itaclip_mmseg.datasets import splits
from itaclip_mmseg.datasets.splits import split_lines, split_names
from itaclip_mmseg.utils.errors import UserError

FOUND = {'a', 'x/b', 'my photo 1', 'c.v2', 'Straße'}


def names(path, text, encoding='utf-8'):
    path.write_bytes(text.encode(encoding))
    return split_names(path, FOUND.__contains__, 'data/images')


@pytest.mark.parametrize('encoding', ['utf-8', 'utf-8-sig', 'utf-16', 'utf-16-le', 'utf-16-be'])
def test_encodings(tmp_path, encoding):
    assert names(tmp_path / 'split.txt', 'a\r\n\r\nStraße\n', encoding) == ['a', 'Straße']


def test_another_encoding_is_named(tmp_path):
    (tmp_path / 'split.txt').write_bytes('Straße'.encode('latin-1'))
    with pytest.raises(UserError, match=r'split\.txt: not readable as text'):
        split_lines(tmp_path / 'split.txt')


@pytest.mark.parametrize(
    ('line', 'name'),
    [
        ('a.jpg', 'a'), ('a.PNG', 'a'), ('x/b', 'x/b'), ('x/b.jpg', 'x/b'), ('./a', 'a'), ('x\\b.jpg', 'x/b'),
        ('my photo 1', 'my photo 1'), ('my photo 1.jpg', 'my photo 1'), ('c.v2', 'c.v2'), ('c.v2.jpg', 'c.v2'),
        ('images/a.jpg', 'a'), ('data/images/x/b.jpg', 'x/b'), ('absent', 'absent'), ('absent.jpg', 'absent'),
        ('val/a', 'val/a'), ('../outside', '../outside'),
    ],
)  # fmt: skip
def test_one_image_a_line(tmp_path, line, name, capsys):
    """As they are called below the folder; what is not there stays, for its reader to name it."""
    assert names(tmp_path / 'split.txt', line) == [name]
    assert capsys.readouterr().err == ''


@pytest.mark.parametrize('line', ['a 1', 'a -1', 'a.jpg labels/a.png', 'a\t0', 'images/a.jpg,labels/a.png'])
def test_further_columns(tmp_path, line, capsys):
    """Are left aside, and that is said: those of VOC's lists by class would choose images."""
    splits.warn.cache_clear()
    assert names(tmp_path / 'split.txt', line) == ['a']
    assert 'split.txt: only the first column is read, in 1 lines' in capsys.readouterr().err
