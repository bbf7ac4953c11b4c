"""Which patches of a window attend to each other: those of one region, by how similar their features are."""

import torch
from scipy.sparse.csgraph import connected_components
from torch import Tensor
from torch.nn import functional as F

PADDING = 10000  # number of a window's padding, a region like any other; merged regions are numbered from here


def merge_regions(features: Tensor, regions: Tensor, threshold: float) -> Tensor:
    """Give alike regions one number, `PADDING` and what follows; what lies in no region keeps its own.

    Regions are alike whose mean features are, or that are alike to regions which are alike: connected components,
    numbered as they are met.

    Args:
        features: of patches, unit length, L x D.
        regions: numbers of a window's regions on the same patches, rows x columns, on the CPU; the smallest one means
            no region.
        threshold: largest distance of regions that are alike.
    """
    numbers, places = regions.unique(return_inverse=True)
    if len(numbers) < 3:  # the smallest, and a single region
        return regions
    components = region_components(region_distances(features, places), threshold)
    merged = torch.cat([numbers[:1], components + PADDING])
    return merged[places]


def region_distances(features: Tensor, places: Tensor) -> Tensor:
    """Distances of regions R x R: how much less alike their mean features are than the most alike.

    Args:
        features: of patches, unit length, L x D.
        places: of each patch the place of its region among all numbers, rows x columns; 0 is no region.
    """
    members = F.one_hot(places.flatten())[:, 1:].to(features)  # L x R
    means = F.normalize(members.mT @ features / members.sum(dim=0)[:, None], dim=-1)
    similarity = means @ means.mT
    return similarity.max() - similarity


def region_components(distances: Tensor, threshold: float) -> Tensor:
    """Number of the component of each region, R, on the CPU."""
    near = (distances <= threshold).cpu().numpy()
    return torch.from_numpy(connected_components(near, directed=False)[1]).long()


def region_attention(similarity: Tensor, regions: Tensor, sharpness: float) -> Tensor:
    """Softmax of the similarities of patches, L x L, that attend to each other.

    Those of one region do. In no region, a patch attends to those anywhere that are more similar to it than two patches
    are on average, and these to it. A patch always attends to itself, also where all are equal.

    Args:
        similarity: cosines of the patches' features, L x L.
        regions: their merged numbers, rows x columns, on the CPU; the smallest one means no region.
        sharpness: tau, factor of the similarities.
    """
    numbers = regions.flatten()
    outside = (numbers == numbers.min()).to(similarity.device)
    numbers = numbers.to(similarity.device)
    either_outside = outside[:, None] | outside
    allowed = torch.where(either_outside, similarity > similarity.mean(), numbers[:, None] == numbers)
    allowed.fill_diagonal_(True)
    return (sharpness * similarity).masked_fill_(~allowed, -torch.inf).softmax(dim=-1)
