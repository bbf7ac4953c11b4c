"""Pixel-adaptive mask refinement (PAMR, arXiv 2005.08104, section 3.3), as ITACLIP uses it after merging (table 5)."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from itaclip_mmseg.models.stages.pamr_step import NEIGHBOURS, chosen_way, shifted_views, without_margin
from itaclip_mmseg.models.stages.tiles import Tile
from itaclip_mmseg.settings import Pamr

STRIP_PIXELS = 1 << 16  # pixels per strip when affinities are computed
COPIED_PIXELS = 1 << 14  # pixels copied at a time when the queries of a pixel are made adjacent, to stay in the cache


def refine(image: Tensor, logits: Tensor, settings: Pamr, align_corners: bool = False) -> Tensor:
    """Refine logits Q x H x W by the image, 3 x h x w, normalised RGB; see `affinity`, `propagate`."""
    guide = resized(image, logits.shape[-2:], align_corners)
    return propagate(logits, affinity(guide, settings.dilations, settings.exact_std), settings)


def resized(image: Tensor, size: tuple[int, int], align_corners: bool = False) -> Tensor:
    """Resize the guide, an image 3 x h x w, to the size of the logits, bilinear."""
    return F.interpolate(image[None].float(), size=size, mode='bilinear', align_corners=align_corners)[0]


def propagate(
    logits: Tensor, weights: Tensor, settings: Pamr, inner: Tile | None = None, out: Tensor | None = None
) -> Tensor:
    """Run the steps: each replaces a pixel by the mean of its neighbours, weighted by affinity.

    A step is a stencil of 8 neighbours per dilation, without the pixel itself. The authors gather the neighbours into a
    tensor 16 times the size, which this implementation avoids.

    Args:
        logits: Q x H x W.
        weights: see `affinity`.
        inner: the pixels to return, None for all; each step skips pixels that cannot affect them any more.
        out: tensor for the result; None creates one.

    Returns:
        Q x height x width of `inner`.
    """
    size = logits.shape[-2:]
    inner = inner or Tile(0, size[0], 0, size[1])
    margin = max(settings.dilations)
    regions = [inner.grown(margin * left, size) for left in reversed(range(settings.num_iters))]
    refined = logits.new_empty(len(logits), *inner.shape) if out is None else out
    with chosen_way(logits, weights) as (step, queries_at_once, room):
        padded = [side + 2 * margin for side in size]
        buffers = [room(min(len(logits), queries_at_once), *padded) for _ in range(2)]
        for some, result in zip(logits.split(queries_at_once), refined.split(queries_at_once)):
            source, target = (buffer[: len(some)] for buffer in buffers)
            pad_into(some, source)
            for region in regions:
                step(weights, settings.dilations, source, target, region)
                replicate_border(target, margin)
                source, target = target, source
            inside = without_margin(source, margin)[inner.place]
            for strip in parts(inside, COPIED_PIXELS):
                result[strip.place] = inside[strip.place]
    return refined


def affinity(guide: Tensor, dilations: tuple[int, ...], exact_std: bool = False) -> Tensor:
    """Softmax over the neighbours of -|difference| / (0.1 * standard deviation), averaged over the channels.

    Args:
        guide: 3 x H x W.
        dilations: distances of the neighbours in pixels.
        exact_std: see `Pamr`.

    Returns:
        (8 * len(dilations)) x H x W, positive, adding up to 1 over the first axis.
    """
    padded = pad_into(guide, empty_padded(guide, max(dilations)))
    height, width = guide.shape[-2:]
    distances = guide.new_empty(len(NEIGHBOURS) * len(dilations), height, width)
    for strip in parts(guide, STRIP_PIXELS):
        neighbours, pixel = shifted_views(padded, dilations, strip), guide[strip.place]
        tolerance = 1e-8 + 0.1 * standard_deviation(pixel, neighbours, exact_std)  # 3 x h x w
        for distance, neighbour in zip(distances[strip.place], neighbours):
            torch.mean((neighbour - pixel).abs_().div_(tolerance), dim=0, out=distance)
    return distances.neg_().softmax(dim=0)


def parts(field: Tensor, pixels: int) -> Iterable[Tile]:
    """The pixels of a field ... x H x W: on a CPU some rows at a time, so that operations stay in its cache."""
    whole = Tile(0, field.shape[-2], 0, field.shape[-1])
    return whole.strips(pixels) if field.device.type == 'cpu' else [whole]


def standard_deviation(pixel: Tensor, neighbours: Sequence[Tensor], exact: bool) -> Tensor:
    """Standard deviation of the neighbours and, once per dilation, the pixel itself, 3 x h x w; unbiased.

    The exact value is 0 where all values are equal. In float32, rounding makes it up to 1e-7 there, which is part of
    the reference outputs of ITACLIP and others. Two passes avoid gathering the neighbours.
    """
    precision = torch.float64 if exact else pixel.dtype
    pixel, times = pixel.to(precision), len(neighbours) // len(NEIGHBOURS)
    count = len(neighbours) + times
    mean = pixel * times
    for neighbour in neighbours:
        mean += neighbour
    mean /= count
    squares = (pixel - mean).square_() * times
    for neighbour in neighbours:
        squares += (neighbour - mean).square_()
    return (squares / (count - 1)).sqrt_().to(neighbours[0].dtype)


def empty_padded(field: Tensor, margin: int) -> Tensor:
    """Allocate a field ... x H x W with a margin on all sides."""
    height, width = field.shape[-2:]
    return field.new_empty(*field.shape[:-2], height + 2 * margin, width + 2 * margin)


def pad_into(field: Tensor, padded: Tensor) -> Tensor:
    """Copy a field into the middle of `padded` and replicate its border outwards; return `padded`."""
    margin = (padded.shape[-1] - field.shape[-1]) // 2
    without_margin(padded, margin).copy_(field)
    return replicate_border(padded, margin)


def replicate_border(padded: Tensor, margin: int) -> Tensor:
    """Fill the margin with the nearest pixels of the field, in place."""
    padded[..., :margin] = padded[..., margin : margin + 1]
    padded[..., -margin:] = padded[..., -margin - 1 : -margin]
    padded[..., :margin, :] = padded[..., margin : margin + 1, :]
    padded[..., -margin:, :] = padded[..., -margin - 1 : -margin, :]
    return padded
