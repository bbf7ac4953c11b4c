"""A step of PAMR compiled by numba, which the extra `fast` installs; only `pamr_step.py` imports this module.

Torch reads the weights and writes the result once per neighbour. Here the values of `LANES` queries at a pixel are
adjacent and form a vector; its sum over all neighbours stays in a register, and each weight is read once for all
queries. Products and sums are those of torch in the same order, so the results are identical to the last bit.
"""

from collections.abc import Callable

import torch
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from itaclip_mmseg.models.stages.pamr_step import LANES

SMALL = 2.0**-12  # the square of 1 + SMALL is not a float32
PIXELS = 4  # summed together, which shares the look-up of where the neighbours are
COLUMNS = 512  # at a time, so that the rows between the highest and the lowest neighbour stay in a core's cache
FLOAT, WHOLE, INDEX = ir.FloatType(), ir.IntType(64), ir.IntType(32)
VECTOR = ir.VectorType(FLOAT, LANES)
ALIGNED = 4  # bytes: a vector may begin at any float32


def torch_fuses() -> bool:
    """Whether `addcmul` rounds once, as it does on processors with AVX2."""
    factor = torch.tensor([1 + SMALL])
    return bool(torch.tensor([-1 - 2 * SMALL]).addcmul_(factor, factor) != 0)


FUSES = torch_fuses()


def multiply_add(builder: ir.IRBuilder, a: ir.Value, b: ir.Value, c: ir.Value) -> ir.Value:
    """A * b + c of vectors, rounded like torch's."""
    if not FUSES:
        return builder.fadd(builder.fmul(a, b), c)
    kind = ir.FunctionType(VECTOR, [VECTOR] * 3)
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, f'llvm.fma.v{LANES}f32'), [a, b, c])


def spread(builder: ir.IRBuilder, value: ir.Value) -> ir.Value:
    """Copy a number to all lanes of a vector."""
    unset = ir.Constant(VECTOR, ir.Undefined)
    first = builder.insert_element(unset, value, INDEX(0))
    return builder.shuffle_vector(first, unset, ir.Constant(ir.VectorType(INDEX, LANES), [0] * LANES))


def summing(pixels: int) -> Callable:
    """Make a function for compiled code that sums over the neighbours of adjacent pixels in a row."""

    @intrinsic
    def sums(context, weights, plane, source, step, offsets, count, target):
        """All are addresses or distances in bytes, but for the count of the neighbours.

        Weights of the first pixel, and from a neighbour's to the next one's; values of the first pixel, and from a
        pixel's to the next one's; from the values of a pixel to those of its neighbours; room for the sums.
        """

        def generate(context, builder, signature, arguments):
            weights, plane, source, step, offsets, count, target = arguments
            # Adding to -0.0 keeps all bits, unlike 0.0.
            totals = [cgutils.alloca_once_value(builder, VECTOR([-0.0] * LANES)) for _ in range(pixels)]

            def values(address, pixel):
                place = builder.add(address, builder.mul(step, WHOLE(pixel)))
                return builder.inttoptr(place, VECTOR.as_pointer())

            with cgutils.for_range(builder, count) as neighbour:
                offset = builder.gep(builder.inttoptr(offsets, WHOLE.as_pointer()), [neighbour.index])
                there = builder.add(source, builder.load(offset))
                first = builder.add(weights, builder.mul(plane, neighbour.index))
                for pixel, total in enumerate(totals):
                    weight = builder.gep(builder.inttoptr(first, FLOAT.as_pointer()), [INDEX(pixel)])
                    weight = spread(builder, builder.load(weight))
                    value = builder.load(values(there, pixel), align=ALIGNED)
                    builder.store(multiply_add(builder, weight, value, builder.load(total)), total)
            for pixel, total in enumerate(totals):
                builder.store(builder.load(total), values(target, pixel), align=ALIGNED)
            return context.get_dummy_value()

        return types.void(*[types.intp] * 7), generate

    return sums


sum_some, sum_one = summing(PIXELS), summing(1)


def compute(weights, offsets, source, target, margin, top, bottom, left, right):
    """Compute one step for a rectangle of pixels.

    Args:
        weights: N x H x W, float32; the columns side by side.
        offsets: bytes from the values of a pixel to those of its neighbours, N integers.
        source: values (H + 2 margin) x (W + 2 margin) x Q, float32; the queries of a pixel side by side, with room for
            a multiple of `LANES`.
        target: gets the result, of the same shape and strides.
        margin: the greatest distance of a neighbour.
        top, bottom, left, right: the rectangle in pixels of H x W, `bottom` and `right` not included.
    """
    plane, weight_row, weight_step = weights.strides
    row_step, step, query_step = source.strides
    for start in range(left, right, COLUMNS):
        end = min(start + COLUMNS, right)
        for row in range(top, bottom):
            column = start
            while column < end:
                weight = weights.ctypes.data + row * weight_row + column * weight_step
                first = (margin + row) * row_step + (margin + column) * step
                together = column + PIXELS <= end
                for query in range(0, source.shape[2], LANES):
                    place = first + query * query_step
                    values, sums = source.ctypes.data + place, target.ctypes.data + place
                    if together:
                        sum_some(weight, plane, values, step, offsets.ctypes.data, len(offsets), sums)
                    else:
                        sum_one(weight, plane, values, step, offsets.ctypes.data, len(offsets), sums)
                column += PIXELS if together else 1


def compiled(on_disk: bool) -> Callable:
    """Compile `compute` to machine code that releases Python's global lock.

    Args:
        on_disk: cache it for the next process, beside this file or in the user's cache.

    Raises:
        RuntimeError: neither is writable.
    """
    return njit(nogil=True, error_model='numpy', cache=on_disk)(compute)
