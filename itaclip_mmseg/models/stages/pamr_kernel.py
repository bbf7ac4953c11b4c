"""What numba, which the extra `fast` installs, compiles for `pamr_lattices.py`; see there for the names.

Its cache on disk notices changes of the file of a function only: after a change of `pamr_vectors.py`, delete
`__pycache__`.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numba import njit

from itaclip_mmseg.models.stages.pamr_layout import OPTIONS, address, begin, from_lattices, to_lattices, within
from itaclip_mmseg.models.stages.pamr_vectors import FLOAT_BYTES, VECTOR_BYTES, move, summing

PIXELS = 4  # summed together, which shares the look-up of where the neighbours are
sum_some, sum_one = summing(PIXELS), summing(1)


@within
def copy(source, target, vectors):
    """Copy adjacent vectors from one address to another."""
    for place in range(0, vectors * VECTOR_BYTES, VECTOR_BYTES):
        move(source + place, target + place)


@within
def sum_row(weights, apart, neighbours, target, pixels):
    """Sum over the neighbours of the pixels of a row; `weights` and `target` are addresses of the first pixel's."""
    column = 0
    while column < pixels:
        together = column + PIXELS <= pixels
        place, weight = column * VECTOR_BYTES, weights + column * apart * FLOAT_BYTES
        if together:
            sum_some(weight, apart, address(neighbours, (0,)), len(neighbours), place, target + place)
        else:
            sum_one(weight, apart, address(neighbours, (0,)), len(neighbours), place, target + place)
        column += PIXELS if together else 1


@within
def find_neighbours(lines, ends, step, row, column, height, phase, neighbours, places):
    """Fill in the addresses of a pixel's neighbours after a step; behind the border, those of the border's pixels."""
    for index in range(len(neighbours)):
        there, beside = row + neighbours[index, 0], column + neighbours[index, 1]
        if there < 0:
            places[index] = address(ends, (0, step, phase, beside))
        elif there < height:
            places[index] = address(lines, (step, there % lines.shape[1], beside))
        else:
            places[index] = address(ends, (1, step, phase, beside))


@within
def extend(line, left, right, reach, width, first, last):
    """Repeat the image's first and last pixel of a row before and behind a line that gets there; return its new ends.

    Line, first and last are addresses; the line begins with column `left` of `width` and ends before `right`.
    """
    before, behind = reach if left == 0 else 0, reach if right == width else 0
    for column in range(before):
        copy(first, line - (column + 1) * VECTOR_BYTES, 1)
    for column in range(behind):
        copy(last, line + (right - left + column) * VECTOR_BYTES, 1)
    return left - before, right + behind


def sweep(values, weights, lines, ends, sides, size, spacing, phases, neighbours, regions, record):
    """Compute all steps of a lattice; all arrays are float32 unless the line says otherwise.

    Args:
        values: rows x columns x `LANES`; get the result.
        weights: rows x columns x N or more.
        lines: room for rows of each step: steps x (2 reach + 1) x (columns + 2 reach) x `LANES`.
        ends: values of the image's first and last row at each step, 2 x steps x column phases x (columns + 2 reach) x
            `LANES`, with the columns behind the border.
        sides: values of the image's first and last column, 2 x steps x row phases x rows x `LANES`.
        size: height and width of the image.
        spacing: distance in the image between the rows, and columns, of a lattice.
        phases: remainders of its rows and columns divided by `spacing`.
        neighbours: rows and columns of the lattice from a pixel to its neighbours, N x 2, int64.
        regions: pixels of the image that matter before the first step and after each step, top, bottom, left, right,
            (steps + 1) x 4, int64.
        record: fill in `ends` and `sides`, as far as the lattice is part of them, instead of `values`. That takes one
            step less, because nobody needs the border after the last step.
    """
    height, width = begin(size[0], phases[0], spacing), begin(size[1], phases[1], spacing)
    last_row, last_column = (size[0] - 1) % spacing == phases[0], (size[1] - 1) % spacing == phases[1]
    steps, kept, reach = len(regions) - 1, lines.shape[1], lines.shape[1] // 2
    places = np.empty(len(neighbours), np.intp)
    start, stop = begin(regions[0, 0], phases[0], spacing), begin(regions[steps, 1], phases[0], spacing)
    for front in range(start, stop + reach * steps):
        for step in range(steps + 1):
            row = front - reach * step  # the step before has just completed its neighbours
            top, bottom = begin(regions[step, 0], phases[0], spacing), begin(regions[step, 1], phases[0], spacing)
            left, right = begin(regions[step, 2], phases[1], spacing), begin(regions[step, 3], phases[1], spacing)
            if not top <= row < bottom:
                continue
            final = step == steps and not record
            line = address(values, (row, left)) if final else address(lines, (step, row % kept, reach + left))
            if step == 0:
                copy(address(values, (row, left)), line, right - left)
            else:
                find_neighbours(lines, ends, step - 1, row, reach + left, height, phases[1], neighbours, places)
                sum_row(address(weights, (row, left)), weights.shape[2], places, line, right - left)
            if final:
                continue
            first, last = address(sides, (0, step, phases[0], row)), address(sides, (1, step, phases[0], row))
            if record and left == 0 and phases[1] == 0:
                copy(line, first, 1)
            if record and right == width and last_column:
                copy(line + (right - left - 1) * VECTOR_BYTES, last, 1)
            begins, ended = extend(line, left, right, reach, width, first, last)
            line += (begins - left) * VECTOR_BYTES
            if record and row == 0 and phases[0] == 0:
                copy(line, address(ends, (0, step, phases[1], reach + begins)), ended - begins)
            if record and row == height - 1 and last_row:
                copy(line, address(ends, (1, step, phases[1], reach + begins)), ended - begins)


class Kernel(NamedTuple):
    """The compiled functions, which release Python's global lock."""

    to_lattices: Callable
    sweep: Callable
    from_lattices: Callable


def compiled(on_disk: bool) -> Kernel:
    """Compile the kernel to machine code.

    Args:
        on_disk: cache it for the next process, beside this file or in the user's cache.

    Raises:
        RuntimeError: neither is writable.
    """
    compile_one = njit(**OPTIONS, cache=on_disk)
    return Kernel(*map(compile_one, (to_lattices, sweep, from_lattices)))
