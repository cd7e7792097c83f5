"""im2col: convolution as matrix multiplication.

A window of the image, kh x kw pixels of C channels, becomes one row of a matrix: the "columns" (the
name comes from the transposed layout). Convolution is then columns (pixels, kh kw C) times weights
(kh kw C, O), and matrix multiplication is what processors do best.

The price is memory: a 3x3 window copies each pixel nine times. So we never hold the whole matrix.
A task takes a block of output rows of one image whose columns fit in the cache, and multiplies them
at once. Every task writes its own rows of the output; one BLAS thread works for each task.

Backward, for one image: dW += columns^T dY, then dcolumns = dY W^T, and each input pixel *gathers*
the columns' entries that were copied from it. (Scattering them instead would make windows that
overlap write to the same pixel.) Images are summed into a fixed number of partial dW, and these in
order, so that the result does not depend on the number of threads.

In NHWC, a row of a window is kw * C neighbouring numbers in memory. On CUDA: `im2col_cuda.py`.
"""

from __future__ import annotations

import numba
import numpy as np
from numba import prange

from ..device.backend import Kernel, blas_threads
from ..device.cpu_target import cpu_function, cpu_kernel, thread_count
from ..products.in_kernels import empty_panels, multiply, pack
from ..window import Window
from . import im2col_cuda

BLOCK_BYTES = 1 << 17  # columns of one task: with the weights and the output in a core's L2 cache
PARTIAL_SUMS = 16  # images are summed into at most this many dW, whatever the number of threads

# -- Kernels -------------------------------------------------------------------------------------


@cpu_function
def _im2col(image, first, last, kernel, stride, corner, out_w, columns):
    """Copy the windows of output rows first..last-1: (H, W, C) -> columns (pixels, kh kw C)."""
    height, width, channels = image.shape
    (kh, kw), (sh, sw), (top, left) = kernel, stride, corner
    run, row_length = kw * channels, width * channels
    zero = image.dtype.type(0)
    rows = image.reshape(height, row_length)
    for p in range(first, last):
        for i in range(kh):
            y = p * sh - top + i
            for q in range(out_w):
                pixel, at = (p - first) * out_w + q, i * run
                start = (q * sw - left) * channels  # of the window's row in the image's row
                if 0 <= y < height and start >= 0 and start + run <= row_length:
                    for t in range(run):
                        columns[pixel, at + t] = rows[y, start + t]
                else:
                    for t in range(run):
                        inside = 0 <= y < height and 0 <= start + t < row_length
                        columns[pixel, at + t] = rows[y, start + t] if inside else zero


@cpu_function
def _col2im(columns, kernel, stride, corner, out_h, out_w, image):
    """Apply the adjoint: each pixel of image (H, W, C) = the sum of its copies in columns."""
    height, width, channels = image.shape
    (kh, kw), (sh, sw), (top, left) = kernel, stride, corner
    zero = image.dtype.type(0)
    for y in range(height):
        for x in range(width):
            pixel = image[y, x]
            pixel[:] = zero
            for i in range(kh):
                p = (y + top - i) // sh
                if p * sh != y + top - i or p < 0 or p >= out_h:
                    continue
                for j in range(kw):
                    q = (x + left - j) // sw
                    if q * sw != x + left - j or q < 0 or q >= out_w:
                        continue
                    at = (i * kw + j) * channels
                    copy = columns[p * out_w + q, at : at + channels]
                    for c in range(channels):
                        pixel[c] += copy[c]


@cpu_function
def _windows(image, first, last, kernel, stride, corner, out_w, plain, scratch):
    """Return the columns of some output rows, in `scratch`; if `plain`, the image itself."""
    if plain:
        return image[first:last].reshape((last - first) * out_w, image.shape[2])
    columns = scratch[: (last - first) * out_w]
    _im2col(image, first, last, kernel, stride, corner, out_w, columns)
    return columns


@cpu_function
def _affine(columns, weight, panels, bias, block):
    """Compute block = columns weight + bias, the bias first if a product can be added to it."""
    if panels.size:
        for pixel in range(block.shape[0]):
            for o in range(block.shape[1]):
                block[pixel, o] = bias[o]
        multiply(columns, weight, panels, block, True)
    else:
        multiply(columns, weight, panels, block, False)
        for pixel in range(block.shape[0]):
            for o in range(block.shape[1]):
                block[pixel, o] += bias[o]


