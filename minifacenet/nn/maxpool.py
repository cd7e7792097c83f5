"""MaxPool: each output is the largest value in its window, channel by channel.

    y[n,p,q,c] = max over i,j of  x[n, p s + i - pad, q s + j - pad, c]

Outside the image x is -infinity, never 0: a padded zero would win against negative values. The
maximum passes its input through and ignores the others, so the gradient goes to the winner alone;
windows overlap (3x3, stride 2), so a pixel may win in several:

    dx[n,y,x,c] = sum of dout[n,p,q,c] over the windows (p,q) that (y,x) won

The first maximum in reading order wins a tie, in all implementations. A NaN wins over everything
(numpy's rule), so that it travels. Forward keeps each window's winner as the number of its
tap, i * kw + j, in one byte; backward gathers: every input pixel asks its windows whether it won.

Without a backward nobody asks who won: `largest.py` is two to eight times as fast.

Shapes: x (N, H, W, C) -> y (N, H', W', C), see `Window.output_size`; a window that hangs over the
edge (`ceil_mode`) sees what is there. Table 1 of the paper: 3x3, stride 2, pad 1.
"""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from .device.backend import Array, Kernel, contiguous, element, empty
from .device.cpu_target import cpu_kernel, thread_count
from .device.cuda_target import cuda_kernel
from .largest import IN_VECTORS, largest_in_vectors, largest_of_windows
from .layer import FLOAT
from .pooling import Pooling, along_inputs, along_outputs, last_window, next_tap, next_window, walk
from .products.microkernel import FASTER_THAN_BLAS
from .window import Pad, Size, Window, taps_inside_cpu, taps_inside_cuda, windows_over_cpu

# -- Reference -----------------------------------------------------------------------------------


def maxpool_forward(x: np.ndarray, window: Window) -> tuple[np.ndarray, tuple]:
    n, height, width, channels = x.shape
    (kh, kw), (sh, sw), (top, left) = window.geometry()
    out_h, out_w = window.output_size(height, width)
    out = np.empty((n, out_h, out_w, channels), x.dtype)
    winner = np.empty(out.shape, int)
    for p, q in np.ndindex(out_h, out_w):
        rows = [i for i in range(kh) if 0 <= p * sh + i - top < height]
        columns = [j for j in range(kw) if 0 <= q * sw + j - left < width]
        taps = np.array([i * kw + j for i in rows for j in columns])
        seen = np.stack([x[:, p * sh + i - top, q * sw + j - left] for i in rows for j in columns])
        first = seen.argmax(axis=0)  # the first one on a tie; a NaN counts as the largest
        winner[:, p, q] = taps[first]
        out[:, p, q] = np.take_along_axis(seen, first[None], axis=0)[0]
    return out, (x.shape, winner, window)


def maxpool_backward(dout: np.ndarray, cache: tuple) -> np.ndarray:
    shape, winner, window = cache
    (_, kw), (sh, sw), (top, left) = window.geometry()
    dx = np.zeros(shape, dout.dtype)
    for n, p, q, c in np.ndindex(*dout.shape):
        i, j = divmod(winner[n, p, q, c], kw)
        dx[n, p * sh + i - top, q * sw + j - left, c] += dout[n, p, q, c]
    return dx


# -- One element, for both targets ---------------------------------------------------------------


def _beats(value, best):
    """Whether `value` is larger, or the first NaN."""
    return (best == best) & (not value <= best)  # `&`: no branch


_beats_cpu, _beats_cuda = element(_beats)


# -- Kernels -------------------------------------------------------------------------------------


@cpu_kernel
def _forward_cpu(x, kernel, stride, corner, winner, out):
    (kh, kw), (sh, sw), (top, left) = kernel, stride, corner
    n, height, width, channels = x.shape
    _, out_h, out_w, _ = out.shape
    for task in prange(n * out_h):
        image, p = task // out_h, task % out_h
        i_from, i_to = taps_inside_cpu(p, kh, sh, top, height)
        for q in range(out_w):
            j_from, j_to = taps_inside_cpu(q, kw, sw, left, width)
            best, tap = out[image, p, q], winner[image, p, q]
            first = True
            for i in range(i_from, i_to):
                for j in range(j_from, j_to):
                    pixel = x[image, p * sh + i - top, q * sw + j - left]
                    for c in range(channels):
                        if first or _beats_cpu(pixel[c], best[c]):
                            best[c] = pixel[c]
                            tap[c] = i * kw + j
                    first = False


def _largest_cpu(x, kernel, stride, corner, out):
    if FASTER_THAN_BLAS and x.dtype == np.float32 and kernel in IN_VECTORS:
        largest_in_vectors(x, kernel, stride, corner, out)
    else:
        scratch = np.empty((thread_count(), x.shape[2] * x.shape[3]), x.dtype)
        largest_of_windows(x, kernel, stride, corner, scratch, out)


