"""What the page computes, without a browser."""

import runpy
import shlex
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import REPO, SMALL_VOC
from PIL import Image

import itaclip_mmseg
from itaclip_mmseg.apis import page_photos
from itaclip_mmseg.apis.page_command import overrides
from itaclip_mmseg.apis.page_session import OWN, Workbench, write_files
from itaclip_mmseg.apis.page_view import as_colours, legend, view
from itaclip_mmseg.apis.page_words import class_fields, class_list
from itaclip_mmseg.apis.segmentation import Segmentation
from itaclip_mmseg.engine.config import parse_options
from itaclip_mmseg.models import CLIPVisionBackbone
from itaclip_mmseg.models.stages.regions import write_regions
from itaclip_mmseg.studies.tables import method_changes
from itaclip_mmseg.text.bank import load_bank
from itaclip_mmseg.text.classes import bank_of
from itaclip_mmseg.utils.errors import UserError

CONFIG = 'configs/itaclip/itaclip_vit-b-16_voc21.py'
CLASSES = 'background = sky, wall; dog; cat = cat, feline'
VALUES = dict(
    image_coefficient=0.3, text_coefficient=0.2, logit_scale=80, prob_threshold=0.03, area_threshold=0.02, pamr=2
)


@pytest.fixture(scope='module')
def options(tiny_weights):
    scales = [f'{pipeline}.1.scale=(512,128)' for pipeline in ('test_pipeline', 'test_dataloader.dataset.pipeline')]
    weights = ['model.backbone.arch=None', f'model.backbone.pretrained={tiny_weights}']
    return [*weights, *scales, 'model.test_cfg.stride=(112,112)']


@pytest.fixture(scope='module')
def workbench(options):
    return Workbench(CONFIG, options, {name: method_changes(name) for name in ('clip', 'naclip')})


@pytest.fixture
def photo(workbench, small_voc):
    return workbench.open(small_voc / 'JPEGImages/one.jpg')


@pytest.mark.slow
def test_page_python_demo_and_test_give_the_same_labels(
    workbench, options, photo, small_voc, tmp_path, monkeypatch, run_tool
):
    """The config's own words and some settings, in four ways; only `test.py` adds up in another order."""
    classes = class_list(*class_fields(workbench.segmenter.bank, 'definition'))
    answer = workbench.answer(photo, classes, VALUES, None)
    labels = answer.results[OWN].labels
    assert len(np.unique(labels)) > 2

    settings = overrides(answer.settings[OWN])
    by_python = itaclip_mmseg.segment(
        small_voc / 'JPEGImages/one.jpg', classes, CONFIG, parse_options([*options, *settings])
    )
    assert np.array_equal(by_python.labels, labels)

    monkeypatch.chdir(Path(write_files(answer, tmp_path)[0]).parent)
    run_tool('demo', *shlex.split(workbench.command(answer))[2:])
    assert np.array_equal(np.asarray(Image.open('work_dirs/demo/one_photo_labels.png')), labels)

    data = f'test_dataloader.dataset.data_root={small_voc}'
    arguments = [CONFIG, '--work-dir', 'work', '--out', 'maps', '--cfg-options', *options, *settings, data]
    run_tool('test', *arguments)
    assert {path.stem for path in Path('maps').iterdir()} == set(SMALL_VOC)
    assert (np.asarray(Image.open('maps/one.png')) != labels).mean() < 1e-3


@pytest.mark.slow
def test_second_method_is_its_own_run(workbench, options, photo, monkeypatch, small_voc):
    """From the same encoding pass, without encoding again: the labels of a segmenter of that method alone."""
    with monkeypatch.context() as patch:
        patch.setattr(CLIPVisionBackbone, 'shared_blocks', None)
        answers = {name: workbench.answer(photo, CLASSES, VALUES, name) for name in ('clip', 'naclip')}
    for name, answer in answers.items():
        assert list(answer.results) == [OWN, name]
        alone = parse_options([*options, *overrides(answer.settings[name])])
        expected = itaclip_mmseg.segment(small_voc / 'JPEGImages/one.jpg', CLASSES, CONFIG, alone)
        assert (expected.labels != answer.results[name].labels).mean() < 1e-3
        assert f'model.backbone.last_block.attention=[{"qk" if name == "clip" else "kk"}]' in workbench.command(
            answer, name
        )


