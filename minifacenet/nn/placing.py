"""Maps placed in larger maps, and cut out of them again: what joins the branches of a network.

A map (h, w, c) is placed with its corner (first row, first column, first channel) in a map
(H, W, C); its rows and columns are filled up with zeros on all sides, its channels are not, for
beside them stand those of other maps:

    out[n, y, x, first channel + k] = map[n, y - first row, x - first column, k], or 0 outside it

The gradient of a number that was copied is the one at its copy, and a zero that was filled in has
none to give. So the backward cuts: it reads where the forward wrote. Both gather, a thread per
number that is written, and nothing is added to by two threads.
"""

from __future__ import annotations

from numba import prange

from .device.backend import (
    CUDA_THREADS,
    Array,
    Kernel,
    as_pixels,
    blocks,
    contiguous,
    thread_per_element,
)
from .device.cpu_target import cpu_kernel
from .device.cuda_target import cuda, cuda_kernel, divide

# The CUDA kernels have one thread per number written. In float32 that is 4 bytes in and 4 out, for
# no arithmetic or one product, and three divisions to find the place: near the limit where
# instructions count as much as memory (`divide` tells it).


@cpu_kernel
def _place_cpu(piece, corner, out):
    top, left, first = corner
    n, height, width, channels = piece.shape
    _, rows, columns, _ = out.shape
    for task in prange(n * rows):
        image, row = task // rows, task % rows
        y = row - top
        for column in range(columns):
            x = column - left
            pixel = out[image, row, column, first : first + channels]
            if 0 <= y < height and 0 <= x < width:
                for c in range(channels):
                    pixel[c] = piece[image, y, x, c]
            else:
                pixel[:] = 0


@cuda_kernel
def _place_grid(piece, corner, out):
    top, left, first = corner
    n, height, width, channels = piece.shape
    _, rows, columns, _ = out.shape
    i = cuda.grid(1)
    if i < n * rows * columns * channels:
        pixel = divide(i, channels)
        line = divide(pixel, columns)
        image = divide(line, rows)
        row, column, c = line - image * rows, pixel - line * columns, i - pixel * channels
        y, x, value = row - top, column - left, out.dtype.type(0)
        if 0 <= y < height and 0 <= x < width:
            value = piece[image, y, x, c]
        out[image, row, column, first + c] = value


@cpu_kernel
def _cut_cpu(dout, corner, scale, dpiece):
    top, left, first = corner
    n, height, width, channels = dpiece.shape
    for task in prange(n * height):
        image, y = task // height, task % height
        for x in range(width):
            pixel = dout[image, y + top, x + left, first : first + channels]
            for c in range(channels):
                dpiece[image, y, x, c] = scale * pixel[c]


@cuda_kernel
def _cut_grid(dout, corner, scale, dpiece):
    top, left, first = corner
    _, height, width, channels = dpiece.shape
    i = cuda.grid(1)
    if i < dpiece.size:
        pixel = divide(i, channels)
        line = divide(pixel, width)
        image = divide(line, height)
        y, x, c = line - image * height, pixel - line * width, i - pixel * channels
        dpiece[image, y, x, c] = scale * dout[image, y + top, x + left, first + c]


def _place_cuda(piece, corner, out):
    written = out.shape[0] * out.shape[1] * out.shape[2] * piece.shape[3]
    _place_grid[blocks(written), CUDA_THREADS](piece, corner, out)


_place = Kernel(_place_cpu, _place_cuda)
_cut = Kernel(_cut_cpu, thread_per_element(_cut_grid))


def as_maps(array: Array) -> Array:
    """Return images (N, H, W, C) in C order, and any other (..., C) as so many of one pixel."""
    if len(array.shape) == 4:
        return contiguous(array)
    pixels = as_pixels(array)
    return pixels.reshape(pixels.shape[0], 1, 1, pixels.shape[1])


def place(piece: Array, corner: tuple[int, int, int], out: Array) -> None:
    """Place a map in `out` with its (row, column, channel) at `corner`, zeros around it."""
    _place(as_maps(piece), corner, as_maps(out))


def cut(dout: Array, corner: tuple[int, int, int], dpiece: Array, scale: float = 1.0) -> None:
    """Compute dpiece = scale times the part of `dout` of its size that begins at `corner`."""
    _cut(as_maps(dout), corner, dout.dtype.type(scale), as_maps(dpiece))
