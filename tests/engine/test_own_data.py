"""Data sets as users have them, through the main tool, set up as docs/own_data.md says."""

import json
import textwrap

import numpy as np
import pytest
from conftest import REPO
from PIL import Image

from itaclip_mmseg.engine.outputs import held

CONFIG = """
    _base_ = [
        '{repo}/configs/_base_/models/itaclip_vit-b-16.py',
        '{repo}/configs/_base_/pipelines/short_side_336.py',
        '{repo}/configs/_base_/default_runtime.py',
    ]
    model = dict(
        text_bank='bank.json', auxiliary=None, text_coefficient=0, backbone=dict(arch=None, pretrained='{weights}'),
        test_cfg=dict(stride=(112, 112)),
    )
    test_dataloader = dict(
        batch_size=1,
        num_workers=0,
        sampler=dict(type='DefaultSampler', shuffle=False),
        dataset=dict(
            type='{kind}',
            data_root='mydata',
            data_prefix=dict(img_path='images', seg_map_path='labels'),
            metainfo=dict(classes=('background', 'car', 'house')),
            pipeline=_base_.test_pipeline,
        ),
    )
    test_evaluator = dict(type='ExactIoUMetric')
"""
LABELS = np.repeat(np.arange(3, dtype=np.uint8), 400).reshape(30, 40)


def photo(path, height=30, width=40):
    path.parent.mkdir(parents=True, exist_ok=True)
    blocks = np.random.RandomState(len(path.name)).randint(0, 255, (4, 5, 3)).astype(np.uint8)
    Image.fromarray(blocks).resize((width, height)).save(path)


def label_map(path, labels=LABELS):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(labels).save(path)


@pytest.fixture
def data(tmp_path):
    """The folder of a user's data, empty."""
    (tmp_path / 'mydata/images').mkdir(parents=True)
    return tmp_path / 'mydata'


@pytest.fixture
def run(tmp_path, tiny_weights, run_tool):
    """Run the tool on it: exit code, lines on stdout and stderr."""
    entries = [dict(name=name, words=[name]) for name in ('background', 'car', 'house')]
    (tmp_path / 'bank.json').write_text(json.dumps(dict(dataset='mine', background=True, classes=entries)))

    def run(*arguments, options=(), kind='FolderDataset'):
        text = textwrap.dedent(CONFIG.format(repo=REPO, weights=tiny_weights, kind=kind))
        (tmp_path / 'mine.py').write_text(text)
        options = ['test_dataloader.dataset.pipeline.1.scale=(512,64)', *options]
        return run_tool('test', 'mine.py', '--work-dir', 'work', *arguments, '--cfg-options', *options)

    return run


def fails(done, *named):
    """One line that names all this."""
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1, done.stderr
    assert done.stderr.startswith('error: ') and all(name in done.stderr for name in named), done.stderr


def results(folder):
    return json.loads((folder / 'work/results.json').read_text())


@pytest.mark.slow
@pytest.mark.parametrize('kind', ['FolderDataset', 'BaseSegDataset'])
def test_any_common_suffix_in_any_case(run, data, tmp_path, kind):
    """Photographs from several cameras: all are found, with their label maps, at their places in the folders.

    What a run that was killed left half-written there is removed.
    """
    photo(tmp_path / 'out/x/.d.abcd1234.png')
    for name in ('a.JPG', 'b.jpeg', 'c.PNG', 'x/d.jpg', 'y/d.jpg'):
        photo(data / 'images' / name)
        label_map((data / 'labels' / name).with_suffix('.png'))
    done = run('--out', 'out', '--show-dir', 'show', kind=kind)
    assert done.returncode == 0, done.stderr
    assert results(tmp_path)['num_images'] == 5 and results(tmp_path)['warnings'] == []
    for folder in ('out', 'show'):
        found = sorted(path.relative_to(tmp_path / folder).as_posix() for path in (tmp_path / folder).rglob('*.*'))
        assert found == ['a.png', 'b.png', 'c.png', 'x/d.png', 'y/d.png']
    fails(run(options=['test_dataloader.dataset.img_suffix=.JPEG'], kind=kind), 'expected .JPEG', '2 .jpg')


