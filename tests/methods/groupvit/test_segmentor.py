"""GroupViT against what its public code answers; tests/golden/README.md says which array is what."""

import json

import numpy as np
import pytest
import torch
from golden import DIR, SEED, arrays, hold, image, tiny_groupvit
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

from itaclip_mmseg.methods import GroupViT
from itaclip_mmseg.text.bank import BankClass, TextBank
from itaclip_mmseg.utils.errors import UserError

pytest.importorskip('transformers')
pytestmark = pytest.mark.usefixtures('one_thread')
WORDS = json.loads((DIR / 'words_groupvit.json').read_text())
WINDOWS = {'224x224': 1, '448x448': 6, '208x256': 2, '245x263': 4, '333x224': 7, '448x112': 5}
ENCODER = ('soft1', 'soft2', 'tokens', 'groups')
RANDOM = ['background', *'abcdefghijkl']
# Classes and threshold of a run.
RUNS = {
    'voc': (WORDS['voc21'], 0.95),
    'coco': (WORDS['coco_object81'], 0.95),
    'context': (WORDS['context60'], 0.35),
    'context_nobg': (WORDS['context60'][1:], 0.35),
    'random': (RANDOM, 0.95),
    'random_low': (RANDOM, 0.35),
    'random_nobg': (RANDOM[1:], 0.95),
}
# Image and original size of a case.
CASES = {
    'x': (image(17, 448, 592), (375, 500)),
    'y': (image(18, 672, 448), (300, 200)),
    'z': (image(19, 208, 304), (150, 220)),
    'w': (image(20, 448, 700), (256, 400)),
}


@pytest.fixture(scope='module')
def expected() -> dict[str, np.ndarray]:
    return arrays('groupvit')


@pytest.fixture(scope='module')
def backbone(tmp_path_factory) -> dict:
    path = tmp_path_factory.mktemp('groupvit') / 'tiny.pth'
    state = {name: torch.from_numpy(np.asarray(value)) for name, value in tiny_groupvit.state_dict(SEED).items()}
    torch.save(dict(model=state, epoch=30), path)
    return dict(type='GroupViTBackbone', pretrained=str(path), num_heads=4)


@pytest.fixture(scope='module')
def build(backbone, bank_of):
    """The model of a run; everything is read once."""
    shared = {}

    def build(run: str, **changes) -> GroupViT:
        if run in shared and not changes:
            return shared[run]
        names, threshold = RUNS[run]
        config = dict(type='GroupViT', backbone=backbone, text_bank=bank_of(names), background_threshold=threshold)
        model = MODELS.build(config | changes)
        model.backbone = shared.setdefault('backbone', model.backbone)
        if run.startswith('random'):
            model.queries = torch.from_numpy(tiny_groupvit.query(SEED))
        return shared.setdefault(run, model) if not changes else model

    return build


