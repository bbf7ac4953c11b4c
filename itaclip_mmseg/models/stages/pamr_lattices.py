"""All steps of PAMR in one pass over memory, on a CPU with numba; identical to `pamr_steps.py` to the last bit.

A pixel's neighbours are multiples of `spacing` rows and columns away, the greatest common divisor of the dilations (8
for 8 and 16). So every `spacing`-th row and column form a lattice, and lattices do not influence one another. Each is
swept once: a step follows the one before it by the few rows that it needs, which a core's cache holds. A lattice is
named by its phases, the remainders of its rows and columns divided by `spacing`.

Lattices meet behind the image's border only, where the nearest pixel of the border counts, of whatever lattice. So the
values of the border's pixels at each step come first: those near the corners depend on a corner's lattice alone, those
along a border on the corners', and everything else on the borders'.
"""

import contextlib
import functools
import math
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from queue import SimpleQueue
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from mmengine.logging import MMLogger
from torch import Tensor

from itaclip_mmseg.models.stages.pamr_steps import NEIGHBOURS, propagate_in_steps
from itaclip_mmseg.models.stages.tiles import Tile
from itaclip_mmseg.settings import Pamr

if TYPE_CHECKING:
    from itaclip_mmseg.models.stages.pamr_kernel import Kernel

LANES = 16  # queries that are computed together, as vectors


def implementation(logits: Tensor) -> str:
    """Name of the implementation for such logits, of an image that is not tiny: numba or torch."""
    return 'numba' if compilable(logits) and compiled_kernel() is not None else 'torch'


def compilable(values: Tensor) -> bool:
    """Whether the compiled code supports these values."""
    return values.device.type == 'cpu' and values.dtype == torch.float32 and not values.requires_grad


def fits(size: tuple[int, int], settings: Pamr) -> bool:
    """Whether an image is so large that only the last step can connect opposite borders."""
    return min(size) >= max(LANES, 1 + (settings.num_iters - 1) * max(settings.dilations))


class Job(NamedTuple):
    """Lattices to sweep: those of a row phase and the column phases from `first` up to `last`, for some pixels."""

    row_phase: int
    first: int
    last: int
    goal: Tile


