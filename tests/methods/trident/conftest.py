"""Trident on the small weights of its references."""

import functools

import pytest
from golden import tiny_dino_b16
from golden.trident_runs import Run, config
from mmseg.registry import MODELS
from torch import nn

from itaclip_mmseg.text.bank import TextBank


@pytest.fixture(scope='session')
def build_trident(newer_weights, network_weights):
    """build_trident('voc21', bank, **changes): the config's model on small weights."""

    pytest.importorskip('segment_anything')

    def build(dataset: str, bank: TextBank | str, **changes) -> nn.Module:
        settings = config(dataset).model.to_dict() | dict(text_bank=bank)
        settings['backbone'] |= dict(arch=None, pretrained=newer_weights)
        heads = tiny_dino_b16.VISION['heads']
        settings['dino'] |= dict(arch=None, pretrained=network_weights['dino_b16'], heads=heads)
        settings['sam'] |= dict(pretrained=network_weights['sam'])
        return MODELS.build(settings | changes)

    return build


@pytest.fixture(scope='session')
def runs(build_trident):
    """runs('voc21'): a recorded run."""
    return functools.cache(lambda name: Run(name, build_trident))
