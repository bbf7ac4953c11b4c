"""Merge windows on the grid of patches, if window and stride are whole patches, without interpolation."""

from collections.abc import Iterable

import torch
from torch import Tensor

from itaclip_mmseg.models.stages.sliding import Grid


def merge_patches(
    parts: Iterable[tuple[Tensor, Tensor]], windows: Grid, patch_size: tuple[int, int]
) -> tuple[Tensor, Tensor]:
    """Average maps of patches, and attention between patches, over the windows.

    Args:
        parts: of each window, in the order of `Grid.crop`, maps ... x rows x columns and attention L x L.
        windows: grid of windows; all borders lie between patches.
        patch_size: height and width of a patch in pixels.

    Returns:
        Maps ... x Rows x Columns, and attention N x N of the image's patches, rows adding up to 1; patches that never
        share a window do not attend to each other.
    """
    rows, columns = (length // side for length, side in zip(windows.image_size, patch_size))
    corners = [(top // patch_size[0], left // patch_size[1]) for top in windows.tops for left in windows.lefts]
    index = torch.arange(rows * columns).unflatten(0, (rows, columns))
    sums = None
    for (row, column), (maps, attention) in zip(corners, parts):
        if sums is None:
            sums = maps.new_zeros(*maps.shape[:-2], rows, columns)
            cover, (pairs, together) = (
                maps.new_zeros(rows, columns),
                attention.new_zeros(2, index.numel(), index.numel()),
            )
        place = (slice(row, row + maps.shape[-2]), slice(column, column + maps.shape[-1]))
        seen = index[place].flatten().to(maps.device)
        sums[(..., *place)] += maps
        cover[place] += 1
        pairs[seen[:, None], seen] += attention
        together[seen[:, None], seen] += 1
    mean = pairs / (together + 1e-5)
    return sums / cover, mean / mean.sum(dim=-1, keepdim=True)