# `pooling.py` says how a CUDA thread walks. Here one loop over the taps, not two: an inner loop is
# unrolled for four taps at once, which three never fill. Bound: memory. 3x3/2 in float32 reads 4
# inputs per output (16 bytes; 9 reads, the others from the cache) and writes 5 bytes, for 9
# comparisons.
@cuda_kernel
def _forward_grid(x, kernel, stride, corner, winner, out, size, grid):
    (kh, kw), (sh, sw), (top, left) = kernel, stride, corner
    (height, width, channels), (out_h, out_w) = size, grid
    row, image, p, c = walk(out_h, channels)
    if (row + 1) * out_w * channels <= out.size:
        i_from, i_to = taps_inside_cuda(p, kh, sh, top, height)
        line = (image * height + p * sh - top + i_from) * width
        for q in range(out_w):
            j_from, j_to = taps_inside_cuda(q, kw, sw, left, width)
            at = np.uint32((line + q * sw - left + j_from) * channels + c)
            number, end = np.int32(i_from * kw + j_from), np.int32(i_to * kw)
            row_end, across = np.int32(i_from * kw + j_to), np.int32(j_to - j_from)
            tap, best = number, x[at]
            while number < end:
                value = x[at]
                if _beats_cuda(value, best):
                    tap, best = number, value
                at, number, row_end = next_tap(at, number, row_end, across, kw, width, channels)
            place = np.uint32((row * out_w + q) * channels + c)
            out[place] = best
            winner[place] = tap


@cpu_kernel
def _backward_cpu(dout, winner, kernel, stride, corner, dx):
    (kh, kw), (sh, sw), (top, left) = kernel, stride, corner
    n, height, width, channels = dx.shape
    _, out_h, out_w, _ = dout.shape
    for task in prange(n * height):
        image, y = task // height, task % height
        p_from, p_to = windows_over_cpu(y, kh, sh, top, out_h)
        for x in range(width):
            pixel = dx[image, y, x]
            pixel[:] = 0
            q_from, q_to = windows_over_cpu(x, kw, sw, left, out_w)
            for p in range(p_from, p_to):
                for q in range(q_from, q_to):
                    mine = (y + top - p * sh) * kw + x + left - q * sw  # this pixel's tap there
                    d, tap = dout[image, p, q], winner[image, p, q]
                    for c in range(channels):
                        if tap[c] == mine:
                            pixel[c] += d[c]


# The last window that begins at or before a pixel, number e // s with e = x + left, sees it at tap
# e % s; the window before that at tap e % s + s, and so on: nothing to divide but once for the row.
# Bound: memory and instructions alike. 3x3/2 in float32: an input reads a quarter of an output's 5
# bytes (9/4 windows ask for them, mostly from the cache) and writes 4, for 9/4 comparisons.
@cuda_kernel
def _backward_grid(dout, winner, kernel, stride, corner, dx, size, grid):
    (kh, kw), (sh, sw), (top, left) = kernel, stride, corner
    (height, width, channels), (out_h, out_w) = size, grid
    row, image, y, c = walk(height, channels)
    if (row + 1) * width * channels <= dx.size:
        p_last, i_first = last_window(y + top, sh)
        q_last, j_first = last_window(left, sw)
        for x in range(width):
            total = dx.dtype.type(0)
            i, p, j, q = i_first, p_last, j_first, q_last
            while i < kh and p >= 0:
                if p < out_h and q < out_w and j < kw and q >= 0:
                    at = np.uint32(((image * out_h + p) * out_w + q) * channels + c)
                    if winner[at] == i * kw + j:
                        total += dout[at]
                i, p, j, q = next_window(i, p, j, q, j_first, q_last, stride, kw)
            dx[np.uint32((row * width + x) * channels + c)] = total
            j_first += 1
            if j_first == sw:
                j_first, q_last = 0, q_last + 1


_forward_cuda = along_outputs(_forward_grid)


def _largest_cuda(x, kernel, stride, corner, out):
    winner = empty(out.shape, like=x, dtype=np.uint8)  # nobody asks for it
    _forward_cuda(x, kernel, stride, corner, winner, out)


_forward = Kernel(_forward_cpu, _forward_cuda)
_largest = Kernel(_largest_cpu, _largest_cuda)
_backward = Kernel(_backward_cpu, along_inputs(_backward_grid))


# -- The layer -----------------------------------------------------------------------------------


class MaxPool(Pooling):
    """The largest value of each window; arguments as in `Pooling`, at most 256 taps."""

    def __init__(self, kernel: Size, stride: Size, pad: Pad = 0, ceil_mode: bool = False):
        super().__init__(kernel, stride, pad, ceil_mode)
        kh, kw = self.window.kernel
        if kh * kw > 256:
            raise ValueError(f"a winner is kept in one byte: at most 256 taps, got {kh}x{kw}")

    def forward(self, x: Array, train: bool = False) -> Array:
        x, out = self._accept_images(x)
        if train:
            winner = empty(out.shape, like=x, dtype=np.uint8)
            _forward(x, *self.window.geometry(), winner, out)
            self._remember(train, out, x.shape, winner)
        else:
            _largest(x, *self.window.geometry(), out)
            self._remember(train, out)
        return out

    def backward(self, dout: Array) -> Array:
        shape, winner = self._recall(dout)
        dx = empty(shape, like=dout)
        _backward(contiguous(dout), winner, *self.window.geometry(), dx)
        return dx

    def bytes_moved(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """Each output's winner, a byte, is written and read."""
        x, y = math.prod(shape), shape[0] * math.prod(self.output_shape(shape[1:]))
        return FLOAT * (x + y) + y, FLOAT * (y + x) + y
