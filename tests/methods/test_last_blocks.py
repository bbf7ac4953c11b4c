"""Last blocks of their own against what the methods' public code answers: tokens, windows, labels."""

import numpy as np
import pytest
from golden import image
from golden.bounds import BOUNDS
from mmseg.structures import SegDataSample

SLIDE = dict(test_cfg=dict(mode='slide', crop_size=(224, 224), stride=(112, 112)))
PAMR = dict(pamr=dict(num_iters=10, dilations=(8, 16)))
SIZES = {'336': (10, 336, 336), '224': (1, 224, 224), '208x256': (2, 208, 256), 'small': (6, 100, 130)}
PLAIN = dict(logit_scale=40, prob_threshold=None, area_threshold=None)


def last(**settings) -> dict:
    """Changes of the last block alone."""
    return dict(backbone=dict(last_block=settings))


VOC20 = dict(middle_share=0.6, scale=2.0, feedback=dict(scale=2.1, share=0.6, threshold=0.1))


def resclip(**changes) -> dict:
    """The settings of most of ResCLIP's arrays, with changes of the last block."""
    return last(**VOC20 | changes)


# Method: by the end of the array's name, the method's VOC config changed so.
TOKENS = {
    'scclip': {'scclip_224': {}, 'scclip_208x256': {}, 'scclip_small': {}},
    'sfp': {
        'sfp_224': {},
        'sfp_208x256': {},
        'sfp_small': {},
        'sfp_L2_224': last(outliers='norm'),
        'sfp_LOF_224': last(outliers='density'),
    },
}
TOKENS['resclip'] = {
    **{f'resclip_{size}': resclip() for size in ('224', '208x256', 'small')},
    **{f'resclip_rcs_{size}': resclip(feedback=None) for size in ('224', '208x256', 'small')},
    'resclip_sfr_224': resclip(middle_layers=None),
    'resclip_nodecay_224': resclip(feedback=VOC20['feedback'] | dict(decay=False)),
    'resclip_on_sclip_224': resclip(attention=('qq', 'kk'), neighbourhood_std=None, residual=True, final_ffn=True),
    'resclip_on_clearclip_224': resclip(attention='qq', neighbourhood_std=None),
    'resclip_on_vanilla_224': resclip(attention='qk', neighbourhood_std=None, residual=True, final_ffn=True),
}
TOKENS['proxyclip'] = {
    'proxyclip_224': {},
    'proxyclip_336': {},
    'proxyclip_beta1.0_gamma3.0_224': last(centre=1.0),
    'proxyclip_beta1.2_gamma8.0_224': last(sharpness=8.0),
}
WINDOWS = {
    'scclip': {'slide_scclip': SLIDE, 'odd_scclip': SLIDE},
    'sfp': {'slide_sfp': SLIDE, 'odd_sfp': SLIDE},
}
WHOLE = dict(test_cfg=dict(mode='whole'))
WINDOWS['resclip'] = {
    f'{kind}_resclip{suffix}': (WHOLE if 'whole' in kind else SLIDE) | resclip(**changes)
    for kind in ('slide', 'odd', 'odd_whole')
    for suffix, changes in {'': {}, '_rcs': dict(feedback=None)}.items()
}
WINDOWS['proxyclip'] = {'slide_proxyclip': dict(test_cfg=dict(crop_size=(224, 224))), 'odd_proxyclip': {}}
LABELS = {
    'scclip': {
        'scclip': {},
        'scclip_pamr10': PAMR,
        'scclip_no_area': dict(area_threshold=None),
        'scclip_thd0': PLAIN,
        'scclip_prob04': PLAIN | dict(prob_threshold=0.4),
    },
    'sfp': {
        'sfp': {},
        'sfp_pamr10': PAMR,
        'sfp_no_area': dict(area_threshold=None),
        'sfp_prob04': PLAIN | dict(prob_threshold=0.4),
    },
}
LABELS['resclip'] = {
    'resclip': {},
    'resclip_thd02': last(feedback=dict(threshold=0.2)),
    'resclip_rcs': last(feedback=None),
    'resclip_voc20': resclip(),
    'resclip_slide': SLIDE | resclip(),
    'resclip_slide_pamr10': SLIDE | resclip() | PAMR,
}
LABELS['proxyclip'] = {
    'proxyclip': {},
    'proxyclip_thd0': dict(prob_threshold=None),
    'proxyclip_224_prob03': dict(prob_threshold=0.3, test_cfg=dict(crop_size=(224, 224))),
}


