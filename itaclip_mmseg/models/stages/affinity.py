"""Which patches belong together, read from the attention of many blocks."""

from collections.abc import Iterable

import torch
from torch import Tensor

from itaclip_mmseg.models.backbones.attention import attention_map
from itaclip_mmseg.models.backbones.clip_vision import LastInputs

STEPS = 3  # of Sinkhorn's normalisation


def patch_attention(inputs: LastInputs, layers: Iterable[int]) -> Tensor:
    """Attention between the patches of one image in some blocks, layers x L x L float32, mean over the heads.

    CLS keeps its share, so rows sum to less than 1.
    """
    return torch.stack([attention_map(inputs.qkv[layer].float())[0].mean(dim=0)[1:, 1:] for layer in layers])


def transitions(attention: Tensor) -> Tensor:
    """Attention layers x L x L as L x L steps from patch to patch: mean, Sinkhorn, symmetric, two steps at once."""
    matrix = attention.mean(dim=0)
    for _ in range(STEPS):
        matrix = matrix / matrix.sum(dim=0, keepdim=True)
        matrix = matrix / matrix.sum(dim=1, keepdim=True)
    matrix = (matrix + matrix.mT) / 2
    return matrix @ matrix


def votes(attention: Tensor) -> Tensor:
    """In how many of the layers, layers x L x L, a patch attends to another more than patches do on average: L x L."""
    return (attention > attention.mean(dim=(1, 2), keepdim=True)).sum(dim=0)


def voted_attention(attention: Tensor, layers: Iterable[int], min_votes: int) -> Tensor:
    """Mean over some layers, counted from 1, of attention layers x L x L; 0 where few of all layers agree; L x L."""
    mean = attention[[layer - 1 for layer in layers]].mean(dim=0)
    return mean * (votes(attention) >= min_votes)
