"""Pixel-adaptive mask refinement (PAMR, arXiv 2005.08104, section 3.3), as ITACLIP uses it after merging (table 5)."""

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import torch
from mmengine.logging import MMLogger
from torch import Tensor
from torch.nn import functional as F

from itaclip_mmseg.models.stages.tiles import Tile
from itaclip_mmseg.settings import Pamr

Step = Callable[[Tensor, tuple[int, ...], Tensor, Tensor, Tile], None]

QUERIES_AT_ONCE = 8  # in the compiled step, twice as many as share a row of weights
CACHE_BYTES = 1 << 20  # of a core's second-level cache, common sizes being 1 and 2 MB
STRIP_PIXELS = 1 << 16  # whose affinities are computed at a time
NEIGHBOURS = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if (dy, dx) != (0, 0)]


def refine(image: Tensor, logits: Tensor, settings: Pamr, align_corners: bool = False) -> Tensor:
    """Refine logits Q x H x W by the image, 3 x h x w, normalised RGB; see `affinity`, `propagate`."""
    guide = resized(image, logits.shape[-2:], align_corners)
    return propagate(logits, affinity(guide, settings.dilations, settings.exact_std), settings)


def resized(image: Tensor, size: tuple[int, int], align_corners: bool = False) -> Tensor:
    """The guide: an image 3 x h x w at the logits' size, bilinear."""
    return F.interpolate(image[None].float(), size=size, mode='bilinear', align_corners=align_corners)[0]


def propagate(logits: Tensor, weights: Tensor, settings: Pamr, inner: Tile | None = None) -> Tensor:
    """Each step replaces a pixel by the mean of its neighbours, weighted by affinity.

    A step is a stencil of 8 neighbours a dilation, the pixel itself not among them; the authors gather the neighbours
    into a tensor 16 times the size, which is never built here.

    Args:
        logits: Q x H x W.
        weights: see `affinity`.
        inner: the pixels that are wanted, None for all; each step leaves out what does not reach them any more.

    Returns:
        Q x height x width of `inner`, a new tensor.
    """
    size = logits.shape[-2:]
    inner = inner or Tile(0, size[0], 0, size[1])
    margin = max(settings.dilations)
    regions = [inner.grown(margin * left, size) for left in reversed(range(settings.num_iters))]
    refined = logits.new_empty(len(logits), *inner.shape)
    with chosen_step(logits, weights) as (step, queries_at_once):
        buffers = [empty_padded(logits[:queries_at_once], margin) for _ in range(2)]
        for some, result in zip(logits.split(queries_at_once), refined.split(queries_at_once)):
            source, target = (buffer[: len(some)] for buffer in buffers)
            pad_into(some, source)
            for region in regions:
                step(weights, settings.dilations, source, target, region)
                replicate_border(target, margin)
                source, target = target, source
            result.copy_(without_margin(source, margin)[inner.place])
    return refined


