"""Implicit GEMM: convolution as matrix multiplication on CUDA, without the matrix of windows.

im2col writes every window of the image out as a row and multiplies. A kernel that multiplies in
tiles, as `matmul_cuda.py` does, needs only a tile of that matrix at a time, and can pick it from
the image itself. What remains is to work out where each number lies.

Forward: Y = X W + b. Row (n, p, q) of X is a window, depth (i, j, c) a tap:

    X[(n,p,q), (i,j,c)] = x[n, y + i, x + j, c]      with y = p s - top, x = q s - left

and 0 off the image. In NHWC the taps (j, c) of a window's row i are neighbours, of the image and of
the weights alike: a window is kh **runs** of kw C numbers. Let t = j C + c count along a run. Then

    address ((n H + y + i) W + x) C + t,   on the image if 0 <= y + i < H and 0 <= x C + t < W C

For a run a thread works out the first part and x C once for each of its 8 windows. From then on a
number costs two additions and one comparison: "below W C", unsigned, where a negative number is a
huge one; and a window whose row i is off the image is moved so far to the left that it never
passes. The sums start at the bias.

Gradient of the input: pixel (n, y, x) gathers from the windows that saw it,

    dx[n,y,x,c] = sum over i,j,o of  dY[n,p,q,o] w[i,j,c,o]    where  p s = y + top - i, q alike

With stride 1 and i' = kh - 1 - i this reads dY[n, y - (kh - 1 - top) + i', ...]: **again a
convolution**, of dY with the kernel turned by half a turn and C and O exchanged, its windows
starting kh - 1 - top before the image. With stride s we lay dY out s apart, zeros in between, and
stride 1 is back. (One number in s^2 is not 0; the others cost as much.)

Gradient of the weights: dW = X^T dY, the same X, now with depth (n, p, q). It has few outputs and a
long depth, which is cut into parts as in `matmul_cuda.py`. The gradient of the bias, the sum of
dY's rows, is read off its tiles.

Bound: instructions, as in `matmul_cuda.py`: of those that belong to a slice of the depth, two in
three multiply. Fetched from global memory: 2 m n k / 64 numbers, with (m, k, n) = (pixels, kh kw C,
O), (pixels, kh kw O, C) and (kh kw C, pixels, O).

Limits, checked: 2^31 - 1 numbers in an array, 2^29 in a row of an image. Addresses and coordinates
are kept in int32. Device memory: the partial sums, about 8 MiB in float32; the turned weights; with
a stride, dY laid out.
"""

from __future__ import annotations

import math

import numpy as np

from ..device.backend import CUDA_THREADS, Kernel, blocks, empty, zeros
from ..device.cuda_target import cuda, cuda_function, cuda_kernel, divide
from ..products.matmul_cuda import (
    FOUR,
    HALF,
    MICRO,
    SIDE,
    SLICE,
    THREADS,
    TILE,
    add_in_order,
    clear,
    fetch_across,
    multiply,
    parts_of,
    shared_tiles,
    store,
)
from ..window import Window
from .im2col import conv_backward_im2col, conv_forward_im2col

ROW_LIMIT = 1 << 29  # numbers in a row of an image
NOWHERE = -ROW_LIMIT  # a place in a row from which no run leads back to the image

# -- Where a number lies: device functions. Sizes are (H, W, C), grids (H', W', O) ----------------


@cuda_function
def note_window(notes, r, pixel, pixels, grid, stride, corner, size):
    """Set notes[r] to the window of output pixel (n, p, q): its address, y, and x C."""
    row = divide(pixel, grid[1])
    n = divide(row, grid[0])
    y = (row - n * grid[0]) * stride[0] - corner[0]
    x = (pixel - row * grid[1]) * stride[1] - corner[1]
    notes[r, 0] = ((n * size[0] + y) * size[1] + x) * size[2]
    notes[r, 1] = y if pixel < pixels else NOWHERE
    notes[r, 2] = x * size[2]


@cuda_function
def find_runs(notes, r, i, size, at, edge):
    """Find where run i of a thread's MICRO windows starts in the array, and in the image's row."""
    for step in range(MICRO):
        row = r + step * SIDE
        inside = 0 <= notes[row, 1] + i < size[0]
        at[step] = notes[row, 0] + i * size[1] * size[2]
        edge[step] = notes[row, 2] if inside else NOWHERE


