"""CorrCLIP's second version, without its memory bank, against what its public code answers, from the file on."""

import pytest
import torch
from conftest import marked
from golden import hold, photo, regions
from golden.bounds import BOUNDS
from torch.nn import functional as F

from itaclip_mmseg.last_inputs import Keep
from itaclip_mmseg.methods.corrclip.branches import three_branches
from itaclip_mmseg.methods.corrclip.whole_picture import window_part
from itaclip_mmseg.models.backbones.dinov2 import DINOv2
from itaclip_mmseg.models.stages.photograph import Photograph
from itaclip_mmseg.models.stages.sliding import Grid
from itaclip_mmseg.utils.errors import UserError

from .conftest import CUT, sample, shrunk, windows_of

WINDOWS = {'224': ((1, 224, 224), (224, 224)), 'wide': ((2, 150, 210), (100, 140))}  # photograph, resized
# Photograph, resized, number without a region, words, prob_threshold, window.
RUNS = {
    'voc21': ((10, 375, 500), (336, 448), 0, 'voc21', 0.2, 336),
    'portrait_thd05': ((11, 281, 211), (447, 336), 20, 'voc21', 0.5, 336),
    'city': ((12, 250, 400), (448, 717), 0, 'voc21', None, 224),
    'stuff': ((13, 240, 320), (336, 448), 0, None, None, 336),
}


@pytest.fixture(scope='module')
def arrays(references):
    return references['corrclip2']


@pytest.fixture(scope='module')
def model(corrclip):
    return corrclip('corrclip2')


@pytest.fixture(scope='module')
def windows(model):
    """The only window of each small picture, with its region map and features, and the photograph."""
    found = {}
    for name, (place, size) in WINDOWS.items():
        picture = Photograph(photo(*place))
        with torch.no_grad():
            (window,) = windows_of(model, shrunk(model, picture.pixels, size), regions(*place), picture)
        found[name] = (window, picture)
    return found


@pytest.mark.parametrize('size', WINDOWS)
@torch.no_grad()
def test_features_and_tokens(model, arrays, windows, size):
    """DINOv2's map of the whole photograph, its part of a window, attention and tokens."""
    (window, own, features), picture = windows[size]
    dense = model.dense_features(picture, torch.device('cpu'))
    hold(f'dense_{size}', dense[:, ::2, ::2], arrays[f'dense_{size}'], atol=1e-5)
    if size == '224':
        hold('vfm_224', F.normalize(features, dim=0).flatten(1).mT[::2], arrays['vfm_224'], atol=1e-6)
        hold('attention_224', model.attention(features, own)[1][::14], arrays['attention_224'], **CUT)
    tokens = model.window_tokens(window, own, features).flatten(1).mT
    hold(f'tokens_{size}', tokens[::2], arrays[f'tokens_{size}'], **CUT)


@torch.no_grad()
def test_branches(model, arrays, windows):
    """Regions are not merged."""
    (window, own, features), _ = windows['224']
    blocks, layers = model.backbone.blocks, model.settings.spatial_layers
    inputs = model.backbone.shared_blocks(window[None], Keep(frozenset(range(1, 12)), frozenset({0, *layers})))
    merged, attention = model.attention(features, own)
    assert merged.max() < 10000
    branches = three_branches(blocks, inputs, merged, attention, layers)
    for name, tokens in zip(('main', 'spatial', 'semantic'), branches, strict=True):
        hold(f'{name}_224', tokens[::4], arrays[f'{name}_224'], **CUT)


@pytest.mark.parametrize(
    ('place', 'size', 'name'), [((2, 150, 210), (100, 140), 'wide'), (*RUNS['voc21'][:2], 'voc21')]
)
@pytest.mark.slow
@torch.no_grad()
def test_windows(model, arrays, photograph, place, size, name):
    """Cosines merged at the photograph's size."""
    step = dict(wide=6, voc21=12)[name]
    shown = photograph(regions(*place), photo(*place))
    encoded = model.encode(shrunk(model, shown.pixels, size), photograph=shown)
    fields = torch.einsum('qd,wdrc->wqrc', model.text_encoder.encode(model.bank.words), encoded.tokens)
    merged = encoded.grid.merge(fields, place[1:])[None, :, ::step, ::step]
    hold(f'slide_{name}', merged, arrays[f'slide_{name}'], **CUT)


@pytest.mark.parametrize('name', marked(RUNS, *RUNS))
@torch.no_grad()
def test_labels(corrclip, arrays, photograph, name):
    """The whole way: scores, labels, and labels that are one in each region."""
    place, size, everywhere, words, threshold, side = RUNS[name]
    window = dict(mode='slide', crop_size=(side, side), stride=(112, 112), pad_windows=56)
    model = corrclip('corrclip2', words, prob_threshold=threshold, test_cfg=window)
    shown = photograph(regions(*place, everywhere), photo(*place))
    picture = shrunk(model, shown.pixels, size)
    raw = model.result(picture, place[1:], shown)
    BOUNDS['corrclip'].hold_scores(f'score_{name}', raw.scores[:, ::16, ::16], arrays[f'score_{name}'])
    result = model.predict(picture[None], [sample(shown)])[0]
    for kind, labels in (('raw', raw.labels), ('pred', result.pred_sem_seg.data[0])):
        BOUNDS['corrclip'].hold_labels(f'{kind}_{name}', labels[None], arrays[f'{kind}_{name}'])


def test_every_reference_is_compared(arrays):
    compared = {'classes', 'query', 'slide_wide', 'slide_voc21', 'vfm_224', 'attention_224'}
    compared |= {f'{kind}_{size}' for kind in ('dense', 'tokens') for size in WINDOWS}
    compared |= {f'{kind}_224' for kind in ('main', 'spatial', 'semantic')}
    compared |= {f'{kind}_{name}' for kind in ('raw', 'pred', 'score') for name in RUNS}
    assert set(arrays) == compared


def test_a_windows_part_equals_the_plain_way():
    """Enlarge the map, make it unit length, cut, pad by the edge, reduce; for windows anywhere, padded or not."""
    dense = torch.randn(5, 7, 9, generator=torch.Generator().manual_seed(0))
    for picture, crop, multiple in (((100, 140), (64, 64), 16), ((90, 70), (336, 336), 56)):
        grid = Grid(picture, crop, (40, 40), (multiple, multiple))
        enlarged = F.normalize(F.interpolate(dense[None], size=picture, mode='bilinear'), dim=1)
        for top in grid.tops:
            for left in grid.lefts:
                height, width = grid.window_size
                window = enlarged[..., top : top + height, left : left + width]
                padded = F.pad(window, (*grid.padding[1], *grid.padding[0]), mode='replicate')
                expected = F.interpolate(padded, size=(8, 10), mode='bilinear')[0]
                found = window_part(dense, picture, (top, left), grid, (8, 10))
                torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)


def test_other_files_are_refused(dino_weights):
    """DINO's, and DINOv2's without registers, resize their positions in another way."""
    with pytest.raises(UserError, match='not a DINOv2 with registers; give a file such as dinov2_vitl14_reg4'):
        DINOv2(dino_weights)


@pytest.mark.slow
def test_random_dinov2_has_the_published_size(tmp_path):
    """What the second version is timed with: ViT-L/14 in the published names."""
    DINOv2.write_random_weights({}, str(tmp_path / 'random.safetensors'))
    network = DINOv2(str(tmp_path / 'random.safetensors'))
    assert len(network.vit.blocks) == 24 and network.vit.num_prefix_tokens == 5
    assert sum(value.numel() for value in network.vit.parameters()) == pytest.approx(304.4e6, rel=1e-3)
