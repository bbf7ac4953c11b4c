"""Attention of a patch in every layer of a CLIP."""

from dataclasses import dataclass

import numpy as np
import torch

from itaclip_mmseg.apis.images import ImageSource
from itaclip_mmseg.apis.segmenter import Segmenter
from itaclip_mmseg.last_inputs import Keep
from itaclip_mmseg.models.backbones.clip_vision import CLIPVisionBackbone
from itaclip_mmseg.utils.errors import UserError

TERMS = {'q-k': ('qk',), 'q-q + k-k': ('qq', 'kk')}


@dataclass(frozen=True)
class PatchAttention:
    """Attention of a patch in every layer.

    Attributes:
        image: H x W x 3 uint8, RGB.
        patch: row and column.
        maps: layers x rows x columns by kind of attention; the shares add up to less than 1, since CLS gets the rest.
    """

    image: np.ndarray
    patch: tuple[int, int]
    maps: dict[str, torch.Tensor]

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, width and height of the patch, in pixels of the image."""
        rows, columns = next(iter(self.maps.values())).shape[1:]
        side = (self.image.shape[1] / columns, self.image.shape[0] / rows)
        return (self.patch[1] * side[0], self.patch[0] * side[1], *side)


def attention_at(segmenter: Segmenter, source: ImageSource, pixel: tuple[int, int]) -> PatchAttention:
    """Compute the attention of the patch at a pixel; the image is processed as one window.

    Args:
        pixel: X and Y in the image.

    Raises:
        UserError: the pixel lies outside.
    """
    photograph, image = segmenter.normalised(source)
    height, width = photograph.pixels.shape[:2]
    if not (0 <= pixel[0] < width and 0 <= pixel[1] < height):
        raise UserError(f'--patch {pixel[0]},{pixel[1]}: outside the image, which has {width} x {height} pixels')
    backbone = segmenter.model.backbone
    rows, columns = backbone.patch_grid(*image.shape[-2:])
    patch = (int(pixel[1] / height * rows), int(pixel[0] / width * columns))
    return PatchAttention(photograph.pixels, patch, attention_maps(backbone, image, patch))


@torch.no_grad()
def attention_maps(
    backbone: CLIPVisionBackbone, image: torch.Tensor, patch: tuple[int, int]
) -> dict[str, torch.Tensor]:
    """Attention of a patch in every layer, by kind: layers x rows x columns, mean over the heads.

    Args:
        image: 3 x H x W, normalised RGB, processed as one window.
        patch: row and column of the patch.
    """
    depth = len(backbone.blocks)
    inputs = backbone.shared_blocks(image[None], Keep.projections(range(1, depth + 1)))
    rows, columns = inputs.grid
    index = 1 + patch[0] * columns + patch[1]  # after CLS
    maps = {}
    for name, terms in TERMS.items():
        layers = []
        for layer in range(1, depth + 1):
            weights = [attention_of(inputs.qkv[layer], term, index)[:, 1:] for term in terms]  # heads x L each
            layers.append((sum(weights) / len(terms)).float().mean(dim=0).unflatten(0, (rows, columns)))
        maps[name] = torch.stack(layers)
    return maps


def attention_of(qkv: torch.Tensor, term: str, token: int) -> torch.Tensor:
    """A token's row of the attention map of a term such as qk, heads x (1 + L), for the first view."""
    left, right = (qkv['qkv'.index(letter)][0] for letter in term)
    return (left[:, token, None] @ right.mT * left.shape[-1] ** -0.5).softmax(dim=-1)[:, 0]
