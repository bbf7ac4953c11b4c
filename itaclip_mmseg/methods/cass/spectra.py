"""Spectra of attention heads, used to match them, and low-rank scores; X is a head's keys, N x d, N patches.

A head's scores X Xᵀ / sqrt(d) are N x N, but of rank d at most: their eigenvalues are those of Xᵀ X / sqrt(d), d x d.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

EIGENVALUES = 20  # per head, for matching
RANK = 10  # of DINO's scores


class LowRank(NamedTuple):
    """left diag(values) rightᵀ: left and right ... x N x rank, values ... x rank, descending; float64."""

    left: Tensor
    values: Tensor
    right: Tensor

    def matrix(self) -> Tensor:
        """The full matrix, ... x N x N."""
        return self.left * self.values[..., None, :] @ self.right.mT

    def stretched(self) -> 'LowRank':
        """Rescale singular values linearly: the largest to 1.5 times, the smallest to half its value."""
        first, last = self.values[..., :1], self.values[..., -1:]
        smallest = torch.finfo(first.dtype).tiny  # where all are equal
        place = (self.values - last) / (first - last).clamp(min=smallest)
        return self._replace(values=place * (1.5 * first - 0.5 * last) + 0.5 * last)


def spectra(keys: Tensor) -> Tensor:
    """Largest eigenvalues of the heads' scores, descending, float64.

    Args:
        keys: ... x heads x N x d.

    Returns:
        ... x heads x 20, fewer where there are fewer patches.
    """
    patches, width = keys.shape[-2:]
    values = torch.linalg.eigvalsh(gram(keys.double())).flip(-1)
    return values[..., : min(EIGENVALUES, patches, width)] * width**-0.5


def match_heads(dino: Tensor, clip: Tensor) -> tuple[Tensor, Tensor]:
    """Match each of DINO's heads with one of CLIP's; returns its index and their distance, both V x heads.

    As in the public code, the cost is one minus the distance of the spectra, so the heads that differ most are matched.

    Args:
        dino, clip: spectra, V x heads x 20.
    """
    costs = matching_costs(dino, clip)
    pairs = np.stack([linear_sum_assignment(cost)[1] for cost in costs.cpu().numpy()])
    matched = torch.from_numpy(pairs).to(costs.device)
    return matched, 1 - costs.gather(-1, matched[..., None])[..., 0]


def matching_costs(dino: Tensor, clip: Tensor) -> Tensor:
    """One minus the distance between the spectra, each divided by its sum, V x DINO's heads x CLIP's, float32."""
    ours, theirs = (one / one.sum(dim=-1, keepdim=True) for one in (clip, dino))
    return (1 - (theirs[..., :, None, :] - ours[..., None, :, :]).abs().sum(dim=-1)).float()


def exact(keys: Tensor) -> LowRank:
    """The best approximation of rank 10 of the heads' scores; keys ... x N x d."""
    keys, rank = keys.double(), min(RANK, *keys.shape[-2:])
    values, directions = (one.flip(-1)[..., :rank] for one in torch.linalg.eigh(gram(keys)))
    lengths = values.clamp(min=torch.finfo(values.dtype).tiny).sqrt()
    sides = keys @ directions / lengths[..., None, :]
    return LowRank(sides, values * keys.shape[-1] ** -0.5, sides)


def drawn(keys: Tensor) -> LowRank:
    """The public code's approximation, torch.svd_lowrank(scores, q=10), with the same random numbers at every call."""
    keys = keys.double()

    def times(vectors: Tensor) -> Tensor:
        return keys @ (keys.mT @ vectors) * keys.shape[-1] ** -0.5

    numbers = np.random.RandomState(0).standard_normal((keys.shape[-2], RANK))
    basis = orthonormal(times(torch.from_numpy(numbers).to(keys.device).expand(*keys.shape[:-2], -1, -1)))
    for _ in range(4):  # two subspace iterations; the scores are their own transpose
        basis = orthonormal(times(basis))
    left, values, right = torch.linalg.svd(times(basis).mT, full_matrices=False)
    return LowRank(basis @ left, values, right.mT)


def orthonormal(vectors: Tensor) -> Tensor:
    """An orthonormal basis of the columns."""
    return torch.linalg.qr(vectors).Q


def gram(keys: Tensor) -> Tensor:
    """Xᵀ X, ... x d x d."""
    return keys.mT @ keys


APPROXIMATIONS: dict[str, Callable[[Tensor], LowRank]] = {'exact': exact, 'drawn': drawn}
