"""The three losses of the small CLIP, none of which knows where a thing lies."""

import math

from torch import Tensor
from torch.nn import functional as F

from itaclip_mmseg.scenes.names import NAMED_SHARE


def contrast(images: Tensor, captions: Tensor, scale: Tensor, named: Tensor) -> Tensor:
    """Contrastive loss of CLIP, where pictures with equal captions are positives of each other.

    Args:
        images: unit embeddings of pictures, N x D.
        captions: unit embeddings of their captions, N x D.
        scale: logarithm of the factor of the cosines.
        named: what each caption names, N x names bool.
    """
    logits = scale.exp().clamp(max=100) * images @ captions.T
    same = (named[:, None] == named[None]).all(dim=-1).float()
    targets = same / same.sum(dim=-1, keepdim=True)
    return (F.cross_entropy(logits, targets) + F.cross_entropy(logits.T, targets)) / 2


def presence_loss(logits: Tensor, offset: Tensor, named: Tensor) -> Tensor:
    """Is each name in the caption? From the log-sum-exp of its logits, N x L x names, over the patches."""
    pooled = logits.logsumexp(dim=1) - math.log(logits.shape[1]) + offset
    return F.binary_cross_entropy_with_logits(pooled, named.float())


def competition_loss(logits: Tensor, named: Tensor) -> Tensor:
    """Is each name in the caption? From how surely it wins the patches that it wins most surely, of N x L x names.

    As many patches count as a name must cover to be in a caption. Without competition a patch of a boat may resemble
    water as much: both are in the caption, and nothing says that a patch is one of them.
    """
    shares = logits.softmax(dim=-1)
    patches = max(round(NAMED_SHARE * logits.shape[1]), 1)
    won = shares.topk(patches, dim=1).values.mean(dim=1).clamp(1e-4, 1 - 1e-4)
    return F.binary_cross_entropy(won, named.float())
