"""MaxPool: each output is the largest value in its window, channel by channel.

    y[n,p,q,c] = max over i,j of  x[n, p s + i - pad, q s + j - pad, c]

Outside the image x is -infinity, never 0: a padded zero would win against negative values. The
maximum passes its input through and ignores the others, so the gradient goes to the winner alone;
windows overlap (3x3, stride 2), so a pixel may win in several:

    dx[n,y,x,c] = sum of dout[n,p,q,c] over the windows (p,q) that (y,x) won

The first maximum in reading order wins a tie, in all implementations. A NaN wins over everything
(numpy's rule), so that it travels. Forward keeps each window's winner as the number of its
tap, i * kw + j, in one byte; backward gathers: every input pixel asks its windows whether it won.

Without a backward nobody asks who won. Then the maximum over a window is the maximum over its
columns of the maxima down each column, which windows side by side share: a whole image row at a
time, long runs of memory, two to four times as fast where the channels are few.

Shapes: x (N, H, W, C) -> y (N, H', W', C), see `Window.output_size`; a window that hangs over the
edge (`ceil_mode`) sees what is there. Table 1 of the paper: 3x3, stride 2, pad 1.
"""

from __future__ import annotations

import numba
import numpy as np
from numba import prange

from .backend import (
    CUDA_THREADS,
    Kernel,
    blocks,
    contiguous,
    cpu_function,
    cpu_kernel,
    cuda,
    cuda_kernel,
    element,
    empty,
)
from .layer import Layer
from .window import Window

# -- Reference -----------------------------------------------------------------------------------


def maxpool_forward(x, window: Window):
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


def maxpool_backward(dout, cache):
    shape, winner, window = cache
    (_, kw), (sh, sw), (top, left) = window.geometry()
    dx = np.zeros(shape, dout.dtype)
    for n, p, q, c in np.ndindex(*dout.shape):
        i, j = divmod(winner[n, p, q, c], kw)
        dx[n, p * sh + i - top, q * sw + j - left, c] += dout[n, p, q, c]
    return dx


# -- One element, for both targets ---------------------------------------------------------------


def _beats(value, best):
    """Larger, or the first NaN."""
    return value > best or (value != value and best == best)


def _taps_inside(window, kernel, stride, before, size):
    """From which tap to which, exclusive, a window lies on the image; along one axis."""
    start = before - window * stride
    return max(0, start), min(kernel, size + start)


