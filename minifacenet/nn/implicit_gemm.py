"""Implicit GEMM: convolution as matrix multiplication on CUDA, without the matrix of windows.

im2col writes every window of the image out as a row and multiplies. A kernel that multiplies in
tiles, as `matmul_cuda.py` does, needs only a tile of that matrix at a time, and can pick it from
the image itself. What is left to work out is where each number lies.

Forward: Y = X W + b. Row (n, p, q) of X is a window, depth (i, j, c) a tap:

    X[(n,p,q), (i,j,c)] = x[n, y + i, x + j, c]      with y = p s - top, x = q s - left

and 0 off the image. The address is a part for the row and one for the depth,

    ((n H + y) W + x) C   +   (i W + j) C + c

so a block notes y, x and the first part once for each of its 64 rows, in shared memory, and from
then on an address is one addition. The sums start at the bias.

Gradient of the weights: dW = X^T dY, the same X, now with depth (n, p, q). It has few outputs and a
long depth, so the depth is cut into parts, each with blocks and a partial sum of its own; a second
kernel adds the parts in order. How many there are depends on the shapes alone, so the result does
not depend on the machine. The gradient of the bias, the sum of dY's rows, is read off its tiles.

Gradient of the input: pixel (n, y, x) gathers from the windows that saw it,

    dx[n,y,x,c] = sum over i,j,o of  dY[n,p,q,o] w[i,j,c,o]    where  p s = y + top - i, q alike

A GEMM again: rows (n, y, x), depth (i, j, o), columns c. Divide by the stride: y + top = s a + e
and i = s b + f, with remainders e, f < s. Then p s = s (a - b) + (e - f), which asks for e = f and
p = a - b: nothing is left to divide for a pair of row and tap. The remainders join the coordinates:
a row stands at a + e FAR and a tap moves it by -(b + f FAR), FAR being more than an image is long.
That ends in 0 ... H' - 1 just when e = f and window p exists. So the kernel gathers as the forward
does. (With stride s, one tap in s^2 meets a window; the others multiply by 0.)

Limits, checked: 2^31 - 1 numbers in an array, FAR pixels along an axis, strides to 256. Addresses
and coordinates are kept in int32. Device memory: the partial sums, about 8 MiB in float32.
"""

from __future__ import annotations

import math

import numpy as np

from .backend import Kernel, blocks, cuda, cuda_function, cuda_kernel, empty
from .im2col import conv_backward_im2col, conv_forward_im2col
from .im2col_cuda import add_in_order
from .matmul_cuda import MICRO, PITCH, SIDE, SLICE, THREADS, TILE, clear, multiply, stage, store
from .window import Window

FAR = 1 << 20  # from one remainder's coordinates to the next's: more than an image is long
NOWHERE = -(1 << 29)  # a coordinate from which no tap leads to an image
PARTIAL_TILES = 512  # blocks that the weights' gradient is spread over, at least: see `_parts`

# -- Where a number lies: device functions. Sizes are (H, W, C), grids (H', W', O) ----------------


@cuda_function
def note_window(notes, r, pixel, pixels, grid, stride, corner, size):
    """notes[:, r] = address in x, y and x of the window of output pixel (n, p, q)."""
    n, p, q = pixel // (grid[0] * grid[1]), pixel // grid[1] % grid[0], pixel % grid[1]
    y, x = p * stride[0] - corner[0], q * stride[1] - corner[1]
    notes[0, r] = ((n * size[0] + y) * size[1] + x) * size[2]
    notes[1, r] = y if pixel < pixels else NOWHERE
    notes[2, r] = x


@cuda_function
def tap_of(k, depth, kernel, size):
    """Depth (i, j, c) -> what it adds to a window's address, y and x."""
    i, j, c = k // (kernel[1] * size[2]), k // size[2] % kernel[1], k % size[2]
    return (i * size[1] + j) * size[2] + c, (i if k < depth else NOWHERE), j


@cuda_function
def note_pixel(notes, r, pixel, pixels, size, stride, corner, grid):
    """notes[:, r] = address in dY and coordinates, with FAR, of the input pixel (n, y, x)."""
    n, y, x = pixel // (size[0] * size[1]), pixel // size[1] % size[0], pixel % size[1]
    y, x = y + corner[0], x + corner[1]
    p, q = y // stride[0], x // stride[1]
    notes[0, r] = ((n * grid[0] + p) * grid[1] + q) * grid[2]
    notes[1, r] = p + (y - p * stride[0]) * FAR if pixel < pixels else NOWHERE
    notes[2, r] = q + (x - q * stride[1]) * FAR


