"""Folders of a user's own, without a config: --images, --labels and --classes, and the example of docs/own_data.md."""

import json
import re
import shlex
import subprocess

import numpy as np
import pytest
from conftest import REPO
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import TRANSFORMS
from PIL import Image

from itaclip_mmseg.datasets.building import build_dataset
from itaclip_mmseg.engine.config import load_config
from itaclip_mmseg.engine.dataset_checks import check_some_labels
from itaclip_mmseg.engine.own_data import OwnData, config_place, config_text, own_data, write_config
from itaclip_mmseg.utils.errors import UserError

SCENES, WORDS = 'itaclip_tiny_scenes', 'background, sky, wall, road, grass\ncar\nhouse\ntree\n'
NAMES = ('background', 'car', 'house', 'tree')


@pytest.fixture
def photographs(tmp_path, monkeypatch):
    """Two small photographs, their label maps, and a class list, in the working directory."""
    monkeypatch.chdir(tmp_path)
    for folder in ('images', 'labels'):
        (tmp_path / folder).mkdir()
    for name in 'ab':
        blocks = np.random.RandomState(ord(name)).randint(0, 255, (4, 5, 3)).astype(np.uint8)
        Image.fromarray(blocks).resize((40, 30)).save(f'images/{name}.jpg')
        Image.fromarray(np.repeat(np.arange(4, dtype=np.uint8), 300).reshape(30, 40)).save(f'labels/{name}.png')
    (tmp_path / 'classes.txt').write_text(WORDS)
    return tmp_path


@pytest.fixture
def run(photographs, run_tool):
    """Run a script of tools on our toy config: exit code and what it prints."""
    return lambda script, *arguments, config=SCENES: run_tool(script, config, *arguments)


OWN = ('--images', 'images', '--labels', 'labels', '--classes', 'classes.txt')
SMALL = ('--cfg-options', 'test_dataloader.dataset.pipeline.1.scale=(512,64)')


def figures(folder):
    found = json.loads((folder / 'results.json').read_text())
    return {key: found[key] for key in ('mIoU', 'aAcc', 'mAcc', 'classes')}


@pytest.mark.slow
def test_a_written_config_gives_the_same_figures(run, photographs):
    """The bank, the data set and the thresholds follow from three options; the config's own figures are not quoted."""
    done = run('test', *OWN, '--write-config', 'mine.py', *SMALL)
    assert done.returncode == 0 and 'classes: background = background, sky, wall' in done.stdout, done
    assert 'measured by us' not in done.stdout
    first = figures(photographs / 'work_dirs/itaclip_tiny_scenes_images')
    assert tuple(first['classes']) == NAMES
    done = run('test', config='mine.py')
    assert done.returncode == 0, done
    assert figures(photographs / 'work_dirs/mine') == first


@pytest.mark.slow
def test_the_other_tools_take_them(run, photographs):
    done = run('check_dataset', *OWN, '--out', 'sheet.png')
    assert (photographs / 'sheet.png').is_file()
    assert done.returncode == 0 and all(name in done.stdout for name in NAMES) and '2 images' in done.stdout
    done = run('sweep', *OWN, '--lambda', '0.2', '0.6', '--work-dir', 'sweep', *SMALL)
    assert done.returncode == 0 and len(json.loads((photographs / 'sweep/sweep.json').read_text())['rows']) == 2, done
    done = run('benchmark', *OWN, '--repeats', '1', '--no-reference', '--json', 'times.json')
    assert done.returncode == 0 and json.loads((photographs / 'times.json').read_text())['size'] == [30, 40], done


@pytest.mark.parametrize(
    ('classes', 'expected'),
    [
        ('classes.txt', (0.1, 0.2, None)),
        ('car; tree', (None, None, None)),
        ('car: a car; tree: a tree', (None, None, 'definition')),
        (str(REPO / 'data/text_bank/scenes.json'), (0.1, 0.2, 'definition')),
    ],
)
def test_thresholds_and_texts_follow_the_classes(photographs, classes, expected):
    """None without a background, and without definitions; what overrides name is set all the same."""
    base = photographs / 'base.py'
    source = REPO / 'configs/itaclip/itaclip_tiny_scenes.py'
    base.write_text(f'_base_ = [{str(source)!r}]\nmodel = dict(prob_threshold=0.1, area_threshold=0.2)\n')
    config = load_config('base.py', data=OwnData('images', classes=classes))
    model = config.model
    assert (model.prob_threshold, model.area_threshold, model.auxiliary) == expected
    assert 'expected' not in config and 'seg_map_path' not in config.test_dataloader.dataset.data_prefix
    changed = load_config('base.py', {'model.prob_threshold': 0.4}, data=OwnData('images', classes=classes))
    assert changed.model.prob_threshold == 0.4


@pytest.mark.parametrize(('number', 'ignored'), [(255, None), (256, 65535)])
def test_many_classes_ignore_a_label_of_16_bits(photographs, number, ignored):
    """As soon as 255 is a class."""
    (photographs / 'many.txt').write_text('\n'.join(f'class{index}' for index in range(number)))
    config = load_config(SCENES, data=OwnData('images', classes='many.txt'))
    steps = {step.type: step for step in config.test_dataloader.dataset.pipeline}
    assert config.test_evaluator.get('ignore_index') == steps['LoadLabelMap'].get('ignored') == ignored
    assert len(config.test_dataloader.dataset.metainfo.classes) == number


