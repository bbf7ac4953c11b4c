"""docs/add_a_method.md, followed word for word."""

import json
import re
import sys

import pytest
from conftest import REPO
from mmseg.registry import MODELS

from itaclip_mmseg import Segmenter, last_block
from itaclip_mmseg.engine.config import load_config
from itaclip_mmseg.engine.testing import run_test
from itaclip_mmseg.scenes.render import render_scene
from itaclip_mmseg.studies.sweep import parse_values, run_sweep
from itaclip_mmseg.utils.errors import UserError

pytestmark = pytest.mark.slow  # each test runs a config or two
FILES = re.compile(r'^File `(.+?)`:\n\n```python\n(.*?)^```', re.MULTILINE | re.DOTALL)


@pytest.fixture
def run(small_scenes, tmp_path, monkeypatch):
    """Write the page's files beside the checkout's configs; test one of its configs on two scenes."""
    files = dict(FILES.findall((REPO / 'docs/add_a_method.md').read_text()))
    assert len(files) == 7
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / 'configs').symlink_to(REPO / 'configs')
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path / 'idea'))
    monkeypatch.setitem(last_block.LAST_BLOCKS, 'nearest_keys', None)  # forgotten after the test
    options = {'test_dataloader.dataset.data_root': str(small_scenes), 'test_dataloader.num_workers': 0}
    options |= {'test_dataloader.persistent_workers': False, 'model.test_cfg.stride': (224, 224)}
    options['test_dataloader.dataset.pipeline.1.scale'] = (448, 224)
    yield lambda name: load_config(f'idea/{name}.py', options)
    for method in ('BestTemplate', 'LeaningWords'):
        MODELS.module_dict.pop(method, None)
    for module in ('nearest_keys', 'best_template', 'leaning_words'):
        sys.modules.pop(module, None)


def test_a_sum_of_terms_is_a_config(run):
    results = run_test(run('other_terms'))
    assert results['settings']['last_block'].items() >= dict(attention=('qq', 'vv')).items()
    assert 0 <= results['mIoU'] <= 100


def test_a_last_block_is_one_file(run):
    """It answers beside ITACLIP's own attention from one encoding pass, whose row stays what it is alone."""
    both = run_test(run('nearest_keys_scenes'))['variants']
    alone = run('nearest_keys_scenes')
    alone.model.variants = None
    alone.work_dir = 'alone'
    assert both['ITACLIP']['mIoU'] == run_test(alone)['mIoU'] != both['nearest keys']['mIoU']


def test_a_last_block_can_be_swept(run):
    sweep = run_sweep(run('nearest_keys_scenes'), parse_values(['last_block=nearest_keys', 'number=4,16']))
    assert {row['varied']['number'] for row in sweep['rows']} == {4, 16}
    assert len({row['mIoU'] for row in sweep['rows']}) == 2


def test_a_method_is_a_segmentor(run, tmp_path):
    run_test(run('best_template_scenes'), out_dir='labels', show_dir='overlays')
    results = json.loads((tmp_path / 'work_dirs/best_template_scenes/results.json').read_text())
    assert results['num_images'] == 2 and results['mIoU'] > 5  # better than chance: 21 names
    for folder in ('labels', 'overlays'):
        assert len(list((tmp_path / folder).glob('*.png'))) == 2


def test_a_segmentor_in_two_halves(run, monkeypatch):
    """Its words and settings change without the network; the run's labels are those of both halves."""
    config = run('leaning_words_scenes')
    assert run_test(config)['mIoU'] > 5  # better than chance: 21 names
    segmenter = Segmenter(config=config.filename)
    picture = segmenter.encode(render_scene(3, 96, 128).image)
    monkeypatch.setattr(segmenter.model, 'backbone', None)
    apart = picture.segment(lean=0.0, pamr=None).labels != picture.segment(lean=0.9).labels
    assert apart.any() and picture.segment('tree; house').labels.max() <= 1
    with pytest.raises(UserError, match='lean=2'):
        picture.segment(lean=2)
