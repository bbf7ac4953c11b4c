"""CLIP-DIY against what its public code answers on small weights, stage by stage."""

import json

import numpy as np
import pytest
import torch
from conftest import REPO
from golden import arrays, hold, photo
from mmengine.config import Config
from mmseg.structures import SegDataSample

from itaclip_mmseg.datasets.transforms import ResizeTruth
from itaclip_mmseg.evaluation.iou import ExactIoUMetric
from itaclip_mmseg.methods import CLIPDIY
from itaclip_mmseg.methods.clip_diy.segmentor import SCALES, nearest
from itaclip_mmseg.models.stages.photograph import as_bytes, squash
from itaclip_mmseg.text.bank import load_bank
from itaclip_mmseg.utils.errors import UserError

PICTURES = dict(a=(31, 97, 141), b=(33, 240, 180), c=(33, 61, 135), d=(41, 256, 256), e=(35, 333, 500))
BANKS = dict(voc='clipdiy_voc21', coco='clipdiy_coco-object')
LABELS = 0.9999


@pytest.fixture(scope='module')
def recorded() -> dict[str, np.ndarray]:
    return arrays('clipdiy')


class Remembering(torch.nn.Module):
    """An image tower that embeds each batch once: both class lists are asked of the same crops."""

    def __init__(self, backbone):
        super().__init__()
        self.backbone, self.size, self.known = backbone, backbone.size, {}

    def forward(self, images):
        key = hash(images.numpy().tobytes())
        if key not in self.known:
            self.known[key] = self.backbone(images)
        return self.known[key]


@pytest.fixture(scope='module')
def build(network_weights):
    def build(data: str = 'voc', **changes) -> CLIPDIY:
        networks = dict(
            backbone=dict(pretrained=network_weights['dino']), head=dict(pretrained=network_weights['found'])
        )
        settings = dict(
            backbone=dict(arch=None, pretrained=network_weights['clip'], quick_gelu=False),
            text_bank=str(REPO / f'data/text_bank/{BANKS[data]}.json'),
            saliency=networks,
        )
        return CLIPDIY(**(settings | changes))

    return build


@pytest.fixture(scope='module')
def models(build) -> dict[str, CLIPDIY]:
    models = {data: build(data) for data in BANKS}
    models['voc'].backbone = models['coco'].backbone = Remembering(models['voc'].backbone)
    return models


def image(name: str) -> torch.Tensor:
    return torch.from_numpy(photo(*PICTURES[name])).movedim(-1, 0).float()


@pytest.mark.parametrize('data', BANKS)
def test_texts(models, recorded, data):
    """Protects the template, unit length and the words, the word background among them."""
    hold(f'text_{data}', models[data].texts, recorded[f'text_{data}'], atol=1e-6)


@pytest.mark.parametrize('name', PICTURES)
def test_saliency_on_the_square(models, recorded, name):
    square = squash(as_bytes(image(name)), 256)
    step = 1 if name == 'a' else 4
    hold(f'image256_{name}', square[::step, ::step].transpose(2, 0, 1), recorded[f'image256_{name}'])
    found = models['voc'].squared_saliency(image(name))[::4, ::4]
    hold(f'saliency256_{name}', found, recorded[f'saliency256_{name}'], atol=4e-6)