@pytest.mark.parametrize(
    ('more', 'kept'),
    [
        ({}, False),
        ({'metainfo': dict(palette=[[0, 0, 0], [1, 1, 1]])}, True),
        ({'type': 'ScenesDataset', 'metainfo': dict(classes=('car', 'tree'))}, True),
    ],
)
def test_a_written_config_has_the_names_that_a_bank_lacks(photographs, more, kept):
    """Names from the bank are left out, so that another class list can take its place; all else repeats the run.

    The results go to a folder of their own, so those of the run that wrote the config stay.
    """
    options = {f'test_dataloader.dataset.{key}': value for key, value in more.items()}
    config = load_config(SCENES, options, data=OwnData('images', classes='car; tree'))
    write_config(config_text(config), config_place('mine.py'))
    written = Config.fromfile('mine.py')
    assert ('metainfo' in written.test_dataloader.dataset) == kept
    assert not {'launcher', 'run_name', 'work_dir'} & written.keys()
    assert load_config('mine.py').test_dataloader.dataset == config.test_dataloader.dataset


def test_no_data_is_none():
    assert own_data(None, None, None) is None


@pytest.mark.parametrize(
    ('arguments', 'named'),
    [
        (('--classes', 'classes.txt'), '--classes classes.txt: needs images, too; add --images FOLDER'),
        (('--labels', 'labels'), '--labels labels: needs images, too; add --images FOLDER'),
        (('--images', 'nowhere', '--classes', 'classes.txt'), '--images nowhere: no such folder'),
        (('--images', 'images', '--labels', 'nowhere'), '--labels nowhere: no such folder'),
        (('--images', 'images', '--classes', 'nothere.txt'), 'nothere.txt'),
        (('--images', 'images', '--classes', 'classes.txt'), 'check --labels'),
        ((*OWN, '--write-config', 'classes.txt'), 'ends in .py'),
        ((*OWN, '--write-config', 'there.py'), '--write-config there.py: exists already'),
        ((*OWN[:-1], 'car; tree'), 'a.png: contains labels 2, 3, but the class list ends with label 1'),
        # Before the weights.
        ((*OWN[:-1], 'car; tree', '--cfg-options', 'model.backbone.pretrained=no.pt'), 'a.png: contains labels 2, 3'),
    ],
)
def test_errors_are_one_line(run, photographs, arguments, named):
    (photographs / 'there.py').write_text('mine = 1\n')
    done = run('test', *arguments)
    lines = [line for line in done.stderr.splitlines() if line.startswith('error')]
    assert done.returncode == 1 and len(lines) == 1 and named in lines[0] and 'Traceback' not in done.stderr, done
    assert (photographs / 'there.py').read_text() == 'mine = 1\n'


@TRANSFORMS.register_module()
class OneLabel:
    """A step of a user's own that makes all labels 1."""

    def __call__(self, results):
        return results | dict(gt_seg_map=np.ones_like(results['gt_seg_map']))


def test_the_pipeline_decides_which_labels_count(photographs):
    """Label maps that look wrong are right where a step changes their labels."""
    init_default_scope('mmseg')
    config = load_config(SCENES, data=OwnData('images', 'labels', 'car; tree'))
    dataset = config.test_dataloader.dataset
    with pytest.raises(UserError, match=r'a\.png: contains labels 2, 3'):
        check_some_labels(build_dataset(dataset), 255)
    dataset.pipeline.insert(-1, dict(type='OneLabel'))
    check_some_labels(build_dataset(dataset), 255)


def test_a_data_set_of_folders_takes_the_names_of_the_bank(photographs):
    """`metainfo` is not needed, nor is an own config that inherits from ours by `config_path`."""
    (photographs / 'mine.py').write_text(
        "_base_ = [__import__('itaclip_mmseg').config_path('itaclip_tiny_scenes')]\n"
        "model = dict(text_bank='classes.txt')\n"
        "folders = dict(img_path='images', seg_map_path='labels')\n"
        'test_dataloader = dict(dataset=dict(_delete_=True, type="FolderDataset", data_prefix=folders, '
        'pipeline=_base_.test_pipeline))\n'
    )
    assert load_config('mine.py').test_dataloader.dataset.metainfo.classes == NAMES


EXAMPLE = re.compile(r'<!-- tests/tools/test_own_data.py .*?<!-- end of the example -->', re.DOTALL)


@pytest.mark.slow
def test_the_example_of_the_page_runs_word_for_word(run_tool, tmp_path):
    """Every command in its order; the figures that the text names are those that are printed."""
    page = EXAMPLE.search((REPO / 'docs/own_data.md').read_text(encoding='utf-8'))[0]
    for name in ('tools', 'docs', 'configs'):
        (tmp_path / name).symlink_to(REPO / name)
    printed = ''
    for command in re.findall(r'^    (\S.*)$', page, re.MULTILINE):
        program, first, *others = shlex.split(command)
        if program == 'python':
            done = run_tool(first.removeprefix('tools/').removesuffix('.py'), *others)
        else:
            done = subprocess.run([program, first, *others], capture_output=True, text=True)
        assert done.returncode == 0, command + done.stdout + done.stderr
        printed += done.stdout
    told, measured = (re.findall(r'aAcc ([\d.]+)', text) for text in (page, printed))
    assert [float(one) for one in told] == pytest.approx([float(one) for one in measured], abs=0.2)
    assert (tmp_path / 'mine.py').is_file() and list((tmp_path / 'work_dirs/overlays').iterdir())