def test_methods_of_the_window_alone_keep_its_tokens_alone(workbench, photo):
    """Protects a visitor's memory: three categories of views of the own method, one of those that need no more."""
    tokens = photo.picture.encoded.tokens
    assert sorted(sorted(fields) for fields in tokens.values()) == [['first', 'plain', 'second'], ['plain'], ['plain']]


def test_settings_follow_the_sliders_and_the_classes(workbench, photo):
    """0 turns thresholds and PAMR off; without a background there are no thresholds, without definitions no alpha."""
    off = workbench.answer(photo, CLASSES, VALUES | dict(prob_threshold=0, area_threshold=0, pamr=0), None)
    assert all(off.settings[OWN][key] is None for key in ('prob_threshold', 'area_threshold', 'pamr', 'auxiliary'))
    plain = workbench.answer(photo, 'dog: it barks; cat: it purrs', VALUES, None).settings[OWN]
    assert (plain['prob_threshold'], plain['area_threshold'], plain['auxiliary']) == (None, None, 'definition')


def test_labels_may_be_one_in_each_region_or_not(options, small_voc, tmp_path, monkeypatch):
    """Where the config has regions: off is an override, and the labels of a run without them."""
    for name, size in zip(SMALL_VOC, ((90, 120), (120, 80), (100, 100)), strict=True):
        write_regions(tmp_path / f'{name}.npz', np.ones(size, np.int32))
    regions = ['model.regions.type=files', f'model.regions.folder={tmp_path}']
    workbench = Workbench(CONFIG, [*options, *regions])
    photo = workbench.open(small_voc / 'JPEGImages/one.jpg')
    on, off = (workbench.answer(photo, CLASSES, VALUES | dict(regions=value), None) for value in (1, 0))
    assert workbench.may_unify and len(np.unique(on.results[OWN].labels)) == 1
    assert len(np.unique(off.results[OWN].labels)) > 1
    assert 'model.regions=None' in workbench.command(off) and 'model.regions=None' not in workbench.command(on)
    with pytest.raises(UserError, match="regions='sam2': invalid; allowed: None"):
        photo.picture.segment(regions='sam2')


def test_files(workbench, photo, tmp_path):
    """Everything of both methods, each visitor's in a folder of its own."""
    answer = workbench.answer(photo, CLASSES, VALUES, 'clip')
    files = write_files(answer, tmp_path)
    ends = ['.png', '_labels.png', '_classes.json', '_coco.json']
    names = ['one_photo.png', *(f'one{end}' for end in ends), *(f'one_clip{end}' for end in ends)]
    assert [Path(file).name for file in files] == names
    assert np.array_equal(np.asarray(Image.open(files[0])), photo.picture.image)
    assert Path(write_files(answer, tmp_path)[0]).parent != Path(files[0]).parent


def test_photographs_are_limited(workbench, tmp_path, monkeypatch):
    """Shrunk with a note, or refused before they are decoded; what is no image is said."""
    monkeypatch.setattr(page_photos, 'MOST_PIXELS', 5000)
    Image.new('RGB', (200, 100), 'red').save(tmp_path / 'large.png')
    photo = workbench.open(tmp_path / 'large.png')
    assert photo.picture.image.shape == (50, 100, 3) and photo.note == '100 x 50 pixels, shrunk from 200 x 100'
    monkeypatch.setattr(page_photos, 'LARGEST_FILE', 10_000)
    with pytest.raises(UserError, match=r'large\.png: 200 x 100 pixels; at most'):
        workbench.open(tmp_path / 'large.png')
    (tmp_path / 'text.jpg').write_text('no image')
    with pytest.raises(UserError, match=r'text\.jpg: not readable as an image'):
        workbench.open(tmp_path / 'text.jpg')


def test_faults_are_said(workbench, photo):
    with pytest.raises(UserError, match='photograph: none yet'):
        workbench.answer(None, CLASSES, VALUES, None)
    with pytest.raises(UserError, match='classes: none given'):
        class_list(' \n ; ', 'sky')
    with pytest.raises(UserError, match="'cat' has no definition"):
        workbench.answer(photo, 'dog: it barks; cat', VALUES, None)


@pytest.mark.parametrize('name', ['scenes', 'voc21', 'coco-object', 'coco-stuff171', 'ade20k150'])
def test_fields_hold_a_bank(name):
    """What the page shows first is the config's own bank, definitions and all."""
    bank = load_bank(REPO / f'data/text_bank/{name}.json')
    again = bank_of(class_list(*class_fields(bank, 'definition')))
    assert again.background == bank.background and again.words == bank.words
    for one, other in zip(again.classes, bank.classes, strict=True):
        assert (one.name, one.definition) == (other.name, other.definition)