def test_an_empty_data_set(run, data):
    """What was looked for, and what lies there."""
    (data / 'images/notes.txt').write_text('none')
    label_map(data / 'labels/a.png')
    fails(run(), 'contains no images', '.jpg, .jpeg, .png', 'found 1 .txt')
    fails(run(kind='PascalVOCDataset'), 'test_dataloader.dataset', "'ann_file'", 'check its keys')


@pytest.mark.slow
@pytest.mark.parametrize('option', [[], ['test_dataloader.dataset.data_prefix.seg_map_path=None']])
def test_no_label_maps(run, data, tmp_path, option):
    """Predictions and overlays without figures, and that is said; nothing to do where none are asked for."""
    photo(data / 'images/a.jpg')
    done = run('--out', 'out', '--show-dir', 'show', options=option)
    assert done.returncode == 0, done.stderr
    assert 'contains no label maps; writing predictions without scores' in done.stderr
    assert 'no scores' in done.stdout and 'nan' not in done.stdout.lower()
    assert (tmp_path / 'out/a.png').is_file() and (tmp_path / 'show/a.png').is_file()
    assert results(tmp_path)['mIoU'] is None and results(tmp_path)['num_images'] == 1
    assert set(results(tmp_path)['classes'].values()) == {None}
    fails(run(options=option), 'contains no label maps, so no scores can be computed', '--out FOLDER')


def test_one_label_map_is_missing(run, data):
    for name in 'ab':
        photo(data / f'images/{name}.jpg')
    label_map(data / 'labels/a.png')
    fails(run('--out', 'out'), 'labels/b.png', 'no such file')


@pytest.mark.slow
def test_faulty_label_maps_are_named_before_weights(run, data, monkeypatch):
    """Another size, colours, half a file: found in headers, so no weights are read."""
    monkeypatch.setattr('itaclip_mmseg.models.backbones.clip.load_clip', None)
    photo(data / 'images/a.jpg')
    path = data / 'labels/a.png'
    label_map(path, LABELS[:20])
    fails(run(), 'a.png', 'size 20 x 40', '30 x 40')
    label_map(path, np.random.RandomState(0).randint(0, 255, (30, 40, 3)).astype(np.uint8))
    fails(run(), 'a.png', 'is a colour image', 'colours_to_labels.py')
    path.write_bytes(path.read_bytes()[:2000])
    fails(run(), 'a.png', 'is truncated')
    path.write_bytes(b'')
    fails(run(), 'a.png', 'not readable as an image (0 bytes)')


@pytest.mark.slow
def test_sixteen_bits_count_whole(run, data):
    """Cut to 8 bits, 256 would be label 0."""
    photo(data / 'images/a.jpg')
    label_map(data / 'labels/a.png', LABELS.astype(np.uint16) * 256)
    fails(run(), 'a.png', 'contains labels 256, 512', 'ends with label 2')


@pytest.mark.slow
def test_masks_of_0_and_255(run, data, tmp_path):
    """A mask as many programs save it: half is ignored, and two of three classes are nowhere."""
    photo(data / 'images/a.jpg')
    label_map(data / 'labels/a.png', (LABELS > 0).astype(np.uint8) * 255)
    done = run()
    assert done.returncode == 0, done.stderr
    assert 'warning: 2 of 3 classes do not occur in the ground truth (car, house), 66.7% of its pixels' in done.stderr
    assert results(tmp_path)['ignored_pixels'] == 800 and len(results(tmp_path)['warnings']) == 1


