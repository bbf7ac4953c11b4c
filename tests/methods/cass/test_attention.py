"""The last block against what the public code answers: DINO's part, scores, its answer, tokens."""

import pytest
import torch
from golden import hold
from torch.nn import functional as F

from itaclip_mmseg.methods.cass import attention
from itaclip_mmseg.methods.cass.attention import dino_part, mixed_scores, patch_tokens
from itaclip_mmseg.methods.cass.dino_keys import dino_keys
from itaclip_mmseg.methods.cass.spectra import APPROXIMATIONS

SIZES = ('224', '208x256', 'small')
STRETCHED = dict(voc21=True, voc20=False)
RELATIVE, OUT, TOKENS = 3e-6, 9e-6, 4e-6  # as the page has them; the first in parts of the greatest value


@pytest.mark.parametrize('way', APPROXIMATIONS)
@pytest.mark.parametrize('data', STRETCHED)
@pytest.mark.parametrize('size', SIZES)
@torch.no_grad()
def test_last_block(view_of, recorded, monkeypatch, size, data, way):
    """Protects the order of heads and weights, the diagonal, the ranges, the mixture."""
    model, inputs, keys, values = view_of(size)
    parts = []
    monkeypatch.setattr(attention, 'dino_part', lambda *given: parts.append(dino_part(*given)) or parts[0])
    others = dino_keys(model.dino, inputs.views, keys, inputs.grid)
    scores = mixed_scores(keys, others, inputs.grid, way, STRETCHED[data])
    for kind, found in (('dino_part', parts[0]), ('scores', scores)):
        name = f'{kind}_{data}_{way}_{size}'
        expected = recorded[name]
        hold(name, found[0, :, ::14], expected, atol=RELATIVE * abs(expected).max())
    out = patch_tokens(model.backbone.blocks[-1], values, scores)
    hold(f'attention_out_{data}_{way}_{size}', out[0, ::4], recorded[f'attention_out_{data}_{way}_{size}'], atol=OUT)
    tokens = model.backbone.project_tokens(out)[0]
    name, step = f'tokens_{data}_{way}_{size}', dict(drawn=4, exact=1)[way]
    hold(name, tokens[::step], recorded[name], atol=TOKENS)
    torch.testing.assert_close(tokens, F.normalize(tokens, dim=-1))


@pytest.mark.parametrize('patches', [1, 3])
def test_few_patches(patches):
    """Also one patch alone, whose scores have no range."""
    clip, dino = torch.randn(2, 2, 4, patches, 64, generator=torch.Generator().manual_seed(0))
    for way in APPROXIMATIONS:
        assert mixed_scores(clip, dino, (1, patches), way, True).softmax(dim=-1).isfinite().all()
