"""What a segmentation saves and hands on."""

import io
import json

import numpy as np
import pytest
from PIL import Image

from itaclip_mmseg.apis.segmentation import Segmentation
from itaclip_mmseg.utils.errors import UserError


@pytest.fixture
def result() -> Segmentation:
    """40 x 60: background, a square of cat, two pieces of dog, no bird."""
    labels = np.zeros((40, 60), np.int64)
    labels[5:15, 10:30], labels[20:30, 0:5], labels[20:30, 50:60] = 1, 2, 2
    image = np.full((40, 60, 3), 90, np.uint8)
    return Segmentation(image, labels, None, ('background', 'cat', 'dog', 'bird'), background=True)


def test_files(result, tmp_path):
    """Named after the path; the label map holds the labels and the legend's colours."""
    files = result.save(tmp_path / 'out/photo.png')
    assert [path.name for path in files] == ['photo.png', 'photo_labels.png', 'photo_classes.json']
    assert sorted(path.name for path in (tmp_path / 'out').iterdir()) == sorted(path.name for path in files)
    picture = Image.open(files[1])
    assert picture.mode == 'P' and np.array_equal(np.asarray(picture), result.labels)
    assert np.asarray(picture.convert('RGB'))[5, 10].tolist() == list(result.colours[1])
    classes = json.loads(files[2].read_text())
    assert classes[1] == dict(label=1, name='cat', colour=list(result.colours[1]), share=200 / 2400)
    with pytest.raises(UserError, match="parts='mask': not known; allowed: overlay"):
        result.save(tmp_path / 'x', parts=('mask',))


def test_more_classes_than_a_byte_holds(result, tmp_path):
    names = tuple(f'class {index}' for index in range(300))
    labels = np.full((4, 5), 299, np.int64)
    many = Segmentation(result.image[:4, :5], labels, None, names)
    (path,) = many.save(tmp_path / 'many', parts=('labels',))
    assert np.array_equal(np.asarray(Image.open(path)), labels)


@pytest.mark.filterwarnings('ignore:__array__')  # pycocotools and NumPy 2
def test_coco(result, tmp_path):
    """Run lengths that pycocotools reads back; the background is no category, absent classes have no annotation."""
    codec = pytest.importorskip('pycocotools.mask')
    (path,) = result.save(tmp_path / 'photo', parts=('coco',))
    content = json.loads(path.read_text())
    assert [entry['name'] for entry in content['categories']] == ['cat', 'dog', 'bird']
    assert [entry['category_id'] for entry in content['annotations']] == [1, 2]
    for entry in content['annotations']:
        mask = codec.decode(entry['segmentation']).astype(bool)
        assert np.array_equal(mask, result.labels == entry['category_id'])
        assert entry['area'] == mask.sum() and entry['bbox'] == codec.toBbox(entry['segmentation']).tolist()


def test_supervision(result):
    pytest.importorskip('supervision')
    detections = result.to_supervision()
    assert detections.class_id.tolist() == [1, 2] and detections['class_name'].tolist() == ['cat', 'dog']
    assert np.array_equal(detections.mask[1], result.labels == 2)
    assert detections.xyxy[0].tolist() == [10, 5, 30, 15]
    empty = Segmentation(result.image, np.zeros_like(result.labels), None, result.names, background=True)
    assert len(empty.to_supervision()) == 0


def test_a_notebook_shows_it(result):
    assert Image.open(io.BytesIO(result._repr_png_())).size == result.overlay().size


def test_tags_stand_best_first():
    """On one line; of a method that does not tag there is none."""
    tags = dict(names=['b', 'a'], scores=dict(b=0.5, c=0.1, a=0.75))
    image, labels = np.zeros((2, 2, 3), np.uint8), np.zeros((2, 2), np.int64)
    assert Segmentation(image, labels, None, tuple('abc'), notes=dict(tags=tags)).tag_line() == 'tags: a 0.75, b 0.50'
    assert Segmentation(image, labels, None, tuple('abc')).tag_line() == ''
