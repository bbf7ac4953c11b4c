"""Models of the methods' configs on the small weights of their references."""

import functools
from collections.abc import Callable

import numpy as np
import pytest
import torch
from conftest import REPO
from golden import SEED, arrays, tiny_dino_proxy
from mmengine.config import Config
from mmseg.registry import MODELS


def merged(settings: dict, changes: dict) -> dict:
    """Settings with changes, dictionaries in them key by key."""
    pairs = {key: (settings.get(key), value) for key, value in changes.items()}
    both = {key: merged(*pair) for key, pair in pairs.items() if all(isinstance(one, dict) for one in pair)}
    if 'mode' in changes:  # a whole test_cfg
        return changes
    return {**settings, **changes, **both}


@pytest.fixture(scope='session')
def dino_weights(tmp_path_factory) -> str:
    """The small DINO beside it."""
    path = tmp_path_factory.mktemp('weights') / 'dino.pth'
    torch.save({name: torch.from_numpy(value) for name, value in tiny_dino_proxy.state_dict(SEED).items()}, path)
    return str(path)


@pytest.fixture(scope='session')
def references() -> Callable[[str], dict[str, np.ndarray]]:
    """The arrays of a method, read once."""
    return functools.cache(arrays)


@pytest.fixture(scope='session')
def build(newer_weights, dino_weights, golden_banks, references):
    """build('scclip', prob_threshold=None, backbone=dict(...)): a method's VOC config, its texts the stored vectors."""

    def build(method: str, **changes):
        settings = Config.fromfile(REPO / f'configs/{method}/{method}_vit-b-16_voc21.py').model.to_dict()
        small = dict(text_bank=golden_banks['bg'], backbone=dict(arch=None, pretrained=newer_weights))
        if method == 'proxyclip':
            dino = dict(pretrained=dino_weights, heads=tiny_dino_proxy.VISION['heads'])
            small['backbone']['last_block'] = dict(dino=dino)
        model = MODELS.build(merged(merged(settings, small), changes))
        model.texts.embeddings = torch.from_numpy(references(method)['query'])
        return model

    return build
