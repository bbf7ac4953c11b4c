"""Vector operations for `pamr_kernel.py`, written for numba's compiler: weighted sums and the transpose of a block.

`LANES` values that are adjacent in memory form a vector; here they are the values of as many queries at a pixel. Sums
equal torch's to the last bit: the same products in the same order, rounded alike.
"""

from collections.abc import Callable

import torch
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from itaclip_mmseg.models.stages.pamr_lattices import LANES

FLOAT_BYTES = 4
VECTOR_BYTES = FLOAT_BYTES * LANES
SMALL = 2.0**-12  # the square of 1 + SMALL is not a float32
FLOAT, WHOLE, INDEX = ir.FloatType(), ir.IntType(64), ir.IntType(32)
VECTOR, INDICES = ir.VectorType(FLOAT, LANES), ir.VectorType(INDEX, LANES)


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
    return builder.shuffle_vector(first, unset, ir.Constant(INDICES, [0] * LANES))


def item(builder: ir.IRBuilder, kind: ir.Type, address: ir.Value, index: ir.Value) -> ir.Value:
    """Read an element of an array of numbers at an address."""
    return builder.load(builder.gep(builder.inttoptr(address, kind.as_pointer()), [index]))


def summing(pixels: int) -> Callable:
    """Make `sums(weights, apart, neighbours, count, place, target)`, which sums over the neighbours of adjacent pixels.

    All arguments are integers: the address of the weights and how many numbers the next pixel's are away; the address
    of the addresses of the first pixel's neighbours, their number, and bytes to add to them; the address of the sums.
    """

    @intrinsic
    def sums(context, weights, apart, neighbours, count, place, target):
        def generate(context, builder, signature, arguments):
            weights, apart, neighbours, count, place, target = arguments
            # Adding to -0.0 keeps all bits, unlike 0.0.
            totals = [cgutils.alloca_once_value(builder, VECTOR([-0.0] * LANES)) for _ in range(pixels)]

            def vector(address, pixel):
                return builder.inttoptr(builder.add(address, WHOLE(pixel * VECTOR_BYTES)), VECTOR.as_pointer())

            with cgutils.for_range(builder, count) as neighbour:
                there = builder.add(item(builder, WHOLE, neighbours, neighbour.index), place)
                for pixel, total in enumerate(totals):
                    index = builder.add(neighbour.index, builder.mul(apart, WHOLE(pixel)))
                    weight = spread(builder, item(builder, FLOAT, weights, index))
                    value = builder.load(vector(there, pixel), align=FLOAT_BYTES)
                    builder.store(multiply_add(builder, weight, value, builder.load(total)), total)
            for pixel, total in enumerate(totals):
                builder.store(builder.load(total), vector(target, pixel), align=FLOAT_BYTES)
            return context.get_dummy_value()

        return types.void(*[types.intp] * 6), generate

    return sums


@intrinsic
def move(context, source, target):
    """Copy a vector from one address to another."""

    def generate(context, builder, signature, arguments):
        source, target = (builder.inttoptr(address, VECTOR.as_pointer()) for address in arguments)
        builder.store(builder.load(source, align=FLOAT_BYTES), target, align=FLOAT_BYTES)
        return context.get_dummy_value()

    return types.void(types.intp, types.intp), generate


@intrinsic
def transpose(context, sources, targets):
    """Read `LANES` vectors, exchange rows and columns and write them; addresses of arrays of the vectors' addresses.

    Each round exchanges the off-diagonal quarters of all blocks of 2 x `step` rows and columns.
    """

    def generate(context, builder, signature, arguments):
        sources, targets = arguments

        def vector(addresses, row):
            return builder.inttoptr(item(builder, WHOLE, addresses, INDEX(row)), VECTOR.as_pointer())

        rows = [builder.load(vector(sources, row), align=FLOAT_BYTES) for row in range(LANES)]
        step = 1
        while step < LANES:
            upper = [LANES + (lane ^ step) if lane & step else lane for lane in range(LANES)]
            lower = [LANES + lane if lane & step else lane ^ step for lane in range(LANES)]
            for row in (row for row in range(LANES) if not row & step):
                pair = rows[row], rows[row | step]
                rows[row] = builder.shuffle_vector(*pair, ir.Constant(INDICES, upper))
                rows[row | step] = builder.shuffle_vector(*pair, ir.Constant(INDICES, lower))
            step *= 2
        for row, values in enumerate(rows):
            builder.store(values, vector(targets, row), align=FLOAT_BYTES)
        return context.get_dummy_value()

    return types.void(types.intp, types.intp), generate