def _windows_over(position, kernel, stride, before, windows):
    """From which window to which, exclusive, a pixel is seen; along one axis."""
    end = position + before
    return max(0, -((kernel - 1 - end) // stride)), min(windows, end // stride + 1)


_beats_cpu, _beats_cuda = element(_beats)
_taps_inside_cpu, _taps_inside_cuda = element(_taps_inside)
_windows_over_cpu, _windows_over_cuda = element(_windows_over)


# -- Kernels -------------------------------------------------------------------------------------


@cpu_kernel
def _forward_cpu(x, kernel, stride, corner, out, winner):
    (kh, kw), (sh, sw), (top, left) = kernel, stride, corner
    n, height, width, channels = x.shape
    _, out_h, out_w, _ = out.shape
    for task in prange(n * out_h):
        image, p = task // out_h, task % out_h
        i_from, i_to = _taps_inside_cpu(p, kh, sh, top, height)
        for q in range(out_w):
            j_from, j_to = _taps_inside_cpu(q, kw, sw, left, width)
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


@cpu_function
def _raise_to(values, best):
    """best = the larger of the two, element by element; a NaN stays or comes in."""
    for c in range(best.size):
        value = values[c]
        best[c] = value if (value > best[c]) | (value != value) else best[c]  # `|`: no jump


@cpu_kernel
def _largest_rows(x, kernel, stride, corner, scratch, out):
    """As `_forward_cpu` without winners; scratch (threads, W C)."""
    (kh, kw), (sh, sw), (top, left) = kernel, stride, corner
    n, height, width, channels = x.shape
    _, out_h, out_w, _ = out.shape
    for task in prange(n * out_h):
        image, p = task // out_h, task % out_h
        rows, down = x[image].reshape(height, width * channels), scratch[numba.get_thread_id()]
        first, end = max(0, p * sh - top), min(height, p * sh - top + kh)
        down[:] = rows[first]
        for y in range(first + 1, end):
            _raise_to(rows[y], down)
        columns = down.reshape(width, channels)
        for q in range(out_w):
            first, end = max(0, q * sw - left), min(width, q * sw - left + kw)
            best = out[image, p, q]
            best[:] = columns[first]
            for column in range(first + 1, end):
                _raise_to(columns[column], best)


def _largest_cpu(x, kernel, stride, corner, out):
    scratch = np.empty((numba.get_num_threads(), x.shape[2] * x.shape[3]), x.dtype)
    _largest_rows(x, kernel, stride, corner, scratch, out)


# A thread an output, neighbouring threads on neighbouring channels: a warp reads and writes whole
# stretches of memory. One loop over the taps, not two: an inner loop is unrolled for four taps at
# once, which three never fill, and takes twice the registers. Bound: memory. 3x3/2 in float32 reads
# 4 inputs an output (16 bytes; 9 reads, the others from the cache) and writes 5 bytes, for 9
# comparisons. Next: the divisions that find (image, p, q, c) cost more than these; a grid of blocks
# over the rows and threads over the channels needs but one.
@cuda_kernel
def _forward_grid(x, kernel, stride, corner, out, winner):
    (kh, kw), (sh, sw), (top, left) = kernel, stride, corner
    _, height, width, channels = x.shape
    _, out_h, out_w, _ = out.shape
    index = cuda.grid(1)
    if index < out.size:
        pixel, c = index // channels, index % channels
        row, q = pixel // out_w, pixel % out_w
        image, p = row // out_h, row % out_h
        i_from, i_to = _taps_inside_cuda(p, kh, sh, top, height)
        j_from, j_to = _taps_inside_cuda(q, kw, sw, left, width)
        i, j = i_from, j_from
        tap = i * kw + j
        best = x[image, p * sh + i - top, q * sw + j - left, c]
        while i < i_to:
            value = x[image, p * sh + i - top, q * sw + j - left, c]
            if _beats_cuda(value, best):
                best, tap = value, i * kw + j
            j += 1
            if j == j_to:
                i, j = i + 1, j_from
        out[image, p, q, c] = best
        winner[image, p, q, c] = tap


@cpu_kernel
def _backward_cpu(dout, winner, kernel, stride, corner, dx):
    (kh, kw), (sh, sw), (top, left) = kernel, stride, corner
    n, height, width, channels = dx.shape
    _, out_h, out_w, _ = dout.shape
    for task in prange(n * height):
        image, y = task // height, task % height
        p_from, p_to = _windows_over_cpu(y, kh, sh, top, out_h)
        for x in range(width):
            pixel = dx[image, y, x]
            pixel[:] = 0
            q_from, q_to = _windows_over_cpu(x, kw, sw, left, out_w)
            for p in range(p_from, p_to):
                for q in range(q_from, q_to):
                    mine = (y + top - p * sh) * kw + x + left - q * sw  # this pixel's tap there
                    d, tap = dout[image, p, q], winner[image, p, q]
                    for c in range(channels):
                        if tap[c] == mine:
                            pixel[c] += d[c]


# A thread an input pixel's channel, which asks its windows: no atomics, one order of summation.
# Bound: memory. 3x3/2 in float32: an input reads a quarter of an output's 5 bytes (9/4 windows ask
# for them, mostly from the cache) and writes 4, for 9/4 comparisons. Next: as above.
@cuda_kernel
def _backward_grid(dout, winner, kernel, stride, corner, dx):
    (kh, kw), (sh, sw), (top, left) = kernel, stride, corner
    _, height, width, channels = dx.shape
    _, out_h, out_w, _ = dout.shape
    index = cuda.grid(1)
    if index < dx.size:
        pixel, c = index // channels, index % channels
        row, x = pixel // width, pixel % width
        image, y = row // height, row % height
        p, p_to = _windows_over_cuda(y, kh, sh, top, out_h)
        q_from, q_to = _windows_over_cuda(x, kw, sw, left, out_w)
        q = q_from
        total = dx.dtype.type(0)
        while p < p_to and q < q_to:  # a stride over the kernel's size leaves pixels without one
            mine = (y + top - p * sh) * kw + x + left - q * sw
            if winner[image, p, q, c] == mine:
                total += dout[image, p, q, c]
            q += 1
            if q == q_to:
                p, q = p + 1, q_from
        dx[image, y, x, c] = total


def _forward_cuda(x, kernel, stride, corner, out, winner):
    _forward_grid[blocks(out.size), CUDA_THREADS](x, kernel, stride, corner, out, winner)


def _largest_cuda(x, kernel, stride, corner, out):
    winner = empty(out.shape, like=x, dtype=np.uint8)  # nobody asks for it
    _forward_cuda(x, kernel, stride, corner, out, winner)


def _backward_cuda(dout, winner, kernel, stride, corner, dx):
    _backward_grid[blocks(dx.size), CUDA_THREADS](dout, winner, kernel, stride, corner, dx)


_forward = Kernel(_forward_cpu, _forward_cuda)
_largest = Kernel(_largest_cpu, _largest_cuda)
_backward = Kernel(_backward_cpu, _backward_cuda)


# -- The layer -----------------------------------------------------------------------------------


class MaxPool(Layer):
    """Largest value of each window. Arguments as in `Window.of`; pad < kernel.

    `ceil_mode` rounds the output's size up, as Caffe does: no pixel at the far edge is left out.
    """

    def __init__(self, kernel, stride, pad=0, ceil_mode=False):
        self.window = Window.of(kernel, stride, pad, ceil_mode)
        (kh, kw), pads = self.window.kernel, self.window.pad
        if max(pads[0]) >= kh or max(pads[1]) >= kw:
            raise ValueError(
                f"a window may not lie in the padding alone: kernel {kernel}, pad {pad}"
            )
        if kh * kw > 256:
            raise ValueError(f"a winner is kept in one byte: at most 256 taps, got {kh}x{kw}")

    def forward(self, x, train=False):
        out = empty((x.shape[0], *self.output_shape(x.shape[1:])), like=x)
        if train:
            winner = empty(out.shape, like=x, dtype=np.uint8)
            _forward(contiguous(x), *self.window.geometry(), out, winner)
            self._remember(train, out, x.shape, winner)
        else:
            _largest(contiguous(x), *self.window.geometry(), out)
            self._remember(train, out)
        return out

    def backward(self, dout):
        shape, winner = self._recall(dout)
        dx = empty(shape, like=dout)
        _backward(contiguous(dout), winner, *self.window.geometry(), dx)
        return dx

    def output_shape(self, shape):
        return (*self.window.output_size(*shape[:2]), shape[2])
