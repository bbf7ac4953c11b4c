"""What single formats have beyond the specimens; the right pixels are counted by hand."""

import json
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from itaclip_mmseg.datasets.preparation import formats
from itaclip_mmseg.datasets.preparation.document import Node
from itaclip_mmseg.datasets.preparation.drawing import shape_mask
from itaclip_mmseg.datasets.preparation.formats import cvat, darwin, label_studio, labelme, read_export, yolo
from itaclip_mmseg.datasets.preparation.shapes import Shape, mask_of, runs_of
from itaclip_mmseg.datasets.preparation.source import Source
from itaclip_mmseg.utils.errors import UserError

pytestmark = pytest.mark.filterwarnings('ignore:__array__')  # pycocotools and NumPy 2
SIZE = 40, 60
ROWS, COLUMNS = np.mgrid[: SIZE[0], : SIZE[1]] + 0.5


def node(value):
    return Node(value, Path('a.json'))


def overlap(shape, expected):
    """Intersection over union of a shape and a mask."""
    mask = shape_mask(shape, SIZE)
    return (mask & expected).sum() / (mask | expected).sum()


def ellipse(x, y, horizontal, vertical, degrees=0):
    """By the equation of an ellipse, turned clockwise."""
    angle = np.deg2rad(degrees)
    along = (COLUMNS - x) * np.cos(angle) + (ROWS - y) * np.sin(angle)
    across = -(COLUMNS - x) * np.sin(angle) + (ROWS - y) * np.cos(angle)
    return (along / horizontal) ** 2 + (across / vertical) ** 2 <= 1


def test_a_format_is_a_file():
    """Found by lying there: no list has to be kept."""
    assert len(formats.FORMATS) >= 12
    for name in formats.FORMATS:
        module = import_module(f'{formats.__name__}.{name}')
        assert module.TITLE and callable(module.find) and callable(module.read)


@pytest.mark.parametrize('degrees', [0, 30, 300])
def test_cvat_turned_shapes(degrees):
    """Clockwise around the centre."""
    attributes = dict(label='a', cx=30, cy=20, rx=20, ry=8, rotation=degrees)
    assert overlap(cvat.read_shape('ellipse', node(attributes), SIZE), ellipse(30, 20, 20, 8, degrees)) > 0.93
    attributes = dict(label='a', xtl='20', ytl='16', xbr='40', ybr='24', rotation=str(degrees))
    angle = np.deg2rad(degrees)
    along = (COLUMNS - 30) * np.cos(angle) + (ROWS - 20) * np.sin(angle)
    across = -(COLUMNS - 30) * np.sin(angle) + (ROWS - 20) * np.cos(angle)
    assert overlap(cvat.read_shape('box', node(attributes), SIZE), (abs(along) <= 10) & (abs(across) <= 4)) > 0.88


def test_label_studio_turned_shapes():
    """Per cent of both sides; a box is turned clockwise around its first corner, an ellipse around its centre."""
    value = dict(x=50, y=50, radiusX=20, radiusY=20, rotation=90, ellipselabels=['a'])
    shape = label_studio.read_shape(node(dict(value=value)), 'ellipselabels', SIZE)
    assert overlap(shape, ellipse(30, 20, 12, 8, 90)) > 0.93
    value = dict(x=50, y=50, width=30, height=25, rotation=90, rectanglelabels=['a'])
    shape = label_studio.read_shape(node(dict(value=value)), 'rectanglelabels', SIZE)
    assert overlap(shape, (COLUMNS > 20) & (COLUMNS < 30) & (ROWS > 20) & (ROWS < 38)) == 1


@pytest.mark.parametrize(
    ('result', 'named'),
    [
        (dict(value=dict(points=[[1, 1], [2, 1], [2, 2]])), 'has no label'),
        (dict(value=dict(points=[[1, 1], [2, 1], [2, 2]], polygonlabels=['a', 'b'])), 'has 2 labels'),
        (dict(value=dict(points=[]), image_rotation=90), 'image_rotation is not 0; rotate the image'),
        (dict(value=dict(rle=[0, 0, 0, 4, 1], polygonlabels=['a'])), r'value\.rle (has|is)'),
        (dict(value=dict(rle=[0, 300], polygonlabels=['a'])), r'value\.rle is not a list of bytes'),
    ],
)
def test_label_studio_faults(result, named):
    with pytest.raises(UserError, match=named):
        label_studio.read_shape(node(result), 'polygonlabels', SIZE)


