"""The rules of annotations_to_labels.py, each through the tool, on small exports of COCO's form."""

import json
import shutil
import sys

import numpy as np
import pytest
from conftest import REPO
from PIL import Image

from itaclip_mmseg.text.classes import bank_of

pytestmark = pytest.mark.filterwarnings('ignore:__array__')  # pycocotools and NumPy 2
EXPORTS = REPO / 'tests' / 'exports'
HEIGHT, WIDTH = 6, 8
TOP, LEFT = [0, 0, 8, 0, 8, 3, 0, 3], [0, 0, 4, 0, 4, 6, 0, 6]  # halves of the picture
NAMES = {1: 'cat', 2: 'dog', 3: 'wet road'}


def shape(category=1, ring=TOP, image=0, **changes):
    return dict(image_id=image, category_id=category, segmentation=[ring], iscrowd=0) | changes


def write(folder, shapes, names=NAMES, photographs=('a.png', 'b.png'), **changes):
    """Photographs, and an export of them in `coco.json`."""
    for name in photographs:
        (folder / 'images' / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new('RGB', (WIDTH, HEIGHT)).save(folder / 'images' / name)
    images = [dict(id=i, file_name=name, height=HEIGHT, width=WIDTH) for i, name in enumerate(photographs)]
    categories = [dict(id=key, name=name) for key, name in names.items()]
    content = dict(images=images, annotations=shapes, categories=categories) | changes
    (folder / 'coco.json').write_text(json.dumps(content))


@pytest.fixture
def run(annotate, tmp_path):
    """Convert `coco.json` of the test's folder into `labels`."""

    def run(*arguments, source='coco.json', images='images', out='labels'):
        return annotate(tmp_path / source, '--images', tmp_path / images, '--out', tmp_path / out, *arguments)

    return run


@pytest.fixture
def labels(tmp_path):
    """Read a map."""

    def read(name='a.png'):
        with Image.open(tmp_path / 'labels' / name) as image:
            return np.array(image)

    return read


@pytest.fixture
def classes(tmp_path):
    """Write a class list."""

    def write(*lines):
        (tmp_path / 'mine.txt').write_text('\n'.join(lines) + '\n')
        return '--classes', tmp_path / 'mine.txt'

    return write


def refused(answer, *named):
    """One line of error that names the culprit."""
    code, _, error = answer
    assert code == 1 and error.startswith('error: ') and error.count('\n') == 1
    assert all(part in error for part in named), error
    return True


@pytest.mark.parametrize(
    ('names', 'lines', 'numbers'),
    [
        (NAMES, ['background', 'cat', 'dog', 'wet road'], (0, 1)),
        ({1: 'cat', 2: 'background'}, ['cat', 'background'], (1, 0)),
        ({1: 'cat', 2: 'Background'}, ['cat', 'background'], (1, 0)),
        ({1: 'cat', 5: 'cat', 2: 'dog'}, ['background', 'cat', 'dog'], (0, 1)),
    ],
)
def test_classes_of_the_export(run, labels, tmp_path, names, lines, numbers):
    """Its own names, used or not, in its order; the background first unless one is it, and where no shape lies."""
    write(tmp_path, [shape()], names)
    assert run()[0] == 0
    assert (tmp_path / 'labels/classes.txt').read_text().splitlines() == lines
    assert (labels()[4, 0], labels()[1, 0]) == numbers


def test_class_list_fixes_the_numbers(run, labels, classes, tmp_path):
    """A class is the line that equals it, or that begins with it; the list is written as it was given."""
    write(tmp_path, [shape(), shape(3, LEFT, image=1)])
    listed = ['dog', 'wet road, street', 'background', 'cat, kitten']
    assert run(*classes(*listed))[0] == 0
    assert (tmp_path / 'labels/classes.txt').read_text().splitlines() == listed
    assert labels()[0, 0] == 3 and labels()[5, 0] == 2 and labels('b.png')[0, 0] == 1


ODD = ['tree, small', 'a=b', 'sky; blue', 'signal: red', '"5" pipe', '#1', '-x', '1 cat', '2 dog', 'a.txt', 'wet  road']


def test_odd_names_are_read_back_by_all_tools(run, tmp_path):
    """Through classes.txt, and once more through `--classes` of another conversion."""
    write(tmp_path, [shape(number) for number in range(len(ODD))], dict(enumerate(ODD)))
    written = tmp_path / 'labels/classes.txt'
    for arguments in ([], ['--classes', tmp_path / 'mine.txt']):
        assert run(*arguments)[::2] == (0, '')
        names = ['background', *(' '.join(name.split()) for name in ODD)]
        assert [(entry.name, entry.words) for entry in bank_of(written).classes] == [(name, (name,)) for name in names]
        assert written.read_text().splitlines()[: len(names)] == names
        written.replace(tmp_path / 'mine.txt')


def test_listed_names_in_the_grammar(run, labels, classes, tmp_path):
    """A line is a class by its name; one that equals a name of the export as a whole is that name for all tools."""
    write(tmp_path, [shape(1), shape(2, LEFT), shape(3, LEFT, image=1)], NAMES | {2: 'dog, wet'})
    listed = ['# mine', '"cat"', 'dog, wet', 'road = wet road, street', 'wet road = street: made of stones']
    assert run(*classes(*listed))[0] == 0
    assert labels()[0, 7] == 0 and labels()[0, 0] == 1 and labels('b.png')[0, 0] == 3
    words = [('cat',), ('dog, wet',), ('wet road', 'street'), ('street',)]
    assert [entry.words for entry in bank_of(tmp_path / 'labels/classes.txt').classes] == words


def test_class_list_may_be_a_text_bank(run, labels, tmp_path):
    write(tmp_path, [shape()])
    entries = [dict(name=name, words=[name]) for name in ('background', 'dog', 'cat')]
    (tmp_path / 'bank.json').write_text(json.dumps(dict(dataset='mine', background=True, classes=entries)))
    assert run('--classes', tmp_path / 'bank.json')[0] == 0 and labels()[0, 0] == 2


def test_unknown_classes_are_refused_or_ignored(run, labels, classes, tmp_path):
    write(tmp_path, [shape(1), shape(2, LEFT), shape(3, image=1)])
    listed = classes('background', 'dog')
    assert refused(run(*listed), 'mine.txt', "'cat', 'wet road'", 'a.png') and not (tmp_path / 'labels').exists()
    code, _, error = run(*listed, '--ignore', 'cat', 'wet road', '--ignore', 'cow')
    assert code == 0 and error == 'warning: --ignore cow: is not a class of the export\n'
    assert labels()[0, 7] == 255 and labels()[0, 0] == 1 and labels('b.png')[0, 0] == 255


@pytest.mark.parametrize(
    ('unlabelled', 'listed', 'number'),
    [
        (None, ('cat', 'dog'), 255),
        (None, ('cat', 'background, floor'), 1),
        ('dog', ('background', 'dog', 'cat'), 1),
        ('1', ('background', 'dog', 'cat'), 1),
        ('255', ('background', 'dog', 'cat'), 255),
    ],
)
def test_pixels_without_a_shape(run, labels, classes, tmp_path, unlabelled, listed, number):
    write(tmp_path, [shape()])
    assert run(*classes(*listed), *(['--unlabelled', unlabelled] if unlabelled else []))[0] == 0
    assert labels()[5, 5] == number and labels()[0, 0] != number


@pytest.mark.parametrize('unlabelled', ['cow', '4', '-1', '254'])
def test_unlabelled_that_is_no_class(run, tmp_path, unlabelled):
    write(tmp_path, [shape()])
    assert refused(run(f'--unlabelled={unlabelled}'), f'--unlabelled {unlabelled}', 'background, cat, dog, wet road')


def test_later_shapes_lie_on_earlier_ones_and_crowds_are_ignored(run, labels, tmp_path):
    """In the order of the file, crowds too."""
    crowd = dict(segmentation=dict(size=[6, 8], counts=[0, 24, 24]), iscrowd=1)
    write(tmp_path, [shape(1), shape(2, **crowd), shape(1, image=1), shape(2, LEFT, image=1), shape(3, image=1)])
    assert run()[0] == 0
    assert labels()[1].tolist() == [255] * 4 + [1] * 4
    assert labels('b.png')[1].tolist() == [3] * 8 and labels('b.png')[5].tolist() == [2] * 4 + [0] * 4


def test_photographs_without_annotation(run, labels, tmp_path):
    write(tmp_path, [shape()], photographs=('a.png', 'b.png', 'sub/c.png'))
    code, out, error = run()
    assert (code, error) == (0, '') and '2 photographs without annotation: all 0 (background)' in out
    assert not labels('b.png').any() and not labels('sub/c.png').any()


def test_more_than_255_classes_have_16_bits(run, labels, tmp_path):
    crowd = shape(300, LEFT, iscrowd=1)
    write(tmp_path, [shape(300), crowd], {key: f'class {key}' for key in range(1, 301)})
    code, _, error = run()
    assert code == 0 and '301 classes: label maps have 16 bits, and 65535 is ignored' in error
    assert labels()[0].tolist() == [65535] * 4 + [300] * 4 and labels('b.png').dtype == np.uint16


def test_a_second_run_keeps_what_fits(run, labels, classes, tmp_path):
    """By content: an edited annotation makes its map anew, another class order all of them; a lost one comes back."""
    write(tmp_path, [shape(), shape(image=1)])
    assert '2 label maps, 0 kept, 2 written' in run()[1] and '2 label maps, 2 kept, 0 written' in run()[1]
    (tmp_path / 'labels/b.png').unlink()
    assert '2 label maps, 1 kept, 1 written' in run()[1]
    write(tmp_path, [shape(), shape(2, image=1)])
    assert '2 label maps, 1 kept, 1 written' in run()[1] and labels('b.png')[0, 0] == 2
    assert '2 label maps, 0 kept, 2 written' in run(*classes('dog', 'cat'))[1] and labels('b.png')[0, 0] == 0
    assert (tmp_path / 'labels/classes.txt').read_text() == 'dog\ncat\n'


def test_what_others_wrote_is_not_replaced(run, tmp_path):
    write(tmp_path, [shape()])
    (tmp_path / 'labels').mkdir()
    for name in ('b.png', 'classes.txt'):
        path = tmp_path / 'labels' / name
        path.write_bytes(b'by hand')
        assert refused(run(), str(path), 'was not written by a converter') and path.read_bytes() == b'by hand'
        path.unlink()


def test_outputs_that_are_inputs_or_one_file(run, classes, tmp_path):
    write(tmp_path, [shape()])
    assert refused(run(out='images'), '--out', 'images: contains the images') and refused(
        run(out='.'), '--out', 'contains the images'
    )
    (tmp_path / 'labels').mkdir()
    shutil.copy(classes('background', 'cat')[1], tmp_path / 'labels/classes.txt')
    assert refused(run('--classes', tmp_path / 'labels/classes.txt'), 'would replace the input')
    (tmp_path / 'labels/classes.txt').unlink()
    (tmp_path / 'linked').symlink_to(tmp_path / 'images')
    assert refused(run(out='linked'), 'contains the images')
    Image.new('RGB', (WIDTH, HEIGHT)).save(tmp_path / 'images/a.jpg')
    assert refused(run(), 'images/a.png: shares its name with', 'images/a.jpg') and not list(
        (tmp_path / 'labels').iterdir()
    )


def test_maps_inside_the_photographs_folder_are_no_photographs(run, labels, tmp_path):
    write(tmp_path, [shape()])
    assert (
        '2 label maps, 0 kept' in run(out='images/labels')[1] and '2 label maps, 2 kept' in run(out='images/labels')[1]
    )


def test_linked_folders_are_followed_and_loops_noticed(run, labels, tmp_path):
    write(tmp_path, [shape(image=1)], photographs=('a.png', 'far/b.png'))
    (tmp_path / 'images/far').rename(tmp_path / 'elsewhere')
    (tmp_path / 'images/far').symlink_to(tmp_path / 'elsewhere')
    (tmp_path / 'elsewhere/back').symlink_to(tmp_path / 'elsewhere')
    code, out, error = run()
    assert (code, error) == (0, '') and '2 label maps' in out and labels('far/b.png')[0, 0] == 1


def test_an_export_with_its_photographs(annotate, tmp_path):
    """Roboflow's masks are no photographs where both lie together."""
    for name in ('export', 'images'):
        shutil.copytree(EXPORTS / 'roboflow' / name, tmp_path / 'both', dirs_exist_ok=True)
    code, out, error = annotate(tmp_path / 'both', '--images', tmp_path / 'both', '--out', tmp_path / 'labels')
    assert (code, error) == (0, '') and '6 label maps' in out


@pytest.mark.parametrize(
    ('name', 'photographs', 'found'),
    [
        ('photos/garden/dog.png', ('garden/dog.png', 'dog.png'), 'garden/dog.png'),
        ('..\\images\\dog.png', ('dog.png', 'b.png'), 'dog.png'),
        ('dog.png', ('garden/dog.png', 'b.png'), 'garden/dog.png'),
        ('two%20dogs.png', ('two dogs.png', 'b.png'), 'two dogs.png'),
        ('two_dogs.png', ('two dogs.png', 'b.png'), 'two dogs.png'),
        ('two_dogs.png', ('two dogs.png', 'two_dogs.png'), 'two_dogs.png'),
        ('a\u0308.png', ('ä.png', 'b.png'), 'ä.png'),
    ],
)
def test_names_of_photographs(run, labels, tmp_path, name, photographs, found):
    write(tmp_path, [shape()], photographs=photographs, images=[dict(id=0, file_name=name, height=6, width=8)])
    code, out, error = run()
    assert (code, error) == (0, '') and '1 photograph without' in out and labels(found)[0, 0] == 1


def test_a_photograph_goes_to_the_annotation_that_names_its_place(run, labels, tmp_path):
    """`train/a.png` was not copied: it is said, and `val/a.png` keeps its own shapes."""
    images = [dict(id=i, file_name=f'{split}/a.png', height=6, width=8) for i, split in enumerate(('train', 'val'))]
    write(tmp_path, [shape(), shape(2, image=1)], photographs=('val/a.png',), images=images)
    code, _, error = run()
    assert code == 0 and 'coco.json: train/a.png: image not found below --images (1 annotations without' in error
    assert labels('val/a.png')[0, 0] == 2


def test_several_files_of_one_format_are_one_export(run, labels, tmp_path):
    """As Roboflow writes COCO: a file a split, names beside it."""
    for split, category in (('train', 1), ('valid', 2)):
        write(tmp_path / split, [shape(category)], photographs=('a.png',))
        (tmp_path / split / 'images/a.png').rename(tmp_path / split / 'a.png')
        (tmp_path / split / 'images').rmdir()
    (tmp_path / 'all').mkdir()
    for split in ('train', 'valid'):
        (tmp_path / split).rename(tmp_path / 'all' / split)
    assert run(source='all', images='all')[0] == 0
    assert (labels('train/a.png')[0, 0], labels('valid/a.png')[0, 0]) == (1, 2)


def changed(**entries):
    """An export with other entries."""
    return lambda: dict(images=[dict(id=0, file_name='a.png', height=6, width=8) | entries])


RLE = dict(size=[6, 8], counts=[0, 24, 24])


@pytest.mark.parametrize(
    ('shapes', 'changes', 'named'),
    [
        ([shape()], dict(categories=None), 'coco.json: has no "categories"'),
        ([shape(9)], {}, 'annotations[0].category_id is 9, but no category has this id'),
        ([shape(image=9)], {}, 'annotations[0].image_id is 9, but no image has this id'),
        ([shape(ring=[0, 0, 8, 0, 8])], {}, 'annotations[0].segmentation[0] has 5 numbers that are not pairs'),
        ([shape(ring=[0, 0, 8, float('nan'), 8, 3])], {}, 'annotations[0].segmentation[0] has a value that is not'),
        ([shape(ring=[0, 0, 8, 'x', 8, 3])], {}, 'annotations[0].segmentation[0] has a value that is not a number'),
        ([shape(ring=[0, 0, 1e9, 0, 8, 3])], {}, 'annotations[0].segmentation[0] has corners more than 100000 pixels'),
        ([shape(segmentation=RLE | dict(counts=[0, 24]))], {}, 'run lengths of 24 pixels instead of 48'),
        ([shape(segmentation=RLE | dict(counts='0PQ'))], {}, 'segmentation.counts'),
        (
            [shape(segmentation=RLE | dict(size=[8, 6]))],
            {},
            'segmentation.size is [8, 6], but the image has [6, 8]',
        ),
        ([shape()], changed(height=7)(), 'a.png: size 7 x 8 (height x width), but the image has 6 x 8'),
        ([shape()], changed(height='high')(), 'images[0].height is not a number (high)'),
        ([shape()], changed(width=10**9, height=10**9)(), 'an image size of 1000000000 x 1000000000 pixels'),
        ([shape()], changed(file_name=None)(), 'images[0] has no "file_name"'),
        ([shape()], changed(file_name='nowhere.png')(), 'image nowhere.png not found'),
        (
            [shape()],
            dict(images=[dict(id=i, file_name='a.png', height=6, width=8) for i in range(2)]),
            'annotates a.png',
        ),
        (['x'], {}, 'annotations[0] is not an object (x)'),
    ],
)
def test_damaged_exports_end_in_one_line(run, tmp_path, shapes, changes, named):
    """Before anything is written."""
    write(tmp_path, shapes, **changes)
    assert refused(run(), 'coco.json', named) and not (tmp_path / 'labels').exists()


def test_shapes_that_cover_nothing_are_counted(run, labels, tmp_path):
    write(tmp_path, [shape(ring=[0, 0, 8, 6]), shape(segmentation=[], bbox=[0, 0, 8, 6]), shape(2, LEFT)])
    code, _, error = run()
    assert code == 0 and 'a.png: a polygon of fewer than 3 corners covers nothing (1 such polygons)' in error
    assert "1 shapes of kind 'box without a polygon or mask'" in error and set(np.unique(labels())) == {0, 2}


def test_two_photographs_for_one_name(run, tmp_path):
    images = [dict(id=0, file_name='dog.png', height=6, width=8)]
    write(tmp_path, [shape()], photographs=('x/dog.png', 'y/dog.png'), images=images)
    assert refused(run(), 'dog.png', 'could be x/dog.png or y/dog.png')


def test_formats_that_are_unclear(run, annotate, tmp_path):
    write(tmp_path, [shape()])
    (tmp_path / 'other').mkdir()
    assert refused(run(source='other'), 'other: contains no annotations in a known format', 'coco', 'voc')
    assert refused(run(source='nowhere'), 'nowhere: no such file or folder')
    assert refused(run('--format', 'excel'), '--format excel: unknown; allowed: cityscapes, coco')
    assert refused(run('--format', 'yolo'), 'contains nothing in the format yolo')
    shutil.copy(tmp_path / 'coco.json', tmp_path / 'other')
    shutil.copy(EXPORTS / 'labelme/export/crossing.json', tmp_path / 'other')
    assert refused(run(source='other'), 'several formats: coco', 'coco.json', 'labelme', 'crossing.json', '--format')
    assert run('--format', 'coco', source='other')[0] == 0
    (tmp_path / 'export.zip').write_bytes(b'PK')
    assert refused(run(source='export.zip'), 'export.zip: is an archive; unpack it')


def test_label_studio_exports_that_name_no_photograph(annotate, tmp_path):
    """Brush masks as PNG, and the short JSON: both point to the JSON export."""
    write(tmp_path, [shape()])
    (tmp_path / 'short').mkdir()
    short = [dict(image='/data/upload/1/a.png', id=1, label=[], annotator=1, annotation_id=2)]
    (tmp_path / 'short/a.json').write_text(json.dumps(short))
    arguments = ('--images', tmp_path / 'images', '--out', tmp_path / 'labels')
    assert refused(annotate(tmp_path / 'short', *arguments), 'JSON-MIN', 'export the project as "JSON"')
    (tmp_path / 'masks').mkdir()
    Image.new('L', (8, 6)).save(tmp_path / 'masks/task-1-annotation-2-by-1-brush-cat-0.png')
    assert refused(annotate(tmp_path / 'masks', *arguments), 'task-1-annotation-2', 'export the project as "JSON"')


def test_missing_images(run, tmp_path):
    write(tmp_path, [shape()])
    (tmp_path / 'empty').mkdir()
    assert refused(run(images='nowhere'), 'nowhere: no such folder') and refused(run(images='empty'), 'no images')


def test_without_pycocotools(run, tmp_path, monkeypatch):
    write(tmp_path, [shape()])
    monkeypatch.setitem(sys.modules, 'pycocotools', None)
    assert refused(run(), 'pip install pycocotools')


def test_damaged_class_lists(run, classes, tmp_path):
    write(tmp_path, [shape()])
    assert refused(run(*classes('cat', 'dog', 'cat')), "mine.txt: 'cat' is listed twice")
    assert refused(run(*classes('')), 'mine.txt: has no class')
    assert refused(run('--classes', tmp_path / 'nowhere.txt'), 'nowhere.txt: not readable')
    assert refused(run(*classes('cat, big', 'cat, small')), "class 'cat': could be 'cat, big' or 'cat, small'")
