import torch
from torch.nn import functional as F

from itaclip_mmseg.models.backbones.positions import resize_positions


def test_ways():
    """The trained grid, another one, rounding: what each way does to a table."""
    table = torch.randn(1 + 16, 8, generator=torch.Generator().manual_seed(0))
    assert torch.equal(resize_positions(table, 4, 4, 'factor'), table)
    assert torch.equal(resize_positions(table, 2, 8, 'factor'), table), 'as many patches: not interpolated'
    torch.testing.assert_close(resize_positions(table, 4, 4, 'bilinear'), table)
    rounded = resize_positions(table, 4, 4, 'bilinear_half')
    assert torch.equal(rounded, rounded.half().float()) and not torch.equal(rounded, table)
    square = table[1:].T.view(1, 8, 4, 4)
    expected = F.interpolate(square, size=(3, 5), mode='bilinear')[0].flatten(1).T
    torch.testing.assert_close(resize_positions(table, 3, 5, 'bilinear')[1:], expected)
