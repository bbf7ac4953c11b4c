"""Pixel-adaptive mask refinement (PAMR, arXiv 2005.08104, section 3.3), as ITACLIP uses it after merging (table 5)."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from itaclip_mmseg.settings import Pamr

CACHE_BYTES = 1 << 20  # of a core's second-level cache, common sizes being 1 and 2 MB
NEIGHBOURS = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if (dy, dx) != (0, 0)]


def refine(image: Tensor, logits: Tensor, settings: Pamr, align_corners: bool = False) -> Tensor:
    """Refine logits Q x H x W by the image, 3 x h x w, normalised RGB; see `guide_weights`, `propagate`."""
    return propagate(logits, guide_weights(image, logits.shape[-2:], settings.dilations, align_corners), settings)


def guide_weights(
    image: Tensor, size: tuple[int, int], dilations: tuple[int, ...], align_corners: bool = False
) -> Tensor:
    """Affinity of an image 3 x h x w, resized (bilinear) to `size`; all logits of the image are refined by it."""
    return affinity(resized(image, size, align_corners), dilations)


def resized(image: Tensor, size: tuple[int, int], align_corners: bool = False) -> Tensor:
    """The guide: an image 3 x h x w at the logits' size, bilinear."""
    return F.interpolate(image[None].float(), size=size, mode='bilinear', align_corners=align_corners)[0]


def propagate(logits: Tensor, weights: Tensor, settings: Pamr) -> Tensor:
    """Each step replaces a pixel by the mean of its neighbours, weighted by affinity.

    A step is a stencil of 8 neighbours a dilation, the pixel itself not among them; the authors gather the neighbours
    into a tensor 16 times the size, which is never built here.

    Args:
        logits: Q x H x W.
        weights: see `affinity`.

    Returns:
        Q x H x W, a new tensor.
    """
    refined = torch.empty_like(logits)
    # Queries are independent. On a CPU as many at a time as its cache holds, so that the steps read and write there:
    # 75 queries of 480 x 640 take 0.6 s one by one, 0.85 s by fours, 1.2 s together.
    queries_at_once = len(logits)
    if logits.device.type == 'cpu':
        queries_at_once = max(CACHE_BYTES // logits[0].nbytes, 1)
    for source, target in zip(logits.split(queries_at_once), refined.split(queries_at_once)):
        padded = empty_padded(source, max(settings.dilations))
        neighbours = shifted_views(padded, settings.dilations)
        for _ in range(settings.num_iters):
            pad_into(source, padded)
            weighted_sum(weights, neighbours, out=target)
            source = target
    return refined


def affinity(guide: Tensor, dilations: tuple[int, ...]) -> Tensor:
    """Softmax over the neighbours of -|difference| / (0.1 * standard deviation), averaged over the channels.

    Args:
        guide: 3 x H x W.

    Returns:
        (8 * len(dilations)) x H x W, positive, adding up to 1 over the first axis.
    """
    neighbours = shifted_views(pad_into(guide, empty_padded(guide, max(dilations))), dilations)
    # The standard deviation (unbiased) counts the pixel itself once a dilation. In two passes over the neighbours:
    # exact where the guide is flat, and they are never gathered.
    count = len(neighbours) + len(dilations)
    mean = guide * len(dilations)
    for neighbour in neighbours:
        mean += neighbour
    mean /= count
    squares = (guide - mean).square_() * len(dilations)
    for neighbour in neighbours:
        squares += (neighbour - mean).square_()
    tolerance = 1e-8 + 0.1 * (squares / (count - 1)).sqrt_()  # 3 x H x W
    distances = guide.new_empty(len(neighbours), *guide.shape[1:])
    for distance, neighbour in zip(distances, neighbours):
        torch.mean((neighbour - guide).abs_().div_(tolerance), dim=0, out=distance)
    return distances.neg_().softmax(dim=0)


def weighted_sum(weights: Tensor, neighbours: Sequence[Tensor], out: Tensor) -> None:
    """One step: out, ... x H x W, becomes the sum over the neighbours of weight (H x W) times value (... x H x W)."""
    torch.mul(weights[0], neighbours[0], out=out)
    for weight, neighbour in zip(weights[1:], neighbours[1:]):
        out.addcmul_(weight, neighbour)


def shifted_views(padded: Tensor, dilations: tuple[int, ...]) -> list[Tensor]:
    """The 8 * len(dilations) neighbours of every pixel as views ... x H x W of a padded field."""
    margin = max(dilations)
    height, width = (side - 2 * margin for side in padded.shape[-2:])
    return [
        padded[..., margin + dilation * dy :, margin + dilation * dx :][..., :height, :width]
        for dilation in dilations
        for dy, dx in NEIGHBOURS
    ]


def empty_padded(field: Tensor, margin: int) -> Tensor:
    """Room for a field ... x H x W with a margin on all sides."""
    height, width = field.shape[-2:]
    return field.new_empty(*field.shape[:-2], height + 2 * margin, width + 2 * margin)


def pad_into(field: Tensor, padded: Tensor) -> Tensor:
    """Copy a field into the middle of `padded` and replicate its border outwards; return `padded`."""
    margin = (padded.shape[-1] - field.shape[-1]) // 2
    rows = slice(margin, padded.shape[-2] - margin)
    padded[..., rows, margin : padded.shape[-1] - margin] = field
    padded[..., rows, :margin] = field[..., :1]
    padded[..., rows, padded.shape[-1] - margin :] = field[..., -1:]
    padded[..., :margin, :] = padded[..., margin : margin + 1, :]
    padded[..., padded.shape[-2] - margin :, :] = padded[..., -margin - 1 : -margin, :]
    return padded