@pytest.mark.slow
def test_a_truth_that_is_ignored_altogether(run, data, tmp_path):
    """JSON knows no nan."""
    photo(data / 'images/a.jpg')
    label_map(data / 'labels/a.png', np.full_like(LABELS, 255))
    done = run()
    assert done.returncode == 0 and '3 of 3 classes' in done.stderr and '100.0%' in done.stderr, done.stderr
    assert 'NaN' not in (tmp_path / 'work/results.json').read_text() and results(tmp_path)['aAcc'] is None


@pytest.mark.slow
def test_narrow_photographs(run, data, tmp_path):
    """Shorter than a patch, and than the blur reaches; and one that nothing is left of."""
    for name, size in (('wide', (8, 3000)), ('high', (1500, 8))):
        photo(data / f'images/{name}.png', *size)
        label_map(data / f'labels/{name}.png', np.zeros(size, np.uint8))
    done = run()
    assert done.returncode == 0, done.stderr
    assert results(tmp_path)['num_images'] == 2
    photo(data / 'images/line.png', 1, 3000)
    label_map(data / 'labels/line.png', np.zeros((1, 3000), np.uint8))
    fails(run(), 'line.png', 'too narrow')


def test_one_name_twice_is_refused(run, data):
    """A label map cannot tell whose it is, nor an output."""
    for name in ('a.jpg', 'a.PNG'):
        photo(data / 'images' / name)
    label_map(data / 'labels/a.png')
    fails(run(), 'a.PNG', 'a.jpg', 'shares its name')


def test_a_split_does_not_lead_out_of_the_folder(run, data, tmp_path):
    photo(tmp_path / 'outside.jpg')
    label_map(data / 'labels/a.png')
    (data / 'split.txt').write_text('../../outside\n')
    done = run('--out', 'out', options=['test_dataloader.dataset.ann_file=split.txt', 'model.pamr=None'])
    fails(done, 'outside.jpg', 'lies outside mydata/images')


def test_ignored_label_and_class_are_not_one(run, data, tmp_path):
    """With more than 255 classes the usual label of ignored pixels is a class."""
    photo(data / 'images/a.jpg')
    label_map(data / 'labels/a.png')
    classes = ','.join(f'class{index}' for index in range(300))
    fails(run(options=[f'test_dataloader.dataset.metainfo.classes={classes}']), 'ignore_index=255', '65535')


@pytest.mark.slow
def test_one_query_in_two_classes(run, data, tmp_path):
    """CLIP's tokenizer lowers case; the background may share a word, as in published lists, and that is said."""
    photo(data / 'images/a.jpg')
    label_map(data / 'labels/a.png')

    def bank(*words):
        entries = [dict(name=name, words=[word]) for name, word in zip(('background', 'car', 'house'), words)]
        (tmp_path / 'bank.json').write_text(json.dumps(dict(dataset='mine', background=True, classes=entries)))

    bank('sky', 'Dog', 'dog')
    fails(run(), 'bank.json', "'Dog' of 'car' and 'dog' of 'house'", 'the same to CLIP')
    bank('dog', 'dog ', 'cat')
    done = run()
    assert done.returncode == 0 and "warning: bank.json: the words 'dog' of 'background'" in done.stderr, done.stderr


@pytest.mark.slow
def test_folders_that_cannot_be_used(run, data, tmp_path, monkeypatch):
    """A work folder that is a file, and one, or an output's, that another run holds: before weights are read."""
    monkeypatch.setattr('itaclip_mmseg.models.backbones.clip.load_clip', None)
    photo(data / 'images/a.jpg')
    label_map(data / 'labels/a.png')
    (tmp_path / 'work').write_text('mine')
    fails(run(), 'work: not writable (File exists)')
    (tmp_path / 'work').unlink()
    for folder in ('work', 'out'):
        with held([str(tmp_path / folder)]):
            fails(run('--out', 'out'), f'{folder}: another run is writing to this folder')
    assert list((tmp_path / 'work').iterdir()) == [] and list((tmp_path / 'out').iterdir()) == []


