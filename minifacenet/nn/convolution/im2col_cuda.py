"""im2col on CUDA: the windows of a block of pixels in global memory, then `matmul`.

The matrix of all windows would need kh kw times the memory of the image. So we take the output
pixels (n, p, q), counted through the whole batch, in blocks whose columns fill COLUMN_BYTES at
most, and use that memory again for each block, and in the backward for dcolumns, too.

One thread computes one number. In `_im2col_grid` neighbours write neighbouring columns, and read
neighbouring channels. In `_col2im_grid` a thread owns a number of dx, and *gathers* the copies that
were made of it. A pixel's windows may fall into two blocks: the second adds to what the first left.

This is the plain form, to compare with: every number of a window goes to global memory once and
comes back at least once, kh kw times the image each way. `implicit_gemm.py` avoids that.
"""

from __future__ import annotations

import math

from ..device.backend import CUDA_THREADS, Array, blocks, empty
from ..device.cuda_target import cuda, cuda_kernel
from ..products.bias import add_bias
from ..products.matmul import matmul
from ..products.matmul_cuda import add_in_order
from ..window import Window

COLUMN_BYTES = 1 << 28  # 256 MiB: thousands of blocks of threads for each launch

# -- Kernels -------------------------------------------------------------------------------------


@cuda_kernel
def _im2col_grid(x, kernel, stride, corner, grid, first, columns):
    """Fill columns (pixels, kh kw C) with the windows of output pixels from `first` on."""
    index = cuda.grid(1)
    if index < columns.size:
        row, k = index // columns.shape[1], index % columns.shape[1]
        tap, c = k // x.shape[3], k % x.shape[3]
        n, pixel = (first + row) // (grid[0] * grid[1]), (first + row) % (grid[0] * grid[1])
        y = pixel // grid[1] * stride[0] - corner[0] + tap // kernel[1]
        q = pixel % grid[1] * stride[1] - corner[1] + tap % kernel[1]
        inside = 0 <= y < x.shape[1] and 0 <= q < x.shape[2]
        columns[row, k] = x[n, y, q, c] if inside else x.dtype.type(0)


@cuda_kernel
def _col2im_grid(columns, kernel, stride, corner, grid, first, dx):
    """Apply the adjoint: add to each number of dx (N, H, W, C) its copies in `columns`."""
    index = cuda.grid(1)
    if index < dx.size:
        pixel, c = index // dx.shape[3], index % dx.shape[3]
        n, y, x = pixel // dx.shape[2] // dx.shape[1], pixel // dx.shape[2], pixel % dx.shape[2]
        y -= n * dx.shape[1]
        total = dx[n, y, x, c]
        for i in range(kernel[0]):
            p = (y + corner[0] - i) // stride[0]
            if p * stride[0] == y + corner[0] - i and 0 <= p < grid[0]:
                for j in range(kernel[1]):
                    q = (x + corner[1] - j) // stride[1]
                    row = (n * grid[0] + p) * grid[1] + q - first
                    seen = q * stride[1] == x + corner[1] - j and 0 <= q < grid[1]
                    if seen and 0 <= row < columns.shape[0]:
                        total += columns[row, (i * kernel[1] + j) * dx.shape[3] + c]
        dx[n, y, x, c] = total


@cuda_kernel
def _sum_pixels_grid(dout, sums):
    """Sum dout (N, pixels, O) -> sums (N, O). A thread owns one channel of an image."""
    index = cuda.grid(1)
    if index < sums.size:
        n, o = index // sums.shape[1], index % sums.shape[1]
        total = sums.dtype.type(0)
        for pixel in range(dout.shape[1]):
            total += dout[n, pixel, o]
        sums[n, o] = total


# -- Host functions ------------------------------------------------------------------------------


def conv_forward(x: Array, weight: Array, bias: Array, window: Window, out: Array) -> None:
    pixels, filters = math.prod(out.shape[:3]), bias.size
    if pixels == 0:
        return
    matrix = weight.reshape(weight.size // filters, filters)
    flat, geometry = out.reshape(pixels, filters), (*window.geometry(), tuple(out.shape[1:3]))
    for first, columns in _blocks_of_columns(x, pixels, matrix.shape[0]):
        _im2col_grid[blocks(columns.size), CUDA_THREADS](x, *geometry, first, columns)
        matmul(columns, matrix, flat[first : first + columns.shape[0]])
    add_bias(bias, flat)


def conv_backward(
    dout: Array, x: Array, weight: Array, window: Window, dweight: Array, dbias: Array, dx: Array
) -> None:
    """Add to dweight and dbias, and compute dx unless it is empty."""
    n, out_h, out_w, filters = dout.shape
    if n == 0:
        return
    area, shape = out_h * out_w, (weight.size // filters, filters)
    matrix, dmatrix = weight.reshape(*shape), dweight.reshape(*shape)
    flat, geometry = dout.reshape(n * area, filters), (*window.geometry(), (out_h, out_w))
    if dx.shape[0] == n:
        dx[:] = 0
    for first, columns in _blocks_of_columns(x, n * area, shape[0]):
        d = flat[first : first + columns.shape[0]]
        _im2col_grid[blocks(columns.size), CUDA_THREADS](x, *geometry, first, columns)
        matmul(columns, d, dmatrix, transpose_a=True, accumulate=True)
        if dx.shape[0] == n:
            matmul(d, matrix, columns, transpose_b=True)
            image, last = first // area, (first + columns.shape[0] - 1) // area
            images = dx[image : last + 1]
            _col2im_grid[blocks(images.size), CUDA_THREADS](
                columns, *geometry, first - image * area, images
            )
    sums = empty((n, filters), like=dout)
    _sum_pixels_grid[blocks(sums.size), CUDA_THREADS](dout.reshape(n, area, filters), sums)
    add_in_order(sums, True, dbias)


def _blocks_of_columns(x, pixels: int, depth: int):
    """Yield (first pixel, memory for the columns of a block), block after block."""
    rows = max(1, min(pixels, COLUMN_BYTES // (depth * x.dtype.itemsize)))
    columns = empty((rows, depth), like=x)
    for first in range(0, pixels, rows):
        yield first, columns[: min(rows, pixels - first)]
