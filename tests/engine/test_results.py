"""One small run from files to everything that it leaves: results.json, confusion.csv, pictures, the terminal."""

import contextlib
import csv
import io
import json
import re

import numpy as np
import pytest
from conftest import REPO
from mmengine.config import Config
from PIL import Image

from itaclip_mmseg.engine.config import load_config
from itaclip_mmseg.engine.journal import is_data_unchanged
from itaclip_mmseg.engine.results import tag_figures
from itaclip_mmseg.engine.results_table import print_results
from itaclip_mmseg.engine.testing import run_test
from itaclip_mmseg.evaluation.iou import SegmentationScores
from itaclip_mmseg.scenes import dataset
from itaclip_mmseg.text.bank import load_bank

CONFIG = 'configs/itaclip/itaclip_tiny_scenes.py'
CLASSES = [entry.name for entry in load_bank(REPO / 'data/text_bank/scenes.json').classes]
FOLDER = '/'.join(['a long path is not broken'] * 5)
VARIANTS = {'mine': dict(logit_scale=60), 'other words': dict(text_coefficient=0.5)}


@pytest.fixture(scope='module')
def done(tmp_path_factory):
    """The folder of a run of two variants on one scene of one window, of which some pixels are ignored."""
    root = tmp_path_factory.mktemp('run')
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dataset, 'scene_sizes', lambda seed, number: [(64, 96)] * number)
        dataset.write_scenes(root / 'd', num_images=1)
    (path,) = (root / 'd/SegmentationClass').iterdir()
    truth = np.array(Image.open(path))
    truth[:2] = 255
    Image.fromarray(truth).save(path)
    options = {
        'test_dataloader.dataset.data_root': str(root / 'd'),
        'test_dataloader.dataset.pipeline.1.scale': (512, 64),
        'test_dataloader.num_workers': 0,
        'test_dataloader.persistent_workers': False,
        'model.pamr': None,
        'model.image_engineering': False,
        'model.variants': VARIANTS,
    }
    config = load_config(CONFIG, options, str(root / 'work'))
    config.paper = dict(mIoU=67.9, source='a [b]table')
    for place in ('work/.results.abcd1234.json', f'maps/.{path.stem}.abcd1234.png'):  # of a killed run
        (root / place).parent.mkdir()
        (root / place).touch()
    with contextlib.redirect_stderr(io.StringIO()) as told, contextlib.redirect_stdout(told):
        run_test(config, str(root / 'overlays'), str(root / 'maps'))
    (root / 'told').write_text(told.getvalue())
    return root


@pytest.fixture(scope='module')
def results(done):
    return json.loads((done / 'work/results.json').read_text())


def test_counts_are_those_of_the_label_maps(done, results):
    """The matrix, truth by prediction, and every figure follow from the files; ignored pixels are told, not counted."""
    (truth,), (labels,) = (sorted(folder.iterdir()) for folder in (done / 'd/SegmentationClass', done / 'maps'))
    assert truth.name == labels.name
    truth, labels = np.array(Image.open(truth)), np.array(Image.open(labels))
    expected = np.zeros((len(CLASSES), len(CLASSES)), int)
    np.add.at(expected, (truth[2:], labels[2:]), 1)
    rows = list(csv.reader((done / 'work/confusion.csv').open()))
    assert rows[0] == ['truth', *CLASSES] and [row[0] for row in rows[1:]] == CLASSES
    assert np.array_equal(np.array([row[1:] for row in rows[1:]], int), expected)
    scores = SegmentationScores.from_confusion(expected)
    assert {name: results[name] for name in ('mIoU', 'aAcc', 'mAcc')} == pytest.approx(scores.summary())
    iou = [np.nan if value is None else value for value in results['classes'].values()]
    assert list(results['classes']) == CLASSES and iou == pytest.approx(scores.iou.tolist(), nan_ok=True)
    assert results['ignored_pixels'] == 2 * 96 and results['num_images'] == results['encoded_views'] == 1
    (warning,) = results['warnings']
    assert warning.startswith(f'{(expected.sum(axis=1) == 0).sum()} of 15 classes do not occur')
    assert '3.1% of its pixels are ignored' in warning and f'warning: {warning}\n' in (done / 'told').read_text()


def test_results_know_their_files(done, results):
    """Those that counts were made from, so that a later run can tell whether they fit."""
    files = [str(next((done / 'd' / name).iterdir())) for name in ('JPEGImages', 'SegmentationClass')]
    assert is_data_unchanged(results['data'], {files[0]: files})


