"""Windows merged on the grid of patches, against the plain way."""

import torch

from itaclip_mmseg.methods.cliper.patch_windows import merge_patches
from itaclip_mmseg.models.stages.sliding import Grid


def test_means_over_windows():
    """Rows and columns apart: patch by patch, pair by pair; the last windows are shifted back to the border."""
    generator = torch.Generator().manual_seed(0)
    windows = Grid((48, 112), (32, 64), (32, 32))  # 3 x 7 patches; windows of 2 x 4 at rows 0, 1 and columns 0, 2, 3
    corners = [(row, column) for row in (0, 1) for column in (0, 2, 3)]
    parts = [(torch.rand(5, 2, 4, generator=generator), torch.rand(8, 8, generator=generator)) for _ in corners]
    maps, attention = merge_patches(parts, windows, (16, 16))

    def seen(place):
        """Which windows show a patch, and where in them."""
        offsets = ((place // 7 - row, place % 7 - column) for row, column in corners)
        return {n: 4 * y + x for n, (y, x) in enumerate(offsets) if 0 <= y < 2 and 0 <= x < 4}

    pairs = torch.zeros(21, 21)
    for one in range(21):
        values = [parts[n][0].flatten(1)[:, at] for n, at in seen(one).items()]
        torch.testing.assert_close(maps.flatten(1)[:, one], torch.stack(values).mean(dim=0))
        for other in range(21):
            both = [parts[n][1][at, seen(other)[n]] for n, at in seen(one).items() if n in seen(other)]
            pairs[one, other] = sum(both) / (len(both) + 1e-5)
    torch.testing.assert_close(attention, pairs / pairs.sum(dim=-1, keepdim=True))
    assert (attention == 0).any()
