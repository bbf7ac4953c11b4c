"""CASS on the small weights of its reference."""

import functools

import numpy as np
import pytest
import torch
from conftest import REPO
from golden import SEED, Stored, arrays, tiny_cass
from mmengine.config import Config
from mmseg.registry import MODELS
from networks import write_state

DATASETS = {  # as the arrays name them
    'voc21': 'voc21',
    'context60': 'context60',
    'coco_object': 'coco-object',
    'voc20': 'voc20',
    'context59': 'context59',
    'coco_stuff164k': 'coco-stuff171',
    'ade20k': 'ade20k150',
    'city_scapes': 'cityscapes19',
}
SIZES = {'224': (1, 224, 224), '208x256': (2, 208, 256), 'small': (6, 100, 130)}


@pytest.fixture(scope='session')
def picture():
    """picture(1, 224, 224): the page's `image`, 3 x H x W."""
    return lambda number, height, width: torch.from_numpy(tiny_cass.image(SEED + number, height, width))[0]


@pytest.fixture(scope='session')
def recorded() -> dict[str, np.ndarray]:
    """What the public code answers."""
    return arrays('cass')


@pytest.fixture(scope='session')
def weights(tmp_path_factory) -> dict[str, str]:
    """CLIP and DINO of four heads each."""
    folder = tmp_path_factory.mktemp('cass')
    states = dict(clip=tiny_cass.state_dict(SEED), dino=tiny_cass.dino_state_dict(SEED))
    return {name: write_state(folder / f'{name}.pth', state) for name, state in states.items()}


@pytest.fixture(scope='session')
def build(weights, golden_banks, recorded):
    """build('context60', decomposition='drawn'): the model of a data set's config, its words the stored vectors."""

    @functools.cache
    def networks(dataset: str):
        config = Config.fromfile(REPO / f'configs/cass/cass_vit-b-16_{DATASETS[dataset]}.py').model.to_dict()
        config['backbone'] |= dict(arch=None, pretrained=weights['clip'])
        config['dino'] |= dict(pretrained=weights['dino'])
        return config | dict(text_bank=golden_banks['bg'])

    def build(dataset: str = 'voc21', stored: bool = True, **changes):
        model = MODELS.build(networks(dataset) | changes)
        if stored:
            model.text_encoder = Stored(recorded['query'])
        return model

    return build


@pytest.fixture(scope='session')
def view_of(build, picture):
    """view_of('224'): a recorded view and what CLIP's shared blocks leave of it, its CLS left out of q, k and v."""
    model = build()

    @functools.cache
    def view(size: str):
        with torch.no_grad():
            inputs = model.backbone.shared_blocks(picture(*SIZES[size])[None])
        return model, inputs, *inputs.last_qkv[1:, :, :, 1:]

    return view