# -- Kernels: images flat; matrices (pixels, channels) --------------------------------------------


@cuda_kernel
def _forward_grid(x, weight, bias, kernel, stride, corner, size, grid, out):
    """Compute Y from a flat `weight`; a `bias` of size 0 counts as 0."""
    tiles = shared_tiles(x)
    notes = cuda.shared.array((TILE, 4), np.int32)
    at = cuda.local.array(MICRO, np.int32)
    edge = cuda.local.array(MICRO, np.int32)
    total = cuda.local.array((MICRO, MICRO), x.dtype)
    across = (out.shape[1] + TILE - 1) // TILE
    block, thread = cuda.blockIdx.x, cuda.threadIdx.x
    top, left = block // across * TILE, block % across * TILE
    run, width = kernel[1] * size[2], np.uint32(size[1] * size[2])

    note_window(notes, thread, top + thread, out.shape[0], grid, stride, corner, size)
    for j in range(MICRO):
        column = left + np.uint32(thread) % SIDE * FOUR + j // FOUR * HALF + j % FOUR
        value = bias[column] if column < bias.size else x.dtype.type(0)
        for i in range(MICRO):
            total[i, j] = value
    cuda.syncthreads()  # the 64 windows are noted
    # A thread keeps to its depth: channels are neighbours.
    k, r = np.uint32(thread) % SLICE, np.uint32(thread) // SLICE
    for i in range(kernel[0]):
        find_runs(notes, r, i, size, at, edge)
        for start in range(0, run, SLICE):
            t = np.int32(start + k if start + k < run else NOWHERE)
            for step in range(MICRO):
                inside = np.uint32(edge[step] + t) < width
                value = x[np.uint32(at[step] + t if inside else 0)]
                tiles[0, k, r + step * SIDE] = value if inside else x.dtype.type(0)
            fetch_across(
                weight, out.shape[1], left, i * run + start, (i + 1) * run, thread, tiles[1]
            )
            cuda.syncthreads()  # the tiles are complete
            multiply(tiles, thread, total)
            cuda.syncthreads()  # nobody reads them any more
    store(total, top, left, thread, False, out)


