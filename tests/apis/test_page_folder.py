"""Several photographs, without a browser."""

import csv
import zipfile

import numpy as np
import pytest
from PIL import Image

from itaclip_mmseg.apis.exports import coco_annotations, merged_coco
from itaclip_mmseg.apis.page_folder import THUMBNAIL, segment_all, thumbnails, unique_names
from itaclip_mmseg.apis.page_session import OWN, Workbench
from itaclip_mmseg.apis.page_truth import Measurement, iou_rows, iou_table, paired
from itaclip_mmseg.apis.page_words import class_fields, class_list
from itaclip_mmseg.apis.segmentation import Segmentation
from itaclip_mmseg.engine.config import load_config
from itaclip_mmseg.engine.own_data import OwnData
from itaclip_mmseg.engine.testing import run_test
from itaclip_mmseg.scenes.render import render_scene
from itaclip_mmseg.utils.errors import Faults


def test_numbers_of_coco_are_unique():
    """Images and annotations count on; categories are those of one."""
    labels = np.repeat([[0, 1, 2]], 2, axis=0)
    one = coco_annotations(labels, ['background', 'dog', 'cat'], background=True)
    merged = merged_coco({'a.jpg': one, 'b.png': one})
    assert [(image['id'], image['file_name']) for image in merged['images']] == [(1, 'a.jpg'), (2, 'b.png')]
    assert [(each['id'], each['image_id']) for each in merged['annotations']] == [(1, 1), (2, 1), (3, 2), (4, 2)]
    assert merged['categories'] == one['categories'] and one['annotations'][0]['id'] == 1


def test_files_of_one_stem_are_told_apart():
    names = unique_names(['x/a.jpg', 'x/a.png', 'x/b.jpg'])
    assert list(names.values()) == ['a_jpg', 'a_png', 'b']


@pytest.mark.parametrize(
    ('paths', 'names'),
    [
        (['x/dog.jpg', 'y/dog.jpg'], ['dog_jpg', 'dog_jpg (2)']),  # uploads of one name lie in folders of their own
        (['dog.jpg', 'Dog.png'], ['dog', 'Dog (2)']),
        (['dog.jpg', 'dog_labels.jpg', 'dog_2.jpg'], ['dog', 'dog_labels (2)', 'dog_2']),
        (['dog.jpg', 'dog_sclip.jpg'], ['dog', 'dog_sclip (2)']),
    ],
)
def test_no_file_of_a_photograph_is_replaced_by_that_of_another(paths, names):
    assert list(unique_names(paths, ['sclip']).values()) == names


def test_damaged_photographs_are_named(small_voc, tmp_path):
    """The others have small pictures."""
    (tmp_path / 'broken.jpg').write_bytes(b'none')
    faults = Faults()
    good = str(small_voc / 'JPEGImages/one.jpg')
    ((path, picture),) = thumbnails([str(tmp_path / 'broken.jpg'), good], faults)
    assert path == good and picture.width <= THUMBNAIL[0] and picture.height <= THUMBNAIL[1]
    assert len(faults.lines) == 1 and faults.lines[0].startswith('broken.jpg: ')


NAMES = ('background', 'dog', 'cat')
TRUTH = np.repeat([[0, 1, 2, 255]], 4, axis=0).astype(np.uint8)


def segmented(labels):
    return Segmentation(np.zeros((*labels.shape, 3), np.uint8), labels.astype(np.int64), None, NAMES, background=True)


@pytest.fixture
def pair(tmp_path):
    """A photograph and its label map."""
    for folder, values in (('i', np.zeros((4, 4, 3), np.uint8)), ('l', TRUTH)):
        (tmp_path / folder).mkdir()
        Image.fromarray(values).save(tmp_path / folder / 'a.png')
    return str(tmp_path / 'i/a.png'), str(tmp_path / 'l/a.png')


