"""Windows merged on the grid of patches, where window and stride are whole patches: no pixel is interpolated."""

import itertools
from collections.abc import Iterable

import torch
from torch import Tensor

from itaclip_mmseg.models.stages.sliding import Grid


def merge_patches(
    parts: Iterable[tuple[Tensor, Tensor]], windows: Grid, patch_size: tuple[int, int]
) -> tuple[Tensor, Tensor]:
    """Means over the windows of maps of patches and of maps between patches.

    Args:
        parts: of each window, in the order of `Grid.crop`, maps ... x rows x columns and attention L x L.
        windows: where they lie; every border between two patches.
        patch_size: height and width of a patch in pixels.

    Returns:
        Maps ... x Rows x Columns, and attention N x N of the image's patches, rows adding up to 1; patches that no
        window shows together do not attend to each other.
    """
    rows, columns = (length // side for length, side in zip(windows.image_size, patch_size))
    index = torch.arange(rows * columns).unflatten(0, (rows, columns))
    total = pairs = None
    for (top, left), (maps, attention) in zip(itertools.product(windows.tops, windows.lefts), parts):
        if total is None:
            total, cover = maps.new_zeros(*maps.shape[:-2], rows, columns), maps.new_zeros(rows, columns)
            pairs, together = (attention.new_zeros(rows * columns, rows * columns) for _ in range(2))
        height, width = maps.shape[-2:]
        place = (
            slice(top // patch_size[0], top // patch_size[0] + height),
            slice(left // patch_size[1], left // patch_size[1] + width),
        )
        total[(..., *place)] += maps
        cover[place] += 1
        seen = index[place].flatten().to(maps.device)
        pairs[seen[:, None], seen] += attention
        together[seen[:, None], seen] += 1
    mean = pairs / (together + 1e-5)
    return total / cover, mean / mean.sum(dim=-1, keepdim=True)
