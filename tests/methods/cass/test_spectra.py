"""Spectra, matching and approximations against what the public code answers, and against the plain N x N way."""

import numpy as np
import pytest
import torch
from golden import hold
from versions import new_torch

from itaclip_mmseg.methods.cass.dino_keys import dino_keys
from itaclip_mmseg.methods.cass.spectra import APPROXIMATIONS, RANK, match_heads, matching_costs, spectra

SIZES = ('224', '208x256', 'small')
RELATIVE = 4e-6  # of a head's greatest value: DINO's keys are stretched by their greatest value, 2e-6 of itself away


def hold_by_head(name, found, expected):
    """As `hold`, in parts of each head's greatest value."""
    hold(name, found / expected[:, :1], expected / expected[:, :1], atol=RELATIVE)


@pytest.fixture(scope='module')
def keys_of(view_of):
    """CLIP's and DINO's keys of a view."""

    def keys(size):
        model, inputs, clip_keys, _ = view_of(size)
        with torch.no_grad():
            return clip_keys, dino_keys(model.dino, inputs.views, clip_keys, inputs.grid)

    return keys


@pytest.mark.parametrize('size', SIZES)
def test_spectra_and_matching(keys_of, recorded, size):
    """Protects the matching of heads that differ most."""
    clip, dino = (spectra(keys) for keys in keys_of(size))
    hold_by_head(f'eigenvalues_clip_{size}', clip[0].numpy(), recorded[f'eigenvalues_clip_{size}'])
    hold_by_head(f'eigenvalues_dino_{size}', dino[0].numpy(), recorded[f'eigenvalues_dino_{size}'])
    costs = matching_costs(dino, clip)[0]
    hold(f'cost_{size}', costs, recorded[f'cost_{size}'], atol=1e-6)
    matched, distances = match_heads(dino, clip)
    hold(f'match_{size}', matched[0], recorded[f'match_{size}'])
    assert torch.equal(distances[0], 1 - costs[torch.arange(4), matched[0]])


@pytest.mark.parametrize('way', APPROXIMATIONS)
@pytest.mark.parametrize('size', SIZES)
def test_singular_values(keys_of, recorded, size, way):
    """In the order of CLIP's heads, before they are stretched and after."""
    dino = keys_of(size)[1][0][torch.from_numpy(recorded[f'match_{size}']).long()]
    plain = APPROXIMATIONS[way](dino)
    hold_by_head(f'singular_{way}_{size}', plain.values.numpy(), recorded[f'singular_{way}_{size}'])
    for data, found in (('voc21', plain.stretched()), ('voc20', plain)):
        name = f'singular_used_{data}_{way}_{size}'
        hold_by_head(name, found.values.numpy(), recorded[name])


def test_exact_is_the_best_approximation_by_the_whole_matrix():
    """64 x 64 or N x N: equal; the drawn one is no better."""
    keys = torch.randn(2, 3, 50, 64, generator=torch.Generator().manual_seed(0))
    scores = (keys.double() @ keys.double().mT) / 8
    left, values, right = torch.linalg.svd(scores)
    best = left[..., :RANK] * values[..., None, :RANK] @ right[..., :RANK, :]
    torch.testing.assert_close(APPROXIMATIONS['exact'](keys).matrix(), best, atol=1e-10, rtol=0)
    torch.testing.assert_close(spectra(keys), torch.linalg.eigvalsh(scores).flip(-1)[..., :20], atol=1e-10, rtol=0)
    missed = {way: (scores - APPROXIMATIONS[way](keys).matrix()).norm() for way in APPROXIMATIONS}
    assert missed['exact'] < missed['drawn'] < 1.2 * missed['exact']


@new_torch
def test_drawn_is_torchs_with_given_numbers(monkeypatch):
    """As the public code calls it; the same at every call."""
    keys = torch.randn(60, 64, generator=torch.Generator().manual_seed(0))
    numbers = torch.from_numpy(np.random.RandomState(0).standard_normal((60, RANK)))
    monkeypatch.setattr(torch, 'randn', lambda *size, **_: numbers)
    left, values, right = torch.svd_lowrank(keys.double() @ keys.double().mT / 8, q=RANK)
    found = APPROXIMATIONS['drawn'](keys)
    torch.testing.assert_close(found.matrix(), left * values @ right.mT, atol=1e-10, rtol=0)
    assert torch.equal(APPROXIMATIONS['drawn'](keys).matrix(), found.matrix())


@pytest.mark.parametrize('patches', [1, 2, 9, 12])
@pytest.mark.parametrize('way', APPROXIMATIONS)
def test_few_patches(patches, way):
    """The public code stops below ten; here they have as many singular values as patches."""
    keys = torch.randn(4, patches, 64, generator=torch.Generator().manual_seed(0))
    found = APPROXIMATIONS[way](keys)
    assert found.values.shape == (4, min(patches, RANK)) and found.stretched().matrix().isfinite().all()
    assert spectra(keys).shape == (4, patches)
