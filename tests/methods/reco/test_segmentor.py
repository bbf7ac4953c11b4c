"""ReCo against what its public code answers on small weights, stage by stage."""

import importlib.util
import json
import sys

import numpy as np
import pytest
import torch
from conftest import REPO
from golden import arrays, hold, photo
from mmengine.config import Config
from mmseg.structures import SegDataSample
from safetensors.torch import save_file

from itaclip_mmseg.datasets.transforms import CropShortSide
from itaclip_mmseg.evaluation.iou import ExactIoUMetric
from itaclip_mmseg.methods import ReCo
from itaclip_mmseg.methods.reco.cosegmentation import text_attention
from itaclip_mmseg.methods.reco.segmentor import crf_picture
from itaclip_mmseg.models.stages.photograph import IMAGENET, normalise
from itaclip_mmseg.text.classes import bank_of
from itaclip_mmseg.utils.errors import UserError

PICTURES = dict(
    crop=(41, 333, 500), square=(42, 224, 224), strip=(43, 112, 448), odd=(44, 250, 333), small=(45, 97, 130)
)
LABELS = 0.9999
needs_crf = pytest.mark.skipif(
    importlib.util.find_spec('pydensecrf') is None, reason='pydensecrf2 is absent: the CRF is not compared'
)


@pytest.fixture(scope='module')
def recorded() -> dict[str, np.ndarray]:
    return arrays('reco')


@pytest.fixture(scope='module')
def classes(recorded) -> list[str]:
    return json.loads(str(recorded['categories']))['categories']


@pytest.fixture(scope='module')
def build(network_weights, recorded, classes, tmp_path_factory):
    path = tmp_path_factory.mktemp('references') / 'references.safetensors'
    save_file({name: torch.from_numpy(vector) for name, vector in zip(classes, recorded['references'])}, path)

    def build(**changes) -> ReCo:
        settings = dict(
            backbone=dict(pretrained=network_weights['deit']),
            text_bank=bank_of(classes),
            references=dict(pretrained=str(path)),
            dense=dict(arch=None, pretrained=network_weights['resnet_clip']),
        )
        return ReCo(**(settings | changes))

    return build


@pytest.fixture(scope='module')
def model(build) -> ReCo:
    return build()


def image(name: str) -> torch.Tensor:
    picture = photo(*PICTURES[name])
    if name == 'crop':
        picture = CropShortSide(320).transform(dict(img=picture))['img']
    return torch.from_numpy(picture).movedim(-1, 0).float()


def test_texts_and_references(model, recorded):
    hold('text', model.texts, recorded['text'], atol=1e-6)
    hold('references', model.references, recorded['references'], atol=1e-6)


@pytest.mark.parametrize('name', PICTURES)
@torch.no_grad()
def test_features_and_labels(model, recorded, name):
    """Protects both networks at any size, positions, the factor of the text's cosines, sigmoid before upsampling."""
    normalised = normalise(image(name), IMAGENET)
    if name == 'crop':
        hold('image_crop', normalised[:, ::8, ::8], recorded['image_crop'], atol=1e-6)
    hold(f'features_{name}', model.backbone(normalised[None])[0, :, ::2, ::2], recorded[f'features_{name}'], atol=2e-5)
    dense = model.dense(normalised[None])
    hold(f'dense_{name}', dense[0], recorded[f'dense_{name}'], atol=2e-4)  # values to 119
    hold(f'attention_{name}', text_attention(dense, model.texts)[0], recorded[f'attention_{name}'], atol=2e-6)
    scores = model.class_scores(image(name), image(name).shape[1:])
    hold(f'score_{name}', scores[:, ::8, ::8], recorded[f'score_{name}'], atol=2e-6)
    hold(f'pred_{name}', scores.argmax(dim=0), recorded[f'pred_{name}'], equal=LABELS)


@pytest.mark.parametrize('name', PICTURES)
def test_the_picture_of_the_crf(recorded, name):
    """Protects that it is cut to bytes, not rounded."""
    found = crf_picture(normalise(image(name), IMAGENET))[::8, ::8]
    hold(f'crf_image_{name}', found, recorded[f'crf_image_{name}'])


@pytest.mark.slow
@needs_crf
@pytest.mark.parametrize('name', PICTURES)
@torch.no_grad()
def test_labels_after_the_crf(model, recorded, name):
    """Protects the softmax of the scores, its constants and the order of the channels."""
    model.crf = True
    labels = model.class_scores(image(name), image(name).shape[1:]).argmax(dim=0)
    model.crf = False
    hold(f'pred_crf_{name}', labels, recorded[f'pred_crf_{name}'], equal=LABELS)


