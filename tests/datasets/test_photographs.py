"""Protects the photograph that networks beside CLIP see: as read, whatever the pipeline makes of the image."""

import numpy as np
import pytest
from mmengine.config import ConfigDict
from mmengine.dataset import Compose
from mmengine.registry import init_default_scope
from PIL import Image

from itaclip_mmseg.datasets.photographs import keep_photographs

STEPS = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(2048, 16), keep_ratio=True),
    dict(type='PackSegInputs'),
]


@pytest.fixture
def path(tmp_path):
    pixels = np.random.RandomState(0).randint(0, 256, (24, 36, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / 'photo.png')
    return tmp_path / 'photo.png'


def test_photographs_are_kept_as_read(path):
    steps = [ConfigDict(step) for step in STEPS]
    keep_photographs(steps)
    init_default_scope('mmseg')
    packed = Compose(steps)(dict(img_path=str(path)))
    photograph = packed['data_samples'].metainfo['photograph']
    assert np.array_equal(photograph.pixels, np.asarray(Image.open(path)))
    assert photograph.path == str(path) and packed['inputs'].shape == (3, 16, 24)


def test_a_pipeline_keeps_photographs_once():
    steps = [ConfigDict(step) for step in STEPS]
    keep_photographs(steps)
    keep_photographs(steps)
    assert [step.type for step in steps] == ['LoadImageFromFile', 'KeepPhotograph', 'Resize', 'PackPhotograph']
