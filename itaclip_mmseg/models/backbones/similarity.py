"""Similarity of patches as attention: cosines, a threshold, and averaging by them."""

import torch
from torch import Tensor
from torch.nn import functional as F


def cosines(features: Tensor, threshold: float = -1.0) -> Tensor:
    """Cosines between patches of features V x L x D: V x L x L, float32; those below the threshold become 0."""
    unit = F.normalize(features.float(), dim=-1)
    return cut(unit @ unit.mT, threshold)


def cut(similarity: Tensor, threshold: float) -> Tensor:
    """Set similarities below the threshold to 0."""
    return similarity.masked_fill(similarity < threshold, 0)


def aggregate(features: Tensor, similarity: Tensor) -> Tensor:
    """Replace each patch of features V x L x D by the mean of all, weighted by its row of the similarity V x L x L."""
    weights = similarity / (similarity.sum(dim=-1, keepdim=True) + 1e-6)
    return weights.to(features) @ features


def similarity_attention(
    similarity: Tensor, sharpness: float, centre: float = 1.0, mean: Tensor | None = None
) -> Tensor:
    """Attend to patches more similar than the mean: softmax(sharpness (S - centre mean)), negative entries excluded.

    A patch always attends to itself, even if a view is so uniform that nothing is above the mean.

    Args:
        similarity: S, V x L x L.
        sharpness: factor in the softmax.
        centre: factor of the mean.
        mean: the mean to subtract; None for each view's own.

    Returns:
        V x L x L, rows add to 1.
    """
    mean = similarity.mean(dim=(-2, -1), keepdim=True) if mean is None else mean
    scores = sharpness * (similarity - centre * mean)
    scores.diagonal(dim1=-2, dim2=-1).clamp_(min=0)
    return scores.masked_fill_(scores < 0, -torch.inf).softmax(dim=-1)


def enlarged(values: Tensor, grid: tuple[int, int], size: tuple[int, int]) -> Tensor:
    """Resize values, V x heads x L x d on a grid, bilinearly to another grid: V x heads x L' x d."""
    maps = values.mT.flatten(1, 2).unflatten(-1, grid)  # V x (heads * d) x rows x columns
    resized = F.interpolate(maps, size=size, mode='bilinear', align_corners=False)
    return resized.flatten(2).unflatten(1, (values.shape[1], -1)).mT
