"""Aggregate the tokens of an image by the attention of SAM's last block."""

from collections.abc import Iterable
from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as F

from itaclip_mmseg.models.backbones.sam import SAM, Seen
from itaclip_mmseg.utils.checks import check, is_number

HIGHEST = 0.9  # upper limit of thresholds, so that a token always attends to itself


@dataclass(frozen=True)
class Aggregation:
    """Threshold of the attention: a token attends only to tokens with similar values.

    Args:
        factor: the threshold is this factor times the mean cosine of a token's values with those of all tokens.
        negative: replaces thresholds below 0; None keeps them.
        halves: process the left and the right half of the image separately, for wide images.
    """

    factor: float = 1.2
    negative: float | None = None
    halves: bool = False

    def __post_init__(self) -> None:
        check(is_number(self.factor, 0), 'aggregation.factor', self.factor, 'numbers from 0')
        valid = self.negative is None or is_number(self.negative, 0, 1)
        check(valid, 'aggregation.negative', self.negative, 'None or numbers from 0 to 1')
        check(isinstance(self.halves, bool), 'aggregation.halves', self.halves, 'True or False')


def aggregate(tokens: Tensor, seen: Seen, sam: SAM, settings: Aggregation) -> Tensor:
    """Aggregate tokens D x rows x columns on SAM's grid, h x w x D."""
    resized = F.interpolate(tokens[None], size=seen.grid, mode='bilinear', align_corners=False)[0]
    weights = attention_weights(*sam.last_attention(seen), settings)
    return (weights @ resized.flatten(1).mT).unflatten(0, seen.grid)


def attention_weights(values: Tensor, maps: Iterable[Tensor], settings: Aggregation) -> Tensor:
    """SAM's attention restricted to similar values, mean over the heads, N x N; rows add up to 1.

    Args:
        values: values of the last block, heads x N x d.
        maps: attention of the last block, an N x N map for each head.
        settings: the threshold.
    """
    unit = F.normalize(values, dim=-1)
    lowest = thresholds(unit, settings)
    total = sum(attention * (one @ one.mT > lowest) for one, attention in zip(unit, maps)) / len(unit)
    return total / total.sum(dim=-1, keepdim=True)


def thresholds(unit: Tensor, settings: Aggregation) -> Tensor:
    """Threshold of each token, N x 1, the same for all heads, from unit values, heads x N x d."""
    mean = (unit @ unit.mean(dim=1)[..., None]).mean(dim=0)  # of the cosines, over tokens and heads
    lowest = settings.factor * mean
    if settings.negative is not None:
        lowest = lowest.masked_fill(lowest < 0, settings.negative)
    return lowest.clamp(max=HIGHEST)
