"""Parts of Trident on small arrays: sizes, thresholds, settings."""

import pytest
import torch

from itaclip_mmseg.methods.trident.aggregation import Aggregation, attention_weights, thresholds
from itaclip_mmseg.methods.trident.settings import TridentSettings
from itaclip_mmseg.methods.trident.windows import attend, in_patches, splice
from itaclip_mmseg.models.backbones.attention import output
from itaclip_mmseg.models.stages.sliding import Grid
from itaclip_mmseg.utils.errors import UserError


@pytest.mark.parametrize(
    ('size', 'expected'),
    [((448, 597), (464, 608)), ((448, 608), (448, 608)), ((246, 2048), (336, 2048)), ((64, 512), (64, 512))],
)
def test_whole_patches(size, expected):
    """Sizes of the page; an image of whole patches stays, whatever its size."""
    assert in_patches(torch.zeros(3, *size), 16, (336, 336)).shape == (3, *expected)


@torch.no_grad()
def test_similarities_are_cut_at_the_mean_of_all_windows(runs):
    """Not window by window: windows of an image whose means differ answer otherwise together than alone."""
    block = runs('voc21').model.backbone.blocks[-1]
    random = torch.Generator().manual_seed(0)
    similarities = torch.rand(2, 9, 9, generator=random) * torch.tensor([0.3, 1.0])[:, None, None]
    values = torch.randn(2, 2, 9, 64, generator=random)
    together = attend(similarities, values, block, sharpness=3, centre=1.2)
    alone = torch.cat(
        [attend(*one, block, sharpness=3, centre=1.2) for one in zip(similarities[:, None], values[:, None])]
    )
    assert not torch.allclose(together, alone, atol=1e-2)
    scores = 3 * (similarities - 1.2 * similarities.mean())
    scores.diagonal(dim1=1, dim2=2).clamp_(min=0)  # a patch that is unlike all others keeps its own value
    expected = scores.masked_fill(scores < 0, -torch.inf).softmax(dim=-1)
    torch.testing.assert_close(together, output(block, expected[:, None] @ values))


def test_windows_are_spliced_on_any_grid():
    """A map that both windows show is found again; also where they begin within a patch, but for its rim."""
    ramp = torch.arange(6.0).repeat(4, 1)[None]  # D x rows x columns
    aligned = Grid((64, 96), (64, 64), (32, 32))
    windows = torch.stack([ramp[..., :4], ramp[..., 2:]])
    torch.testing.assert_close(splice(windows.flatten(2).mT, aligned, 16), ramp)
    within = Grid((64, 96), (64, 64), (24, 24))  # from pixels 0, 24 and 32
    windows = torch.stack([ramp[..., :4], ramp[..., :4] + 1.5, ramp[..., 2:]])
    torch.testing.assert_close(splice(windows.flatten(2).mT, within, 16), ramp, atol=0.4, rtol=0)


def test_thresholds():
    """One for all heads; below 0 replaced or not; at most 0.9, so that no row is empty."""
    unit = torch.tensor([[[1.0, 0], [1, 0], [-1, 0]], [[1.0, 0], [0, 1], [0, 1]]])  # heads x N x d
    mean = torch.tensor([[1 / 3 + 1 / 3], [1 / 3 + 2 / 3], [-1 / 3 + 2 / 3]]) / 2
    torch.testing.assert_close(thresholds(unit, Aggregation()), 1.2 * mean)
    assert thresholds(unit, Aggregation(factor=3))[1] == 0.9
    opposite = torch.tensor([[[1.0, 0], [-1, 0], [-1, 0]]])
    assert thresholds(opposite, Aggregation(negative=0.6))[0] == 0.6 and thresholds(opposite, Aggregation())[0] < 0
    weights = attention_weights(opposite, [torch.full((3, 3), 0.1)], Aggregation(factor=100, negative=0.6))
    torch.testing.assert_close(weights, torch.tensor([[1, 0, 0], [0, 0.5, 0.5], [0, 0.5, 0.5]]))


@pytest.mark.parametrize(
    ('key', 'value'),
    [('refine', 1), ('minimal_area', 0), ('confidence_threshold', 2), ('iou_threshold', -1), ('mask_factor', 'x')],
)
def test_impossible_settings_are_named(key, value):
    with pytest.raises(UserError, match=f'{key}='):
        TridentSettings(**{key: value})
    with pytest.raises(UserError, match=f'{key}='):
        TridentSettings().vary({key: value})


@pytest.mark.parametrize(('key', 'value'), [('factor', -1), ('negative', 2), ('halves', 'yes')])
def test_impossible_aggregation_is_named(key, value):
    with pytest.raises(UserError, match=rf'aggregation\.{key}='):
        Aggregation(**{key: value})
