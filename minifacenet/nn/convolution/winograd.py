"""Winograd's convolution: 3x3 kernels of stride 1 with a quarter of the multiplications.

Two outputs of a filter g with three taps, y_0 = d_0 g_0 + d_1 g_1 + d_2 g_2 and its neighbour
y_1 = d_1 g_0 + d_2 g_1 + d_3 g_2, take six multiplications. Four will do:

    m_1 = (d_2 - d_0) (-g_0)                       y_0 = m_1 + m_2 + m_3
    m_2 = (d_1 + d_2) (g_0 + g_1 + g_2) / 2        y_1 = m_2 - m_3 + m_4
    m_3 = (d_2 - d_1) (g_0 - g_1 + g_2) / 2
    m_4 = (d_3 - d_1) g_2

With d = (1, 2, 3, 4) and g = (1, 1, 2): m = (-2, 10, 1, 4) and y = (9, 13). What is done to g is
done once for all images; what is done to d and m are additions. As matrices, ⊙ being the product
element by element:

    y = A^T [(G g) ⊙ (B^T d)]

This is F(2,3): two outputs, three taps. `winograd_matrices.py` derives A, B and G; they evaluate
polynomials at points, here 0, 1, -1 and infinity. F(4,3) has two points more, and makes six
multiplications of twelve.

In two dimensions, for a tile of m x m outputs, which sees n x n inputs (n = m + 2), we transform
the columns and then the rows:

    Y = A^T [U ⊙ V] A        U = G g G^T        V = B^T d B

F(4x4,3x3) makes 36 multiplications for 16 outputs, which take 144 otherwise: four times fewer.
F(2x2,3x3) makes 16 of 36. A layer sums over C channels; since A^T [.] A is linear, we sum U ⊙ V
over the channels first and transform the sum. At each of the n n points that is a matrix product,
tiles (T, C) times weights (C, O): matrix products again, fewer multiplications.

Accuracy. Evaluating at a point multiplies by its powers, and the result is a small difference of
large numbers: the larger the powers, the more digits are lost. In float32, the largest error over
the largest value, over the 3x3 layers of NN1:

    im2col 6e-7        F(2x2) 8e-7        F(4x4) with 0, ±3/4, ±5/4 and infinity 4e-6
                                          F(4x4) with 0, ±1, ±2 and infinity, as usual, 1.7e-5

The better points cost nothing. (B. Barabasz et al., "Error Analysis and Improving the Accuracy of
Winograd Convolution for Deep Neural Networks", 2020, search for such points.)

Backward. Every step is linear, so each is undone by its transpose, from the last to the first:

    dM = A dY A^T       dU = V^T dM       dW = G^T dU G       dV = dM U^T       dX += B dV B^T

with matrix products at each point for dU and dV. Tiles overlap in X by two pixels: they are added.

Infinity. A tile's outputs are differences of sums over all of its inputs, so a NaN in one pixel
shows in each output of the tile (2x2 tiles keep it to those that see the pixel), and an infinite
pixel gives NaN, inf - inf, where im2col gives infinity. What has to be bad is bad either way.

S. Winograd, "Arithmetic Complexity of Computations", 1980; A. Lavin and S. Gray, "Fast Algorithms
for Convolutional Neural Networks", 2016, whose letters these are.
"""

from __future__ import annotations

from functools import cache, lru_cache

import numpy as np

from ..device.backend import Kernel, blas_threads
from ..device.cpu_target import thread_count
from ..layer import Parameter
from ..products.in_kernels import empty_panels
from ..products.matmul import matmul
from ..window import Window
from .implicit_gemm import conv_backward_implicit, conv_forward_implicit
from .rectify import as_arguments
from .winograd_kernels import (
    all_from_points,
    all_to_points,
    forward_strips,
    multiply_back,
    pack_points,
    pack_transposed_points,
)
from .winograd_matrices import winograd_matrices
from .winograd_transforms import POINTS

SMALLEST_GROUP = 256  # tiles: fewer are not worth three parallel loops
FETCH = 5  # tiles: as long as it takes to multiply so many, it takes to fetch the weights