@pytest.mark.slow
def test_a_disk_that_fills_up(run, data, tmp_path, mounted):
    """Half way through a run: one line that names the file."""
    folder = mounted('size=96k')
    photo(data / 'images/a.jpg', 300, 400)
    label_map(data / 'labels/a.png', np.zeros((300, 400), np.uint8))
    done = run('--show-dir', str(folder / 'show'), '--work-dir', str(folder / 'work'))
    fails(done, str(folder), 'No space left on device')
    assert not list(folder.rglob('*.png'))


def predicted(folder, name='a'):
    with Image.open(folder / f'out/{name}.png') as image:
        return np.asarray(image)


def mean_iou(truth, labels, valid):
    """By numpy alone, in per cent: classes that occur on neither side do not count."""
    truth, labels = truth[valid], labels[valid]
    unions = [((truth == label) | (labels == label)).sum() for label in range(3)]
    shares = [((truth == label) & (labels == label)).sum() for label in range(3)]
    return 100 * np.mean([share / union for share, union in zip(shares, unions, strict=True) if union])


WIDER, REDUCED = LABELS.astype(np.uint16), 'test_dataloader.dataset.reduce_zero_label=True'


@pytest.mark.slow
@pytest.mark.parametrize(
    ('stored', 'options', 'ignored'),
    [
        (LABELS, ['test_evaluator.ignore_index=0'], LABELS == 0),
        (LABELS, ['test_evaluator.ignore_index=2'], LABELS == 2),
        (np.where(LABELS == 1, 65535, WIDER), ['test_evaluator.ignore_index=65535'], LABELS == 1),
        ((LABELS + 1) * (LABELS < 2), [REDUCED], LABELS == 2),
        (np.where(LABELS == 2, 255, LABELS + 1).astype(np.uint8), [REDUCED], LABELS == 2),
        (np.where(LABELS == 2, 255, LABELS + 1).astype(np.uint16), [REDUCED], LABELS == 2),
        (((LABELS + 1) * (LABELS < 2)).astype(np.uint16), [REDUCED], LABELS == 2),
        (
            np.where(LABELS == 2, 65535, WIDER + 1),
            [REDUCED, 'test_evaluator.ignore_index=65535'],
            LABELS == 2,
        ),
        (
            ((LABELS + 1) * (LABELS < 2)).astype(np.uint8),
            [REDUCED, 'test_evaluator.ignore_index=65535'],
            LABELS == 2,
        ),
        (
            np.where(LABELS == 2, 255, LABELS + 1).astype(np.uint8),
            ['test_dataloader.dataset.pipeline.2.reduce_zero_label=True'],  # where MMSegmentation's configs have it
            LABELS == 2,
        ),
    ],
)
def test_ignored_labels_by_numpy(run, data, tmp_path, stored, options, ignored):
    """Whichever label is ignored, by whatever key, in 8 bits and 16."""
    photo(data / 'images/a.jpg')
    label_map(data / 'labels/a.png', stored)
    done = run('--out', 'out', options=options)
    assert done.returncode == 0, done.stderr
    labels = predicted(tmp_path).astype(int) - any('reduce' in option for option in options)
    assert results(tmp_path)['ignored_pixels'] == ignored.sum() > 0
    assert results(tmp_path)['mIoU'] == pytest.approx(mean_iou(LABELS, labels, ~ignored), abs=1e-9)


