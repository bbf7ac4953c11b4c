"""Positional embeddings of grids of patches that are not the trained one."""

from torch import Tensor
from torch.nn import functional as F


def bicubic_by_scale(trained: Tensor, rows: int, columns: int) -> Tensor:
    """Positions of a grid, (rows * columns) x D, from those of the trained square one, side² x D.

    DINO's oddity is kept for equal numbers: 0.1 is added to the target size and the scale factor taken from it
    (github.com/facebookresearch/dino/issues/8).
    """
    side = round(len(trained) ** 0.5)
    square = trained.float().unflatten(0, (side, side)).permute(2, 0, 1)[None]  # 1 x D x side x side
    scale = ((rows + 0.1) / side, (columns + 0.1) / side)
    patches = F.interpolate(square, scale_factor=scale, mode='bicubic', align_corners=False)
    return patches[0].flatten(1).mT.to(trained.dtype)