@contextlib.contextmanager
def chosen_step(logits: Tensor, weights: Tensor) -> Iterator[tuple[Step, int]]:
    """The fastest way to compute a step, and how many queries at a time; both ways give the same bits."""
    compute = compiled_compute() if compilable(logits) and compilable(weights) else None
    if compute is not None:
        threads = torch.get_num_threads()
        with ThreadPoolExecutor(threads) as pool:
            yield partial(compiled_step, compute, pool, threads), QUERIES_AT_ONCE
    else:
        # Queries are independent. On a CPU as many at a time as its cache holds, so that the steps read and write
        # there: 75 queries of 480 x 640 take 0.6 s one by one, 0.85 s by fours, 1.2 s together.
        yield plain_step, max(CACHE_BYTES // logits[0].nbytes, 1) if logits.device.type == 'cpu' else len(logits)


def compilable(values: Tensor) -> bool:
    """Whether the compiled step takes them."""
    return values.device.type == 'cpu' and values.dtype == torch.float32 and not values.requires_grad


def plain_step(weights: Tensor, dilations: tuple[int, ...], source: Tensor, target: Tensor, region: Tile) -> None:
    """One step by torch's operations, of the pixels of a region; `source` and `target` have margins."""
    neighbours = shifted_views(source, dilations, region)
    weighted_sum(weights[region.place], neighbours, out=without_margin(target, max(dilations))[region.place])


def compiled_step(
    compute: Callable,
    pool: ThreadPoolExecutor,
    threads: int,
    weights: Tensor,
    dilations: tuple[int, ...],
    source: Tensor,
    target: Tensor,
    region: Tile,
) -> None:
    """As `plain_step`, each thread some of the rows."""
    arrays = weights.contiguous().numpy(), np.array(dilations), source.numpy(), target.numpy()
    strips = region.strips(-(-region.shape[0] // threads) * region.shape[1])
    for _ in pool.map(lambda strip: compute(*arrays, *strip), strips):
        pass


@functools.cache
def compiled_compute() -> Callable | None:
    """`pamr_kernel.compute`, compiled; None without numba, or where a trial shows that it rounds otherwise than torch."""
    try:
        from itaclip_mmseg.models.stages.pamr_kernel import compiled
    except ImportError:
        return None
    for on_disk in (True, False):  # a cache may be unwritable or damaged
        with contextlib.suppress(Exception):
            compute = compiled(on_disk)
            if equals_torch(compute):
                return compute
    MMLogger.get_current_instance().info('PAMR: by torch, as what numba compiles here gives other results')
    return None


def equals_torch(compute: Callable) -> bool:
    """Whether a step is the same to the last bit."""
    dilations, generator = (1, 3), torch.Generator().manual_seed(0)
    source, weights = (torch.rand(count, 29, 43, generator=generator) for count in (5, 16))
    source -= 0.5
    results = torch.zeros(2, *source.shape)
    region = Tile(0, 23, 0, 37)
    weights = weights[:, :23, :37].contiguous()
    plain_step(weights, dilations, source, results[0], region)
    compute(weights.numpy(), np.array(dilations), source.numpy(), results[1].numpy(), *region)
    return torch.equal(*results)


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
    whole, distances = Tile(0, height, 0, width), guide.new_empty(len(NEIGHBOURS) * len(dilations), height, width)
    # On a CPU some rows at a time, so that the many operations read and write in its cache.
    for strip in whole.strips(STRIP_PIXELS) if guide.device.type == 'cpu' else [whole]:
        neighbours, pixel = shifted_views(padded, dilations, strip), guide[strip.place]
        tolerance = 1e-8 + 0.1 * standard_deviation(pixel, neighbours, exact_std)  # 3 x h x w
        for distance, neighbour in zip(distances[strip.place], neighbours):
            torch.mean((neighbour - pixel).abs_().div_(tolerance), dim=0, out=distance)
    return distances.neg_().softmax(dim=0)


def standard_deviation(pixel: Tensor, neighbours: Sequence[Tensor], exact: bool) -> Tensor:
    """Of the neighbours and, once a dilation, of the pixel itself, 3 x h x w; unbiased.

    Exact is 0 where all values are equal. In float32 rounding makes it up to 1e-7 there, which the authors' arrays of
    ITACLIP and its peers contain. In two passes, so that the neighbours are never gathered.
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


def weighted_sum(weights: Tensor, neighbours: Sequence[Tensor], out: Tensor) -> None:
    """One step: out, ... x H x W, becomes the sum over the neighbours of weight (H x W) times value (... x H x W)."""
    torch.mul(weights[0], neighbours[0], out=out)
    for weight, neighbour in zip(weights[1:], neighbours[1:]):
        out.addcmul_(weight, neighbour)


def shifted_views(padded: Tensor, dilations: tuple[int, ...], region: Tile | None = None) -> list[Tensor]:
    """The 8 * len(dilations) neighbours of every pixel, or those of a region, as views ... x H x W of a padded field."""
    margin = max(dilations)
    height, width = (side - 2 * margin for side in padded.shape[-2:])
    top, bottom, left, right = (margin + side for side in region or (0, height, 0, width))
    return [
        padded[..., top + dilation * dy : bottom + dilation * dy, left + dilation * dx : right + dilation * dx]
        for dilation in dilations
        for dy, dx in NEIGHBOURS
    ]


def empty_padded(field: Tensor, margin: int) -> Tensor:
    """Room for a field ... x H x W with a margin on all sides."""
    height, width = field.shape[-2:]
    return field.new_empty(*field.shape[:-2], height + 2 * margin, width + 2 * margin)


def without_margin(padded: Tensor, margin: int) -> Tensor:
    """The field itself, a view."""
    return padded[..., margin:-margin, margin:-margin]


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