@lru_cache(4096)
def fastest_tile(window: Window, channels: int, shape: tuple[int, ...]) -> int | None:
    """Return the size m of a tile, 2 or 4, with which Winograd's is the fastest; None: im2col is.

    `shape` is that of the output, (N, H', W', O). Measured with one thread in float32: with 16
    channels or more and 32 filters or more, the way with the fewest multiplications is the fastest,
    if there are tiles enough: a single one has to fetch a U of 36 C O numbers, or of 16 C O. With
    fewer channels or filters, transforms take more than they save.
    """
    n, out_h, out_w, filters = shape
    if window.kernel != (3, 3) or window.stride != (1, 1) or channels < 16 or filters < 32:
        return None
    costs: dict[int | None, int] = {None: 9 * (n * out_h * out_w + FETCH)}
    for m in POINTS:  # the first of equals is the more exact
        costs[m] = (m + 2) ** 2 * (n * -(-out_h // m) * -(-out_w // m) + FETCH)
    return min(costs, key=lambda m: costs[m])


def transformed_weights(weight: np.ndarray, m: int) -> np.ndarray:
    """Return U = G g G^T for every channel and filter: (3, 3, C, O) -> (n, n, C, O), n = m + 2."""
    u = np.empty((m + 2, m + 2, *weight.shape[2:]), weight.dtype)
    matmul(_g_twice(m, weight.dtype), weight.reshape(9, -1), u.reshape((m + 2) ** 2, -1))
    return u


@cache
def _g_twice(m: int, dtype) -> np.ndarray:
    """Return (n n, 9), which takes the nine numbers of g to G g G^T, each fraction rounded once."""
    _, _, g = winograd_matrices(POINTS[m])
    return np.kron(g, g).astype(dtype)


class _Plan:
    """The strips and tiles of an output, and how many are computed at a time."""

    def __init__(self, x, out, m: int):
        _, out_h, out_w, filters = out.shape
        channels = x.shape[3]
        self.strips, self.tiles = -(-out_h // m), -(-out_w // m)
        # As many tiles as make the points of input and output as large as U. With fewer, fetching U
        # takes longer than multiplying; with more, they drop out of the cache.
        self.balanced = channels * filters // (channels + filters)
        width = self.tiles * m + 2
        # A strip, (m + 2, width, C) or (.., O), and its half transform, for each thread.
        size = 2 * (m + 2) * width * max(channels, filters)
        self.scratch = np.empty((thread_count(), size), x.dtype)


def packed_weights(weight: np.ndarray, m: int, transpose: bool) -> np.ndarray:
    """Return every point's U, or U^T, in the micro-kernel's panels; empty where BLAS multiplies."""
    k, n = weight.shape[:1:-1] if transpose else weight.shape[2:]
    panels = empty_panels((m + 2, m + 2), k, n, weight.dtype, least=0)
    if panels.size:
        u = transformed_weights(weight, m)
        (pack_transposed_points if transpose else pack_points)(u, panels)
    return panels


def _factors(weight: Parameter, m: int, transpose: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return U and its panels, or those of U^T, for the kernels: one of the two is empty."""
    panels = weight.derived(packed_weights, m, transpose)
    if panels.size:
        return np.empty((m + 2, m + 2, 0, 0), panels.dtype), panels
    return weight.derived(transformed_weights, m), panels


def _forward_cpu(x, weight: Parameter, bias, window: Window, m: int, slopes, out):
    plan, points, sizes = _Plan(x, out, m), (m + 2, m + 2), (x.shape[3], out.shape[3])
    share = -(-len(x) * plan.strips // thread_count())  # a task for each thread, at least
    chunk = max(1, min(plan.balanced // plan.tiles, share))
    shape = (thread_count(), *points, chunk * plan.tiles)
    v, products = (np.empty((*shape, size), x.dtype) for size in sizes)
    _, _, corner = window.geometry()
    u, panels = _factors(weight, m, False)
    rectified, slopes = as_arguments(slopes, x)
    row_bias, row_slopes = np.tile(bias, out.shape[2]), np.tile(slopes, out.shape[2])
    with blas_threads(1):
        forward_strips(
            x, u, panels, row_bias, corner, m, chunk, plan.scratch, v, products,
            rectified, row_slopes, out,
        )  # fmt: skip


def _backward_cpu(dout, x, weight: Parameter, window: Window, m: int, dweight, dbias, dx):
    plan, sizes = _Plan(x, dout, m), (x.shape[3], dout.shape[3])
    image_tiles = plan.strips * plan.tiles
    group = max(1, min(len(x), max(SMALLEST_GROUP, 2 * plan.balanced) // image_tiles))  # images
    shape = (m + 2, m + 2, group * image_tiles)
    v, dm = (np.empty((*shape, size), x.dtype) for size in sizes)
    sums = np.empty((group * plan.strips, dbias.size), x.dtype)
    du = np.zeros((m + 2, m + 2, *sizes), x.dtype)
    _, _, corner = window.geometry()
    u, panels = _factors(weight, m, True)
    dm_panels = empty_panels((thread_count(),), shape[2], sizes[1], x.dtype, least=0)
    for first in range(0, len(x), group):
        images = slice(first, first + group)
        count = len(x[images])
        all_to_points(dout[images], x[images], corner, m, plan.scratch, dm, v, sums)
        with blas_threads(1):
            multiply_back(dm, v, u, panels, count * image_tiles, len(dx) > 0, dm_panels, du)
        all_from_points(v, corner, m, *dout.shape[1:3], plan.scratch, dx[images])
        for strip in range(count * plan.strips):
            dbias += sums[strip]
    g_twice = _g_twice(m, x.dtype)
    matmul(g_twice, du.reshape(len(g_twice), -1), dweight.reshape(9, -1), True, accumulate=True)


# Not written for CUDA: there the implicit GEMM computes the same for every convolution.


def _forward_cuda(x, weight: Parameter, bias, window: Window, m: int, slopes, out):
    conv_forward_implicit(x, weight.data, bias, window, out)


def _backward_cuda(dout, x, weight: Parameter, window: Window, m: int, dweight, dbias, dx):
    conv_backward_implicit(dout, x, weight.data, window, dweight, dbias, dx)


conv_forward_winograd = Kernel(_forward_cpu, _forward_cuda)
conv_backward_winograd = Kernel(_backward_cpu, _backward_cuda)