@pytest.mark.parametrize(
    ('option', 'named'),
    [
        ('test_evaluator.ignore_index=[0,255]', 'ignore_index=[0, 255]: must be a whole number'),
        ('test_evaluator.ignore_index=-1', 'ignore_index=-1: is not a label'),
        ('test_evaluator.ignore_index=None', 'ignore_index=None: is not a label'),
        ('test_evaluator.ignore_index=True', 'ignore_index=True: must be a whole number'),
        (
            'test_dataloader.dataset.metainfo.classes=water',
            "classes='water': not a list of names; write classes=('water',)",
        ),
        ('test_dataloader.dataset.metainfo.classes=[1,2,3]', 'classes=[1, 2, 3]: not a list of names'),
    ],
)
def test_labels_and_names_that_are_none(run, data, option, named):
    photo(data / 'images/a.jpg')
    label_map(data / 'labels/a.png')
    fails(run(options=[option]), named)


def test_a_label_that_only_16_bits_hold_is_named_as_stored(run, data):
    """65535 without `ignore_index`, also where labels are counted from 1."""
    photo(data / 'images/a.jpg')
    label_map(data / 'labels/a.png', np.where(LABELS == 2, 65535, WIDER + 1))
    fails(run(options=[REDUCED]), 'a.png', 'contains label 65535')


def test_the_background_of_data_set_and_bank_is_one(run, data, tmp_path):
    """'Background' beside 'background' is no difference; last in both it is an error that tells so."""
    photo(data / 'images/a.jpg')
    label_map(data / 'labels/a.txt.png')
    fails(run(options=['test_dataloader.dataset.metainfo.classes=[Background,car,house]']), 'none of its 1 label maps')
    bank = json.loads((tmp_path / 'bank.json').read_text())
    bank['classes'].append(bank['classes'].pop(0) | dict(name=' Background'))
    (tmp_path / 'bank.json').write_text(json.dumps(bank))
    fails(run(options=['test_dataloader.dataset.metainfo.classes=[car,house,Background]']), "' Background'", 'first')


@pytest.mark.parametrize(
    ('files', 'options', 'named'),
    [
        ({'a.txt': '0 0.5 0.5 0.2 0.2\n'}, [], ['contains no label maps', '1 .txt of YOLO', 'data/README.md']),
        ({'a.txt': '1 0.1 0.1 0.2 0.1 0.2 0.2\n', 'b.txt': ''}, [], ['1 .txt of YOLO', '1 .txt;']),
        ({'a.txt': 'notes of mine'}, [], ['contains no label maps', '1 .txt;']),
        ({'a.json': '{"shapes": [], "imagePath": "a.jpg"}'}, [], ['1 .json of labelme']),
        ({'a.json': '{"images": [], "annotations": []}'}, [], ['1 .json of COCO']),
        ({'a.xml': '<annotation></annotation>'}, [], ['1 .xml (annotations of Pascal VOC']),
        ({'a.npy': 'x', 'a.mat': 'x'}, [], ['1 .npy', '1 .mat']),
        ({'a_mask.png': None}, [], ['none of its 1 label maps', 'a.png for a.jpg', "seg_map_suffix='_mask.png'"]),
        ({'z.png': None}, [], ['none of its 1 label maps', 'z.png; rename them']),
        ({'a.tif': None}, ['test_dataloader.dataset.seg_map_suffix=.png'], ["seg_map_suffix='.tif'"]),
    ],
)
def test_other_files_in_the_folder_of_label_maps(run, data, files, options, named):
    """They are called what they are, by test.py, with and without predictions, before weights are read."""
    photo(data / 'images/a.jpg')
    for name, text in files.items():
        if text is None:
            label_map(data / 'labels' / name)
        else:
            (data / 'labels').mkdir(exist_ok=True)
            (data / 'labels' / name).write_text(text)
    fails(run(options=options), 'mydata/labels', *named)
    fails(run('--out', 'out', options=options), 'mydata/labels', *named)


def test_one_label_map_under_another_suffix(run, data):
    for name in 'ab':
        photo(data / f'images/{name}.jpg')
    label_map(data / 'labels/a.png')
    label_map(data / 'labels/b.tif')
    fails(
        run(options=['test_dataloader.dataset.seg_map_suffix=.png']), 'labels/b.png', 'no such file, but b.tif exists'
    )
