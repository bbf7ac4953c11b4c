"""TagCLIP's configs on the small weights against what its public code answers."""

import functools
import json
import sys

import numpy as np
import pytest
import torch
from conftest import REPO, marked
from golden import DIR, arrays
from golden.bounds import BOUNDS
from golden.tag_answers import CASES, CONFIGS, early_answers, map_answers, tag_answers
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmseg.registry import MODELS

from itaclip_mmseg.models.backbones import clip_weights
from itaclip_mmseg.models.stages import crf
from itaclip_mmseg.text.classes import bank_of
from itaclip_mmseg.utils.errors import UserError

# Largest differences: those of another order of float32 sums, by TAGCLIP.md. What is not here is equal.
BOUND = BOUNDS['tagclip']
TOLERANCES = dict(features=1.2e-5, attention=2e-5, w=2e-5, coarse=6e-5, spread=8e-6, refined=BOUND.scores)
TOLERANCES |= dict(score_first=6e-6, score=6e-6, tokens=7e-4, affinity=2e-5, prob=2e-5, grad_weight=1e-6, cam=4e-4)
TOLERANCES |= dict(attn_highres=5e-4, crf_prob=5e-4, crf_unary=5e-3, crf_q=2e-2)
# Ties in half precision: pixels in this share of a label map, and one pixel in a map too small for that.
LABELS = dict.fromkeys(('label', 'label171', 'label27'), 1 - BOUND.labels)
LABELS |= dict(crf_label=1 - BOUND.also['behind the CRF'])
DOUBT = BOUND.labels - BOUND.also['where a tag is almost certain']


@pytest.fixture(scope='module')
def stuff27() -> np.ndarray:
    return np.array(json.loads((DIR / 'words_tagclip.json').read_text())['stuff171_to_27'], np.uint8)


@pytest.fixture(scope='module')
def build(tiny_weights):
    """The model of a config on the small weights: build('voc21', **changes)."""

    def build(name: str = 'voc21', **changes):
        settings = Config.fromfile(REPO / f'configs/tagclip/tagclip_vit-b-16_{name}.py').model.to_dict()
        settings['backbone'] |= dict(arch=None, pretrained=tiny_weights) | changes.pop('backbone', {})
        return MODELS.build(settings | changes)

    return build


@pytest.fixture(scope='module')
def models(build):
    """Of a name in CONFIGS, built when it is first asked for."""
    return functools.cache(lambda name: build(CONFIGS[name]))


def has_crf() -> bool:
    try:
        crf.load_crf()
    except UserError:
        return False
    return True


def compare(found: dict, recorded: dict, part: str, absent: tuple[str, ...] = ()) -> None:
    """Every recorded array below `part`, but those that `found` cannot have, within its tolerance."""
    names = {name.removeprefix(part) for name in recorded if name.startswith(part)}
    names = {name for name in names if '/' not in name and not name.startswith(absent)}
    assert names and names <= set(found)
    # Near certainty 1 - p is rounding, and with it the gradient of p: the direction of a faint map hangs on it.
    doubt = 1 - found['prob'][: len(found['keys'])] if 'prob' in found else np.ones(1)
    unsure = 4 * np.finfo(np.float32).eps / np.maximum(doubt, 1e-9)
    for name in names:
        expected, ours = recorded[part + name], found[name]
        assert ours.shape == expected.shape, name
        if name in LABELS:
            share = max(LABELS[name], 1 / ours.size)
            assert (ours != expected).mean() <= share + DOUBT * (unsure.max() > 1e-3) + 1e-9, name
            continue
        apart = np.abs(ours.astype(np.float64) - expected.astype(np.float64))
        allowed = np.float64(TOLERANCES.get(name, 0))
        if name in ('cam', 'attn_highres'):
            allowed = allowed + unsure[:, None, None]
        assert (apart <= allowed).all(), f'{part}{name}: {apart.max()}'


@pytest.mark.slow
@pytest.mark.parametrize('case', CASES)
def test_tags_equal_the_public_code(models, case):
    """Protects patch classification, votes, boxes, candidates, the second look and the tags."""
    compare(tag_answers(models(CASES[case][0]), case), arrays('tagclip'), f'{case}/')


def test_an_empty_box_ends_the_second_look(models):
    found = early_answers(models('voc2012'))
    assert len(found['reweighted']) < len(found['candidates'])
    compare(found, {k: v for k, v in arrays('tagclip').items() if k != 'early/logits'}, 'early/')


@pytest.mark.parametrize('case', marked(CASES, 'coco_a', 'stuff_a'))
def test_maps_equal_the_public_code(models, case, stuff27):
    """Protects gradient, affinity, boxes and labels, for given tags and for those of the first stage."""
    model = models(CASES[case][0])
    recorded, own = arrays('clipes'), arrays('tagclip')
    keys = recorded[f'{case}/keys'].tolist()
    compare(map_answers(model, case, keys, stuff27, crf=False), recorded, f'{case}/', absent=('crf_',))
    keys = own[f'{case}/own/keys'].tolist()
    compare(map_answers(model, case, keys, stuff27, crf=False), own, f'{case}/own/')


