"""Many settings over one pass give what their single runs give."""

import pytest
import torch
from golden import tiny_clip
from mmseg.structures import SegDataSample

from itaclip_mmseg.models.stages.variants import decode
from itaclip_mmseg.utils.errors import UserError

PAMR = dict(num_iters=3, dilations=(2, 4))
BASE = dict(text_coefficient=0.3, image_coefficient=0.7, prob_threshold=0.1, area_threshold=0.1, pamr=PAMR)
# Every kind of difference, and mixtures; what the constructor calls differently is translated in `alone`.
VARIANTS = {
    'base': {},
    'lambda': dict(image_coefficient=0.4),
    'alpha': dict(text_coefficient=0.6),
    'lambda and alpha': dict(image_coefficient=0.9, text_coefficient=0.1),
    'no alpha': dict(text_coefficient=0),
    'no views': dict(image_engineering=False),
    'synonyms': dict(auxiliary='synonym'),
    'no texts': dict(auxiliary=None),
    'neither': dict(auxiliary=None, image_engineering=False),
    'no PAMR': dict(pamr=None),
    'fewer steps': dict(pamr=dict(num_iters=1, dilations=(2, 4))),
    'other dilations': dict(pamr=dict(num_iters=2, dilations=(3,))),
    'scale': dict(logit_scale=30),
    'thresholds': dict(prob_threshold=0.3, area_threshold=None),
    'no rules': dict(prob_threshold=None, area_threshold=None, closing_kernel=None),
    'stride': dict(stride=(56, 56)),
    'coarse stride': dict(stride=(224, 168)),
    'plain attention': dict(attention=('qk',), intermediate_layers=None),
    'three terms': dict(attention=('qq', 'kk', 'vv')),
    'identity': dict(attention='identity', residual=False, intermediate_layers=None),
    'feed-forward': dict(final_ffn=True),
    'neighbours': dict(attention='kk', neighbourhood_std=5, residual=False, intermediate_layers=None),
    'other layers': dict(intermediate_layers=(7, 8, 9, 10)),
    'no background set': dict(background_set=False),
    'CLIP': dict(
        attention='qk', intermediate_layers=None, final_ffn=True, image_engineering=False, auxiliary=None, pamr=None
    ),
    'mixture': dict(
        stride=(112, 56), auxiliary='synonym', text_coefficient=0.5, attention='vv', background_set=False, pamr=None
    ),
}
BLOCK = ('attention', 'intermediate_layers', 'residual', 'final_ffn', 'neighbourhood_std')


@pytest.fixture(scope='module')
def image():
    """One row of four windows at the finest stride, of which the coarser ones take three and two."""
    return torch.from_numpy(tiny_clip.image(3, 200, 308))


def samples():
    return [SegDataSample(metainfo=dict(ori_shape=(100, 120)))]


def window(changes):
    return dict(mode='slide', crop_size=(224, 224), stride=changes.get('stride', (56, 28)))


def alone(build_model, image, changes):
    """A variant's own run."""
    settings = BASE | {name: value for name, value in changes.items() if name not in (*BLOCK, 'stride')}
    backbone = {name: value for name, value in changes.items() if name in BLOCK}
    return build_model(backbone=backbone, **settings, test_cfg=window(changes)).predict(image, samples())[0]


def together(build_model, image, scored=None, **settings):
    """Results of all variants, by name."""
    model = build_model(**BASE, test_cfg=window({}), **settings)
    grid = model.grid(image[0])
    fields = model.encoder.encode(image, [grid])[0]
    scored = model.variants if scored is None else scored
    results = decode(image[0], fields, grid, (100, 120), model.variants, model.texts, model.memory_budget, scored)
    return {result.name: result for result in results}


@pytest.mark.slow
def test_every_variant_equals_its_own_run(build_model, image):
    """Protects all that is shared: views, blocks, projections, maps, merging, refinement, texts."""
    results = together(build_model, image, variants=VARIANTS)
    labels_alone = together(build_model, image, variants=VARIANTS, scored=())
    assert set(results) == set(labels_alone) == set(VARIANTS)
    for name, changes in VARIANTS.items():
        expected = alone(build_model, image, changes)
        scores, labels = expected.seg_logits.data, expected.pred_sem_seg.data[0]
        assert (results[name].scores - scores).abs().max() < 1e-5, name
        assert (results[name].labels != labels).float().mean() < 1e-4, name
        assert (labels_alone[name].labels != labels).float().mean() < 1e-4, name
    # The settings do change scores: equality is not for want of difference.
    changed = [name for name in VARIANTS if (results[name].scores - results['base'].scores).abs().max() > 1e-4]
    assert len(changed) > 20


@pytest.mark.slow
def test_samples_hold_the_labels_of_all(build_model, image):
    model = build_model(**BASE, test_cfg=window({}), variants=dict(second=dict(stride=(224, 168)), first={}))
    sample = model.predict(image, samples())[0]
    assert list(sample.variant_labels) == ['second', 'first'] and sample.encoded_views == 20
    assert torch.equal(sample.pred_sem_seg.data[0], sample.variant_labels['second'].long())
    assert torch.equal(sample.variant_labels['first'].long(), alone(build_model, image, {}).pred_sem_seg.data[0])


@pytest.mark.slow
@pytest.mark.parametrize('memory_budget', [0, 4])
def test_both_orders_give_the_same_scores(build_model, image, memory_budget):
    """Mixing after merging and refinement, where many variants share them, or before: linear, so equal."""
    changes = {f'{value}': dict(image_coefficient=value) for value in (0, 0.25, 0.5, 0.75, 1)}
    results = together(build_model, image, variants=changes, memory_budget=memory_budget)
    for name in ('0.25', '1'):
        expected = alone(build_model, image, changes[name])
        torch.testing.assert_close(results[name].scores, expected.seg_logits.data, atol=1e-5, rtol=0)


@pytest.mark.slow
def test_views_are_encoded_once(build_model, image, monkeypatch):
    """The shared blocks see as many views as in a plain run, whatever the number of variants."""

    def views_seen(**settings):
        model = build_model(**BASE, test_cfg=window({}), **settings)
        seen = []
        shared = model.backbone.shared_blocks
        monkeypatch.setattr(
            model.backbone, 'shared_blocks', lambda views, keep: seen.append(len(views)) or shared(views, keep)
        )
        model.predict(image, samples())
        return sum(seen)

    assert views_seen(variants=VARIANTS) == views_seen()


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (dict(colour='red'), "variant='colour'"),
        (dict(blocks=1), "variant='blocks'"),
        (dict(image_coefficient=2), 'image_coefficient=2'),
        (dict(stride=(56, 40)), r'stride=\(56, 56\): not a multiple of the smallest, \(56, 40\)'),
        (dict(stride=(448, 448)), 'at most the crop size'),
        (dict(stride=None), 'whole images'),
        (dict(attention='qx'), "attention='qx'"),
        (dict(intermediate_layers=(13,)), 'blocks 1 to 12'),
        (dict(pamr=dict(num_iters=0)), 'num_iters'),
    ],
)
def test_faults(build_model, changes, message):
    with pytest.raises(UserError, match=message):
        build_model(stride=56, variants=dict(base={}, other=changes))


def test_names_with_quotes_are_refused(build_model):
    """Protects a long run from failing where MMEngine writes its config down."""
    with pytest.raises(UserError, match='contains a quote'):
        build_model(variants={"it's": {}})


def test_rules_of_variants_need_a_background(build_model):
    with pytest.raises(UserError, match='no background'):
        build_model('nobg', variants=dict(base={}, other=dict(prob_threshold=0.1)))
