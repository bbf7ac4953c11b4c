"""Pictures of classes in colours to label maps, through the tool."""

import json

import numpy as np
import pytest
from PIL import Image

COLOURS = np.array([[0, 0, 0], [128, 64, 128], [255, 255, 255]], np.uint8)
LABELS = np.array([[0, 1, 1], [2, 2, 0]])


@pytest.fixture
def run(tmp_path, run_tool):
    """Run the tool with a table: exit code and output."""

    def run(table, out='labels', name='map.json'):
        (tmp_path / name).write_text(table if isinstance(table, str) else json.dumps(table))
        options = ('--pictures', 'colours', '--out', out, '--workers', '1')
        done = run_tool('dataset_converters/colours_to_labels', name, *options)
        return done.returncode, done.stderr if done.returncode else done.stdout + done.stderr

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
    assert run(table) == (0, 'labels: 4 label maps, 0 kept, 4 written\n')
    for name in ('a.png', 'x/a.png', 'y/b.png', 'p.png'):
        assert np.array_equal(labels_of(tmp_path / 'labels' / name), np.array([7, 1, 255])[LABELS])
    (tmp_path / 'labels/.a.abcd1234.png').write_bytes(b'half')
    (tmp_path / 'labels/p.png').unlink()
    assert run(table) == (0, 'labels: 4 label maps, 3 kept, 1 written\n')
    assert not (tmp_path / 'labels/.a.abcd1234.png').exists()


def labels_of(path):
    with Image.open(path) as image:
        return np.array(image)


def test_maps_of_a_mended_table_or_picture_are_made_anew(run, tmp_path):
    for name in ('a.png', 'b.png'):
        picture(tmp_path / 'colours' / name)
    run({'#000000': 0, '#804080': 1, '#ffffff': 2})
    picture(tmp_path / 'colours/b.png', COLOURS[LABELS.T])
    assert run({'#000000': 0, '#804080': 1, '#ffffff': 2}) == (0, 'labels: 2 label maps, 1 kept, 1 written\n')
    assert np.array_equal(labels_of(tmp_path / 'labels/b.png'), LABELS.T)
    assert run({'#000000': 0, '#804080': 2, '#ffffff': 1}) == (0, 'labels: 2 label maps, 0 kept, 2 written\n')
    assert np.array_equal(labels_of(tmp_path / 'labels/a.png'), np.array([0, 2, 1])[LABELS])


def test_maps_of_others_are_not_replaced(run, tmp_path):
    picture(tmp_path / 'colours/a.png')
    picture(tmp_path / 'labels/a.png')
    before = (tmp_path / 'labels/a.png').read_bytes()
    code, error = run({'#000000': 0, '#804080': 1, '#ffffff': 2})
    assert code == 1 and 'labels/a.png: was not written by a converter' in error and error.count('\n') == 1
    assert (tmp_path / 'labels/a.png').read_bytes() == before


def test_a_map_without_a_picture_is_named(run, tmp_path):
    table = {'#000000': 0, '#804080': 1, '#ffffff': 2}
    for name in ('a.png', 'b.png'):
        picture(tmp_path / 'colours' / name)
    run(table)
    (tmp_path / 'colours/b.png').unlink()
    assert 'warning: labels/b.png: from an earlier run' in run(table)[1]


def test_labelmap_of_cvat(run, tmp_path):
    """Classes are numbered in the order of CVAT's table."""
    picture(tmp_path / 'colours/a.png')
    table = '# label:color_rgb:parts:actions\nbackground:0,0,0::\nroad: wet:255,255,255::\ncat:128,64,128::\n'
    assert run(table, name='labelmap.txt')[0] == 0
    assert np.array_equal(labels_of(tmp_path / 'labels/a.png'), np.array([0, 2, 1])[LABELS])


@pytest.mark.parametrize(
    ('table', 'named'),
    [
        ('cat:1,2', "'cat:1,2' is not a class and colour"),
        ('cat:1,2,256::', 'is not a class and colour'),
        ('cat:1,2,3::\ncat:1,2,4::', 'name cat occurs twice'),
        ('cat:1,2,3::\ndog:1,2,3::', 'colour #010203 occurs twice'),
        ('# nothing\n', 'has no class'),
    ],
)
def test_damaged_labelmaps_end_in_one_line(run, tmp_path, table, named):
    picture(tmp_path / 'colours/a.png')
    code, error = run(table, name='labelmap.txt')
    assert code == 1 and f'labelmap.txt: {named}'.replace('labelmap.txt: is', 'is') in error and error.count('\n') == 1


def test_many_classes_have_16_bits(run, tmp_path):
    picture(tmp_path / 'colours/a.png')
    run({'#000000': 0, '#804080': 299, '#ffffff': 65535})
    assert np.array(Image.open(tmp_path / 'labels/a.png')).max() == 65535


@pytest.mark.parametrize(
    ('table', 'out', 'named'),
    [
        ({'#000000': 0, '#804080': 1}, 'labels', 'a.png: colour #ffffff at row 1, column 0 has no label'),
        ({'black': 0}, 'labels', 'map.json: is not a table of labels by colour'),
        ({'#000000': -1}, 'labels', 'map.json: is not a table of labels by colour'),
        ([], 'labels', 'map.json: is not a table of labels by colour'),
        ('no JSON', 'labels', 'map.json: not readable as JSON'),
        ({'#000000': 0}, 'colours', '--out colours: contains the images'),
    ],
)
def test_faults_end_in_one_line(run, tmp_path, table, out, named):
    picture(tmp_path / 'colours/a.png')
    code, error = run(table, out)
    assert code == 1 and named in error and error.count('\n') == 1


def test_jpegs_and_empty_folders_are_refused(run, tmp_path):
    (tmp_path / 'colours').mkdir()
    assert 'contains no images' in run({'#000000': 0})[1]
    picture(tmp_path / 'colours/a.jpg')
    assert 'is a JPEG, whose compression changes colours' in run({'#000000': 0})[1]