@cuda_function
def tap_back(k, depth, kernel, stride, grid):
    """Depth (i, j, o) -> what it adds to address and coordinates."""
    i, j, o = k // (kernel[1] * grid[2]), k // grid[2] % kernel[1], k % grid[2]
    p, q = i // stride[0], j // stride[1]
    y, x = p + (i - p * stride[0]) * FAR, q + (j - q * stride[1]) * FAR
    return o - (p * grid[1] + q) * grid[2], (-y if k < depth else NOWHERE), -x


@cuda_function
def pick(images, notes, r, at, y, x, size):
    """The number where tap (at, y, x) leads from r's window; 0 off the image."""
    y, x = notes[1, r] + y, notes[2, r] + x
    inside = 0 <= y < size[0] and 0 <= x < size[1]
    return images[np.uint32(notes[0, r] + at)] if inside else images.dtype.type(0)


# -- Kernels: images flat; matrices (pixels, channels) --------------------------------------------


@cuda_kernel
def _forward_grid(x, weight, bias, kernel, stride, corner, size, grid, out):
    tile_a = cuda.shared.array((SLICE, PITCH), x.dtype)
    tile_b = cuda.shared.array((SLICE, PITCH), x.dtype)
    notes = cuda.shared.array((3, TILE), np.int32)
    total = cuda.local.array((MICRO, MICRO), x.dtype)
    across = (out.shape[1] + TILE - 1) // TILE
    block, thread = cuda.blockIdx.x, cuda.threadIdx.x
    top, left = block // across * TILE, block % across * TILE

    note_window(notes, thread, top + thread, out.shape[0], grid, stride, corner, size)
    for j in range(MICRO):
        column = left + thread % SIDE + j * SIDE
        value = bias[column] if column < bias.size else x.dtype.type(0)
        for i in range(MICRO):
            total[i, j] = value
    cuda.syncthreads()  # the 64 windows are noted
    k, r = thread % SLICE, thread // SLICE  # a thread keeps to its depth: channels are neighbours
    for start in range(0, weight.shape[0], SLICE):
        at, dy, dx = tap_of(start + k, weight.shape[0], kernel, size)
        for step in range(TILE // SIDE):
            row = r + step * SIDE
            tile_a[k, row] = pick(x, notes, row, at, dy, dx, size)
        stage(weight, True, left, start, thread, tile_b)
        cuda.syncthreads()  # the tiles are complete
        multiply(tile_a, tile_b, thread, total)
        cuda.syncthreads()  # nobody reads them any more
    store(total, top, left, thread, False, out)


@cuda_kernel
def _input_grid(dout, weight, kernel, stride, corner, size, grid, dx):
    tile_a = cuda.shared.array((SLICE, PITCH), dout.dtype)
    tile_b = cuda.shared.array((SLICE, PITCH), dout.dtype)
    notes = cuda.shared.array((3, TILE), np.int32)
    total = cuda.local.array((MICRO, MICRO), dout.dtype)
    depth = kernel[0] * kernel[1] * grid[2]
    across = (size[2] + TILE - 1) // TILE
    block, thread = cuda.blockIdx.x, cuda.threadIdx.x
    top, left = block // across * TILE, block % across * TILE

    note_pixel(notes, thread, top + thread, dx.shape[0], size, stride, corner, grid)
    clear(total)
    cuda.syncthreads()  # the 64 pixels are noted
    k, r = thread % SLICE, thread // SLICE
    for start in range(0, depth, SLICE):
        at, y, x = tap_back(start + k, depth, kernel, stride, grid)
        for step in range(TILE // SIDE):
            row = r + step * SIDE
            tile_a[k, row] = pick(dout, notes, row, at, y, x, grid)
            inside = left + row < size[2] and start + k < depth
            c = np.uint32((start + k) // grid[2] * size[2] + left + row)
            o = np.uint32((start + k) % grid[2])
            tile_b[k, row] = weight[c, o] if inside else dout.dtype.type(0)
        cuda.syncthreads()  # the tiles are complete
        multiply(tile_a, tile_b, thread, total)
        cuda.syncthreads()  # nobody reads them any more
    store(total, top, left, thread, False, dx)


@cuda_kernel
def _weight_grid(dout, x, kernel, stride, corner, size, grid, span, dweight, dbias):
    """Partial sums dweight (parts, kh kw C, O), dbias (parts, O), of `span` pixels each."""
    tile_a = cuda.shared.array((SLICE, PITCH), x.dtype)
    tile_b = cuda.shared.array((SLICE, PITCH), x.dtype)
    notes = cuda.shared.array((3, TILE), np.int32)
    total = cuda.local.array((MICRO, MICRO), x.dtype)
    pixels, filters = dout.shape
    across = (filters + TILE - 1) // TILE
    block, part, thread = cuda.blockIdx.x, cuda.blockIdx.y, cuda.threadIdx.x
    top, left = block // across * TILE, block % across * TILE

    clear(total)
    bias = x.dtype.type(0)
    at, dy, dx = tap_of(top + thread, dweight.shape[1], kernel, size)
    for first in range(part * span, min((part + 1) * span, pixels), TILE):
        note_window(notes, thread, first + thread, pixels, grid, stride, corner, size)
        cuda.syncthreads()  # 64 windows are noted
        for start in range(0, TILE, SLICE):
            for k in range(SLICE):
                tile_a[k, thread] = pick(x, notes, start + k, at, dy, dx, size)
            stage(dout, True, left, first + start, thread, tile_b)
            cuda.syncthreads()  # the tiles are complete
            multiply(tile_a, tile_b, thread, total)
            for k in range(SLICE):
                bias += tile_b[k, thread]
            cuda.syncthreads()  # nobody reads them any more
    store(total, top, left, thread, False, dweight[part])
    if top == 0 and left + thread < filters:
        dbias[part, left + thread] = bias


# -- Host functions ------------------------------------------------------------------------------


def _forward_cuda(x, weight, bias, window: Window, out):
    rows, filters = math.prod(out.shape[:3]), bias.size
    if rows == 0:
        return
    matrix, flat = weight.reshape(weight.size // filters, filters), out.reshape(rows, filters)
    _forward_grid[blocks(rows, TILE) * blocks(filters, TILE), THREADS](
        x.reshape(x.size), matrix, bias, *_geometry(window, x, out), flat
    )


def _backward_cuda(dout, x, weight, window: Window, dweight, dbias, dx):
    n, height, width, channels = x.shape
    rows, filters = math.prod(dout.shape[:3]), dbias.size
    if n == 0:
        return
    matrix, geometry = weight.reshape(weight.size // filters, filters), _geometry(window, x, dout)
    tiles = blocks(matrix.shape[0], TILE) * blocks(filters, TILE)
    parts, span = _parts(tiles, rows)
    dweights = empty((parts, *matrix.shape), like=x)
    dbiases = empty((parts, filters), like=x)
    _weight_grid[(tiles, parts), THREADS](
        dout.reshape(rows, filters), x.reshape(x.size), *geometry, span, dweights, dbiases
    )
    add_in_order(dweights.reshape(parts, weight.size), dweight.reshape(weight.size))
    add_in_order(dbiases, dbias)
    if dx.shape[0] == n:
        pixels = n * height * width
        _input_grid[blocks(pixels, TILE) * blocks(channels, TILE), THREADS](
            dout.reshape(dout.size), matrix, *geometry, dx.reshape(pixels, channels)
        )


def _parts(tiles: int, pixels: int) -> tuple[int, int]:
    """Into how many parts to cut the pixels, and how long one is, so as to have enough blocks."""
    chunks = blocks(pixels, TILE)
    span = blocks(chunks, blocks(PARTIAL_TILES, tiles))
    return blocks(chunks, span), span * TILE


def _geometry(window: Window, x, out):
    """kernel, stride, corner, size (H, W, C), grid (H', W', O), if int32 can hold what follows."""
    for array in (x, out):
        if array.size >= 1 << 31 or max(array.shape[1:3]) >= FAR or max(window.stride) > 256:
            raise ValueError(
                f"the CUDA convolution takes arrays below 2^31 numbers, sides below {FAR} pixels "
                f"and strides to 256, got shape {tuple(array.shape)} and stride {window.stride}"
            )
    return (*window.geometry(), tuple(x.shape[1:]), tuple(out.shape[1:]))


# On the CPU there is nothing to gain: there the columns of a block stay in the cache.
conv_forward_implicit = Kernel(conv_forward_im2col.cpu, _forward_cuda)
conv_backward_implicit = Kernel(conv_backward_im2col.cpu, _backward_cuda)
