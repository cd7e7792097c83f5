"""The transforms of Winograd's convolution, strip by strip; `winograd.py` says what they compute.

Images are taken in strips, rows of tiles. First all columns of a strip are transformed at once:
it is one long loop, as pixels of a row lie beside each other in memory, and what two tiles share is
done once. Then come the rows of each tile. The result, "points" (n, n, tiles, C), holds a matrix
at each of the n n points.

`.._to_points` and `.._from_points` are each other's transpose. Forward takes the n inputs that a
tile sees to the points with B^T, and comes back to its m outputs with A^T; backward takes outputs
there with A, and comes back to inputs with B. Inputs and outputs have functions of their own, so
that a network that only goes forward compiles none of the transforms for backward.
"""

from __future__ import annotations

from fractions import Fraction

import numba
import numpy as np
from numba.core import cgutils, types
from numba.extending import intrinsic

from ..device.cpu_target import cpu_function
from ..products.llvm_vectors import (
    INDEX,
    ITEM,
    LANES,
    VECTOR,
    address,
    arrays,
    lanes_inside,
    load,
    store,
)
from .winograd_matrices import INFINITY, winograd_matrices

# Keyed by the size m of a tile. They are in the file of the kernels, which are compiled for them:
# Numba forgets what it compiled when this file changes.
POINTS = {
    2: (0, 1, -1, INFINITY),
    4: (0, Fraction(3, 4), Fraction(-3, 4), Fraction(5, 4), Fraction(-5, 4), INFINITY),
}

ZERO, ONE = np.intp(0), np.intp(1)  # of the type of other indices: else all is compiled twice

# -- Transforms along one axis -------------------------------------------------------------------
# `lines` (width, C) are pixels side by side. Tile t sees `taps` of them from t * step on, and its
# points are points[:, first + t], of (n, T, C).


def _transforms(name, matrix):
    """Return functions that multiply by a fixed matrix M (points, taps) and by its transpose.

    M is a constant for the compiler: it unrolls the loops over M and leaves out the zeros. In
    float32 `_in_vectors` computes all, by the same sums in the same order.

    `name` keeps the functions apart. Numba calls machine code by the function's name and a number
    that counts within a process; so code of two processes, both read from the disk, could have one
    name, and a kernel would be linked with the wrong one.
    """
    matrix = tuple(tuple(float(value) for value in row) for row in matrix)
    taps = len(matrix[0])
    spread_vectors, gather_vectors = _in_vectors(matrix, True), _in_vectors(matrix, False)

    def spread(lines, points, step, first, tiles):
        """Set points[:, first + t] = M lines[t * step :] for each tile t."""
        scalar = lines.dtype.type
        if spread_vectors(lines, points, step, first, tiles):
            return
        for tile in range(tiles):
            for c in range(lines.shape[1]):
                for i in range(len(matrix)):
                    total = scalar(0)
                    for a in range(taps):
                        if matrix[i][a] != 0:
                            total += scalar(matrix[i][a]) * lines[tile * step + a, c]
                    points[i, first + tile, c] = total

    def gather(lines, points, step, first, tiles):
        """Add M^T points[:, first + t] to lines[t * step :] for each tile t."""
        scalar = lines.dtype.type
        if gather_vectors(lines, points, step, first, tiles):
            return
        for tile in range(tiles):
            for c in range(lines.shape[1]):
                for a in range(taps):
                    total = lines[tile * step + a, c]
                    for i in range(len(matrix)):
                        if matrix[i][a] != 0:
                            total += scalar(matrix[i][a]) * points[i, first + tile, c]
                    lines[tile * step + a, c] = total

    for function in (spread, gather):
        function.__qualname__ = f"{function.__name__}_{name}"
    return cpu_function(spread), cpu_function(gather)


