"""Adapt words to a view: in each group of similar words, the likeliest one moves towards its nearest patches."""

import numpy as np
import torch
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import pdist
from torch import Tensor
from torch.nn import functional as F

NEAREST = 2  # patches


def word_groups(words: Tensor, height: float) -> np.ndarray:
    """The group of each word, Q whole numbers from 0: Ward's tree of the cosine distances, cut at a height.

    Args:
        words: vectors, Q x D.
    """
    if len(words) == 1:
        return np.zeros(1, np.int64)
    # Ward's method needs Euclidean distances; like the public code, this passes cosine distances.
    distances = pdist(words.double().cpu().numpy(), 'cosine').clip(0)
    return fcluster(linkage(distances, 'ward'), height, 'distance') - 1


def present_words(prior: Tensor, groups: np.ndarray) -> Tensor:
    """In each group, the word most similar to the image, V x groups.

    Args:
        prior: cosines of images with words, V x Q.
        groups: result of `word_groups`.
    """
    members = torch.from_numpy(groups == np.arange(groups.max() + 1)[:, None]).to(prior.device)  # groups x Q
    return prior[:, None].masked_fill(~members, -torch.inf).argmax(dim=-1)


def nearest_patches(tokens: Tensor, words: Tensor) -> Tensor:
    """The two patches nearest to each word, nearest first, V x 2 x G; only one if there is one patch.

    Args:
        tokens: unit length, V x L x D.
        words: V x G x D.
    """
    return (tokens @ words.mT).topk(min(NEAREST, tokens.shape[1]), dim=1).indices


def moved_words(words: Tensor, tokens: Tensor, present: Tensor, share: float) -> Tensor:
    """Words of each view, V x Q x D, with present words moved towards the mean of their nearest patches.

    Args:
        words: unit length, Q x D.
        tokens: unit length, V x L x D.
        present: result of `present_words`, V x G.
        share: weight of the patches, 0 to 1.
    """
    chosen = words[present]  # V x G x D
    nearest = nearest_patches(tokens, chosen)
    patches = tokens.take_along_dim(nearest.flatten(1)[..., None], dim=1).unflatten(1, nearest.shape[1:])
    towards = F.normalize(patches.mean(dim=1), dim=-1)
    moved = F.normalize((1 - share) * chosen + share * towards, dim=-1)
    return words.repeat(len(tokens), 1, 1).scatter(1, present[..., None].expand_as(moved), moved)


def word_logits(
    tokens: Tensor, pictures: Tensor, words: Tensor, groups: np.ndarray, global_weight: float, patch_weight: float
) -> Tensor:
    """Logits of the patches, V x L x Q: cosines with the moved words, mixed with those of the whole image.

    Args:
        tokens: unit length, V x L x D.
        pictures: unit embeddings of what counts as the whole image, V x D.
        words: unit length, Q x D.
        groups: result of `word_groups`.
        global_weight, patch_weight: see `SpectralSettings`.
    """
    prior = pictures @ words.mT
    moved = moved_words(words, tokens, present_words(prior, groups), patch_weight)
    return torch.lerp(tokens @ moved.mT, prior[:, None], global_weight)
