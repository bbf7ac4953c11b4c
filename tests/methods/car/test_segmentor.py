"""CaR's configs on the small weights against what its public code answers."""

import itertools
import sys

import numpy as np
import pytest
import torch
from conftest import REPO, marked
from golden import SEED, arrays, photo, tiny_clip
from golden.bounds import BOUNDS
from golden.car_answers import CASES, CONFIGS, bank_of_case, car_answers, settings_of_case
from mmengine.config import Config
from mmseg.registry import MODELS
from networks import write_state
from versions import new_opencv

from itaclip_mmseg.models.stages import crf
from itaclip_mmseg.text.bank import load_bank
from itaclip_mmseg.text.classes import bank_of
from itaclip_mmseg.utils.errors import UserError

# Largest differences: those of another order of float32 sums, by CAR.md. What is not here is equal.
BOUND = BOUNDS['car']
TOLERANCES = dict(cam=3e-4, masks=3e-4, scores=BOUND.scores, final_scores=BOUND.scores, crf_prob=3e-4, crf_q=3e-2)
# Pixels that lie on a threshold, as a share of a label map; and, far fewer, of a marked picture.
SHARES = dict.fromkeys(('label', 'crf_label'), 1 - BOUND.labels)
SHARES |= dict.fromkeys(('label_before_crf', 'label_no_crf'), 1 - BOUND.also['without the CRF'])
SHARES |= dict(prompted0=1 / 1000, prompted1=1 / 1000)


@pytest.fixture(scope='module')
def classifier_weights(tmp_path_factory) -> str:
    return write_state(tmp_path_factory.mktemp('weights') / 'classifier.pt', tiny_clip.state_dict(SEED + 100))


@pytest.fixture(scope='module')
def build(tiny_weights, classifier_weights):
    """The model of a config on small weights: build('voc21', **changes)."""

    def build(name: str = 'voc21', **changes):
        settings = Config.fromfile(REPO / f'configs/car/car_vit-b-16_{name}.py').model.to_dict()
        settings['backbone'] |= dict(arch=None, pretrained=tiny_weights) | changes.pop('backbone', {})
        settings['classifier'] |= dict(arch=None, pretrained=classifier_weights) | changes.pop('classifier', {})
        return MODELS.build(settings | dict(crf=has_crf()) | changes)

    return build


def has_crf() -> bool:
    try:
        crf.load_crf()
    except UserError:
        return False
    return True


@new_opencv
@pytest.mark.parametrize('case', marked(CASES, *(case for case in CASES if case != 'few_c')))
def test_all_stages_equal_the_public_code(build, case):
    """Protects names that enter and stay, cams, boxes, masks, marked pictures, scores and labels."""
    config = CONFIGS[CASES[case][0]]
    bank = bank_of_case(load_bank(f'data/text_bank/car_{config}.json'), case)
    found = car_answers(build(config, text_bank=bank, **settings_of_case(case)), case, has_crf())
    recorded = {name.removeprefix(f'{case}/'): value for name, value in arrays('car').items() if name.startswith(case)}
    absent = () if has_crf() else ('crf_q', 'crf_label', 'label', 'final_scores')
    names = [name for name in recorded if name.split('/')[-1] not in absent]
    assert names
    for name in names:
        compare(name.split('/')[-1], name, found, recorded)


def compare(kind: str, name: str, found: dict, recorded: dict) -> None:
    """One array, within what its kind allows."""
    ours, expected = found[name], recorded[name]
    if kind.startswith('prompted') and ours.shape != expected.shape:  # large pictures keep every 3rd pixel
        ours = ours[::3, ::3]
    assert ours.shape == expected.shape, name
    apart = np.abs(ours.astype(np.float64) - expected.astype(np.float64))
    if kind in SHARES:
        assert (apart > 0).mean() <= SHARES[kind] + 1e-9, name
    elif kind == 'prompted_sum':  # a pixel on the threshold is marked or not: 3 values of at most 255
        assert apart.max() <= 3 * 255, name
    else:
        assert apart.max(initial=0) <= TOLERANCES.get(kind, 0), f'{name}: {apart.max()}'
    if kind == 'scores' and name.replace('scores', 'prompted_sum') in recorded:
        sums = name.replace('scores', 'prompted_sum')
        alike = found[sums] == recorded[sums]
        assert apart[alike].max(initial=0) <= 1e-5, f'{name}: {apart[alike].max()}, of equal pictures'


def test_no_array_is_left_out():
    """Of cases here; of `step` in the tests of the stages."""
    assert {name.split('/')[0] for name in arrays('car')} == {'cases', 'step'} | set(CASES)


def pictures() -> list[torch.Tensor]:
    return [torch.from_numpy(photo(*CASES[case][1:4])).movedim(-1, 0).float() for case in ('few_a', 'few_c', 'few_e')]


FEW = 'background = wall, floor; aeroplane; bird; cat'


@pytest.mark.slow
def test_batches_and_samples(build):
    """One picture at a time or three of different sizes: the same; how names dropped out is kept."""
    model = build(text_bank=bank_of(FEW), confidence_threshold=0.2)
    for image, sample in zip(pictures(), model.predict(pictures()), strict=True):
        (alone,) = model.predict(image[None])
        assert torch.equal(alone.pred_sem_seg.data, sample.pred_sem_seg.data)
        assert torch.equal(sample.seg_logits.data.argmax(dim=0), sample.pred_sem_seg.data[0])
        (stages,) = sample.to_dict()['recurrence'].values()
        assert len(stages) >= 2 and list(stages[0]['scores']) == ['aeroplane', 'bird', 'cat']
        for before, after in itertools.pairwise(stages):
            assert before['kept'] == list(after['scores'])
        assert len(stages[-1]['kept']) == len(stages[-2]['kept'])


@pytest.mark.slow
def test_bf16_and_no_grad(build):
    """Gradients are taken whatever loop runs the model, in half precision too."""
    model = build(text_bank=bank_of(FEW), backbone=dict(precision='bf16'), classifier=dict(precision='bf16'))
    with torch.no_grad():
        (sample,) = model.predict(pictures()[0][None])
    assert sample.seg_logits.data.sum(dim=0).eq(1).all()


def test_words_without_a_background(build):
    """Every pixel goes to one of the names that stayed."""
    model = build(text_bank=bank_of('a dog; grass; sky'), confidence_threshold=0.2)
    (sample,) = model.predict(pictures()[0][None])
    kept = sample.recurrence['all'][-1]['kept']
    assert {model.names[label] for label in sample.pred_sem_seg.data.unique().tolist()} <= set(kept)
    assert len(model.around) == 21  # grass and sky are classes


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (dict(confidence_threshold=-1), 'confidence_threshold=-1: invalid'),
        (dict(visual_prompts=('arrow',)), "visual_prompts='arrow': not known"),
        (dict(affinity_layers=(13,)), 'counted from 1 to 12'),
        (dict(stuff=dict(classes=['snow'], visual_prompts=['blur'], background_factor=1)), "stuff.classes='snow'"),
        (dict(classifier=dict(pretrained='nowhere.pt')), 'nowhere.pt: no such weights file'),
        (dict(judge_templates='none'), "templates='none': unknown"),
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
