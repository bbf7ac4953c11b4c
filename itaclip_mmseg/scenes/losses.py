"""The three losses of the small CLIP; none of them uses positions of objects."""

import math

from torch import Tensor
from torch.nn import functional as F

from itaclip_mmseg.scenes.names import NAMED_SHARE


def contrast(images: Tensor, captions: Tensor, scale: Tensor, named: Tensor) -> Tensor:
    """CLIP's contrastive loss, in which images with equal captions are positives of each other.

    Args:
        images: unit embeddings of images, N x D.
        captions: unit embeddings of their captions, N x D.
        scale: logarithm of the factor of the cosines.
        named: names in each caption, N x names, bool.
    """
    logits = scale.exp().clamp(max=100) * images @ captions.T
    same = (named[:, None] == named[None]).all(dim=-1).float()
    targets = same / same.sum(dim=-1, keepdim=True)
    return (F.cross_entropy(logits, targets) + F.cross_entropy(logits.T, targets)) / 2


def presence_loss(logits: Tensor, offset: Tensor, named: Tensor) -> Tensor:
    """Classify whether each name is in the caption, by the log-sum-exp of its logits N x L x names over the patches."""
    pooled = logits.logsumexp(dim=1) - math.log(logits.shape[1]) + offset
    return F.binary_cross_entropy_with_logits(pooled, named.float())


def competition_loss(logits: Tensor, named: Tensor) -> Tensor:
    """Classify whether each name is in the caption, by its best patches after a softmax over names, N x L x names.

    The number of patches is what a name must cover to be in a caption. Without this competition, a patch of a boat may
    be as similar to water: both are in the caption, and no other loss separates them.
    """
    shares = logits.softmax(dim=-1)
    patches = max(round(NAMED_SHARE * logits.shape[1]), 1)
    won = shares.topk(patches, dim=1).values.mean(dim=1).clamp(1e-4, 1 - 1e-4)
    return F.binary_cross_entropy(won, named.float())
