"""CASS's last block: CLIP's key-key scores, mixed head by head with DINO's scores at rank 10."""

import torch
from torch import Tensor, nn

from itaclip_mmseg.methods.cass.dino_keys import to_range
from itaclip_mmseg.methods.cass.spectra import APPROXIMATIONS, LowRank, match_heads, spectra
from itaclip_mmseg.models.backbones.attention import neighbourhood_prior, output

NEIGHBOURHOOD_STD = 5  # in patches, of NACLIP's prior
DINO_WEIGHT = 10  # times the distance of the spectra: weight of DINO's scores


def patch_tokens(block: nn.Module, values: Tensor, scores: Tensor) -> Tensor:
    """Run the last block without residual and feed-forward network, V x L x D.

    Args:
        block: the last block.
        values: values of the patches, V x heads x L x d.
        scores: result of `mixed_scores`.
    """
    return output(block, scores.softmax(dim=-1).to(values) @ values)


def mixed_scores(
    clip_keys: Tensor, dino_keys: Tensor, grid: tuple[int, int], decomposition: str, scale_spectrum: bool
) -> Tensor:
    """Attention scores between the patches before the softmax, V x heads x L x L, float32.

    A quirk of the public code is kept: it applies the matching in reverse. CLIP's head i gets DINO's head sigma(i),
    with the distance between DINO's head i and CLIP's head sigma(i) as weight.

    Args:
        clip_keys: keys of the patches, V x heads x L x d.
        dino_keys: DINO's keys in the same range, see `dino_keys`.
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
    """DINO's scores without the diagonal, rescaled to the range of CLIP's, V x heads x L x L."""
    scores = approximation.matrix()
    torch.diagonal(scores, dim1=-2, dim2=-1).zero_()
    return to_range(scores, own.double(), dims=(-2, -1)).float()
