"""CASS's last block: key-key scores of CLIP mixed, head by head, with those of DINO at rank 10."""

import torch
from torch import Tensor, nn

from itaclip_mmseg.methods.cass.dino_keys import to_range
from itaclip_mmseg.methods.cass.spectra import APPROXIMATIONS, LowRank, match_heads, spectra
from itaclip_mmseg.models.backbones.attention import neighbourhood_prior, output

NEIGHBOURHOOD_STD = 5  # patches, of NACLIP's window
DINO_WEIGHT = 10  # times the distance of the spectra: how much DINO's scores count against CLIP's


def patch_tokens(block: nn.Module, values: Tensor, scores: Tensor) -> Tensor:
    """The last block's answer without residual and feed-forward network, V x L x D.

    Args:
        block: the last one.
        values: of the patches, V x heads x L x d.
        scores: as of `mixed_scores`.
    """
    return output(block, scores.softmax(dim=-1).to(values) @ values)


def mixed_scores(
    clip_keys: Tensor, dino_keys: Tensor, grid: tuple[int, int], decomposition: str, scale_spectrum: bool
) -> Tensor:
    """Scores between the patches before the softmax, V x heads x L x L, float32.

    Kept from the public code: the matching is read the other way round. CLIP's head i takes DINO's head sigma(i), with
    the distance of DINO's head i and CLIP's head sigma(i) as weight.

    Args:
        clip_keys: of the patches, V x heads x L x d.
        dino_keys: in their range, see `dino_keys`.
        grid: rows and columns of patches.
        decomposition, scale_spectrum: see `SpectralSettings`.
    """
    clip_keys = clip_keys.float()
    matched, distances = match_heads(spectra(dino_keys), spectra(clip_keys))
    own = clip_keys @ clip_keys.mT * clip_keys.shape[-1] ** -0.5
    theirs = dino_keys.take_along_dim(matched[..., None, None], dim=1)
    approximation = APPROXIMATIONS[decomposition](theirs)
    part = dino_part(approximation.stretched() if scale_spectrum else approximation, own)
    weight = DINO_WEIGHT * distances[..., None, None]
    prior = neighbourhood_prior(*grid, NEIGHBOURHOOD_STD, own.dtype, own.device)[1:, 1:]  # without CLS
    return (weight * part + own) / (weight + 1) + prior


def dino_part(approximation: LowRank, own: Tensor) -> Tensor:
    """DINO's scores without those of a patch with itself, in the range of CLIP's own ones, V x heads x L x L."""
    scores = approximation.matrix()
    torch.diagonal(scores, dim1=-2, dim2=-1).zero_()
    return to_range(scores, own.double(), dims=(-2, -1)).float()
