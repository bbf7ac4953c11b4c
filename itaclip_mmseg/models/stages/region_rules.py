"""Rules by which all pixels of a region get one label."""

import torch
from torch import Tensor
from torch.nn import functional as F


def most_frequent_labels(labels: Tensor, regions: Tensor, no_region: int | None = 0) -> Tensor:
    """Give all pixels of a region its most frequent label, of equals the smallest.

    Args:
        labels: H x W, on any device.
        regions: numbers of the regions, H x W, on the CPU.
        no_region: numbers up to this mean no region, where labels stay; None for the smallest number that occurs.
    """
    device, labels = labels.device, labels.cpu()
    numbers, places = regions.unique(return_inverse=True)
    largest = int(labels.max()) + 1
    counts = (places.flatten() * largest + labels.flatten()).bincount(minlength=len(numbers) * largest)
    best = counts.unflatten(0, (-1, largest)).argmax(dim=1).to(labels.dtype)
    return torch.where(in_region(regions, numbers, no_region), best[places], labels).to(device)


def highest_mean_labels(
    labels: Tensor, scores: Tensor, regions: Tensor, threshold: float | None = None, no_region: int | None = 0
) -> Tensor:
    """Give all pixels of a region the class with the highest mean score in it, of equals the smallest.

    The background rule is applied to the mean as it is to a pixel. A region without any score keeps its labels.

    Args:
        labels: H x W, on any device.
        scores: C x H x W in [0, 1], on the same one.
        regions: numbers of the regions, H x W, on the CPU.
        threshold: regions whose best mean is below become background, label 0; None for off.
        no_region: see `most_frequent_labels`.
    """
    numbers, places = regions.unique(return_inverse=True)
    pixels = places.flatten().bincount().to(labels.device)
    inside, places = in_region(regions, numbers, no_region).to(labels.device), places.to(labels.device)
    # Class by class in float64: a sum over many pixels, and no second copy of all scores.
    sums = [
        pixels.new_zeros(len(pixels)).double().index_add_(0, places.flatten(), one.flatten().double()) for one in scores
    ]
    best, classes = (torch.stack(sums) / pixels).max(dim=0)
    if threshold is not None:
        classes = classes.where(best >= threshold, 0)
    return torch.where(inside & (best > 0)[places], classes.to(labels.dtype)[places], labels)


def in_region(regions: Tensor, numbers: Tensor, no_region: int | None) -> Tensor:
    """Which pixels lie in a region, H x W, of the sorted numbers that occur; see `most_frequent_labels`."""
    return regions > (numbers[0] if no_region is None else no_region)


def nearest(regions: Tensor, size: tuple[int, int]) -> Tensor:
    """A region map H x W at another size, by torch's `nearest` (not `nearest-exact`)."""
    return F.interpolate(regions[None, None].float(), size=size, mode='nearest')[0, 0].to(regions.dtype)
