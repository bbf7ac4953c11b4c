"""Trident as a segmentor: batches, two halves, sizes of all kinds, errors."""

import numpy as np
import pytest
import torch
from conftest import REPO
from golden import photo, tiny_dino_b16
from golden.trident_runs import config
from mmseg.structures import SegDataSample

from itaclip_mmseg import Segmenter
from itaclip_mmseg.models.stages.photograph import Photograph
from itaclip_mmseg.text.classes import bank_of
from itaclip_mmseg.utils.errors import UserError

WINDOWS = dict(test_cfg=dict(mode='slide', crop_size=(128, 128), stride=(64, 64)))
CLASSES = 'background = sky, wall; dog; cat = cat, feline'


@pytest.fixture(scope='module')
def model(build_trident):
    settings = dict(prob_threshold=None, confidence_threshold=0.0, minimal_area=20, iou_threshold=0.5)
    return build_trident('voc21', bank_of(CLASSES), **WINDOWS, **settings)


def inputs(numbers: dict[int, tuple[int, int]]):
    """Pictures as a pipeline hands them on: normalised roughly, and their photographs."""
    photographs = [Photograph(photo(number, *size)) for number, size in numbers.items()]
    images = [(torch.from_numpy(one.pixels).float().movedim(-1, 0) - 110) / 68 for one in photographs]
    return images, [SegDataSample(metainfo=dict(ori_shape=one.pixels.shape[:2], photograph=one)) for one in photographs]


@pytest.mark.slow
def test_a_batch_answers_what_each_image_does_alone(model):
    """Three sizes in one batch, one smaller than a window; scores and labels have the photographs' sizes."""
    numbers = {1: (96, 128), 2: (100, 130), 3: (150, 90)}
    images, samples = inputs(numbers)
    alone = [model.predict([one], [sample])[0] for one, sample in zip(images, samples)]
    together = model.predict(images, inputs(numbers)[1])
    for one, other, size in zip(alone, together, numbers.values(), strict=True):
        assert one.seg_logits.data.shape == (3, *size)
        assert torch.equal(one.seg_logits.data, other.seg_logits.data)
        assert torch.equal(one.pred_sem_seg.data, other.pred_sem_seg.data)


@pytest.mark.slow
def test_words_change_without_encoding(model, monkeypatch):
    """The second half answers what the whole method does, also for other words and settings."""
    (image,), (sample,) = inputs({1: (96, 128)})
    photograph, size = sample.photograph, (96, 128)
    expected = model.result(image, size, photograph)
    encoded = model.encode(image, photograph=photograph)
    monkeypatch.setattr(type(model), 'encode', None)
    found = model.decode(encoded, model.bank, {}, size, True)
    assert torch.equal(found.labels, expected.labels) and torch.equal(found.scores, expected.scores)
    coarse = model.decode(encoded, model.bank, dict(refine=False), size, False)
    assert coarse.scores is None and not torch.equal(coarse.labels, expected.labels)
    assert len(model.decode(encoded, bank_of('a fish; sand; sea; ship'), {}, size, True).scores) == 4
    with pytest.raises(UserError, match="setting='sharpness'"):
        model.decode(encoded, model.bank, dict(sharpness=2.0), size, False)


@pytest.mark.slow
@pytest.mark.parametrize('size', [(16, 16), (1, 300), (260, 3)])
def test_pictures_of_all_shapes(model, size):
    """Also those that leave SAM's grid less than a row."""
    images, samples = inputs({1: size})
    (result,) = model.predict(images, samples)
    assert result.pred_sem_seg.data.shape == (1, *size) and result.seg_logits.data.isfinite().all()


@pytest.mark.slow
@pytest.mark.parametrize(
    'test_cfg', [dict(mode='whole'), dict(mode='slide', crop_size=(96, 96), stride=(28, 28))], ids=['whole', '28']
)
def test_windows_of_other_protocols(build_trident, test_cfg):
    """Whole images, and windows that do not begin between two patches."""
    model = build_trident('voc21', bank_of(CLASSES), test_cfg=test_cfg)
    images, samples = inputs({1: (100, 130)})
    assert model.predict(images, samples)[0].seg_logits.data.isfinite().all()


@pytest.mark.slow
def test_from_the_segmenter(newer_weights, network_weights, tmp_path):
    """The demo's and the page's way: its own pipeline, words and settings after encoding."""
    options = {
        'model.backbone.arch': None,
        'model.backbone.pretrained': newer_weights,
        'model.dino.arch': None,
        'model.dino.heads': tiny_dino_b16.VISION['heads'],
        'model.dino.pretrained': network_weights['dino_b16'],
        'model.sam.pretrained': network_weights['sam'],
        'test_pipeline.1.scale': (512, 336),
    }
    path = str(REPO / 'configs/trident/trident_vit-b-16_voc21.py')
    picture = Segmenter(CLASSES, path, options).encode(photo(1, 120, 160))
    labels = picture.segment(prob_threshold=None, confidence_threshold=0.0).labels
    assert labels.shape == (120, 160) and set(np.unique(labels)) <= {0, 1, 2}
    assert picture.segment('a fish; sand', scores=True).scores.shape == (2, 120, 160)


def test_a_pipeline_without_photographs_is_refused(model):
    with pytest.raises(UserError, match='test_pipeline: does not keep the photograph'):
        model.predict([torch.zeros(3, 128, 128)])


def test_a_threshold_without_a_background_is_refused(model):
    """Else the first class would get the pixels that the background should."""
    with pytest.raises(UserError, match='has no background'):
        model.decode(None, bank_of('a fish; sand'), dict(prob_threshold=0.2), (96, 128), False)


@pytest.mark.parametrize(
    ('changes', 'named'),
    [
        (dict(test_cfg=dict(mode='slide', crop_size=(336, 330), stride=(224, 224))), r'test_cfg\.crop_size'),
        (dict(centre=-1), 'centre=-1'),
        (dict(aggregation=dict(faktor=1)), "aggregation='faktor'"),
        (dict(logit_scale='x'), "logit_scale='x'"),
    ],
)
def test_faults(build_trident, changes, named):
    with pytest.raises(UserError, match=named):
        build_trident('voc21', bank_of(CLASSES), **changes)


def test_the_dino_of_another_patch_is_named(build_trident, dino_weights):
    """ProxyCLIP's has patches of 8 pixels."""
    with pytest.raises(UserError, match=r'dino\.pretrained=.*patches of 8 pixels, but those of CLIP are 16'):
        build_trident('voc21', bank_of(CLASSES), dino=dict(type='DINO', pretrained=dino_weights, heads=2))


@pytest.mark.slow
def test_clip_in_half_precision(build_trident, model):
    """CLIP alone changes its precision; most labels stay."""
    backbone = config('voc21').model.backbone.to_dict() | dict(arch=None, pretrained=model.backbone.pretrained)
    half = build_trident('voc21', bank_of(CLASSES), **WINDOWS, backbone=backbone | dict(precision='bf16'))
    (image,), (sample,) = inputs({1: (96, 128)})
    settings, labels = dict(refine=False, prob_threshold=None), []
    for one in (model, half):
        encoded = one.encode(image, photograph=sample.photograph)
        labels.append(one.decode(encoded, one.bank, settings, (96, 128), False).labels)
    assert (labels[0] == labels[1]).float().mean() > 0.9