def test_both_methods_are_measured(pair):
    """Exact figures of each; ignored pixels do not count; a class that is nowhere has none."""
    measurement = Measurement(NAMES)
    right, dogs = np.where(TRUTH == 255, 0, TRUTH), np.ones_like(TRUTH)
    assert measurement.figures() == {}
    measurement.add(*pair, {'one': segmented(right), 'two <b>': segmented(dogs)})
    figures = measurement.figures()
    assert iou_rows(figures) == [
        ['class', 'one', 'two <b>'],
        ['mIoU', 100, pytest.approx(100 / 9)],
        ['aAcc', 100, pytest.approx(100 / 3)],
        ['mAcc', 100, pytest.approx(100 / 3)],
        ['background', 100, 0],
        ['dog', 100, pytest.approx(100 / 3)],
        ['cat', 100, 0],
    ]
    assert 'two &lt;b&gt;' in iou_table(figures, 1) and '<td>33.33</td>' in iou_table(figures, 1)


def test_labels_of_a_shrunk_photograph_are_resized_back(pair):
    measurement = Measurement(NAMES)
    measurement.add(*pair, {'one': segmented(np.array([[0, 2], [0, 2]]))})
    assert measurement.figures()['one']['classes'] == dict(background=50, dog=0, cat=100)


@pytest.mark.parametrize(
    ('values', 'message'),
    [
        (TRUTH[:2], r'a\.png: size 2 x 4 \(height x width\), but the image has 4 x 4'),
        (TRUTH + np.uint8(2), r'a\.png: contains labels 3, 4, but the class list ends with label 2'),
        (np.stack([TRUTH, 0 * TRUTH, TRUTH], axis=-1), r'a\.png: is a colour image'),
    ],
)
def test_label_maps_that_do_not_fit_are_named(pair, values, message):
    """Without the folder of the server; the others still count."""
    Image.fromarray(values).save(pair[1])
    faults, measurement = Faults(), Measurement(NAMES)
    faults.result(measurement.add, *pair, {'one': segmented(TRUTH % 3)})
    with pytest.raises(AssertionError, match=message):
        raise AssertionError(*faults.lines)
    assert '/' not in faults.lines[0].split(':')[0] and measurement.figures() == {}


def test_label_maps_belong_to_photographs_by_name():
    faults = Faults()
    names = unique_names(['x/a.jpg', 'x/b.jpg'])
    assert paired(names, ['y/a.png', 'z/a.png', 'y/c.png'], faults) == {'x/a.jpg': 'y/a.png'}
    assert faults.lines == [
        'a.png: there is another label map of a; remove one',
        'c.png: there is no photograph c; rename the label map',
    ]


@pytest.mark.slow
def test_the_table_is_that_of_a_test(tmp_path):
    """The page's figures of a folder are those of `tools/test.py --images --labels`, and in the download."""
    for folder in ('images', 'labels', 'out'):
        (tmp_path / folder).mkdir()
    for seed in (25, 30):
        scene = render_scene(seed, 96, 128)
        Image.fromarray(scene.image).save(tmp_path / f'images/{seed}.png')
        Image.fromarray(scene.labels.astype(np.uint8)).save(tmp_path / f'labels/{seed}.png')
    config = 'configs/itaclip/itaclip_tiny_scenes.py'
    data = OwnData(str(tmp_path / 'images'), str(tmp_path / 'labels'))
    expected = run_test(load_config(config, work_dir=str(tmp_path / 'work'), data=data), table=False)

    workbench = Workbench(config, methods=dict(plain=dict(image_engineering=False)))
    classes = class_list(*class_fields(workbench.segmenter.bank, 'definition'))
    paths, maps = (sorted(map(str, (tmp_path / folder).iterdir())) for folder in ('images', 'labels'))
    done = segment_all(workbench, paths, maps, (classes, {}, 'plain'), tmp_path / 'out', Faults())
    assert list(done.figures) == [OWN, 'plain'] and done.measured == 2
    assert done.figures[OWN]['mIoU'] == pytest.approx(expected['mIoU'], abs=0.1)
    assert done.figures[OWN] != done.figures['plain']
    with zipfile.ZipFile(done.archive) as archive:
        rows = list(csv.reader(archive.read('iou.csv').decode().splitlines()))
    assert rows[0] == ['class', OWN, 'plain'] and float(rows[1][1]) == done.figures[OWN]['mIoU']
