"""Models of the methods on the small weights of their references, and what their tests share."""

import functools
from collections.abc import Callable

import numpy as np
import pytest
import torch
from conftest import REPO
from golden import arrays, image, tiny_dino_proxy
from mmengine.config import Config
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

from itaclip_mmseg.text.bank import BankClass, TextBank


def merged(settings: dict, changes: dict) -> dict:
    """Settings with changes, dictionaries in them key by key."""
    pairs = {key: (settings.get(key), value) for key, value in changes.items()}
    both = {key: merged(*pair) for key, pair in pairs.items() if all(isinstance(one, dict) for one in pair)}
    if 'mode' in changes:  # a whole test_cfg
        return changes
    return {**settings, **changes, **both}


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


@pytest.fixture(scope='session')
def bank_of():
    """A bank of names, each its own word; the first is the background if it is called so."""

    def build(names: list[str]) -> TextBank:
        return TextBank('golden', names[0] == 'background', tuple(BankClass(name, (name,)) for name in names))

    return build


@pytest.fixture(scope='session')
def batch_equals_single():
    """Assert that three images of different sizes in one batch get what each gets alone."""

    def check(model) -> None:
        images = [image(1, 96, 128), image(2, 100, 130), image(3, 128, 80)]
        samples = [[SegDataSample(metainfo=dict(ori_shape=(60, 70)))] for _ in images]
        alone = [model.predict([one], sample)[0] for one, sample in zip(images, samples, strict=True)]
        together = model.predict(images, [SegDataSample(metainfo=dict(ori_shape=(60, 70))) for _ in images])
        for one, other in zip(alone, together, strict=True):
            assert one.seg_logits.data.shape == (len(model.bank.classes), 60, 70)
            assert torch.equal(one.seg_logits.data, other.seg_logits.data)
            assert torch.equal(one.pred_sem_seg.data, other.pred_sem_seg.data)

    return check
