"""Products of a few rows with a large matrix, on the CPU: memory sets the pace, or should.

A batch of 8 before NN1's fc1 meets W of 12,544 x 8,192, 411 MB. A number of W, 4 bytes, takes 8
multiply-adds: where we measured, a core does all of them in 16 ms and reads W in 15. BLAS, which
first copies W into panels, takes 60 to 100 ms for each of the three products. So here W is read in
place, once, and what it meets stays near:

    Y = X W            `_wide`    a tile of Y, 8 rows x 32 columns, in registers; 12 rows of W at a
                                  time, then the tile waits in the cache for the next 12
    dX = dY W^T        `_dots`    6 rows of W x 4 of dY: 24 sums, each over a whole row of W
    dW += X^T dY       `_outer`   the micro-kernel, which has k = 8 only, along the rows of dW

Why 12 rows? A longer run down W would leave Y in registers. But the rows of W lie 32 KB apart, and
of cache lines so far apart (any multiple of 4 KB) L1 holds 8, or 12. And a processor foresees what
is read along a row, not down a column: so the lines are asked for by hand, 24 rows ahead.

A number of Y is a sum in the order of k, in parts of 1,024 (a long sum, number by number, loses
digits); one of dX is a sum of LANES sums. Neither depends on the number of threads.

Shapes: few (m, ...) rows, m from 2 to 16; all C-ordered and float32.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import prange, types
from numba.core import cgutils
from numba.extending import intrinsic

from ..device.cpu_target import cpu_kernel
from .llvm_vectors import (
    FLOAT,
    INDEX,
    INT32,
    ITEM,
    LANES,
    VECTOR,
    VECTORS,
    ZEROS,
    add_product,
    address,
    all_lanes,
    arrays,
    fetch_early,
    need_float32,
    rows_inside,
    variables,
)
from .microkernel import PANEL, TALL, pack_panels, panels_shape, tall_tile

FEW = range(2, 17)  # rows: above, BLAS is as fast; for one row it has a function of its own
SLICE, AHEAD = 12, 24  # rows of W: that meet a tile; from which on lines are asked for
PART = 1024  # products of one partial sum
SPAN = 1024  # columns of Y of a task
HIGH, WIDE = (8, 2), (4, VECTORS)  # rows and vectors of a tile of Y; the second for the last 4
ROWS_A_TASK = 16 * TALL  # of W

# -- The tiles, in LLVM's instructions -----------------------------------------------------------


def _wide(height, width):
    """Return tile(a, b, c, row, column, first, last): c += a[:, first:last] b[first:last].

    The tile is `height` rows x `width` vectors of c. A row beyond the last one is computed as a
    copy of it, and stored over it.
    """

    def emit(context, builder, signature, arguments):
        a, b, c = arrays(context, builder, signature, arguments, 3)
        row, column, first, last = arguments[3:]
        rows, _ = cgutils.unpack_tuple(builder, c.shape)
        (a_down, a_right), (b_down, _), (c_down, _) = (
            cgutils.unpack_tuple(builder, x.strides) for x in (a, b, c)
        )
        columns = [builder.add(column, INDEX(j * LANES)) for j in range(width)]
        inside, sums = rows_inside(builder, row, height, rows), variables(builder, height, width)
        places = [
            [address(builder, c.data, VECTOR, (i, c_down), (j, INDEX(ITEM))) for j in columns]
            for i in inside
        ]
        cells = [(i, j) for i in range(height) for j in range(width)]
        for i, j in cells:
            builder.store(builder.load(places[i][j], align=ITEM), sums[i][j])
        with cgutils.for_range(builder, last, start=first) as loop:
            k, vectors = loop.index, []
            later = builder.add(k, INDEX(AHEAD))
            for j in columns:
                along = j, INDEX(ITEM)
                place = address(builder, b.data, VECTOR, (k, b_down), along)
                vectors.append(builder.load(place, align=ITEM))
                fetch_early(builder, address(builder, b.data, VECTOR, (later, b_down), along))
            for i, row_of_sums in zip(inside, sums, strict=True):
                value = builder.load(address(builder, a.data, FLOAT, (i, a_down), (k, a_right)))
                value = all_lanes(builder, value)
                for vector, total in zip(vectors, row_of_sums, strict=True):
                    add_product(builder, total, value, vector)
        for i, j in cells:
            builder.store(builder.load(sums[i][j]), places[i][j], align=ITEM)
        return context.get_dummy_value()

    @intrinsic
    def tile(typing_context, a, b, c, row, column, first, last):
        need_float32(a, b, c)
        return types.void(a, b, c, *(types.intp,) * 4), emit

    return tile


def _sum_of_lanes(builder, vector):
    """Return the sum of a vector's lanes: halves are added, then quarters, ..."""
    kind, half = ir.VectorType(INT32, LANES), LANES // 2
    while half:
        other = ir.Constant(kind, [lane ^ half for lane in range(LANES)])
        vector = builder.fadd(vector, builder.shuffle_vector(vector, vector, other))
        half //= 2
    return builder.extract_element(vector, INT32(0))


