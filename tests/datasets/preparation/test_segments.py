import json
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from processes import forked

from itaclip_mmseg.datasets.preparation.coco_segments import read_segment, run_lengths
from itaclip_mmseg.datasets.preparation.document import Node
from itaclip_mmseg.datasets.preparation.drawing import shape_mask
from itaclip_mmseg.datasets.preparation.segments import CONTEXT_IDS, convert_context, convert_instances
from itaclip_mmseg.utils.errors import UserError

pytestmark = pytest.mark.filterwarnings('ignore:__array__')  # pycocotools and NumPy 2
BOX = [[1, 1, 4, 1, 4, 3, 1, 3]]  # columns 1 to 3, rows 1 and 2


def annotations(images, segments):
    """COCO's instance annotation of 4 x 6 images."""
    return dict(
        categories=[dict(id=1, name='person'), dict(id=13, name='stop sign')],
        images=[dict(id=index, file_name=f'{index}.jpg', height=4, width=6) for index in range(images)],
        annotations=segments,
    )


def segment(category, segmentation, area, image=0, iscrowd=0):
    return dict(image_id=image, category_id=category, segmentation=segmentation, area=area, iscrowd=iscrowd)


def labels_of(path):
    with Image.open(path) as image:
        return np.array(image)


def test_compressed_and_plain_runs_agree():
    """'P1' style strings: 5 bits a character, differences from the third run on."""
    runs = [6, 1, 40, 4, 30, 19]
    assert run_lengths(node(compressed(runs))) == runs
    plain, short = (
        shape_mask(read_segment('cat', node(dict(counts=counts)), (10, 10)), (10, 10))
        for counts in (runs, compressed(runs))
    )
    assert np.array_equal(plain, short) and plain[6, 0] and plain.sum() == 24


def node(value):
    return Node(value, Path('a.json'), 'counts')


@pytest.mark.parametrize('text', ['', 'Q', '0o', 'ä', 'oooooooooooo0'])
def test_damaged_runs_are_named(text):
    with pytest.raises(UserError, match=r'a\.json: counts (is not valid compressed|has a run)'):
        run_lengths(node(text))


def compressed(runs):
    """COCO's own compression, written anew from its description."""
    text = ''
    for index, run in enumerate(runs):
        value = run - runs[index - 2] if index > 2 else run
        more = True
        while more:
            code, value = value & 31, value >> 5
            more = value != (-1 if code & 16 else 0)
            text += chr((code | 32 if more else code) + 48)
    return text


def test_instances_polygon_crowd_and_order(tmp_path):
    """Small objects lie on large ones; a crowd counts as its class; category 13 (stop sign) is label 12."""
    crowd = dict(counts=[0, 24])
    path = tmp_path / 'instances.json'
    path.write_text(json.dumps(annotations(2, [segment(13, BOX, 6), segment(1, crowd, 24, iscrowd=1)])))
    assert convert_instances(path, tmp_path / 'maps', workers=1)[1:4] == (0, 2, [])
    labels = labels_of(tmp_path / 'maps/0_instanceTrainIds.png')
    assert labels[0, 0] == 1 and labels[1, 2] == 12 and set(np.unique(labels)) == {1, 12}
    assert not labels_of(tmp_path / 'maps/1_instanceTrainIds.png').any()


def test_context_labels_and_splits(tmp_path):
    """The order of ids is the order of labels; a category without a label is background."""
    images = [dict(image_id=7, file_name='a.jpg', height=4, width=6, phase='val')]
    entries = [segment(CONTEXT_IDS[58], BOX, 6, image=7), segment(1, dict(counts=[0, 4, 20]), 4, image=7)]
    path = tmp_path / 'detail.json'
    path.write_text(json.dumps(dict(images=images, annos_segmentation=entries)))
    convert_context(path, tmp_path / 'voc', workers=1)
    assert set(np.unique(labels_of(tmp_path / 'voc/SegmentationClassContext/a.png'))) == {0, 59}
    assert (tmp_path / 'voc/ImageSets/SegmentationContext/val.txt').read_text() == 'a\n'


