"""Last blocks of their own as variants: one pass for all, any batch, with views, texts, PAMR and strides."""

import pytest
import torch
from conftest import REPO
from golden import image
from mmengine.config import Config
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

PAMR = dict(num_iters=2, dilations=(2, 4))
BASE = dict(text_coefficient=0.3, image_coefficient=0.7, prob_threshold=0.1, pamr=PAMR)
VARIANTS = {
    'sum': {},
    'scclip': dict(last_block='scclip'),
    'scclip without views': dict(last_block='scclip', image_engineering=False, auxiliary=None, pamr=None),
    'scclip, coarse': dict(last_block='scclip', stride=(112, 112), logit_scale=40),
    'scclip, other threshold': dict(last_block='scclip', threshold=0.5, sharpness=2, image_engineering=False),
    'sfp': dict(last_block='sfp'),
    'sfp by norm': dict(last_block=dict(type='sfp', outliers='norm'), auxiliary='synonym', area_threshold=0.1),
    'resclip': dict(last_block='resclip', feedback=dict(threshold=0.05), image_engineering=False),
    'resclip, one pass': dict(last_block='resclip', feedback=None, image_engineering=False),
    'proxyclip': dict(last_block=dict(type='proxyclip')),
    'proxyclip, sharper': dict(last_block=dict(type='proxyclip'), sharpness=8, image_engineering=False),
    'plain': dict(attention='qk', intermediate_layers=None),
}
OUTSIDE = ('image_engineering', 'auxiliary', 'pamr', 'logit_scale', 'area_threshold')


def samples(number=1):
    return [SegDataSample(metainfo=dict(ori_shape=(100, 120))) for _ in range(number)]


@pytest.fixture(scope='module')
def variants(dino_weights):
    """Those above, ProxyCLIP's with its network."""
    network = dict(last_block=dict(type='proxyclip', dino=dict(pretrained=dino_weights, heads=2)))
    return {name: changes | network if 'proxyclip' in name else changes for name, changes in VARIANTS.items()}


def single(build_model, newer_weights, changes):
    """The model that is a variant alone."""
    outside = {key: value for key, value in changes.items() if key in OUTSIDE}
    block = {key: value for key, value in changes.items() if key not in (*OUTSIDE, 'stride')}
    if 'last_block' in block:
        chosen = block.pop('last_block')
        block = dict(last_block=dict(**(chosen if isinstance(chosen, dict) else dict(type=chosen)), **block))
    window = dict(mode='slide', crop_size=(224, 224), stride=changes.get('stride', (56, 56)))
    return build_model(backbone=dict(pretrained=newer_weights, **block), **BASE | outside, test_cfg=window)


@pytest.fixture(scope='module')
def together(build_model, newer_weights, variants):
    return build_model(stride=56, backbone=dict(pretrained=newer_weights), **BASE, variants=variants)


@pytest.mark.slow
def test_every_variant_equals_its_own_run(build_model, newer_weights, variants, together, monkeypatch):
    """Protects what is shared: the blocks, their states, a further network; and keys of a variant's last block."""
    seen, shared = [], together.backbone.shared_blocks
    monkeypatch.setattr(
        together.backbone, 'shared_blocks', lambda views, keep: seen.append(len(views)) or shared(views, keep)
    )
    sample = together.predict(image(3, 224, 280)[None], samples())[0]
    found = sample.variant_labels
    assert set(found) == set(variants) and sum(seen) == sample.encoded_views == 10, 'the shared blocks run once'
    for name, changes in variants.items():
        expected = single(build_model, newer_weights, changes).predict(image(3, 224, 280)[None], samples())[0]
        assert (found[name] != expected.pred_sem_seg.data[0]).float().mean() < 1e-3, name
    different = [name for name in variants if (found[name] != found['sum']).float().mean() > 0.01]
    assert len(different) == len(variants) - 1


@pytest.mark.slow
@pytest.mark.parametrize('method', ['scclip', 'sfp', 'resclip', 'proxyclip'])
def test_batches_do_not_change_results(build_model, newer_weights, dino_weights, method):
    """Three images of different sizes together or alone, any number of views a pass: the same scores."""
    images = [image(3, 200, 280), image(4, 96, 130), image(5, 200, 280)]
    network = dict(dino=dict(pretrained=dino_weights, heads=2)) if method == 'proxyclip' else {}
    backbone = dict(pretrained=newer_weights, last_block=dict(type=method, **network))
    settings = BASE | dict(auxiliary=None, image_engineering=False, pamr=None)
    one_by_one = build_model(backbone=backbone, **settings, window_batch_size=1)
    alone = [one_by_one.predict(one[None], samples())[0] for one in images]
    together = build_model(backbone=backbone, **settings, window_batch_size=4).predict(images, samples(3))
    for one, other in zip(alone, together, strict=True):
        torch.testing.assert_close(other.seg_logits.data, one.seg_logits.data, atol=2e-5, rtol=0)
        assert (other.pred_sem_seg.data == one.pred_sem_seg.data).float().mean() > 0.999


@pytest.mark.parametrize('method', ['scclip', 'sfp', 'resclip', 'proxyclip'])
def test_low_precision_is_close(build, method):
    """Thresholds and softmaxes are taken in float32 whatever the precision of the weights."""
    views = image(6, 100, 130)[None]
    expected = build(method).extract_feat(views)
    tokens = build(method, backbone=dict(precision='bf16')).extract_feat(views)
    assert tokens.dtype == torch.float32 and tokens.isfinite().all()
    assert (tokens * expected).sum(dim=-1).mean() > 0.95


@pytest.mark.slow
@pytest.mark.parametrize('name', ['itaclip_tiny-scclip', 'itaclip_tiny-sfp', 'scclip_tiny-itaclip'])
def test_combinations(name):
    """The combined configs that need no download: another method's tokens, or its attention, in a protocol."""
    model = MODELS.build(Config.fromfile(REPO / f'configs/combined/{name}_scenes.py').model)
    expected = name.split('-')[-1] if name.startswith('itaclip') else 'sum'
    (settings,) = model.variants.values()
    assert settings.last_block.name == expected and settings.image_engineering == name.startswith('itaclip')
    sample = model.predict(image(3, 96, 128)[None], samples())[0]
    assert sample.pred_sem_seg.data.shape == (1, 100, 120)
