"""TCL against what its public code answers; tests/golden/README.md says which array is what."""

import json

import numpy as np
import pytest
import torch
from golden import DIR, SEED, arrays, hold, image, tiny_tcl
from golden.bounds import BOUNDS
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from safetensors.torch import save_file

from itaclip_mmseg.methods import TCL
from itaclip_mmseg.models.stages.pamr import refine
from itaclip_mmseg.settings import Pamr
from itaclip_mmseg.text.templates import templates_by_name
from itaclip_mmseg.text.tokenizer import tokenizer
from itaclip_mmseg.utils.errors import UserError

pytestmark = pytest.mark.usefixtures('one_thread')
WORDS = json.loads((DIR / 'words_tcl.json').read_text())
WINDOWS = {'224x224': 1, '448x448': 6, '208x256': 2, '215x250': 4, '97x150': 7, '448x112': 5}
IDENTITY = dict(attention=('identity',), intermediate_layers=None, residual=True, final_ffn=True, positions='size')
PLAIN = dict(pamr=None, background_threshold=0.5)
# Classes and settings of a run.
RUNS = {
    'voc': (WORDS['voc21'], {}),
    'voc_nopamr': (WORDS['voc21'], PLAIN),
    'context': (WORDS['context60'], {}),
    'context59': (WORDS['context59'], {}),
    'coco_object': (WORDS['coco_object81'], {}),
    'coco_stuff_nopamr': (WORDS['coco_stuff171'], PLAIN),
}
STEPS = dict(context=25, context59=25, coco_object=25, coco_stuff_nopamr=50)
# Image and original size of a case.
CASES = {
    'x': (image(23, 448, 592), (375, 500)),
    'y': (image(25, 672, 448), (300, 200)),
    'z': (image(30, 200, 300), (150, 220)),
}
PREDICTIONS = [(run, case) for run in RUNS for case in (CASES if run in ('voc', 'voc_nopamr') else 'x')]


@pytest.fixture(scope='module')
def expected() -> dict[str, np.ndarray]:
    return arrays('tcl')


@pytest.fixture(scope='module')
def decoder(tmp_path_factory) -> dict:
    path = tmp_path_factory.mktemp('tcl') / 'tiny.safetensors'
    state = {name: torch.from_numpy(np.asarray(value)) for name, value in tiny_tcl.state_dict(SEED).items()}
    save_file(state, path)
    return dict(pretrained=str(path))


@pytest.fixture(scope='module')
def build(decoder, tiny_weights, bank_of):
    """The model of a run; CLIP is read once."""
    shared = {}

    def build(run: str, **changes) -> TCL:
        names, settings = RUNS[run]
        backbone = dict(type='CLIPVisionBackbone', arch=None, pretrained=tiny_weights, **IDENTITY)
        config = dict(type='TCL', backbone=backbone, decoder=decoder, text_bank=bank_of(names))
        model = MODELS.build(config | settings | changes)
        model.backbone = shared.setdefault('backbone', model.backbone)
        return model

    return build


@pytest.fixture(scope='module')
def voc(build) -> TCL:
    return build('voc')


@pytest.fixture(scope='module')
def without_pamr(build) -> TCL:
    return build('voc', pamr=None)


def padded(model: TCL, size: str) -> tuple[torch.Tensor, object]:
    window = image(WINDOWS[size], *map(int, size.split('x')))
    grid = model.grid(window)
    return grid.crop(window), grid


@pytest.mark.parametrize('run', ['voc', 'context', 'coco_object', 'coco_stuff_nopamr'])
def test_queries(build, expected, run):
    """Protects the nine templates, the mean of raw embeddings, and the missing query of the background."""
    name = f'query_{run.removesuffix("_nopamr")}'
    hold(name, build(run).queries, expected[name], 1e-6)


def test_tokens_equal_the_public_code(expected):
    words, templates = WORDS['voc20'][:3], templates_by_name('small_set')
    assert tuple(WORDS['templates']) == templates
    tokens = tokenizer()([one.replace('{}', word) for word in words for one in templates])
    assert np.array_equal(tokens.unflatten(0, (3, 9)), expected['token_voc'])


