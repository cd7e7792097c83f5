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

from . import im2col_cuda
from .backend import Kernel, blas_threads, cpu_function, cpu_kernel
from .window import Window

BLOCK_BYTES = 1 << 20  # columns of one task: about the size of a core's L2 cache
PARTIAL_SUMS = 16  # images are summed into at most this many dW, whatever the number of threads

# -- Kernels -------------------------------------------------------------------------------------


@cpu_function
def _im2col(image, first, last, kernel, stride, corner, out_w, columns):
    """Windows of the output rows first..last-1, image (H, W, C) -> columns (pixels, kh kw C)."""
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
    """The adjoint: image (H, W, C) = for each pixel the sum of its copies in columns."""
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


@cpu_kernel
def _forward_blocks(x, weight, bias, kernel, stride, corner, rows, scratch, out):
    n, out_h, out_w, filters = out.shape
    blocks = -(-out_h // rows)
    for task in prange(n * blocks):
        image, first = task // blocks, (task % blocks) * rows
        last = min(first + rows, out_h)
        columns = scratch[numba.get_thread_id(), : (last - first) * out_w]
        _im2col(x[image], first, last, kernel, stride, corner, out_w, columns)
        block = out[image, first:last].reshape((last - first) * out_w, filters)
        np.dot(columns, weight, block)
        for pixel in range(block.shape[0]):
            for o in range(filters):
                block[pixel, o] += bias[o]


@cpu_kernel
def _backward_images(dout, x, weight, kernel, stride, corner, scratch, product, dweight, dbias, dx):
    """dweight (parts, kh kw C, O), dbias (parts, O): partial sums. An empty dx is not computed."""
    n, out_h, out_w, filters = dout.shape
    parts = dweight.shape[0]
    for part in prange(parts):
        thread = numba.get_thread_id()
        columns = scratch[thread]
        dweight[part] = 0
        dbias[part] = 0
        for image in range(part, n, parts):
            d = dout[image].reshape(out_h * out_w, filters)
            _im2col(x[image], 0, out_h, kernel, stride, corner, out_w, columns)
            np.dot(columns.T, d, product[thread])
            dweight[part] += product[thread]
            for pixel in range(d.shape[0]):
                for o in range(filters):
                    dbias[part, o] += d[pixel, o]
            if dx.shape[0] == n:
                np.dot(d, weight.T, columns)
                _col2im(columns, kernel, stride, corner, out_h, out_w, dx[image])


@cpu_kernel
def _add_in_order(parts, total):
    for i in prange(total.size):
        for part in range(parts.shape[0]):
            total[i] += parts[part, i]


def _forward_cpu(x, weight, bias, window: Window, out):
    _, _, out_w, filters = out.shape
    matrix = weight.reshape(-1, filters)
    rows = max(1, BLOCK_BYTES // (out_w * matrix.shape[0] * x.itemsize))
    rows = min(rows, out.shape[1])
    scratch = np.empty((numba.get_num_threads(), rows * out_w, matrix.shape[0]), x.dtype)
    with blas_threads(1):
        _forward_blocks(x, matrix, bias, *window.geometry(), rows, scratch, out)


def _backward_cpu(dout, x, weight, window: Window, dweight, dbias, dx):
    n, out_h, out_w, filters = dout.shape
    if n == 0:
        return
    matrix = weight.reshape(-1, filters)
    threads, parts = numba.get_num_threads(), min(n, PARTIAL_SUMS)
    scratch = np.empty((threads, out_h * out_w, matrix.shape[0]), x.dtype)
    product = np.empty((threads, *matrix.shape), x.dtype)
    dweight_parts = np.empty((parts, *matrix.shape), x.dtype)
    dbias_parts = np.empty((parts, filters), x.dtype)
    with blas_threads(1):
        _backward_images(
            dout, x, matrix, *window.geometry(), scratch, product, dweight_parts, dbias_parts, dx
        )
    _add_in_order(dweight_parts.reshape(parts, -1), dweight.reshape(-1))
    _add_in_order(dbias_parts, dbias)


conv_forward_im2col = Kernel(_forward_cpu, im2col_cuda.conv_forward)
conv_backward_im2col = Kernel(_backward_cpu, im2col_cuda.conv_backward)
