"""Resize a ViT's positional embeddings to other grids of patches, as the public codes do: each in its own way."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F


def by_factor(square: Tensor, rows: int, columns: int) -> Tensor:
    """Resize bicubically by a factor, as SCLIP, NACLIP and ITACLIP do.

    A quirk is kept for equal numbers: a grid with as many patches as the trained one is not interpolated, whatever its
    shape.
    """
    side = square.shape[-1]
    return square if rows * columns == side * side else by_exact_factor(square, rows, columns)


def by_exact_factor(square: Tensor, rows: int, columns: int) -> Tensor:
    """Resize bicubically by a factor, unless the grid is the trained one.

    DINO's quirk is kept for equal numbers: 0.1 is added to the target size before the factor is computed
    (github.com/facebookresearch/dino/issues/8).
    """
    side = square.shape[-1]
    if (rows, columns) == (side, side):
        return square
    factor = ((rows + 0.1) / side, (columns + 0.1) / side)
    return F.interpolate(square, scale_factor=factor, mode='bicubic', align_corners=False)


def by_size(square: Tensor, rows: int, columns: int) -> Tensor:
    """Resize bicubically to the size, unless the grid is the trained one (CLIP trained for masks)."""
    if (rows, columns) == tuple(square.shape[-2:]):
        return square
    return F.interpolate(square, size=(rows, columns), mode='bicubic', align_corners=False)


def bilinear(square: Tensor, rows: int, columns: int) -> Tensor:
    """Resize bilinearly to the size, unless the grid is the trained one (class activation maps)."""
    return F.interpolate(square, size=(rows, columns), mode='bilinear', align_corners=False)


# 'bilinear_half' rounds the whole table, including CLS and the trained grid, to half precision: the code of class
# activation maps wrote the resized table back into weights in half precision.
WAYS: dict[str, Callable[[Tensor, int, int], Tensor]] = {
    'factor': by_factor,
    'exact_factor': by_exact_factor,
    'size': by_size,
    'bilinear': bilinear,
    'bilinear_half': bilinear,
}


def resize_positions(trained: Tensor, rows: int, columns: int, way: str) -> Tensor:
    """Resize positional embeddings to a grid.

    Args:
        trained: (1 + side²) x D; the first row, CLS, is kept.
        rows, columns: the target grid.
        way: one of `WAYS`.

    Returns:
        (1 + rows * columns) x D, in the precision of `trained`.
    """
    side = round((len(trained) - 1) ** 0.5)
    square = trained[1:].float().unflatten(0, (side, side)).permute(2, 0, 1)[None]  # 1 x D x side x side
    patches = WAYS[way](square, rows, columns)[0].flatten(1).mT
    table = torch.cat([trained[:1], patches.to(trained.dtype)])
    return table.half().to(trained.dtype) if way == 'bilinear_half' else table