@cuda_kernel
def _weight_grid(dout, x, kernel, stride, corner, size, grid, pixels, span, dweight, dbias):
    """Compute partial sums dweight (parts, kh kw C, O), dbias (parts, O) of `span` pixels each."""
    tiles = shared_tiles(x)
    notes = cuda.shared.array((TILE, 4), np.int32)
    total = cuda.local.array((MICRO, MICRO), x.dtype)
    filters = dbias.shape[1]
    across = (filters + TILE - 1) // TILE
    block, part, thread = cuda.blockIdx.x, cuda.blockIdx.y, cuda.threadIdx.x
    top, left = block // across * TILE, block % across * TILE
    run, height, width = kernel[1] * size[2], np.uint32(size[0]), np.uint32(size[1] * size[2])
    # A thread keeps to its tap: run i, place t in it.
    i, t = np.int32((top + thread) // run), np.int32((top + thread) % run)
    at = np.int32(i * size[1] * size[2] + t)

    clear(total)
    bias = x.dtype.type(0)
    for first in range(part * span, min((part + 1) * span, pixels), TILE):
        note_window(notes, thread, first + thread, pixels, grid, stride, corner, size)
        cuda.syncthreads()  # 64 windows are noted
        for start in range(0, TILE, SLICE):
            for k in range(SLICE):
                row = start + k
                y, edge = np.uint32(notes[row, 1] + i), np.uint32(notes[row, 2] + t)
                inside = (y < height) & (edge < width)  # `and` would branch
                value = x[np.uint32(notes[row, 0] + at if inside else 0)]
                tiles[0, k, thread] = value if inside else x.dtype.type(0)
            fetch_across(dout, filters, left, first + start, pixels, thread, tiles[1])
            cuda.syncthreads()  # the tiles are complete
            multiply(tiles, thread, total)
            for k in range(SLICE):
                bias += tiles[1, k, thread]
            cuda.syncthreads()  # nobody reads them any more
    store(total, top, left, thread, False, dweight[part])
    if top == 0 and left + thread < filters:
        dbias[part, left + thread] = bias


@cuda_kernel
def _turn_grid(weight, turned):
    """Turn weight (kh, kw, C, O) by half a turn into turned (kh, kw, O, C): one read, one write."""
    index = cuda.grid(1)
    if index < turned.size:
        c, o = index % turned.shape[3], index // turned.shape[3] % turned.shape[2]
        tap = index // turned.shape[3] // turned.shape[2]
        i, j = tap // turned.shape[1], tap % turned.shape[1]
        turned[i, j, o, c] = weight[turned.shape[0] - 1 - i, turned.shape[1] - 1 - j, c, o]


@cuda_kernel
def _spread_grid(dout, stride, spread):
    """Set spread[n, s p, s q, o] = dout[n, p, q, o]; the zeros in between are there already."""
    index = cuda.grid(1)
    if index < dout.size:
        o, q = index % dout.shape[3], index // dout.shape[3] % dout.shape[2]
        row = index // dout.shape[3] // dout.shape[2]
        n, p = row // dout.shape[1], row % dout.shape[1]
        spread[n, p * stride[0], q * stride[1], o] = dout[n, p, q, o]


# -- Host functions ------------------------------------------------------------------------------


def _forward_cuda(x, weight, bias, window: Window, out):
    if out.size:
        kernel, stride, corner = window.geometry()
        _convolve(x, weight, bias, kernel, stride, corner, out)


def _convolve(x, weight, bias, kernel, stride, corner, out):
    _check(x, out)
    rows, filters = math.prod(out.shape[:3]), out.shape[3]
    _forward_grid[blocks(rows, TILE) * blocks(filters, TILE), THREADS](
        x.reshape(x.size), weight.reshape(weight.size), bias, kernel, stride, corner,
        tuple(x.shape[1:]), tuple(out.shape[1:]), out.reshape(rows, filters),
    )  # fmt: skip


def _backward_cuda(dout, x, weight, window: Window, dweight, dbias, dx):
    if x.shape[0] == 0:
        return
    _check(x, dout)
    pixels, filters = math.prod(dout.shape[:3]), dbias.size
    depth = weight.size // filters
    tiles = blocks(depth, TILE) * blocks(filters, TILE)
    parts, span = parts_of(pixels, tiles)
    dweights = empty((parts, depth, filters), like=x)
    dbiases = empty((parts, filters), like=x)
    _weight_grid[(tiles, parts), THREADS](
        dout.reshape(dout.size), x.reshape(x.size), *window.geometry(),
        tuple(x.shape[1:]), tuple(dout.shape[1:]), pixels, span, dweights, dbiases,
    )  # fmt: skip
    add_in_order(dweights.reshape(parts, weight.size), True, dweight.reshape(weight.size))
    add_in_order(dbiases, True, dbias)
    if dx.shape[0] == x.shape[0]:
        _input_gradient(dout, weight, window, dx)


def _input_gradient(dout, weight, window: Window, dx):
    """Compute dx as a convolution of dY, laid out `stride` apart, with the kernel turned."""
    kernel, stride, corner = window.geometry()
    turned = empty((*kernel, weight.shape[3], weight.shape[2]), like=weight)
    _turn_grid[blocks(turned.size), CUDA_THREADS](weight, turned)
    if stride != (1, 1):
        n, height, width, filters = dout.shape
        spread = zeros(
            (n, (height - 1) * stride[0] + 1, (width - 1) * stride[1] + 1, filters), like=dout
        )
        _spread_grid[blocks(dout.size), CUDA_THREADS](dout, stride, spread)
        dout = spread
    corner = kernel[0] - 1 - corner[0], kernel[1] - 1 - corner[1]
    _convolve(dout, turned, empty((0,), like=weight), kernel, (1, 1), corner, dx)


def _check(*images) -> None:
    """Raise ValueError unless int32 can hold every address."""
    for array in images:
        if array.size >= 1 << 31 or array.shape[2] * array.shape[3] >= ROW_LIMIT:
            raise ValueError(
                "the CUDA convolution takes arrays below 2^31 numbers and rows of an image below "
                f"2^29, got shape {tuple(array.shape)}: take fewer images at once"
            )


# On the CPU nothing is to be gained: the columns of a block stay in the cache.
conv_forward_implicit = Kernel(conv_forward_im2col.cpu, _forward_cuda)
conv_backward_implicit = Kernel(conv_backward_im2col.cpu, _backward_cuda)
