"""What numba, which the extra `fast` installs, compiles for `pamr_lattices.py`; see there for the names.

Its cache on disk notices changes of this file only: after a change of `pamr_vectors.py`, delete `__pycache__`.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numba import njit

from itaclip_mmseg.models.stages.pamr_lattices import LANES
from itaclip_mmseg.models.stages.pamr_vectors import FLOAT_BYTES, VECTOR_BYTES, move, summing, transpose

OPTIONS = dict(nogil=True, error_model='numpy', no_cfunc_wrapper=True)
within = njit(**OPTIONS, no_cpython_wrapper=True)  # for calls by the kernel only: compiles in two thirds of the time
PIXELS = 4  # summed together, which shares the look-up of where the neighbours are
sum_some, sum_one = summing(PIXELS), summing(1)


@within
def address(array, index):
    """Address of what begins at an index, of fewer axes than the array or as many."""
    place = np.intp(array.ctypes.data)
    for axis in range(len(index)):
        place += index[axis] * array.strides[axis]
    return place


@within
def copy(source, target, vectors):
    """Copy adjacent vectors from one address to another."""
    for place in range(0, vectors * VECTOR_BYTES, VECTOR_BYTES):
        move(source + place, target + place)


@within
def begin(pixel, phase, spacing):
    """Index in a lattice of its first row (or column) at or behind a row (or column) of the image."""
    return (pixel - phase + spacing - 1) // spacing


@within
def find_block(lattices, row, column, stop, first, spacing, other, addresses):
    """Fill in the addresses of `LANES` pixels of a row, from a column of the image up to `stop`.

    Pixels of other lattices get the address `other`.
    """
    place, phase = column // spacing, column % spacing
    start, last = address(lattices, (0, row, 0)), first + len(lattices)
    for index in range(LANES):
        inside = column + index < stop and first <= phase < last
        there = start + (phase - first) * lattices.strides[0] + place * lattices.strides[2]
        addresses[index] = there if inside else other
        phase += 1
        if phase == spacing:
            place, phase = place + 1, 0


@within
def find_planes(planes, first, row, column, other, addresses):
    """Fill in the addresses of a pixel in `LANES` planes; planes that do not exist get the address `other`."""
    start = address(planes, (first, row, column))
    for index in range(LANES):
        addresses[index] = start + index * planes.strides[0] if first + index < len(planes) else other


def to_lattices(planes, lattices, spacing, row_phase, first, region):
    """Copy a region of planes M x H x W to lattices, column phases x rows x columns x M or more."""
    zeros, other = np.zeros(LANES, np.float32), np.empty(lattices.shape[3], np.float32)
    sources, targets = np.empty(LANES, np.intp), np.empty(LANES, np.intp)
    for row in range(begin(region[0], row_phase, spacing), begin(region[1], row_phase, spacing)):
        for start in range(region[2], region[3], LANES):
            column = min(start, planes.shape[2] - LANES)
            find_block(lattices, row, column, planes.shape[2], first, spacing, address(other, (0,)), targets)
            for plane in range(0, len(planes), LANES):
                find_planes(planes, plane, row * spacing + row_phase, column, address(zeros, (0,)), sources)
                transpose(address(sources, (0,)), address(targets, (0,)))
                for lane in range(LANES):
                    targets[lane] += VECTOR_BYTES


def from_lattices(lattices, planes, spacing, row_phase, first, region):
    """Copy a region of lattices back to planes M x height x width of the region."""
    top, bottom, left, right = region
    block, other = np.empty((LANES, 1, LANES), np.float32), np.empty(LANES, np.float32)
    sources, targets = np.empty(LANES, np.intp), np.empty(LANES, np.intp)
    whole = len(lattices) == spacing and right - left >= LANES
    for row in range(begin(top, row_phase, spacing), begin(bottom, row_phase, spacing)):
        y = row * spacing + row_phase - top
        for start in range(left, right, LANES):
            column = min(start, right - LANES) if whole else start
            find_block(lattices, row, column, right, first, spacing, address(other, (0,)), sources)
            if whole:
                find_planes(planes, 0, y, column - left, address(other, (0,)), targets)
                transpose(address(sources, (0,)), address(targets, (0,)))
                continue
            find_planes(block, 0, 0, 0, address(other, (0,)), targets)
            transpose(address(sources, (0,)), address(targets, (0,)))
            for plane in range(len(planes)):
                for index in range(LANES):
                    if sources[index] != address(other, (0,)):
                        planes[plane, y, column - left + index] = block[plane, 0, index]


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