@pytest.mark.slow
@pytest.mark.parametrize('size', WINDOWS)
def test_windows(voc, without_pamr, expected, size):
    """Protects cosines, soft masks, PAMR with its guide, CLIP's share, and the cut of the padding."""
    windows, grid = padded(voc, size)
    inputs = voc.backbone.shared_blocks(windows)
    step = 8 if size.startswith('448') else 4
    similarities = voc.cosines(voc.decoder(inputs.x, inputs.grid))[0]
    soft = voc.decoder.soft_masks(similarities)
    refined = refine(windows[0], soft, voc.settings.pamr, align_corners=True)
    found = dict(sim=similarities, soft=soft, pamr=refined)
    found |= dict(mixed=without_pamr.window_scores(windows)[0], mixed_pamr=voc.window_scores(windows)[0])
    for name in found:
        if f'{name}_{size}' in expected:
            hold(f'{name}_{size}', found[name][:, ::step, ::step], expected[f'{name}_{size}'], 3e-6)
    for name, mixed in (('window', 'mixed'), ('window_pamr', 'mixed_pamr')):
        masks = grid.merge_stepwise([found[mixed]], grid.image_size)
        hold(f'{name}_{size}', masks[:, ::16, ::16], expected[f'{name}_{size}'], 3e-6)


def test_without_clips_share(build, expected):
    model = build('voc', pamr=None, clip_share=0)
    windows, grid = padded(model, '215x250')
    masks = grid.merge_stepwise(model.window_scores(windows), grid.image_size)
    hold('window_nokp_215x250', masks[:, ::16, ::16], expected['window_nokp_215x250'], 3e-6)


def test_pamr_with_six_dilations(expected):
    """The standard deviation is that of all 54 positions together."""
    image, masks = (torch.from_numpy(expected[name]) for name in ('pamr_image', 'pamr_in'))
    refined = refine(image[0], masks, Pamr(10, (1, 2, 4, 8, 12, 24)), align_corners=True)
    hold('pamr_out', refined, expected['pamr_out'], 3e-6)


@pytest.mark.slow
@pytest.mark.parametrize(('run', 'case'), PREDICTIONS)
def test_predictions(build, expected, run, case, monkeypatch):
    """The whole way: padded windows, merge, softmax, labels."""
    picture, size = CASES[case]
    model, step, kept = build(run), STEPS.get(run, 16), []
    monkeypatch.setattr(TCL, 'logits', lambda *given, compute=TCL.logits: kept.append(compute(*given)) or kept[0])
    (sample,) = model.predict([picture], [SegDataSample(metainfo=dict(ori_shape=size))])
    (scores,) = kept
    bound, labels = BOUNDS['tcl'], sample.pred_sem_seg.data[0]
    bound.hold_scores(f'score_{run}_{case}', scores[:, ::step, ::step], expected[f'score_{run}_{case}'])
    bound.hold_labels(f'pred_{run}_{case}', labels, expected[f'pred_{run}_{case}'])
    torch.testing.assert_close(sample.seg_logits.data, scores.softmax(dim=0))


def test_every_array_is_compared(expected):
    """Here, or in the test of the decoder."""
    compared = {f'{kind}_{run}_{case}' for kind in ('pred', 'score') for run, case in PREDICTIONS}
    windows = ('sim', 'soft', 'pamr', 'mixed', 'mixed_pamr', 'window', 'window_pamr')
    blocks = ('block11', 'clip', 'masker', 'decoder0', 'decoder1')
    compared |= {f'{kind}_{size}' for kind in (*windows, *blocks) for size in WINDOWS}
    compared |= {f'query_{run.removesuffix("_nopamr")}' for run in RUNS}
    compared |= {'token_voc', 'window_nokp_215x250', 'pamr_out', 'pamr_image', 'pamr_in'}
    assert not set(expected) - compared


def test_a_batch_equals_its_images(build, batch_equals_single):
    batch_equals_single(build('voc', test_cfg=dict(mode='slide', crop_size=(96, 96), stride=(48, 48))))


def test_windows_of_a_batch_are_independent(voc):
    windows = torch.stack([image(number, 96, 80) for number in range(2)])
    together = voc.window_scores(windows)
    for number, window in enumerate(windows):
        torch.testing.assert_close(voc.window_scores(window[None])[0], together[number], atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (dict(background_threshold=-1), 'background_threshold=-1'),
        (dict(clip_share=1.5), 'clip_share=1.5'),
        (dict(pamr=5), 'pamr=5'),
        (dict(pamr=dict(num_iters=0)), 'pamr.num_iters=0'),
        (dict(decoder=dict(pretrained='absent.pth')), 'absent.pth: no such weights file.*kakaobrain/tcl'),
    ],
)
def test_faults_are_named(build, changes, message):
    with pytest.raises(UserError, match=message):
        build('voc', **changes)


def test_a_decoder_of_another_width_is_named(build, tmp_path):
    from itaclip_mmseg.methods import TCLDecoder

    TCLDecoder.write_random_weights({}, tmp_path / 'large.safetensors')
    with pytest.raises(UserError, match='widths 768 and 512, but the backbone has 128 and 64'):
        build('voc', decoder=dict(pretrained=str(tmp_path / 'large.safetensors')))
