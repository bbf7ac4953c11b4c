"""Methods with a network of their own whose words and settings change without encoding: Python, the demo, the page."""

import functools
import shlex
from pathlib import Path

import numpy as np
import pytest
from golden import SEED, tiny_cass, tiny_dino_b16
from networks import write_state
from PIL import Image

import itaclip_mmseg
from itaclip_mmseg.apis.page_session import OWN, Workbench, write_files
from itaclip_mmseg.apis.page_words import class_list
from itaclip_mmseg.engine.config import parse_options
from itaclip_mmseg.models import SAM, CLIPVisionBackbone, ViTBackbone
from itaclip_mmseg.scenes.render import render_scene

CASS, TRIDENT = (f'configs/{name}/{name}_vit-b-16_voc21.py' for name in ('cass', 'trident'))
OBJECTS = ('horse', 'sofa = sofa, couch', 'bottle', 'person', 'aeroplane', 'dog', 'cat', 'ship', 'table', 'car')
CLASSES = '; '.join(('background = sky, wall', *OBJECTS))
VALUES = {
    CASS: dict(logit_scale=60, prob_threshold=0.2, area_threshold=0, pamr=1, global_weight=0, patch_weight=0.9),
    TRIDENT: dict(logit_scale=60, prob_threshold=0.2, area_threshold=0, confidence_threshold=0, iou_threshold=0.5),
}
STARTS = {
    CASS: dict(logit_scale=40, pamr=0, global_weight=0.1, patch_weight=0.03, prob_threshold=0.1, area_threshold=0),
    TRIDENT: dict(logit_scale=40, prob_threshold=0.2, area_threshold=0, confidence_threshold=0.2, iou_threshold=0.8),
}


@pytest.fixture(scope='module')
def photo(tmp_path_factory) -> Path:
    """A scene, small and without loss."""
    path = tmp_path_factory.mktemp('photographs') / 'scene.png'
    Image.fromarray(render_scene(3, 96, 128).image).save(path)
    return path


@pytest.fixture(scope='module')
def options(network_weights, newer_weights, tmp_path_factory) -> dict[str, list[str]]:
    """Small weights, small images."""
    folder = tmp_path_factory.mktemp('weights')
    clip = write_state(folder / 'clip.pt', tiny_cass.state_dict(SEED))
    dino = write_state(folder / 'dino.pth', tiny_cass.dino_state_dict(SEED))
    scales = [f'{pipeline}.1.scale=(512,128)' for pipeline in ('test_pipeline', 'test_dataloader.dataset.pipeline')]
    cass = [f'model.backbone.pretrained={clip}', f'model.dino.pretrained={dino}']
    trident = [
        f'model.backbone.pretrained={newer_weights}',
        f'model.sam.pretrained={network_weights["sam"]}',
        f'model.dino.pretrained={network_weights["dino_b16"]}',
        f'model.dino.heads={tiny_dino_b16.VISION["heads"]}',
        'model.dino.arch=None',
        *('model.test_cfg.crop_size=(128,128)', 'model.test_cfg.stride=(64,64)'),
    ]
    return {config: ['model.backbone.arch=None', *own, *scales] for config, own in ((CASS, cass), (TRIDENT, trident))}


@pytest.fixture(scope='module')
def workbenches(options):
    """By config."""
    return functools.cache(lambda config: Workbench(config, options[config]))


@pytest.mark.slow
@pytest.mark.parametrize('config', [CASS, TRIDENT])
def test_page_python_and_demo_give_the_same_labels(
    workbenches, options, photo, tmp_path, monkeypatch, run_tool, config
):
    """The networks run once; other words and settings are answered as a model of these answers them."""
    workbench, values = workbenches(config), VALUES[config]
    encoded = workbench.open(photo)
    with monkeypatch.context() as patch:
        for network, method in ((CLIPVisionBackbone, 'shared_blocks'), (ViTBackbone, 'last_keys'), (SAM, 'forward')):
            patch.setattr(network, method, None)
        workbench.answer(encoded, class_list('tree\nhouse', 'sand'), values, None)
        answer = workbench.answer(encoded, class_list('\n'.join(OBJECTS), 'sky, wall'), values, None)
    labels = answer.results[OWN].labels
    assert len(np.unique(labels)) > 1 and answer.settings[OWN]['area_threshold'] is None
    overrides = [f'model.{name}={value}' for name, value in values.items() if name not in ('pamr', 'area_threshold')]
    overrides += ['model.pamr.num_iters=1'] * ('pamr' in values)
    chosen = parse_options([*options[config], *overrides])
    assert np.array_equal(itaclip_mmseg.segment(photo, CLASSES, config, chosen).labels, labels)

    monkeypatch.chdir(Path(write_files(answer, tmp_path)[0]).parent)
    run_tool('demo', *shlex.split(workbench.command(answer))[2:])
    assert np.array_equal(np.asarray(Image.open('work_dirs/demo/scene_photo_labels.png')), labels)


@pytest.mark.slow
@pytest.mark.parametrize('config', [CASS, TRIDENT])
def test_the_page_has_the_sliders_of_the_methods_settings(workbenches, tmp_path, config):
    """None of another method's, at the config's values."""
    page = pytest.importorskip('itaclip_mmseg.apis.page', reason='the page needs gradio', exc_type=Exception)
    sliders = page.Page(workbenches(config), [], tmp_path).sliders
    assert {name: slider.value for name, slider in sliders.items()} == STARTS[config]