def test_settings_of_each_variant_are_written_down(results):
    assert list(results['variants']) == list(VARIANTS)
    for name, alpha in (('mine', 0.05), ('other words', 0.5)):
        assert results['variants'][name]['settings']['text_coefficient'] == alpha
        assert results['variants'][name]['settings']['last_block']['type'] == 'sum'
    assert results['variants']['mine'] == {key: results[key] for key in ('mIoU', 'aAcc', 'mAcc', 'classes')} | {
        'settings': results['variants']['mine']['settings']
    }
    settings = results['settings']
    assert settings['text_coefficient'] == 0.05 and settings['pamr'] is None and settings['precision'] == 'fp32'
    assert settings['dataset']['type'] == 'ScenesDataset' and 'data_root' not in settings['dataset']  # no paths
    assert settings['config'] == 'itaclip_tiny_scenes' and settings['pretrained'] == 'tiny'
    assert results['versions'].keys() >= {'itaclip_mmseg', 'python', 'torch', 'numpy', 'mmengine', 'device'}
    assert not any(value is None for value in results['versions'].values())


def test_nothing_else_is_left(done):
    """Neither the journal nor half-written files, also of a killed run; the config stays beside the results."""
    names = {path.name for path in (done / 'work').iterdir() if not path.is_dir()}
    assert names == {'results.json', 'confusion.csv', 'itaclip_tiny_scenes.py'}
    assert len(list((done / 'maps').iterdir())) == 1
    (overlay,) = (done / 'overlays').iterdir()
    with Image.open(overlay) as picture:
        assert picture.width >= 3 * 96 and picture.height >= 64


def test_a_run_prints_its_results(done, results):
    """The figures and where the outputs are."""
    lines = (done / 'told').read_text().splitlines()
    assert f'mIoU {results["mIoU"]:.2f}   aAcc {results["aAcc"]:.2f}   mAcc {results["mAcc"]:.2f}' in lines
    assert f'label maps: {done / "maps"}' in lines


def printed(results, capsys, **more):
    config = Config(dict(model={}, work_dir=FOLDER, paper=dict(mIoU=67.9, source='a [b]table')) | more)
    print_results(results, config, {'label maps': 'out'})
    return capsys.readouterr().out


def test_the_table(results, capsys):
    """Figures with their digits, a dash for what occurs nowhere, what others measured beside ours, and the places."""
    results = results | dict(variants={name: row | dict(mIoU=21.83) for name, row in results['variants'].items()})
    out = printed(results | {'tags': tag_figures({'car': 50.0, 'tree': float('nan')})}, capsys)
    assert out.startswith('itaclip_tiny_scenes, 1 images\n')
    assert f'mIoU {results["mIoU"]:.2f}   aAcc {results["aAcc"]:.2f}   mAcc {results["mAcc"]:.2f}\n' in out
    cells = [[cell.strip() for cell in line.split('│')[1:-1]] for line in out.splitlines() if line.startswith('│')]
    classes = {name: '-' if value is None else f'{value:.1f}' for name, value in results['classes'].items()}
    assert cells[:15] == [[*pair] for pair in classes.items()] and '-' in classes.values()
    assert re.search(r'┃ +mIoU ┃ +aAcc ┃ +mAcc ┃', out) and re.search(r'┃ +IoU ┃', out)  # below one another
    figures = [[f'{row[key]:.2f}' for key in ('mIoU', 'aAcc', 'mAcc')] for row in results['variants'].values()]
    assert cells[15:] == [[name, *row] for name, row in zip(VARIANTS, figures, strict=True)]
    assert 'tags: mAP 50.00\n' in out and 'quoted: mIoU 67.9 (a [b]table)\n' in out and 'measured by us' not in out
    assert out.endswith(f'results: {FOLDER}/results.json\nlabel maps: out\n')


@pytest.mark.parametrize(('images', 'told'), [(1, True), (2, False), (None, True)])
def test_our_own_figure_is_quoted_for_as_many_images(results, capsys, images, told):
    expected = dict(mIoU=64.29, tolerance=0.5) | ({} if images is None else dict(images=images))
    line = 'measured by us: mIoU 64.29 +/- 0.5'
    assert (line in printed(results, capsys, expected=expected)) == told


def test_figures_have_no_colours(results, capsys, monkeypatch):
    """On a terminal too, where rich would colour numbers and paths."""
    monkeypatch.setenv('FORCE_COLOR', '1')
    lines = printed(results, capsys).splitlines()
    assert any('\x1b' in line for line in lines)  # the table's head
    told = ('itaclip_tiny_scenes', 'mIoU', 'quoted', 'results', 'label maps')
    assert [line.startswith(told) for line in lines if '\x1b' not in line].count(True) == len(told)


def test_no_figures_without_truth(results, capsys):
    lines = printed(results | dict(aAcc=None), capsys).splitlines()
    assert lines[1:] == [
        'no scores, because there are no label maps',
        f'results: {FOLDER}/results.json',
        'label maps: out',
    ]
