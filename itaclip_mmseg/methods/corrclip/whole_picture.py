"""The second version of CorrCLIP, without its memory bank: features of the whole photograph, no merging of regions."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from mmseg.registry import MODELS
from torch import Tensor
from torch.nn import functional as F

from itaclip_mmseg.methods.corrclip.segmentor import CorrCLIP, RegionSettings
from itaclip_mmseg.models.stages.photograph import Photograph
from itaclip_mmseg.models.stages.sliding import Grid, interpolation_matrix


@dataclass(frozen=True)
class WholePictureSettings(RegionSettings):
    """Like `RegionSettings`, but regions are not merged."""

    merge_distance: float | None = None


@MODELS.register_module()
class CorrCLIP2(CorrCLIP):
    """CorrCLIP, version 2: patches are compared by features of the whole photograph at its original size.

    Args:
        dino: config of that network, dict(type='DINOv2', pretrained=PATH).
        settings: see `WholePictureSettings`; for other arguments see `CorrCLIP`.
    """

    settings_type = WholePictureSettings
    network = 'DINOv2'
    sees_photograph = True

    def window_features(self, image: Tensor, grid: Grid, photograph: Photograph | None) -> Iterator[Tensor]:
        """Features of each window on a grid twice as fine as CLIP's, D x rows x columns."""
        dense = self.dense_features(photograph, image.device)
        size = tuple(2 * side for side in self.backbone.patch_grid(*(sum(axis) for axis in padded(grid))))
        for top in grid.tops:
            for left in grid.lefts:
                yield window_part(dense, image.shape[-2:], (top, left), grid, size)

    def dense_features(self, photograph: Photograph, device: torch.device) -> Tensor:
        """Features of the photograph's patches, D x rows x columns."""
        pixels = torch.from_numpy(photograph.pixels).to(device)
        return self.dino(pixels.movedim(-1, 0)[None].float())[0]


def padded(grid: Grid) -> list[tuple[int, int, int]]:
    """For each axis: padding before, length and padding after of a window."""
    return [(before, length, after) for length, (before, after) in zip(grid.window_size, grid.padding)]


def window_part(
    dense: Tensor, picture: tuple[int, int], corner: tuple[int, int], grid: Grid, size: tuple[int, int]
) -> Tensor:
    """Sample the features of a window on a grid, D x rows x columns.

    The map is resized (bilinear) to the photograph, normalised at each pixel, cropped, padded by its edge and resized
    (bilinear) to the grid. Only the pixels that this needs are computed.

    Args:
        dense: features of the whole photograph, D x rows' x columns'.
        picture: height and width of the photograph.
        corner: top and left of the window.
        size: rows and columns of the grid.
    """
    enlarge, reduce = [], []
    for length, begin, (before, window, after), patches, places in zip(
        picture, corner, padded(grid), dense.shape[-2:], size
    ):
        weights = interpolation_matrix(before + window + after, places)  # places x padded window
        used = weights.any(dim=0).nonzero()[:, 0]
        rows = begin + (used - before).clamp(0, window - 1)  # the padding repeats the edge
        enlarge.append(interpolation_matrix(patches, length)[rows].to(dense))
        reduce.append(weights[:, used].to(dense))
    pixels = F.normalize(enlarge[0] @ dense @ enlarge[1].mT, dim=0)
    return reduce[0] @ pixels @ reduce[1].mT
