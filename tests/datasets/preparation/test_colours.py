"""Pictures of classes in colours to label maps, through the tool."""

import json
import runpy
import sys

import numpy as np
import pytest
from conftest import REPO
from PIL import Image

COLOURS = np.array([[0, 0, 0], [128, 64, 128], [255, 255, 255]], np.uint8)
LABELS = np.array([[0, 1, 1], [2, 2, 0]])


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run the tool with a table: exit code and output."""

    def run(table, out='labels'):
        (tmp_path / 'map.json').write_text(table if isinstance(table, str) else json.dumps(table))
        tool = str(REPO / 'tools/dataset_converters/colours_to_labels.py')
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, 'argv', [tool, 'map.json', '--pictures', 'colours', '--out', out, '--workers', '1'])
        try:
            runpy.run_path(tool, run_name='__main__')
        except SystemExit as stop:
            return stop.code, capsys.readouterr().err
        return 0, capsys.readouterr().out

    return run


def picture(path, array=COLOURS[LABELS], mode='RGB'):
    path.parent.mkdir(parents=True, exist_ok=True)
    one = Image.fromarray(array)
    (one.quantize(3) if mode == 'P' else one.convert(mode)).save(path)


def test_conversion(run, tmp_path):
    """Folders are kept, whatever way the colours are stored; finished maps too."""
    for name, mode in (('a.png', 'RGB'), ('x/a.PNG', 'RGBA'), ('y/b.bmp', 'RGB'), ('p.png', 'P')):
        picture(tmp_path / 'colours' / name, mode=mode)
    table = {'#000000': 7, '#804080': 1, '#FFFFFF': 255}
    assert run(table) == (0, '4 pictures converted in labels\n')
    for name in ('a.png', 'x/a.png', 'y/b.png', 'p.png'):
        with Image.open(tmp_path / 'labels' / name) as labels:
            assert np.array_equal(np.array(labels), np.array([7, 1, 255])[LABELS]) and labels.mode == 'L'
    (tmp_path / 'labels/a.png').write_bytes(b'finished earlier')
    (tmp_path / 'labels/.a.abcd1234.png').write_bytes(b'half')
    assert run(table)[0] == 0 and (tmp_path / 'labels/a.png').read_bytes() == b'finished earlier'
    assert not (tmp_path / 'labels/.a.abcd1234.png').exists()


def test_many_classes_have_16_bits(run, tmp_path):
    picture(tmp_path / 'colours/a.png')
    run({'#000000': 0, '#804080': 299, '#ffffff': 65535})
    assert np.array(Image.open(tmp_path / 'labels/a.png')).max() == 65535


@pytest.mark.parametrize(
    ('table', 'out', 'named'),
    [
        ({'#000000': 0, '#804080': 1}, 'labels', 'a.png: colour #ffffff at row 1, column 0 has no label'),
        ({'black': 0}, 'labels', 'map.json: no labels by colour'),
        ({'#000000': -1}, 'labels', 'map.json: no labels by colour'),
        ([], 'labels', 'map.json: no labels by colour'),
        ('no JSON', 'labels', 'map.json: not readable as JSON'),
        ({'#000000': 0}, 'colours', '--out colours: holds the pictures'),
    ],
)
def test_faults_end_in_one_line(run, tmp_path, table, out, named):
    picture(tmp_path / 'colours/a.png')
    code, error = run(table, out)
    assert code == 1 and named in error and error.count('\n') == 1


def test_jpegs_and_empty_folders_are_refused(run, tmp_path):
    (tmp_path / 'colours').mkdir()
    assert 'holds no picture' in run({'#000000': 0})[1]
    picture(tmp_path / 'colours/a.jpg')
    assert 'a JPEG, which does not keep colours' in run({'#000000': 0})[1]
