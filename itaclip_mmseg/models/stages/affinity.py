"""Affinity of patches from the attention of several blocks."""

from collections.abc import Iterable

import torch
from torch import Tensor

from itaclip_mmseg.last_inputs import LastInputs
from itaclip_mmseg.models.backbones.attention import attention_map

STEPS = 3  # of Sinkhorn's normalisation


def patch_attention(inputs: LastInputs, layers: Iterable[int]) -> Tensor:
    """Attention between the patches of one image in given blocks, layers x L x L float32, mean over the heads.

    CLS keeps its share, so rows sum to less than 1.
    """
    return torch.stack([attention_map(inputs.qkv[layer].float())[0].mean(dim=0)[1:, 1:] for layer in layers])


def transitions(attention: Tensor) -> Tensor:
    """Transition matrix L x L from attention layers x L x L: mean, Sinkhorn, made symmetric, squared."""
    matrix = attention.mean(dim=0)
    for _ in range(STEPS):
        matrix = matrix / matrix.sum(dim=0, keepdim=True)
        matrix = matrix / matrix.sum(dim=1, keepdim=True)
    matrix = (matrix + matrix.mT) / 2
    return matrix @ matrix


def votes(attention: Tensor) -> Tensor:
    """Count the layers, layers x L x L, in which a patch attends to another more than patches do on average: L x L."""
    return (attention > attention.mean(dim=(1, 2), keepdim=True)).sum(dim=0)


def voted_attention(attention: Tensor, layers: Iterable[int], min_votes: int) -> Tensor:
    """Mean of attention, layers x L x L, over given layers (from 1); 0 where too few of all layers agree; L x L."""
    mean = attention[[layer - 1 for layer in layers]].mean(dim=0)
    return mean * (votes(attention) >= min_votes)
