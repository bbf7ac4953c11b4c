"""Compute a step of PAMR by torch's operations or by compiled code, with identical results."""

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from mmengine.logging import MMLogger
from torch import Tensor

from itaclip_mmseg.models.stages.tiles import Tile

LANES = 8  # queries that the compiled step computes as one vector
QUERIES_AT_ONCE = 2 * LANES  # in the compiled step: they share the reading of the weights
CACHE_BYTES = 1 << 20  # of a core's second-level cache, common sizes being 1 and 2 MB
NEIGHBOURS = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if (dy, dx) != (0, 0)]


def implementation(logits: Tensor) -> str:
    """Name of the implementation for such logits: numba or torch."""
    return 'numba' if compilable(logits) and compiled_compute() is not None else 'torch'


class Way(NamedTuple):
    """A way to compute steps."""

    step: Callable[[Tensor, tuple[int, ...], Tensor, Tensor, Tile], None]  # see `plain_step`
    queries_at_once: int
    room: Callable[[int, int, int], Tensor]  # makes a tensor of this shape, for the values of a step


@contextlib.contextmanager
def chosen_way(logits: Tensor, weights: Tensor) -> Iterator[Way]:
    """Choose the fastest way to compute the steps; both ways give identical results."""
    if compilable(weights) and implementation(logits) == 'numba':
        threads = torch.get_num_threads()
        with ThreadPoolExecutor(threads) as pool:
            yield Way(partial(compiled_step, compiled_compute(), pool, threads), QUERIES_AT_ONCE, side_by_side)
    else:
        # Queries are independent. On a CPU as many at a time as its cache holds, so that the steps read and write
        # there: 75 queries of 480 x 640 take 0.6 s one by one, 0.85 s by fours, 1.2 s together.
        at_once = max(CACHE_BYTES // logits[0].nbytes, 1) if logits.device.type == 'cpu' else len(logits)
        yield Way(plain_step, at_once, logits.new_empty)


def compilable(values: Tensor) -> bool:
    """Whether the compiled step supports these values."""
    return values.device.type == 'cpu' and values.dtype == torch.float32 and not values.requires_grad


def plain_step(weights: Tensor, dilations: tuple[int, ...], source: Tensor, target: Tensor, region: Tile) -> None:
    """Compute one step for the pixels of a region by torch's operations; `source` and `target` have margins."""
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
    """Like `plain_step`, with rows divided among threads; `source` and `target` are from `side_by_side`."""
    values, sums = (field.permute(1, 2, 0).numpy() for field in (source, target))
    row, column, _ = values.strides
    offsets = np.array([dilation * (dy * row + dx * column) for dilation in dilations for dy, dx in NEIGHBOURS])
    arrays = weights.contiguous().numpy(), offsets, values, sums, max(dilations)
    strips = region.strips(-(-region.shape[0] // threads) * region.shape[1])
    for _ in pool.map(lambda strip: compute(*arrays, *strip), strips):
        pass


def side_by_side(queries: int, height: int, width: int) -> Tensor:
    """Zeros, queries x height x width, with the queries of a pixel adjacent in memory and padded to whole vectors."""
    return torch.zeros(height, width, -(-queries // LANES) * LANES).permute(2, 0, 1)[:queries]


@functools.cache
def compiled_compute() -> Callable | None:
    """`pamr_kernel.compute`, compiled; None without numba, or if it rounds differently from torch in a trial."""
    try:
        from itaclip_mmseg.models.stages.pamr_kernel import compiled
    except ImportError:
        return None
    for on_disk in (True, False):  # the cache may be read-only or damaged
        with contextlib.suppress(Exception):
            compute = compiled(on_disk)
            if equals_torch(compute):
                return compute
    MMLogger.get_current_instance().info(
        'PAMR: computed by torch, because the code that numba compiles here gives different results'
    )
    return None


def equals_torch(compute: Callable) -> bool:
    """Whether the compiled step equals torch's to the last bit."""
    dilations, region, generator = (1, 3), Tile(0, 23, 0, 37), torch.Generator().manual_seed(0)
    values, weights = torch.rand(5, 29, 43, generator=generator) - 0.5, torch.rand(16, 23, 37, generator=generator)
    expected, source, result = torch.zeros(5, 29, 43), side_by_side(5, 29, 43), side_by_side(5, 29, 43)
    plain_step(weights, dilations, values, expected, region)
    with ThreadPoolExecutor(1) as pool:
        compiled_step(compute, pool, 1, weights, dilations, source.copy_(values), result, region)
    return torch.equal(expected, result)


def weighted_sum(weights: Tensor, neighbours: Sequence[Tensor], out: Tensor) -> None:
    """Write to `out`, ... x H x W, the sum over the neighbours of weight (H x W) times value (... x H x W)."""
    torch.mul(weights[0], neighbours[0], out=out)
    for weight, neighbour in zip(weights[1:], neighbours[1:]):
        out.addcmul_(weight, neighbour)


def shifted_views(padded: Tensor, dilations: tuple[int, ...], region: Tile | None = None) -> list[Tensor]:
    """Views ... x H x W of a padded field: the 8 * len(dilations) neighbours of all pixels, or of a region."""
    margin = max(dilations)
    height, width = (side - 2 * margin for side in padded.shape[-2:])
    top, bottom, left, right = (margin + side for side in region or (0, height, 0, width))
    return [
        padded[..., top + dilation * dy : bottom + dilation * dy, left + dilation * dx : right + dilation * dx]
        for dilation in dilations
        for dy, dx in NEIGHBOURS
    ]


def without_margin(padded: Tensor, margin: int) -> Tensor:
    """View of a padded field without its margin."""
    return padded[..., margin:-margin, margin:-margin]