def rows(table: dict) -> list[tuple]:
    return [(method, name, changes) for method, cases in table.items() for name, changes in cases.items()]


def sample(height: int, width: int) -> list[SegDataSample]:
    return [SegDataSample(metainfo=dict(ori_shape=(height, width)))]


@pytest.mark.parametrize(('method', 'name', 'changes'), rows(TOKENS))
def test_tokens(build, references, method, name, changes):
    """Square, wide, and fewer patches than a window has."""
    expected = references(method)[f'tokens_{name}']
    found = build(method, **changes).extract_feat(image(*SIZES[name.split('_')[-1]])[None])
    found = found[:, :: found.shape[1] // expected.shape[1]]  # some are kept at every fourth token
    np.testing.assert_allclose(found, expected, atol=2e-6)


def assert_close(found, expected, atol: float, method: str, name: str) -> None:
    """Within `atol`; of ProxyCLIP 99 % of the values, and all within 5e-3.

    Some pairs of its million pairs of patches lie on its cut to within rounding, and such a pair falls in or out.
    """
    cut = method == 'proxyclip'
    np.testing.assert_allclose(found, expected, atol=5e-3 if cut else atol, err_msg=name)
    assert (np.abs(np.asarray(found) - expected) < 1e-5).mean() > 0.99


@pytest.mark.slow
@pytest.mark.parametrize(('method', 'name', 'changes'), rows(WINDOWS))
def test_windows(build, references, method, name, changes):
    """Merged cosines; `odd`: sizes that are no multiple of the patch."""
    place, size = ((3, 256, 336), (300, 394)) if name.startswith('slide') else ((4, 215, 250), (215, 250))
    if name == 'odd_proxyclip':
        place, size = (4, 215, 210), (215, 210)
    logits = build(method, **changes)(image(*place)[None], sample(*size), mode='tensor')[0]
    assert_close(logits[:, ::12, ::12], references(method)[name][0], 2e-6, method, name)


@pytest.mark.slow
@pytest.mark.parametrize(('method', 'name', 'changes'), rows(LABELS))
def test_labels(build, references, method, name, changes):
    """The whole way under each repository's VOC settings, and changes of them; labels differ at ties alone."""
    result = build(method, **changes).predict(image(10, 336, 448)[None], sample(375, 500))[0]
    scores = result.seg_logits.data
    if method == 'resclip':  # whose code divides them by their sum over the classes once labels are there
        scores = scores / scores.sum(dim=0)
    bound, recorded = BOUNDS[method], references(method)
    bound.hold_scores(f'score_{name}', scores[:, ::16, ::16], recorded[f'score_{name}'])
    bound.hold_labels(f'pred_{name}', result.pred_sem_seg.data, recorded[f'pred_{name}'])


def test_every_reference_is_compared(references):
    """Beside the stages, which have tests of their own, no array of tokens, windows or labels is left out."""
    for method in TOKENS:
        compared = {f'tokens_{name}' for name in TOKENS[method]} | set(WINDOWS[method])
        compared |= {f'{kind}_{name}' for kind in ('pred', 'score') for name in LABELS[method]}
        kinds = ('tokens_', 'slide_', 'odd_', 'pred_', 'score_')
        assert {name for name in references(method) if name.startswith(kinds)} == compared