@pytest.mark.parametrize('name', ['eval', 'eval_crf'])
def test_the_public_evaluation(recorded, name):
    """Mean over the classes that occur; the truth is the one that the page makes of the labels."""
    metric = ExactIoUMetric()
    metric.dataset_meta = dict(classes=range(10))
    for picture in PICTURES:
        truth = np.roll(recorded[f'pred_{picture}'], 7, axis=1)
        truth[:20], truth[30:50, :40] = 255, 9
        labels = recorded[f'{name.replace("eval", "pred")}_{picture}']
        truth, labels = (torch.from_numpy(one.astype(np.int64))[None] for one in (truth, labels))
        sample = dict(gt_sem_seg=dict(data=truth), pred_sem_seg=dict(data=labels), img_path=picture)
        metric.process({}, [sample])
    figures = metric.evaluate(len(PICTURES))
    scores = metric.scores(metric.confusion)
    found = np.array([figures['mIoU'], figures['aAcc'], figures['mAcc'], *scores.iou]) / 100
    assert np.array_equal(np.isnan(found), np.isnan(recorded[name]))
    hold(name, np.nan_to_num(found), np.nan_to_num(recorded[name]), atol=1e-9)


def test_every_recorded_array_is_compared(recorded):
    """Those of retrieval and co-segmentation are compared in tests/methods/reco/test_cosegmentation.py.

    `index_order` is only the order in which the public code met the index's files.
    """
    kinds = ('features', 'dense', 'attention', 'score', 'pred', 'crf_image', 'pred_crf')
    compared = {f'{kind}_{name}' for kind in kinds for name in PICTURES}
    compared |= {'categories', 'coseg_names', 'text', 'references', 'image_crop', 'eval', 'eval_crf', 'index_order'}
    elsewhere = {'index_embeddings', 'text_retrieval', 'retrieved', 'text_context'}
    elsewhere |= {name for name in recorded if name.startswith('coseg_')}
    assert set(recorded) == compared | elsewhere


def test_a_batch_is_its_images(model):
    """Photographs of three sizes at once: labels as one by one, each at its original size."""
    inputs = [image(name) for name in ('square', 'odd', 'small')]
    samples = [SegDataSample(metainfo=dict(ori_shape=size)) for size in ((224, 224), (250, 333), (194, 260))]
    for one, sample in zip(inputs, model.predict(inputs, samples), strict=True):
        (alone,) = model.predict([one], [SegDataSample(metainfo=dict(ori_shape=sample.ori_shape))])
        assert torch.equal(alone.pred_sem_seg.data, sample.pred_sem_seg.data)
        assert sample.seg_logits.shape == sample.ori_shape


def test_a_class_has_the_best_of_its_words(build, model, classes):
    """So that labels of many classes are counted as a few coarse ones."""
    coarse = bank_of({'ground': classes[:2] + classes[4:5], 'rest': classes[2:4] + classes[5:]})
    of_class = torch.tensor([coarse.word_classes[coarse.words.index(name)] for name in classes])
    fine = model.predict([image('small')])[0].pred_sem_seg.data
    assert torch.equal(build(text_bank=coarse).predict([image('small')])[0].pred_sem_seg.data, of_class[fine])


def test_faults_end_in_one_line(build, network_weights, tmp_path, monkeypatch):
    with pytest.raises(UserError, match=r"has no reference for 'zebra'; make one with tools/make_references.py"):
        build(text_bank=bank_of('road; zebra'))
    save_file({'road': torch.ones(384)}, tmp_path / 'wide.safetensors')
    with pytest.raises(UserError, match='vectors of width 384, but the backbone has 128'):
        build(text_bank=bank_of('road'), references=dict(pretrained=str(tmp_path / 'wide.safetensors')))
    with pytest.raises(UserError, match=r'deit_s_sin_dist.pth: no such weights file \(get it from release v0'):
        build(backbone=dict(pretrained=str(tmp_path / 'deit_s_sin_dist.pth')))
    with pytest.raises(UserError, match='its image tower is a ViT, but a ResNet is needed; try RN50x16'):
        build(dense=dict(arch=None, pretrained=network_weights['clip']))
    monkeypatch.setitem(sys.modules, 'pydensecrf', None)
    monkeypatch.setitem(sys.modules, 'pydensecrf.densecrf', None)
    with pytest.raises(UserError, match='needs the package pydensecrf2'):
        build(crf=True, references=dict(pretrained='absent'))


@pytest.mark.parametrize('name', ['coco-stuff27', 'cityscapes27', 'context59'])
def test_configs_are_the_papers(name):
    config = Config.fromfile(REPO / f'configs/reco/reco_deit-s-16_{name}.py')
    interpolation = 'bilinear' if name == 'context59' else 'nearest'
    crop = dict(type='CropShortSide', short_side=320, interpolation=interpolation)
    assert crop in config.test_dataloader.dataset.pipeline
    assert (config.model.dense.arch, config.retrieval.arch) == ('RN50x16', 'ViT-L-14-336')
    assert config.cosegmentation.pictures == 50 and len(config.cosegmentation.contexts) == 5
