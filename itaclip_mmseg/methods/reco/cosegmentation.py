"""Co-segmentation: what several images of one class have in common, as one vector (ReCo, arXiv 2206.07045, 3.2)."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

TEXT_FACTOR = 10  # factor of dense CLIP's cosines before the sigmoid


def cosines(features: Tensor, vectors: Tensor) -> Tensor:
    """Cosines of features N x D x h x w with unit vectors K x D, N x K x h x w."""
    return torch.einsum('ndhw,kd->nkhw', F.normalize(features, dim=1), vectors)


def text_attention(dense: Tensor, texts: Tensor) -> Tensor:
    """Agreement of dense CLIP embeddings N x D x h x w with unit texts K x D, N x K x h x w in (0, 1)."""
    return (TEXT_FACTOR * cosines(dense, texts)).sigmoid()


def column_weights(features: Tensor, attention: Tensor, contexts: Sequence[Tensor]) -> Tensor:
    """Weight of each position, N x h x w: attention of the class's text, reduced where it resembles usual context.

    Args:
        features: N x D x h x w.
        attention: attention of the text, at any resolution, N x rows x columns.
        contexts: unit vectors D of classes that often occur together with others.
    """
    weights = F.interpolate(attention[:, None], size=features.shape[2:], mode='bilinear', align_corners=False)[:, 0]
    for similarity in context_similarity(features, contexts).unbind(1):
        weights = weights * (1 - similarity)
    return weights


def context_similarity(features: Tensor, contexts: Sequence[Tensor]) -> Tensor:
    """Sigmoid of the cosines of features N x D x h x w with context vectors, N x K x h x w."""
    vectors = torch.stack(list(contexts)) if contexts else features.new_zeros(0, features.shape[1])
    return cosines(features, vectors).sigmoid()


def find_seeds(features: Tensor, weights: Tensor) -> Tensor:
    """Position in each image with the best matches in all images, N, as row * w + column.

    A quirk of the public code is kept because the published figures include it: the range searched for image i starts
    at its own positions and covers i + 1 images, clipped at the end, since the end of a slice was written as start +
    end. With the intended range, nine of ten seeds differ.

    Args:
        features: N x D x h x w.
        weights: weights of the matched positions, N x h x w.
    """
    number, length = len(features), weights[0].numel()
    unit = F.normalize(features, dim=1).flatten(2)  # N x D x L
    columns = unit.movedim(1, 0).flatten(1)  # D x (N L)
    seeds = []
    for own in unit:  # rows of the affinity of one image at a time: L x (N L) instead of (N L) x (N L)
        affinity = (own.mT @ columns) * weights.flatten()
        windows = [affinity[:, start * length : (2 * start + 1) * length] for start in range(number)]
        support = torch.stack([window.amax(dim=1) for window in windows]).mean(dim=0)
        seeds.append(support.argmax())  # the first one on ties
    return torch.stack(seeds)


def reference(features: Tensor, seeds: Tensor) -> Tensor:
    """Unit vector D of the class: the mean of the features N x D x h x w, not normalised, at the seeds N."""
    picked = features.flatten(2)[torch.arange(len(seeds), device=seeds.device), :, seeds]  # N x D
    return F.normalize(picked.mean(dim=0), dim=0)
