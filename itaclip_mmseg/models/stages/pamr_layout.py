"""Copy images to lattices and back, for `pamr_kernel.py`: compiled by numba, in blocks of `LANES` x `LANES` values."""

import numpy as np
from numba import njit

from itaclip_mmseg.models.stages.pamr_lattices import LANES
from itaclip_mmseg.models.stages.pamr_vectors import VECTOR_BYTES, transpose

OPTIONS = dict(nogil=True, error_model='numpy', no_cfunc_wrapper=True)
within = njit(**OPTIONS, no_cpython_wrapper=True)  # for calls by the kernel only: compiles in two thirds of the time


@within
def address(array, index):
    """Address of what begins at an index, of fewer axes than the array or as many."""
    place = np.intp(array.ctypes.data)
    for axis in range(len(index)):
        place += index[axis] * array.strides[axis]
    return place


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
