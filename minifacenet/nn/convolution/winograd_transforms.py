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

import numpy as np

from ..device.cpu_target import cpu_function
from .winograd_matrices import INFINITY, winograd_matrices

# Keyed by the size m of a tile. They are in the file of the kernels, which are compiled for them:
# Numba forgets what it compiled when this file changes.
POINTS = {
    2: (0, 1, -1, INFINITY),
    4: (0, Fraction(3, 4), Fraction(-3, 4), Fraction(5, 4), Fraction(-5, 4), INFINITY),
}

# -- Transforms along one axis -------------------------------------------------------------------


def _transforms(name, matrix):
    """Return functions that multiply by a fixed matrix M (points, taps) and by its transpose.

    M is a constant for the compiler: it unrolls the loops over M, leaves out the zeros, and takes
    many channels at once. Measured: as fast as formulas written out by hand.

    `name` keeps the functions apart. Numba calls machine code by the function's name and a number
    that counts within a process; so code of two processes, both read from the disk, could have one
    name, and a kernel would be linked with the wrong one.
    """
    matrix = tuple(tuple(float(value) for value in row) for row in matrix)
    points, taps = len(matrix), len(matrix[0])

    def spread(source, target, tile):
        scalar = source.dtype.type
        for c in range(source.shape[1]):
            for i in range(points):
                total = scalar(0)
                for a in range(taps):
                    if matrix[i][a] != 0:
                        total += scalar(matrix[i][a]) * source[a, c]
                target[i, tile, c] = total

    def gather(source, tile, target):
        scalar = source.dtype.type
        for c in range(target.shape[1]):
            for a in range(taps):
                total = target[a, c]
                for i in range(points):
                    if matrix[i][a] != 0:
                        total += scalar(matrix[i][a]) * source[i, tile, c]
                target[a, c] = total

    for function in (spread, gather):
        function.__qualname__ = f"{function.__name__}_{name}"
    return cpu_function(spread), cpu_function(gather)


_A2, _B2, _ = winograd_matrices(POINTS[2])
_A4, _B4, _ = winograd_matrices(POINTS[4])
_spread_a2, _gather_a2 = _transforms("a2", _A2)
_spread_b2, _gather_b2 = _transforms("b2", _B2.T)
_spread_a4, _gather_a4 = _transforms("a4", _A4)
_spread_b4, _gather_b4 = _transforms("b4", _B4.T)


# The size of a tile is known when they run: 4 x 4 outputs have 6 x 6 points.


@cpu_function
def _spread_inputs(source, target, tile):
    """Set target[:, tile] = B^T source: (n, C) -> (n, C)."""
    if len(target) == 6:
        _spread_b4(source, target, tile)
    else:
        _spread_b2(source, target, tile)


@cpu_function
def _spread_outputs(source, target, tile):
    """Set target[:, tile] = A source: (m, C) -> (n, C)."""
    if len(target) == 6:
        _spread_a4(source, target, tile)
    else:
        _spread_a2(source, target, tile)


@cpu_function
def _gather_inputs(source, tile, target):
    """Add B source[:, tile] to target: (n, C) -> (n, C)."""
    if len(source) == 6:
        _gather_b4(source, tile, target)
    else:
        _gather_b2(source, tile, target)


@cpu_function
def _gather_outputs(source, tile, target):
    """Add A^T source[:, tile] to target: (n, C) -> (m, C)."""
    if len(source) == 6:
        _gather_a4(source, tile, target)
    else:
        _gather_a2(source, tile, target)


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
    _spread_inputs(window.reshape(n, -1), half.reshape(n, 1, -1), np.intp(0))
    for i in range(n):
        for tile in range(tiles):
            _spread_inputs(half[i, tile * m : tile * m + n], points[i], first + tile)


@cpu_function
def outputs_to_points(image, top, m, scratch, points, first, tiles):
    """Set points[:, :, first:first + tiles] = A y A^T for each tile of a strip of outputs."""
    n = len(points)
    window, half = _buffers(scratch, m, n, tiles * m, image.shape[2])
    _see(image, top, 0, window)
    _spread_outputs(window.reshape(m, -1), half.reshape(n, 1, -1), np.intp(0))
    for i in range(n):
        for tile in range(tiles):
            _spread_outputs(half[i, tile * m : tile * m + m], points[i], first + tile)


@cpu_function
def inputs_from_points(points, first, tiles, m, scratch):
    """Return the sum of B points B^T, a strip of inputs (n, width, C) in scratch."""
    n, channels = len(points), points.shape[3]
    window, half = _buffers(scratch, n, n, (tiles - 1) * m + n, channels)
    half[:] = points.dtype.type(0)
    for i in range(n):
        for tile in range(tiles):
            _gather_inputs(points[i], first + tile, half[i, tile * m : tile * m + n])
    window[:] = points.dtype.type(0)
    _gather_inputs(half.reshape(n, 1, -1), np.intp(0), window.reshape(n, -1))
    return window


@cpu_function
def outputs_from_points(points, first, tiles, m, scratch):
    """Return A^T points A, a strip of outputs (m, width, C) in scratch."""
    n, channels = len(points), points.shape[3]
    window, half = _buffers(scratch, m, n, tiles * m, channels)
    half[:] = points.dtype.type(0)
    for i in range(n):
        for tile in range(tiles):
            _gather_outputs(points[i], first + tile, half[i, tile * m : tile * m + m])
    window[:] = points.dtype.type(0)
    _gather_outputs(half.reshape(n, 1, -1), np.intp(0), window.reshape(m, -1))
    return window


@cpu_function
def add_strip(window, top, left, image):
    """Add a strip to the image, whose row `top`, and column -`left`, is the strip's first."""
    height, _, channels = image.shape
    for a in range(max(0, -top), min(len(window), height - top)):
        row, seen = image[top + a].reshape(-1), window[a].reshape(-1)[left * channels :]
        for t in range(row.size):
            row[t] += seen[t]