@cpu_kernel
def _forward_blocks(x, weight, bias, kernel, stride, corner, plain, rows, scratch, panels, out):
    n, out_h, out_w, filters = out.shape
    blocks = -(-out_h // rows)
    pack(weight, panels)
    for task in prange(n * blocks):
        image, first = task // blocks, (task % blocks) * rows
        last = min(first + rows, out_h)
        mine = scratch[numba.get_thread_id()]
        columns = _windows(x[image], first, last, kernel, stride, corner, out_w, plain, mine)
        block = out[image, first:last].reshape((last - first) * out_w, filters)
        _affine(columns, weight, panels, bias, block)


@cpu_kernel
def _backward_images(
    dout, x, weight, kernel, stride, corner, plain, rows, scratch, panels, back_panels,
    dweight, dbias, dx,
):  # fmt: skip
    """Sum dweight (parts, kh kw C, O) and dbias (parts, O); an empty dx is not computed."""
    n, out_h, out_w, filters = dout.shape
    parts = dweight.shape[0]
    pack(weight.T, back_panels)
    for part in prange(parts):
        thread = numba.get_thread_id()
        dweight[part] = 0
        dbias[part] = 0
        for image in range(part, n, parts):
            for first in range(0, out_h, rows):
                last = min(first + rows, out_h)
                d = dout[image, first:last].reshape((last - first) * out_w, filters)
                columns = _windows(
                    x[image], first, last, kernel, stride, corner, out_w, plain, scratch[thread]
                )
                packed = panels[thread, :, : len(d)]
                pack(d, packed)
                multiply(columns.T, d, packed, dweight[part], True)
                for pixel in range(d.shape[0]):
                    for o in range(filters):
                        dbias[part, o] += d[pixel, o]
                if dx.shape[0] == n:
                    into = scratch[thread, : len(d)]
                    if plain:
                        into = dx[image, first:last].reshape(len(d), dx.shape[3])
                    multiply(d, weight.T, back_panels, into, False)
                    if not plain:  # all rows at once: pixels gather from windows above and below
                        _col2im(into, kernel, stride, corner, out_h, out_w, dx[image])


@cpu_kernel
def _add_in_order(parts, total):
    for i in prange(total.size):
        for part in range(parts.shape[0]):
            total[i] += parts[part, i]


def _is_plain(window: Window, x, out) -> bool:
    """Whether every window is one pixel, in order: then the columns are the image itself."""
    return (window.kernel, window.stride, x.shape[1:3]) == ((1, 1), (1, 1), out.shape[1:3])


def _rows(out_w: int, width: int, out_h: int, itemsize: int) -> int:
    """Return how many output rows' columns fit in the cache, at least one."""
    return min(out_h, max(1, BLOCK_BYTES // (out_w * width * itemsize)))


def _forward_cpu(x, weight, bias, window: Window, out):
    _, out_h, out_w, filters = out.shape
    matrix = weight.reshape(-1, filters)
    rows = _rows(out_w, len(matrix), out_h, x.itemsize)
    scratch = np.empty((thread_count(), rows * out_w, len(matrix)), x.dtype)
    panels = empty_panels((), len(matrix), filters, x.dtype)
    with blas_threads(1):
        _forward_blocks(
            x, matrix, bias, *window.geometry(), _is_plain(window, x, out), rows, scratch, panels,
            out,
        )  # fmt: skip


def _backward_cpu(dout, x, weight, window: Window, dweight, dbias, dx):
    n, out_h, out_w, filters = dout.shape
    if n == 0:
        return
    matrix = weight.reshape(-1, filters)
    k, threads, parts = len(matrix), thread_count(), min(n, PARTIAL_SUMS)
    # A window's gradient goes to pixels of other rows, so all rows of an image are taken at once.
    plain = _is_plain(window, x, dout)
    whole = len(dx) == n and not plain
    rows = out_h if whole else _rows(out_w, k, out_h, x.itemsize)
    scratch = np.empty((threads, rows * out_w, k), x.dtype)
    panels = empty_panels((threads,), rows * out_w, filters, x.dtype)
    back_panels = empty_panels((), filters, k, x.dtype)
    dweight_parts = np.empty((parts, *matrix.shape), x.dtype)
    dbias_parts = np.empty((parts, filters), x.dtype)
    with blas_threads(1):
        _backward_images(
            dout, x, matrix, *window.geometry(), plain, rows, scratch, panels, back_panels,
            dweight_parts, dbias_parts, dx,
        )  # fmt: skip
    _add_in_order(dweight_parts.reshape(parts, -1), dweight.reshape(-1))
    _add_in_order(dbias_parts, dbias)


conv_forward_im2col = Kernel(_forward_cpu, im2col_cuda.conv_forward)
conv_backward_im2col = Kernel(_backward_cpu, im2col_cuda.conv_backward)
