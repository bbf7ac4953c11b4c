"""Pixel-adaptive mask refinement (PAMR, arXiv 2005.08104, section 3.3), as ITACLIP uses it after merging (table 5)."""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

from itaclip_mmseg.models.stages.pamr_lattices import compilable, compiled_kernel, fits, propagate_in_lattices
from itaclip_mmseg.models.stages.pamr_steps import (
    NEIGHBOURS,
    empty_padded,
    pad_into,
    propagate_in_steps,
    shifted_views,
)
from itaclip_mmseg.models.stages.tiles import Tile
from itaclip_mmseg.settings import Pamr

STRIP_PIXELS = 1 << 16  # pixels per strip when affinities are computed


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

    Args:
        logits: Q x H x W.
        weights: see `affinity`.
        inner: the pixels to return, None for all; each step skips pixels that cannot affect them any more.
        out: contiguous tensor for the result; None creates one.

    Returns:
        Q x height x width of `inner`.
    """
    inner = inner or Tile(0, logits.shape[-2], 0, logits.shape[-1])
    refined = logits.new_empty(len(logits), *inner.shape) if out is None else out
    compiled = compilable(logits) and compilable(weights) and fits(logits.shape[-2:], settings)
    way = propagate_in_lattices if compiled and compiled_kernel() is not None else propagate_in_steps
    way(logits, weights, settings, inner, refined)
    return refined


def affinity_by_tile(image: Tensor, size: tuple[int, int], kept: int = 1) -> Callable[[Tile, Pamr], Tensor]:
    """Make a function of a tile and settings: affinities of the tile, of an image 3 x h x w resized to `size`.

    It keeps the last results, `kept` of them, for those who refine a tile in parts or in several variants.
    """
    guide = resized(image, size)

    @lru_cache(maxsize=kept)
    def computed(tile: Tile, dilations: tuple[int, ...], exact_std: bool) -> Tensor:
        return affinity(guide[tile.place], dilations, exact_std)

    return lambda tile, settings: computed(tile, settings.dilations, settings.exact_std)


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