def _in_vectors(matrix, spreads):
    """Return `spread`, or `gather`, in LLVM's instructions; it returns False for float64.

    The loop in Python is vectorised, too. But each time LLVM first compares all addresses with each
    other, lest lines and points be the same memory, and for 32 channels that takes longer than the
    sums.
    """

    def emit(context, builder, signature, arguments):
        lines, points = arrays(context, builder, signature, arguments, 2)
        step, first, tiles = arguments[2:]
        _, channels = cgutils.unpack_tuple(builder, lines.shape)
        next_line, _ = cgutils.unpack_tuple(builder, lines.strides)
        next_point, next_tile, _ = cgutils.unpack_tuple(builder, points.strides)
        whole = builder.and_(channels, INDEX(-LANES))

        def compute(tile, c, mask):
            """Write what a tile takes for LANES channels from c on, or for those of a mask."""
            line, at = builder.mul(tile, step), (c, INDEX(ITEM))
            here = builder.add(first, tile), next_tile
            seen, made = [], []
            for a in range(len(matrix[0])):
                row = builder.add(line, INDEX(a)), next_line
                seen.append(address(builder, lines.data, VECTOR, row, at))
            for i in range(len(matrix)):
                point = INDEX(i), next_point
                made.append(address(builder, points.data, VECTOR, point, here, at))
            if spreads:
                _multiply(builder, matrix, seen, made, False, mask)
            else:
                _multiply(builder, list(zip(*matrix, strict=True)), made, seen, True, mask)

        with cgutils.for_range(builder, tiles) as loop:
            with cgutils.for_range_slice(builder, INDEX(0), whole, INDEX(LANES)) as (c, _):
                compute(loop.index, c, None)
            with builder.if_then(builder.icmp_signed("<", whole, channels)):
                compute(loop.index, whole, lanes_inside(builder, whole, channels))
        return cgutils.true_bit

    def none(context, builder, signature, arguments):
        return cgutils.false_bit

    def vectors(typing_context, lines, points, step, first, tiles):
        given = types.boolean(lines, points, types.intp, types.intp, types.intp)
        return given, emit if lines.dtype == types.float32 else none

    if numba.config.DISABLE_JIT:
        return lambda lines, points, step, first, tiles: False
    return intrinsic(vectors)


def _multiply(builder, matrix, sources, targets, accumulate, mask):
    """Write vectors = matrix vectors, or +=, given where in memory they are."""
    values = [load(builder, place, mask) for place in sources]
    for row, place in zip(matrix, targets, strict=True):
        total = load(builder, place, mask) if accumulate else None
        for factor, value in zip(row, values, strict=True):
            if factor:
                part = builder.fmul(VECTOR([factor] * LANES), value)
                total = part if total is None else builder.fadd(total, part)
        store(builder, total, place, mask)


_A2, _B2, _ = winograd_matrices(POINTS[2])
_A4, _B4, _ = winograd_matrices(POINTS[4])
_spread_a2, _gather_a2 = _transforms("a2", _A2)
_spread_b2, _gather_b2 = _transforms("b2", _B2.T)
_spread_a4, _gather_a4 = _transforms("a4", _A4)
_spread_b4, _gather_b4 = _transforms("b4", _B4.T)


# The size of a tile is known when they run: 4 x 4 outputs have 6 x 6 points.


@cpu_function
def _spread_inputs(lines, points, step, first, tiles):
    """Call `spread` for B^T, which takes the n inputs that a tile sees."""
    if len(points) == 6:
        _spread_b4(lines, points, step, first, tiles)
    else:
        _spread_b2(lines, points, step, first, tiles)


@cpu_function
def _spread_outputs(lines, points, step, first, tiles):
    """Call `spread` for A, which takes the m outputs of a tile."""
    if len(points) == 6:
        _spread_a4(lines, points, step, first, tiles)
    else:
        _spread_a2(lines, points, step, first, tiles)


@cpu_function
def _gather_inputs(lines, points, step, first, tiles):
    """Call `gather` for B."""
    if len(points) == 6:
        _gather_b4(lines, points, step, first, tiles)
    else:
        _gather_b2(lines, points, step, first, tiles)


