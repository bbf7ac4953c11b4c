"""A step of PAMR compiled by numba, which the extra `fast` installs; only `pamr_step.py` imports this module.

Torch reads the weights and the result once per neighbour; here the eight neighbours at one distance are one expression.
Products and sums are those of torch in the same order, so the results are identical to the last bit.
"""

from collections.abc import Callable

import torch
from numba import njit, types
from numba.extending import intrinsic, register_jitable

SMALL = 2.0**-12  # the square of 1 + SMALL is not a float32


@intrinsic
def fused_multiply_add(context: object, a: object, b: object, c: object) -> tuple:
    """A * b + c, rounded once."""

    def generate(context: object, builder: object, signature: object, values: object) -> object:
        return builder.fma(*values)

    return types.float32(types.float32, types.float32, types.float32), generate


@register_jitable
def rounded_multiply_add(a: float, b: float, c: float) -> float:
    """A * b + c, with the product rounded too."""
    return a * b + c


def torch_fuses() -> bool:
    """Whether `addcmul` rounds once, as it does on processors with AVX2."""
    factor = torch.tensor([1 + SMALL])
    return bool(torch.tensor([-1 - 2 * SMALL]).addcmul_(factor, factor) != 0)


multiply_add = fused_multiply_add if torch_fuses() else rounded_multiply_add


@register_jitable
def add_neighbours(out, weights, first, row, left, above, beside, below, dilation):
    """Add weight times value of the eight neighbours at one distance to a row, row by row from the top left."""
    width, twice = len(out), 2 * dilation
    w0, w1 = weights[first, row][left : left + width], weights[first + 1, row][left : left + width]
    w2, w3 = weights[first + 2, row][left : left + width], weights[first + 3, row][left : left + width]
    w4, w5 = weights[first + 4, row][left : left + width], weights[first + 5, row][left : left + width]
    w6, w7 = weights[first + 6, row][left : left + width], weights[first + 7, row][left : left + width]
    v0, v1, v2 = above[:width], above[dilation : dilation + width], above[twice : twice + width]
    v3, v4 = beside[:width], beside[twice : twice + width]
    v5, v6, v7 = below[:width], below[dilation : dilation + width], below[twice : twice + width]
    for x in range(width):
        total = multiply_add(w0[x], v0[x], out[x])
        total = multiply_add(w1[x], v1[x], total)
        total = multiply_add(w2[x], v2[x], total)
        total = multiply_add(w3[x], v3[x], total)
        total = multiply_add(w4[x], v4[x], total)
        total = multiply_add(w5[x], v5[x], total)
        total = multiply_add(w6[x], v6[x], total)
        out[x] = multiply_add(w7[x], v7[x], total)


def compute(weights, dilations, source, target, top, bottom, left, right):
    """Compute one step for a rectangle of pixels.

    Args:
        weights: (8 * len(dilations)) x H x W, float32, C-contiguous.
        dilations: distances of the neighbours, an array of integers.
        source: values Q x (H + 2 margin) x (W + 2 margin), likewise; the margin is the largest dilation.
        target: receives the result, of the same shape.
        top, bottom, left, right: the rectangle in pixels of H x W, `bottom` and `right` not included.
    """
    margin = dilations.max()
    for row in range(top, bottom):
        for query in range(len(source)):
            out = target[query, margin + row][margin + left : margin + right]
            out[:] = -0.0  # adding to it keeps all bits, unlike 0.0
            for index, dilation in enumerate(dilations):
                start = margin + left - dilation
                above = source[query, margin + row - dilation][start:]
                beside = source[query, margin + row][start:]
                below = source[query, margin + row + dilation][start:]
                add_neighbours(out, weights, 8 * index, row, left, above, beside, below, dilation)


def compiled(on_disk: bool) -> Callable:
    """Compile `compute` to machine code that releases Python's global lock.

    Args:
        on_disk: cache it for the next process, beside this file or in the user's cache.

    Raises:
        RuntimeError: neither is writable.
    """
    return njit(nogil=True, error_model='numpy', cache=on_disk)(compute)