@pytest.mark.parametrize('case', marked(['voc_a', 'coco_a', 'stuff_a'], 'stuff_a'))
def test_the_crf_equals_the_public_code(models, case, stuff27):
    """Protects unary, wrapped picture and labels behind the CRF."""
    if not has_crf():
        pytest.skip('pydensecrf2 is not installed')
    recorded = arrays('clipes')
    keys = recorded[f'{case}/keys'].tolist()
    compare(map_answers(models(CASES[case][0]), case, keys, stuff27, crf=True), recorded, f'{case}/')


@pytest.mark.slow
def test_texts_equal_the_public_code(models):
    """Protects words, templates and their order; also that no array is left out."""
    for stage, kind in (('1', 'tag'), ('2', 'map')):
        recorded = arrays('tagclip' if stage == '1' else 'clipes')
        for name in CONFIGS:
            texts = getattr(models(name), f'{kind}_texts')[:: 8 if name == 'cocostuff' else 1]
            np.testing.assert_allclose(texts, recorded[f'text{stage}_{name}'], atol=1e-6)
        known = {f'text{stage}_{name}' for name in CONFIGS} | {'cases', 'early'} | set(CASES)
        assert {name.split('/')[0] for name in recorded} | {'early'} == known


def pictures() -> list[torch.Tensor]:
    from golden import photo

    return [torch.from_numpy(photo(*CASES[case][1:])).movedim(-1, 0).float() for case in ('voc_a', 'voc_c', 'voc_d')]


@pytest.mark.slow
def test_batches_and_samples(models):
    """One picture at a time or three of different sizes: the same labels, those recorded; tags are kept."""
    model, recorded = models('voc2012'), arrays('tagclip')
    together = model.predict(pictures())
    for case, image, sample in zip(('voc_a', 'voc_c', 'voc_d'), pictures(), together, strict=True):
        (alone,) = model.predict(image[None])
        assert torch.equal(alone.pred_sem_seg.data, sample.pred_sem_seg.data)
        assert (sample.pred_sem_seg.data[0].numpy() != recorded[f'{case}/own/label']).mean() < 1 / 4000
        tags = sample.to_dict()['tags']
        assert tags['names'] == [model.names[tag] for tag in recorded[f'{case}/tags']]
        np.testing.assert_allclose(list(tags['scores'].values()), recorded[f'{case}/score'], atol=6e-6)
        assert list(tags['scores']) == model.names


@pytest.mark.slow
def test_bf16_and_no_grad(build, models):
    """Gradients are taken whatever loop runs the model, in half precision too: nearly the same labels."""
    image = pictures()[0]
    with torch.no_grad():
        (exact,) = models('voc2012').predict(image[None])
        (half,) = build(backbone=dict(precision='bf16')).predict(image[None])
    assert half.seg_logits.data.isfinite().all()
    if half.tags['names'] == exact.tags['names']:
        assert (half.pred_sem_seg.data == exact.pred_sem_seg.data).float().mean() > 0.9


@pytest.mark.parametrize(
    ('classes', 'around'), [('a dog; grass; sky = sky, clouds', 23), ('background = wall, floor; dog', 2)]
)
def test_any_words(build, classes, around):
    """Words of the user's, with and without a background: labels are of tagged classes, or the background."""
    model = build(text_bank=bank_of(classes))
    (sample,) = model.predict(pictures()[1][None])
    names = [entry.name for entry in model.bank.classes]
    found = {names[label] for label in sample.pred_sem_seg.data.unique().tolist()}
    assert found <= {*sample.tags['names'], *(['background'] if model.bank.background else [])}
    assert sample.seg_logits.data.shape[0] == len(names)
    assert len(model.map_texts) - len(model.names) == around


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (dict(tag_share=2), 'tag_share=2: invalid'),
        (dict(affinity_layers=(0,)), 'affinity_layers=(0,): invalid'),
        (dict(affinity_layers=(13,)), 'counted from 1 to 12'),
        (dict(tag_templates='none'), "templates='none': unknown"),
        (dict(test_cfg=dict(mode='slide', crop_size=(224, 224), stride=(112, 112))), "test_cfg.mode='slide'"),
    ],
)
def test_errors_are_one_line(build, changes, message):
    with pytest.raises(UserError) as error:
        build(**changes)
    assert message in str(error.value) and '\n' not in str(error.value)


def test_the_crf_is_missed_before_weights_are_read(build, monkeypatch):
    monkeypatch.setitem(sys.modules, 'pydensecrf.densecrf', None)
    with pytest.raises(UserError, match='needs the package pydensecrf2'):
        build(crf=True, backbone=dict(pretrained='nowhere.pt'))


def test_weights_are_read_once_for_both_towers_and_long_words_are_named(build, tmp_path, monkeypatch):
    """Protects what every method on CLIP shares, by one of them; nothing is in the cache of embeddings."""
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    bank = dict(dataset='two', background=True, classes=[dict(name='background', words=['sky'])])
    bank['classes'].append(dict(name='cat', words=['cat ' * 80]))
    (tmp_path / 'bank.json').write_text(json.dumps(bank))
    reads, said = [], []
    plain = clip_weights.read_weights
    monkeypatch.setattr(clip_weights, 'read_weights', lambda *given: reads.append(given) or plain(*given))
    monkeypatch.setattr(MMLogger, 'warning', lambda self, message: said.append(message))
    build(text_bank=str(tmp_path / 'bank.json'))
    assert len(reads) == 1
    assert any("class 'cat': the word is longer than CLIP's limit" in message for message in said)