@intrinsic
def _dots(typing_context, a, b, out, first, row):
    """Set out[i, r] = a[i] . b[r] for 4 rows of a, from `first` on, and TALL rows of b."""
    need_float32(a, b, out)

    def emit(context, builder, signature, arguments):
        a, b, out = arrays(context, builder, signature, arguments, 3)
        first, row = arguments[3:]
        (m, n), (k, _) = (cgutils.unpack_tuple(builder, x.shape) for x in (a, b))
        (a_down, _), (b_down, _), (down, right) = (
            cgutils.unpack_tuple(builder, x.strides) for x in (a, b, out)
        )
        of_a, of_b = rows_inside(builder, first, 4, m), rows_inside(builder, row, TALL, k)
        sums = variables(builder, 4, TALL)
        for total in (total for row_of_sums in sums for total in row_of_sums):
            builder.store(ZEROS, total)
        with cgutils.for_range(builder, builder.udiv(n, INDEX(LANES))) as loop:
            along, vectors = (loop.index, INDEX(LANES * ITEM)), []
            for r in of_b:
                place = address(builder, b.data, VECTOR, (r, b_down), along)
                vectors.append(builder.load(place, align=ITEM))
            for i, row_of_sums in zip(of_a, sums, strict=True):
                place = address(builder, a.data, VECTOR, (i, a_down), along)
                value = builder.load(place, align=ITEM)
                for vector, total in zip(vectors, row_of_sums, strict=True):
                    add_product(builder, total, value, vector)
        for i, row_of_sums in zip(of_a, sums, strict=True):
            for r, total in zip(of_b, row_of_sums, strict=True):
                place = address(builder, out.data, FLOAT, (i, down), (r, right))
                builder.store(_sum_of_lanes(builder, builder.load(total)), place)
        return context.get_dummy_value()

    return types.void(a, b, out, types.intp, types.intp), emit


_high_tile, _wide_tile = _wide(*HIGH), _wide(*WIDE)

# -- Kernels -------------------------------------------------------------------------------------


@cpu_kernel
def few_times(a, b, accumulate, out):
    """Compute out = A B or out += A B: A (m, k), B (k, n), n a multiple of PANEL."""
    k, n = b.shape
    m = len(a)
    for task in prange(-(-n // SPAN)):
        left, right = task * SPAN, min((task + 1) * SPAN, n)
        total, part = out[:, left:right], np.empty((m, right - left), a.dtype)
        matrix = b[:, left:right]
        if not accumulate:
            total[:] = a.dtype.type(0)
        for start in range(0, k, PART):
            part[:] = a.dtype.type(0)
            end = min(start + PART, k)
            for first in range(start, end, SLICE):
                last = min(first + SLICE, end)
                for column in range(0, right - left, PANEL):
                    for row in range(0, m, HIGH[0]):
                        if m - row > WIDE[0]:
                            for half in range(column, column + PANEL, HIGH[1] * LANES):
                                _high_tile(a, matrix, part, row, half, first, last)
                        else:
                            _wide_tile(a, matrix, part, row, column, first, last)
            total += part


@cpu_kernel
def few_times_transposed(a, b, accumulate, out):
    """Compute out = A B^T or out += A B^T: A (m, n), B (k, n), n a multiple of LANES."""
    m, k = out.shape
    for task in prange(-(-k // ROWS_A_TASK)):
        start, end = task * ROWS_A_TASK, min((task + 1) * ROWS_A_TASK, k)
        part = np.empty((m, end - start), a.dtype)
        for row in range(start, end, TALL):
            for first in range(0, m, 4):
                _dots(a, b[start:end], part, first, row - start)
        if accumulate:
            out[:, start:end] += part
        else:
            out[:, start:end] = part


@cpu_kernel
def transposed_times_few(a, b, accumulate, panels, out):
    """Compute out = A^T B or out += A^T B: A (m, k), B (m, n); `panels` is room for those of B."""
    pack_panels(b, panels)
    k, count = len(out), len(panels)
    for task in prange(-(-k // ROWS_A_TASK)):
        rows = slice(task * ROWS_A_TASK, min((task + 1) * ROWS_A_TASK, k))
        mine, matrix = out[rows], a[:, rows].T
        for row in range(0, len(mine), TALL):
            for panel in range(count):
                tall_tile(matrix, panels, mine, row, panel, accumulate)


# -- Which kernel --------------------------------------------------------------------------------


def few_rows(
    a: np.ndarray,
    b: np.ndarray,
    transpose_a: bool,
    transpose_b: bool,
    accumulate: bool,
    out: np.ndarray,
) -> bool:
    """Compute the product as `matmul` does, if it is one of those above; return whether it was."""
    if out.dtype != np.float32 or len(a) not in FEW or (transpose_a and transpose_b):
        return False
    if transpose_a:
        panels = np.empty(panels_shape(*b.shape), b.dtype)
        transposed_times_few(a, b, accumulate, panels, out)
    elif transpose_b and b.shape[1] % LANES == 0:
        few_times_transposed(a, b, accumulate, out)
    elif not transpose_b and b.shape[1] % PANEL == 0:
        few_times(a, b, accumulate, out)
    else:
        return False
    return True
