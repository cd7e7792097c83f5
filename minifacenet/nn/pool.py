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

from .backend import Kernel, contiguous, cpu_function, cpu_kernel, empty
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


# -- Kernels -------------------------------------------------------------------------------------


@cpu_function
def _beats(value, best):
    """Larger, or the first NaN."""
    return value > best or (value != value and best == best)


@cpu_kernel
def _forward_cpu(x, kernel, stride, corner, out, winner):
    (kh, kw), (sh, sw), (top, left) = kernel, stride, corner
    n, height, width, channels = x.shape
    _, out_h, out_w, _ = out.shape
    for task in prange(n * out_h):
        image, p = task // out_h, task % out_h
        for q in range(out_w):
            best, tap = out[image, p, q], winner[image, p, q]
            first = True
            for i in range(max(0, top - p * sh), min(kh, height + top - p * sh)):
                for j in range(max(0, left - q * sw), min(kw, width + left - q * sw)):
                    pixel = x[image, p * sh + i - top, q * sw + j - left]
                    for c in range(channels):
                        if first or _beats(pixel[c], best[c]):
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


@cpu_kernel
def _backward_cpu(dout, winner, kernel, stride, corner, dx):
    (kh, kw), (sh, sw), (top, left) = kernel, stride, corner
    n, height, width, channels = dx.shape
    _, out_h, out_w, _ = dout.shape
    for task in prange(n * height):
        image, y = task // height, task % height
        p_from, p_to = max(0, -((kh - 1 - y - top) // sh)), min(out_h, (y + top) // sh + 1)
        for x in range(width):
            pixel = dx[image, y, x]
            pixel[:] = 0
            q_from, q_to = max(0, -((kw - 1 - x - left) // sw)), min(out_w, (x + left) // sw + 1)
            for p in range(p_from, p_to):
                for q in range(q_from, q_to):
                    mine = (y + top - p * sh) * kw + x + left - q * sw  # this pixel's tap there
                    d, tap = dout[image, p, q], winner[image, p, q]
                    for c in range(channels):
                        if tap[c] == mine:
                            pixel[c] += d[c]


_forward = Kernel(_forward_cpu)
_largest = Kernel(_largest_cpu)
_backward = Kernel(_backward_cpu)


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