def logits(model: GroupViT, picture: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Merged, before the softmax."""
    return super(GroupViT, model).class_scores(picture, size)


@pytest.mark.parametrize('run', ['voc', 'context', 'coco'])
def test_queries(build, expected, run):
    """Protects the template, the text tower and the missing query of the background."""
    hold(f'query_{run}', build(run).queries, expected[f'query_{run}'], 1e-6)
    if run == 'voc':
        hold('hf_query_voc', build(run).queries, expected['hf_query_voc'], 1e-6)


@pytest.mark.slow
@pytest.mark.parametrize('size', WINDOWS)
def test_windows(build, expected, size):
    """Protects which group owns a pixel, the affinity of groups and words, the background rule."""
    window = image(WINDOWS[size], *map(int, size.split('x')))[None]
    groups = build('random').backbone(window)
    maps = torch.nn.functional.interpolate(groups.maps(), size=window.shape[-2:], mode='bilinear')
    hold(f'map_{size}', maps[0, :, ::16, ::16], expected[f'map_{size}'], 2e-5)  # 1.2e-5 on a processor with AMX
    hold(f'segment_{size}', maps.argmax(dim=1)[0], expected[f'segment_{size}'], equal=0.9999)
    for text in ('voc', 'context', 'coco', 'random'):
        affinity = expected[f'affinity_{text}_{size}']
        seen = ~np.isnan(affinity[:, 0])  # groups that own a pixel
        found = build(text).affinity(groups.tokens[0])
        hold(f'affinity_{text}_{size}', found[torch.from_numpy(seen)], affinity[seen], 1e-5)
    runs = [run for run in RUNS if f'window_{run}_{size}' in expected]
    assert (len(runs) == 7) == (size in ('448x448', '245x263', '333x224'))
    for run in runs:
        labels = build(run).window_scores(window)[0].softmax(dim=0).argmax(dim=0)
        hold(f'window_{run}_{size}', labels, expected[f'window_{run}_{size}'], equal=0.9999)


@pytest.mark.slow
@pytest.mark.parametrize('case', CASES)
@pytest.mark.parametrize('run', RUNS)
def test_predictions(build, expected, run, case):
    """The whole way: windows, merge, softmax, labels. The softmax decides where all logits are nearly 0."""
    if f'pred_{run}_{case}' not in expected:
        return
    picture, size = CASES[case]
    model = build(run)
    step = 25 if run.startswith(('context', 'coco')) else 16
    scores = logits(model, picture, size)[:, ::step, ::step]
    hold(f'score_{run}_{case}', scores, expected[f'score_{run}_{case}'], 1.2e-5)
    (sample,) = model.predict([picture], [SegDataSample(metainfo=dict(ori_shape=size))])
    hold(f'pred_{run}_{case}', sample.pred_sem_seg.data[0], expected[f'pred_{run}_{case}'], equal=0.9999)
    torch.testing.assert_close(sample.seg_logits.data.sum(dim=0), torch.ones(size))


@pytest.mark.slow
def test_whole_images(build, expected):
    picture, size = CASES['x']
    model = build('context', test_cfg=dict(mode='whole'))
    (sample,) = model.predict([picture], [SegDataSample(metainfo=dict(ori_shape=size))])
    hold('pred_context_whole_x', sample.pred_sem_seg.data[0], expected['pred_context_whole_x'], equal=0.9999)


def test_every_array_is_compared(expected):
    """Here, or in the test of the backbone; but for transformers' own segmentation, which is another."""
    compared = {f'{kind}_{run}_{case}' for kind in ('pred', 'score') for run in RUNS for case in CASES}
    compared |= {f'window_{run}_{size}' for run in RUNS for size in WINDOWS} | {'pred_context_whole_x', 'hf_query_voc'}
    compared |= {f'affinity_{text}_{size}' for text in RUNS for size in WINDOWS}
    compared |= {f'{kind}_{run}' for kind in ('query', 'token') for run in RUNS}
    kinds = ('map', 'segment', 'embed', *(f'{by}{what}' for by in ('', 'hf_') for what in ENCODER))
    compared |= {f'{kind}_{size}' for kind in (*kinds, 'global') for size in WINDOWS}
    assert set(expected) - compared == {'hf_segmentation_logits_224x224'}


def test_a_batch_equals_its_images(build, batch_equals_single):
    batch_equals_single(build('voc', test_cfg=dict(mode='slide', crop_size=(96, 96), stride=(48, 48))))


def test_the_best_word_counts_for_a_class(backbone):
    """A class of two words gets what the better has; words of the background are asked for by nobody."""
    classes = dict(background=('sky', 'wall'), animal=('dog', 'horse'), car=('car',))
    bank = TextBank('words', True, tuple(BankClass(*entry) for entry in classes.items()))
    model = MODELS.build(dict(type='GroupViT', backbone=backbone, text_bank=bank))
    tokens = model.backbone(image(1, 224, 224)[None]).tokens[0]
    found, words = model.group_logits(tokens), model.affinity(tokens)
    assert found.shape == (3, 8) and words.shape == (8, 3)
    assert torch.equal(found[1], words[:, :2].amax(dim=1)) and torch.equal(found[2], words[:, 2])


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (dict(background_threshold=2), 'background_threshold=2'),
        (dict(test_cfg=dict(mode='slide', crop_size=(0, 1), stride=(1, 1))), 'test_cfg.crop_size'),
        (dict(backbone=dict(type='GroupViTBackbone', pretrained='absent.pth')), r'absent.pth: no such.*Hugging Face'),
        (dict(backbone=dict(type='GroupViTBackbone', pretrained='x', num_heads=0)), 'backbone.num_heads=0'),
    ],
)
def test_faults_are_named(build, changes, message):
    with pytest.raises(UserError, match=message):
        build('voc', **changes)