@pytest.mark.slow
def test_crops_and_maps_of_each_scale(models, recorded):
    """Protects Pillow's bicubic to bytes, and the order of the crops."""
    square = squash(as_bytes(image('a')), 256)
    for scale, number in zip(SCALES, (0, 4, 23), strict=True):
        crop = models['voc'].crops(square, scale)[number, :, ::3, ::3]
        hold(f'crop{scale}_a', crop, recorded[f'crop{scale}_a'], atol=1e-6)
        found = models['voc'].cosine_map(square, scale)[:, ::16, ::16]
        hold(f'map{scale}_voc_a', found, recorded[f'map{scale}_voc_a'], atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize('name', PICTURES)
@pytest.mark.parametrize('data', BANKS)
def test_cosines_and_labels(models, recorded, data, name):
    """From a photograph to labels at 256 x 256, with saliency and without."""
    model, square = models[data], squash(as_bytes(image(name)), 256)
    cosines = torch.cat([model.cosines(square, scale) for scale in SCALES])
    hold(f'cos_{data}_{name}', cosines, recorded[f'cos_{data}_{name}'], atol=2e-6)
    labels = model.class_scores(image(name), (256, 256)).argmax(dim=0)
    hold(f'pred_{data}_{name}', labels, recorded[f'pred_{data}_{name}'], equal=LABELS)
    saliency, model.saliency = model.saliency, None
    mean = model.class_scores(image(name), (256, 256))
    model.saliency = saliency
    hold(f'raw_{data}_{name}', mean.argmax(dim=0), recorded[f'raw_{data}_{name}'], equal=LABELS)
    if f'mean_{data}_{name}' in recorded:
        step = dict(voc=8, coco=32)[data]
        hold(f'mean_{data}_{name}', mean[:, ::step, ::step], recorded[f'mean_{data}_{name}'], atol=1e-6)


def test_the_public_evaluation(recorded):
    """Truth at a short side of 448, labels the nearest of 256 x 256, absent classes 0 in the mean."""
    metric = ExactIoUMetric(absent_as_zero=True)
    metric.dataset_meta = dict(classes=range(21))
    for name in PICTURES:
        truth = ResizeTruth(448).transform(dict(gt_seg_map=recorded[f'gt_{name}']))
        labels = nearest(torch.from_numpy(recorded[f'pred_voc_{name}'])[None], truth['ori_shape'])
        truth = torch.from_numpy(truth['gt_seg_map'])[None]
        sample = dict(gt_sem_seg=dict(data=truth), pred_sem_seg=dict(data=labels), img_path=name)
        metric.process({}, [sample])
    figures = metric.evaluate(len(PICTURES))
    ious = np.nan_to_num(metric.scores(metric.confusion).iou) / 100
    hold('eval_iou', ious, recorded['eval_iou'], atol=1e-9)
    found = [figures['mIoU'] / 100, figures['aAcc'] / 100, metric.confusion.sum()]
    hold('eval_miou_pa_pixels', found, recorded['eval_miou_pa_pixels'], atol=1e-9)


def test_every_recorded_array_is_compared(recorded):
    """Those of saliency at the picture's size are compared in tests/methods/clip_diy/test_saliency.py."""
    compared = {'eval_iou', 'eval_miou_pa_pixels'}
    compared |= {f'{kind}_{name}' for kind in ('found_logits', 'saliency', 'saliency256') for name in PICTURES}
    compared |= {f'{kind}_{name}' for kind in ('found_keys', 'found_pos') for name in 'ac'}
    compared |= {f'{kind}_{name}' for kind in ('image256', 'gt') for name in PICTURES} | {
        f'text_{data}' for data in BANKS
    }
    compared |= {f'crop{scale}_a' for scale in SCALES} | {f'map{scale}_voc_a' for scale in SCALES} | {'mean_coco_a'}
    compared |= {f'{kind}_{data}_{name}' for kind in ('cos', 'pred', 'raw') for data in BANKS for name in PICTURES}
    compared |= {f'mean_voc_{name}' for name in PICTURES}
    assert set(recorded) == compared


@pytest.mark.slow
def test_a_batch_is_its_images(models):
    """Photographs of three sizes at once: labels as one by one, each at its original size."""
    inputs = [image(name) for name in 'abc']
    samples = [SegDataSample(metainfo=dict(ori_shape=size)) for size in ((97, 141), (480, 360), (61, 135))]
    together = models['voc'].predict(inputs, samples)
    for one, sample in zip(inputs, together, strict=True):
        size = sample.pred_sem_seg.shape
        (alone,) = models['voc'].predict([one], [SegDataSample(metainfo=dict(ori_shape=size))])
        assert torch.equal(alone.pred_sem_seg.data, sample.pred_sem_seg.data)
        assert sample.seg_logits.shape == size == tuple(sample.ori_shape)


def test_faults_end_in_one_line(build, network_weights, tmp_path):
    with pytest.raises(UserError, match=r'has no background; set model\.saliency=None'):
        build(text_bank=load_bank(REPO / 'data/text_bank/voc20.json'))
    with pytest.raises(UserError, match=r"test_cfg.mode='slide'"):
        build(test_cfg=dict(mode='slide', crop_size=(224, 224), stride=(112, 112)))
    files = dict(backbone='dino_deitsmall8_300ep_pretrain.pth', head='decoder_weights.pt')
    for part, name in files.items():
        networks = dict(
            backbone=dict(pretrained=network_weights['dino']), head=dict(pretrained=network_weights['found'])
        )
        networks[part] = dict(pretrained=str(tmp_path / name))
        with pytest.raises(UserError, match=rf'{name}: no such weights file \(get it from'):
            build(saliency=networks)


def test_configs_are_the_papers():
    """Its own photographs, names and evaluation; nothing else differs between the two data sets."""
    for name in ('voc21', 'coco-object'):
        config = Config.fromfile(REPO / f'configs/clip_diy/clip-diy_vit-b-32_{name}.py')
        assert 'Resize' not in [step.type for step in config.test_dataloader.dataset.pipeline]
        assert dict(type='ResizeTruth', short_side=448) in config.test_dataloader.dataset.pipeline
        assert config.test_evaluator.absent_as_zero
        assert (config.model.backbone.arch, config.model.backbone.pretrained) == ('ViT-B-32', 'laion2b_s34b_b79k')
        words = json.loads((REPO / config.model.text_bank).read_text())['classes']
        assert words[0]['words'] == ['background']