def test_label_studio_takes_one_annotation_of_a_photograph(tmp_path):
    """Cancelled ones do not count; of two others nobody knows which is right."""
    value = dict(points=[[0, 0], [50, 0], [50, 50]], polygonlabels=['cat'])
    result = dict(type='polygonlabels', original_width=60, original_height=40, image_rotation=0, value=value)
    done = [dict(result=[result]), dict(result=[result], was_cancelled=True)]
    task = dict(data=dict(text='a', image='/data/local-files/?d=photos/x%20y.jpg'), annotations=done)
    (tmp_path / 'a.json').write_text(json.dumps([task]))
    (annotation,) = read_export(Source(tmp_path / 'a.json')).annotations
    assert len(annotation.shapes) == 1 and annotation.names[0] == 'photos/x y.jpg' and annotation.size == SIZE
    done[1]['was_cancelled'] = False
    (tmp_path / 'a.json').write_text(json.dumps([task]))
    with pytest.raises(UserError, match=r'a\.json: \[0\] has 2 annotations of photos/x y\.jpg; keep one'):
        read_export(Source(tmp_path / 'a.json'))


def test_darwin_ellipse():
    value = dict(name='a', ellipse=dict(center=dict(x=30, y=20), radius=dict(x=20, y=8), angle=np.pi / 6))
    assert overlap(darwin.read_shape('ellipse', node(value), SIZE, {}), ellipse(30, 20, 20, 8, 30)) > 0.93


def test_labelme_ignores_what_it_calls_so():
    shape = labelme.read_shape(node(dict(label='__ignore__', points=[[0, 0], [9, 0], [9, 9]])), 'polygon', SIZE)
    assert shape.name is None


def test_cvat_for_video_is_refused(tmp_path):
    (tmp_path / 'a.xml').write_text('<annotations><track id="0"/></annotations>')
    with pytest.raises(UserError, match=r'a\.xml: is "CVAT for video"; export it as "CVAT for images 1\.1"'):
        read_export(Source(tmp_path))


@pytest.mark.parametrize(
    ('line', 'named'),
    [
        ('4 0 0 1 0 1 1', 'line 1 has class 4, which is not in data.yaml'),
        ('0 0.5 0.5 0.1 0.1', 'line 1 has 4 numbers: a box'),
        ('0 0 0 30 0 30 20', 'line 1 has 30, which is not between 0 and 1; write CLASS X Y'),
        ('0 0 0 1 0 1', 'line 1 has 5 numbers that are not pairs'),
        ('0 0 0 1 nan 1 1', 'line 1 has a value that is not a number'),
    ],
)
def test_yolo_faults(line, named):
    with pytest.raises(UserError, match=named):
        yolo.read_line(line, {'0': 'cat'}, Path('a.txt'), 1)


def test_yolo_names():
    assert yolo.class_names(node(['a b', 7])) == {'0': 'a b', '1': '7'}
    assert list(yolo.class_names(node({10: 'b', '2': 'a'})).values()) == ['a', 'b']
    for names, named in (
        ({'a': 'b'}, 'keys that are not numbers'),
        ([True], r'names\[0\] is not a text'),
        (3, 'no list|not a list'),
    ):
        with pytest.raises(UserError, match=named):
            yolo.class_names(node(names))


def test_voc_needs_names(tmp_path):
    (tmp_path / 'SegmentationClass').mkdir()
    Image.new('L', (4, 4)).save(tmp_path / 'SegmentationClass/a.png')
    with pytest.raises(UserError, match=r'class_names\.txt: missing; write the classes to it'):
        read_export(Source(tmp_path))
    (tmp_path / 'class_names.txt').write_text('_background_\ncat\n')
    Image.new('L', (4, 4), 7).save(tmp_path / 'SegmentationClass/a.png')
    with pytest.raises(UserError, match=r'a\.png: 7 at row 0, column 0 is not a class'):
        read_export(Source(tmp_path))


@pytest.mark.parametrize(('left', 'top'), [(0, 0), (-3, 2), (55, 38), (-10, -10), (70, 0), (58, -1)])
def test_masks_are_cut_at_the_edges(left, top):
    small = np.random.RandomState(0).rand(6, 9) > 0.5
    expected = np.zeros((SIZE[0] + 40, SIZE[1] + 40), bool)
    expected[top + 20 : top + 26, left + 20 : left + 29] = small
    runs = runs_of(small, SIZE, left, top)
    assert np.array_equal(mask_of(runs, SIZE), expected[20:-20, 20:-20]) and runs.sum() == np.prod(SIZE)


def test_holes_and_parts():
    """Rings are joined, holes cut out, what leaves the picture is cut."""
    square = np.array([[10, 10], [30, 10], [30, 30], [10, 30]], float)
    hole, far = (square + 20) / 2, square + np.array([25, 25])
    mask = shape_mask(Shape('a', rings=(square, far), holes=(hole,)), SIZE)
    assert mask[12, 12] and not mask[20, 20] and mask[37, 50] and not mask[5, 5]
    assert mask.sum() == 20 * 20 - 10 * 10 + 20 * 5