@cpu_function
def _gather_outputs(lines, points, step, first, tiles):
    """Call `gather` for A^T."""
    if len(points) == 6:
        _gather_a4(lines, points, step, first, tiles)
    else:
        _gather_a2(lines, points, step, first, tiles)


# -- Transforms of a strip, a row of tiles -------------------------------------------------------


@cpu_function
def _buffers(scratch, taps, points, width, channels):
    """Return room for the pixels that a strip sees, (taps, width, C), and their half transform."""
    size = width * channels
    window = scratch[: taps * size].reshape(taps, width, channels)
    half = scratch[taps * size : (taps + points) * size].reshape(points, width, channels)
    return window, half


@cpu_function
def _see(image, top, left, window):
    """Copy rows of the image into the window (taps, width, C), after `left` columns of zeros.

    They begin at row `top`, which may be negative; there are zeros wherever the image ends.
    """
    height, _, channels = image.shape
    window[:] = image.dtype.type(0)
    for a in range(max(0, -top), min(len(window), height - top)):
        row, seen = image[top + a].reshape(-1), window[a].reshape(-1)[left * channels :]
        for t in range(row.size):
            seen[t] = row[t]


@cpu_function
def inputs_to_points(image, top, left, m, scratch, points, first, tiles):
    """Set points[:, :, first:first + tiles] = B^T d B for each tile of a strip of inputs.

    The strip begins at row `top` and `left` columns before the image: see `_see`.
    """
    n = len(points)
    window, half = _buffers(scratch, n, n, (tiles - 1) * m + n, image.shape[2])
    _see(image, top, left, window)
    _spread_inputs(window.reshape(n, -1), half.reshape(n, 1, -1), ZERO, ZERO, ONE)
    for i in range(n):
        _spread_inputs(half[i], points[i], m, first, tiles)


@cpu_function
def outputs_to_points(image, top, m, scratch, points, first, tiles):
    """Set points[:, :, first:first + tiles] = A y A^T for each tile of a strip of outputs."""
    n = len(points)
    window, half = _buffers(scratch, m, n, tiles * m, image.shape[2])
    _see(image, top, ZERO, window)
    _spread_outputs(window.reshape(m, -1), half.reshape(n, 1, -1), ZERO, ZERO, ONE)
    for i in range(n):
        _spread_outputs(half[i], points[i], m, first, tiles)


@cpu_function
def inputs_from_points(points, first, tiles, m, scratch):
    """Return the sum of B points B^T, a strip of inputs (n, width, C) in scratch."""
    n, channels = len(points), points.shape[3]
    window, half = _buffers(scratch, n, n, (tiles - 1) * m + n, channels)
    half[:] = points.dtype.type(0)
    for i in range(n):
        _gather_inputs(half[i], points[i], m, first, tiles)
    window[:] = points.dtype.type(0)
    _gather_inputs(window.reshape(n, -1), half.reshape(n, 1, -1), ZERO, ZERO, ONE)
    return window


@cpu_function
def outputs_from_points(points, first, tiles, m, scratch):
    """Return A^T points A, a strip of outputs (m, width, C) in scratch."""
    n, channels = len(points), points.shape[3]
    window, half = _buffers(scratch, m, n, tiles * m, channels)
    half[:] = points.dtype.type(0)
    for i in range(n):
        _gather_outputs(half[i], points[i], m, first, tiles)
    window[:] = points.dtype.type(0)
    _gather_outputs(window.reshape(m, -1), half.reshape(n, 1, -1), ZERO, ZERO, ONE)
    return window


@cpu_function
def add_strip(window, top, left, image):
    """Add a strip to the image, whose row `top`, and column -`left`, is the strip's first."""
    height, _, channels = image.shape
    for a in range(max(0, -top), min(len(window), height - top)):
        row, seen = image[top + a].reshape(-1), window[a].reshape(-1)[left * channels :]
        for t in range(row.size):
            row[t] += seen[t]