def test_input_folder_is_refused(tmp_path):
    (tmp_path / 'instances.json').write_text(json.dumps(annotations(1, [])))
    with pytest.raises(UserError, match='contains the input'):
        convert_instances(tmp_path / 'instances.json', tmp_path)


def test_killed_run_is_completed(tmp_path):
    """A kill -9 half way and a second run end as one run does, with nothing left over."""
    path = tmp_path / 'instances.json'
    path.write_text(json.dumps(annotations(400, [segment(1, BOX, 6, image=index) for index in range(400)])))
    process = forked(lambda: convert_instances(path, tmp_path / 'maps', workers=1))
    while len(list((tmp_path / 'maps').glob('*.png'))) < 20 and process.is_alive():
        time.sleep(0.002)
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL, 'ended before it was killed'
    (tmp_path / 'maps/.399_instanceTrainIds.abcd1234.png').write_bytes(b'half')
    conversion = convert_instances(path, tmp_path / 'maps', workers=1)
    assert conversion.kept > 10 and conversion.kept + conversion.made == 400
    convert_instances(path, tmp_path / 'whole', workers=1)
    expected = {file.name: file.read_bytes() for file in (tmp_path / 'whole').iterdir()}
    assert {file.name: file.read_bytes() for file in (tmp_path / 'maps').iterdir()} == expected


def test_names_do_not_lead_out_of_the_folder(tmp_path):
    """An annotation from elsewhere may hold any path: only the last part of a name counts."""
    content = annotations(3, [])
    names = ('../../out.jpg', '/tmp/absolute.jpg', '..')
    for image, name in zip(content['images'], names, strict=True):
        image['file_name'] = name
    (tmp_path / 'a').mkdir()
    (tmp_path / 'a/instances.json').write_text(json.dumps(content))
    convert_instances(tmp_path / 'a/instances.json', tmp_path / 'a/maps', workers=1)
    found = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob('*.png'))
    assert found == sorted(f'a/maps/{stem}_instanceTrainIds.png' for stem in ('out', 'absolute', '..'))


@pytest.mark.parametrize(
    ('changes', 'named'),
    [
        (dict(file_name='x/1.jpg'), r'1_instanceTrainIds\.png: two .* would be this one file'),
        (dict(file_name=5), r'images\[0\]\.file_name is not a text \(5\)'),
        (dict(file_name='a\0.jpg'), 'file_name is empty or has a character that names cannot have'),
        (dict(height=10**9, width=10**9), 'an image size of 1000000000 x 1000000000 pixels'),
        (dict(height='four'), 'height is not a number'),
        (dict(id=0, file_name='0.jpg', height=None), r'images\[0\] has no "height"'),
    ],
)
def test_hostile_annotations_end_in_one_line(tmp_path, changes, named):
    content = annotations(2, [])
    content['images'][0] |= changes
    (tmp_path / 'instances.json').write_text(json.dumps(content))
    with pytest.raises(UserError, match=named):
        convert_instances(tmp_path / 'instances.json', tmp_path / 'maps', workers=1)


def test_run_lengths_of_another_size_are_named(tmp_path):
    """A run of 10^12 pixels would take all memory."""
    content = annotations(1, [segment(1, dict(counts=[0, 10**12]), 24)])
    (tmp_path / 'instances.json').write_text(json.dumps(content))
    with pytest.raises(
        UserError, match=r'annotations\[0\]\.segmentation\.counts has run lengths of 1000000000000 pixels instead of 24'
    ):
        convert_instances(tmp_path / 'instances.json', tmp_path / 'maps', workers=1)


@pytest.mark.parametrize(
    'categories', [[dict(id=1, name='balloon')], [dict(id=0, name='person')], [dict(id=12, name='x')]]
)
def test_classes_that_are_not_cocos_are_refused(tmp_path, categories):
    """Ids of one's own would become COCO's classes in silence."""
    (tmp_path / 'instances.json').write_text(json.dumps(annotations(1, []) | dict(categories=categories)))
    with pytest.raises(UserError, match=r'categories\[0\] is .*annotations_to_labels\.py'):
        convert_instances(tmp_path / 'instances.json', tmp_path / 'maps', workers=1)
    assert not (tmp_path / 'maps').exists()