def test_fields_mean_what_they_show():
    """Commas, line breaks, quotation marks, a background of one's own; what a visitor types reads no file."""
    assert class_list('balloon, fish\nball', '') == 'balloon; fish; ball'
    assert class_list('dog', 'sky,\nwall') == 'background = sky, wall; dog'
    assert class_list('Background\ndog', '') == 'Background; dog'
    assert class_list('"NDVI=0.5", "a dog, wet"', '"sky, blue"') == 'background = "sky, blue"; "NDVI=0.5"; "a dog, wet"'
    for classes, named in (
        ('dog; cat, feline', "'cat, feline' mixes ','"),
        ('dog\nBackground', "'Background'"),
        ('Background\ndog', "'Background'"),
        ('classes.txt', 'looks like a file'),
        ('/etc/hostname', 'looks like a file'),
        ('../secret', 'looks like a file'),
    ):
        with pytest.raises(UserError, match=named):
            class_list(classes, 'sky')
    for background in ('sky; wall', 'sky: blue', 'sky = blue'):
        with pytest.raises(UserError, match='background'):
            class_list('dog', background)


def test_no_file_of_the_server_is_read(workbench, photo, tmp_path, monkeypatch):
    """A visitor's word that happens to be the name of a file."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'dog').write_text('secret, words')
    answer = workbench.answer(photo, class_list('dog', ''), VALUES, None)
    assert answer.names == ('dog',)
    arguments = parsed(workbench.command(answer))
    assert bank_of(arguments.classes).words == ['dog']  # as a command line, too


def parsed(command):
    """A printed command line as the shell and the tool's own parser read it."""
    tool = runpy.run_path(str(REPO / 'tools/demo.py'))
    words = shlex.split(command)
    assert words[:2] == ['python', 'tools/demo.py']
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, 'argv', words[1:])
        return tool['parse_args']()


NAMES = ('-dash', '--help', 'a b', "it's", 'say "hi"', '$HOME', 'x*[1]', 'é;ü', '~x', '-')
FIELDS = (
    ('--help', ''),
    ('-x, --config', ''),
    ('dog\'s bowl; "quoted"; 5" screen', ''),
    ('"NDVI=0.5": index; "a dog, wet": "it barks; loud"', '"sky, blue", $HOME'),
    ('$(id); `id`; a|b & c', ''),
)


@pytest.mark.parametrize(
    ('name', 'classes', 'background'),
    [*((name, *FIELDS[0]) for name in NAMES), *(('-dash', *fields) for fields in FIELDS[1:])],
)
def test_commands_run_as_they_stand(workbench, photo, name, classes, background):
    """Names and words that a shell, or the tool's parser, would take for something else."""
    answer = workbench.answer(replace(photo, name=name), class_list(classes, background), VALUES, None)
    arguments = parsed(workbench.command(answer))
    (image,) = arguments.images
    assert Path(image) == Path(f'{name}_photo.png')
    assert bank_of(arguments.classes).classes == bank_of(answer.classes).classes
    assert tuple(entry.name for entry in bank_of(arguments.classes).classes) == answer.names
    assert arguments.config == CONFIG and parse_options(arguments.cfg_options)['model.backbone.arch'] is None


def test_view_and_legend():
    """The browser's names and labels are the segmentation's; classes switched off are not painted."""
    labels = np.repeat([[0, 1, 2, 300]], 4, axis=0)
    names = ('background', '<b>', 'cat', *map(str, range(298)))
    image = np.full((4, 4, 3), 100, np.uint8)
    result = Segmentation(image, labels, None, names, background=True)
    assert (np.asarray(as_colours(labels)) @ [1, 256, 0] == labels).all()
    page = view({'one': result, 'two': result})
    assert page.count('<figure') == 2 and '&lt;b&gt;' in page and '<b>' not in page
    assert legend({'one': result})[:4] == [
        ('background: 25.0%', 'background'), ('<b>: 25.0%', '<b>'), ('cat: 25.0%', 'cat'), ('0: -', '0'),
    ]  # fmt: skip
    painted = np.asarray(result.painted(['cat']))
    assert (painted[:, 0] == 100).all() and (painted[:, 3] == 100).all() and (painted[:, 2] != 100).any()