class Sweeps:
    """The sweeps of one call, and the arrays that they share.

    Args:
        kernel: see `compiled_kernel`.
        size: height and width of the logits.
        settings: of the refinement.
        inner: the pixels whose result is wanted.
        groups: number of groups of `LANES` queries.
    """

    def __init__(self, kernel: 'Kernel', size: tuple[int, int], settings: Pamr, inner: Tile, groups: int) -> None:
        self.kernel, self.size, self.inner = kernel, tuple(size), inner
        self.steps, self.margin = settings.num_iters, max(settings.dilations)
        self.spacing, self.threads = math.gcd(*settings.dilations), torch.get_num_threads()
        jobs = groups * self.spacing
        self.share = -(-self.spacing // min(self.spacing, -(-self.threads // jobs)))  # column phases of a job
        reach = self.margin // self.spacing
        offsets = [(dilation * dy, dilation * dx) for dilation in settings.dilations for dy, dx in NEIGHBOURS]
        self.neighbours = np.array(offsets) // self.spacing
        height, width = (-(-side // self.spacing) for side in size)
        planes = -(-len(offsets) // LANES) * LANES
        self.rooms = SimpleQueue()  # for each thread: values and weights of a job's lattices, and rows of all steps
        for _ in range(self.threads):
            lattices = [torch.empty(self.share, height, width, maps) for maps in (LANES, planes)]
            lines = torch.empty(self.steps, 2 * reach + 1, width + 2 * reach, LANES)
            self.rooms.put([array.numpy() for array in (*lattices, lines)])
        # The border's pixels at each step: of the first and last row, and of the first and last column.
        self.ends = torch.empty(groups, 2, self.steps, self.spacing, width + 2 * reach, LANES).numpy()
        self.sides = torch.empty(groups, 2, self.steps, self.spacing, height, LANES).numpy()

    def regions(self, goal: Tile, steps: int) -> list[Tile]:
        """The pixels that matter for a goal before the first step and after each step."""
        return [goal.grown(self.margin * left, self.size) for left in reversed(range(steps + 1))]

    def stages(self) -> tuple[list[Job], list[Job], list[Job]]:
        """Jobs for the border near the corners, for the whole border, and for the result; in this order."""
        (height, width), spacing = self.size, self.spacing
        _, first, *_ = regions = self.regions(self.inner, self.steps)
        rows = [0] * (first.top < self.margin) + [height - 1] * (first.bottom > height - self.margin)
        columns = [0] * (first.left < self.margin) + [width - 1] * (first.right > width - self.margin)
        seen = regions[-2]  # by the last step
        shares = [(phase, min(phase + self.share, spacing)) for phase in range(0, spacing, self.share)]
        own = {x: (x % spacing, x % spacing + 1) for x in columns}
        corners = [Job(y % spacing, *own[x], Tile(y, y + 1, x, x + 1)) for y in rows for x in columns]
        ends = [Job(y % spacing, *share, seen._replace(top=y, bottom=y + 1)) for y in rows for share in shares]
        sides = [Job(phase, *own[x], seen._replace(left=x, right=x + 1)) for x in columns for phase in range(spacing)]
        return corners, ends + sides, [Job(phase, *share, self.inner) for phase in range(spacing) for share in shares]

    def run(
        self, logits: np.ndarray, weights: np.ndarray, result: np.ndarray, group: int, job: Job, record: bool
    ) -> None:
        """Run a job for a group of queries; with `record` it is one of the border."""
        row_phase, first, last, goal = job
        some = slice(group * LANES, (group + 1) * LANES)
        regions = np.array(self.regions(goal, self.steps - record))
        room = self.rooms.get()
        try:
            values, affinities, lines = room
            values, affinities = values[: last - first], affinities[: last - first]
            self.kernel.to_lattices(logits[some], values, self.spacing, row_phase, first, regions[0])
            self.kernel.to_lattices(weights, affinities, self.spacing, row_phase, first, regions[0])
            for lattice in range(last - first):
                arrays = values[lattice], affinities[lattice], lines, self.ends[group], self.sides[group]
                place = self.size, self.spacing, (row_phase, first + lattice)
                self.kernel.sweep(*arrays, *place, self.neighbours, regions, record)
            if not record:
                self.kernel.from_lattices(values, result[some], self.spacing, row_phase, first, regions[-1])
        finally:
            self.rooms.put(room)


def propagate_in_lattices(
    logits: Tensor, weights: Tensor, settings: Pamr, inner: Tile, out: Tensor, kernel: 'Kernel | None' = None
) -> None:
    """Compute all steps; see `pamr.propagate`. `out` is contiguous; `kernel` defaults to `compiled_kernel`."""
    groups = range(-(-len(logits) // LANES))
    sweeps = Sweeps(kernel or compiled_kernel(), logits.shape[-2:], settings, inner, len(groups))
    arrays = logits.contiguous().numpy(), weights.contiguous().numpy(), out.numpy()
    *borders, whole = sweeps.stages()
    with ThreadPoolExecutor(sweeps.threads) as pool:
        for jobs in (*borders, whole):
            tasks = [
                pool.submit(sweeps.run, *arrays, group, job, jobs is not whole) for group, job in product(groups, jobs)
            ]
            for task in tasks:
                task.result()


@functools.cache
def compiled_kernel() -> 'Kernel | None':
    """The compiled functions; None without numba, or if they round differently from torch in a trial."""
    try:
        from itaclip_mmseg.models.stages.pamr_kernel import compiled
    except ImportError:
        return None
    for on_disk in (True, False):  # the cache may be read-only or damaged
        with contextlib.suppress(Exception):
            kernel = compiled(on_disk)
            if equals_torch(kernel):
                return kernel
    MMLogger.get_current_instance().info(
        'PAMR: computed by torch, because the code that numba compiles here gives different results'
    )
    return None


def equals_torch(kernel: 'Kernel') -> bool:
    """Whether the compiled steps equal torch's to the last bit."""
    size, settings, generator = (23, 37), Pamr(3, (2, 4)), torch.Generator().manual_seed(0)
    values, weights = torch.rand(5, *size, generator=generator) - 0.5, torch.rand(16, *size, generator=generator)
    results = torch.zeros(2, *values.shape)
    propagate_in_steps(values, weights, settings, Tile(0, size[0], 0, size[1]), results[0])
    propagate_in_lattices(values, weights, settings, Tile(0, size[0], 0, size[1]), results[1], kernel)
    return torch.equal(*results)
