"""Methods with a network of their own whose words and settings change without encoding: Python, the demo, the page."""

import runpy
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import REPO, write_state
from golden import SEED, tiny_cass
from PIL import Image

import itaclip_mmseg
from itaclip_mmseg.apis.page_session import OWN, Workbench, write_files
from itaclip_mmseg.apis.page_words import class_list
from itaclip_mmseg.engine.config import parse_options
from itaclip_mmseg.models import CLIPVisionBackbone, ViTBackbone
from itaclip_mmseg.scenes.render import render_scene

CONFIG = 'configs/cass/cass_vit-b-16_voc21.py'
OBJECTS = ('horse', 'sofa = sofa, couch', 'bottle', 'person', 'aeroplane', 'dog', 'cat', 'ship', 'table', 'car')
CLASSES = '; '.join(('background = sky, wall', *OBJECTS))
VALUES = dict(logit_scale=60, prob_threshold=0.2, area_threshold=0, pamr=1, global_weight=0, patch_weight=0.9)


@pytest.fixture(scope='module')
def photo(tmp_path_factory) -> Path:
    """A scene, small and without loss."""
    path = tmp_path_factory.mktemp('photographs') / 'scene.png'
    Image.fromarray(render_scene(3, 96, 128).image).save(path)
    return path


@pytest.fixture(scope='module')
def options(tmp_path_factory) -> list[str]:
    """Small weights, small images."""
    folder = tmp_path_factory.mktemp('weights')
    clip = write_state(folder / 'clip.pt', tiny_cass.state_dict(SEED))
    dino = write_state(folder / 'dino.pth', tiny_cass.dino_state_dict(SEED))
    scales = [f'{pipeline}.1.scale=(512,128)' for pipeline in ('test_pipeline', 'test_dataloader.dataset.pipeline')]
    return ['model.backbone.arch=None', f'model.backbone.pretrained={clip}', f'model.dino.pretrained={dino}', *scales]


@pytest.fixture(scope='module')
def workbench(options):
    return Workbench(CONFIG, options)


@pytest.mark.slow
def test_page_python_and_demo_give_the_same_labels(workbench, options, photo, tmp_path, monkeypatch):
    """The networks run once; other words and settings are answered as a model of these answers them."""
    encoded = workbench.open(photo)
    with monkeypatch.context() as patch:
        patch.setattr(CLIPVisionBackbone, 'shared_blocks', None)
        patch.setattr(ViTBackbone, 'last_keys', None)
        workbench.answer(encoded, class_list('tree\nhouse', 'sand'), VALUES, None)
        answer = workbench.answer(encoded, class_list('\n'.join(OBJECTS), 'sky, wall'), VALUES, None)
    labels = answer.results[OWN].labels
    assert len(np.unique(labels)) > 1 and answer.settings[OWN]['area_threshold'] is None
    overrides = [f'model.{name}={value}' for name, value in VALUES.items() if name not in ('pamr', 'area_threshold')]
    chosen = parse_options([*options, *overrides, 'model.pamr.num_iters=1'])
    assert np.array_equal(itaclip_mmseg.segment(photo, CLASSES, CONFIG, chosen).labels, labels)

    monkeypatch.chdir(Path(write_files(answer, tmp_path)[0]).parent)
    tool, arguments = str(REPO / 'tools/demo.py'), shlex.split(workbench.command(answer))[2:]
    monkeypatch.setattr(sys, 'argv', [tool, *arguments])
    runpy.run_path(tool, run_name='__main__')
    assert np.array_equal(np.asarray(Image.open('work_dirs/demo/scene_photo_labels.png')), labels)


def test_the_page_has_the_sliders_of_the_methods_settings(workbench, tmp_path):
    """None of another method's, at the config's values."""
    page = pytest.importorskip('itaclip_mmseg.apis.page', reason='the page needs gradio', exc_type=Exception)
    sliders = page.Page(workbench, [], tmp_path).sliders
    shown = {name: slider.value for name, slider in sliders.items()}
    thresholds = dict(prob_threshold=0.1, area_threshold=0)
    assert shown == dict(logit_scale=40, pamr=0, global_weight=0.1, patch_weight=0.03) | thresholds
