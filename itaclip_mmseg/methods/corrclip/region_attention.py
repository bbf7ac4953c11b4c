"""Attention between the patches of a region, weighted by the similarity of their features."""

import torch
from scipy.sparse.csgraph import connected_components
from torch import Tensor
from torch.nn import functional as F

PADDING = 10000  # number of a window's padding, which is a region too; merged regions are numbered from here


def merge_regions(features: Tensor, regions: Tensor, threshold: float) -> Tensor:
    """Merge similar regions: they get the same number, from `PADDING` on; patches without a region keep theirs.

    Regions are similar if their mean features are; merged regions are the connected components, numbered by first
    occurrence.

    Args:
        features: of patches, unit length, L x D.
        regions: region map of a window on the same patches, rows x columns, on the CPU; the smallest number means no
            region.
        threshold: largest distance of similar regions.
    """
    numbers, places = regions.unique(return_inverse=True)
    if len(numbers) < 3:  # the smallest number and one region
        return regions
    components = region_components(region_distances(features, places), threshold)
    merged = torch.cat([numbers[:1], components + PADDING])
    return merged[places]


def region_distances(features: Tensor, places: Tensor) -> Tensor:
    """Distances of regions R x R: how much less similar their mean features are than the most similar ones.

    Args:
        features: of patches, unit length, L x D.
        places: index of each patch's region among all numbers, rows x columns; 0 is no region.
    """
    members = F.one_hot(places.flatten())[:, 1:].to(features)  # L x R
    means = F.normalize(members.mT @ features / members.sum(dim=0)[:, None], dim=-1)
    similarity = means @ means.mT
    return similarity.max() - similarity


def region_components(distances: Tensor, threshold: float) -> Tensor:
    """Index of each region's connected component, R, on the CPU."""
    near = (distances <= threshold).cpu().numpy()
    return torch.from_numpy(connected_components(near, directed=False)[1]).long()


def region_attention(similarity: Tensor, regions: Tensor, sharpness: float) -> Tensor:
    """Attention L x L: softmax of the similarities over the patches that may attend to each other.

    Patches of one region attend to each other. A patch without a region attends to all patches that are more similar to
    it than the average of all pairs, and these attend to it. A patch always attends to itself.

    Args:
        similarity: cosines of the patches' features, L x L.
        regions: merged region map, rows x columns, on the CPU; the smallest number means no region.
        sharpness: tau, factor of the similarities.
    """
    numbers = regions.flatten()
    outside = (numbers == numbers.min()).to(similarity.device)
    numbers = numbers.to(similarity.device)
    either_outside = outside[:, None] | outside
    allowed = torch.where(either_outside, similarity > similarity.mean(), numbers[:, None] == numbers)
    allowed.fill_diagonal_(True)
    return (sharpness * similarity).masked_fill_(~allowed, -torch.inf).softmax(dim=-1)
