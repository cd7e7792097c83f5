"""AvgPool: each output is the mean of its window, channel by channel.

    y[n,p,q,c] = 1 / m[p,q] * sum over i,j of  x[n, p s + i - pad, q s + j - pad, c]

Outside the image x is 0. m is how many pixels count: those of the window that lie on the image or
its padding, or on the image alone (`count_include_pad=False`). What hangs over both (`ceil_mode`)
never counts. Every pixel of a window has the same share of it, so the derivative needs no x:

    dx[n,y,x,c] = sum of dout[n,p,q,c] / m[p,q]  over the windows (p,q) that see (y,x)

Shapes: x (N, H, W, C) -> y (N, H', W', C), see `Window.output_size`. The paper pools by maximum;
its followers' networks end in an average (He et al. 2016, "Deep residual learning"). The meaning of
the options is that of PyTorch's AvgPool2d.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numba import prange

from .device.backend import Array, Kernel, contiguous, element, empty
from .device.cpu_target import cpu_kernel
from .device.cuda_target import cuda_kernel
from .pooling import Pooling, along_inputs, along_outputs, last_window, next_tap, next_window, walk
from .window import Pad, Size, Window, taps_inside_cpu, taps_inside_cuda, windows_over_cpu

# -- Reference -----------------------------------------------------------------------------------


def avgpool_forward(
    x: np.ndarray, window: Window, count_include_pad: bool = True
) -> tuple[np.ndarray, tuple]:
    out = np.empty((len(x), *window.output_size(*x.shape[1:3]), x.shape[3]), x.dtype)
    counted, over = _all_that_counts(x, window, count_include_pad)
    for p, q in np.ndindex(*out.shape[1:3]):
        out[:, p, q] = counted[:, *over.seen(p, q)].mean(axis=(1, 2))
    return out, (x, window, count_include_pad)


def avgpool_backward(dout: np.ndarray, cache: tuple) -> np.ndarray:
    x, window, count_include_pad = cache
    dcounted, over = _all_that_counts(np.zeros_like(x), window, count_include_pad)
    for p, q in np.ndindex(*dout.shape[1:3]):
        mine = dcounted[:, *over.seen(p, q)]
        mine += dout[:, p, q, None, None] / mine[0, ..., 0].size
    top, left = (now[0] - then[0] for now, then in zip(window.pad, over.pad, strict=True))
    return dcounted[:, top : top + x.shape[1], left : left + x.shape[2]]


def _all_that_counts(x, window: Window, count_include_pad):
    """Return the image, with its padding where that counts, and the window over it."""
    if not count_include_pad:
        return x, window
    return np.pad(x, ((0, 0), *window.pad, (0, 0))), replace(window, pad=((0, 0), (0, 0)))


# -- One axis, for both targets ------------------------------------------------------------------


def _count(window, kernel, stride, extent):
    """Count the taps of a window that count; `extent`: (positions before the image, in all)."""
    before, total = extent
    start = before - window * stride
    return np.int32(min(kernel, total + start) - max(0, start))


_count_cpu, _count_cuda = element(_count)


# -- Kernels -------------------------------------------------------------------------------------


@cpu_kernel
def _forward_cpu(x, kernel, stride, corner, rows, columns, out):
    (kh, kw), (sh, sw), (top, left) = kernel, stride, corner
    n, height, width, channels = x.shape
    _, out_h, out_w, _ = out.shape
    for task in prange(n * out_h):
        image, p = task // out_h, task % out_h
        i_from, i_to = taps_inside_cpu(p, kh, sh, top, height)
        for q in range(out_w):
            j_from, j_to = taps_inside_cpu(q, kw, sw, left, width)
            y = out[image, p, q]
            y[:] = 0
            for i in range(i_from, i_to):
                for j in range(j_from, j_to):
                    pixel = x[image, p * sh + i - top, q * sw + j - left]
                    for c in range(channels):
                        y[c] += pixel[c]
            m = x.dtype.type(_count_cpu(p, kh, sh, rows) * _count_cpu(q, kw, sw, columns))
            for c in range(channels):
                y[c] /= m


@cpu_kernel
def _backward_cpu(dout, kernel, stride, corner, rows, columns, dx):
    (kh, kw), (sh, sw), (top, left) = kernel, stride, corner
    n, height, width, channels = dx.shape
    _, out_h, out_w, _ = dout.shape
    for task in prange(n * height):
        image, y = task // height, task % height
        p_from, p_to = windows_over_cpu(y, kh, sh, top, out_h)
        for x in range(width):
            q_from, q_to = windows_over_cpu(x, kw, sw, left, out_w)
            pixel = dx[image, y, x]
            pixel[:] = 0
            for p in range(p_from, p_to):
                for q in range(q_from, q_to):
                    m = dx.dtype.type(_count_cpu(p, kh, sh, rows) * _count_cpu(q, kw, sw, columns))
                    d = dout[image, p, q]
                    for c in range(channels):
                        pixel[c] += d[c] / m


# `pooling.py` says how a CUDA thread walks. Bound: memory. 3x3/2 in float32: an output reads 4
# inputs and writes itself, 20 bytes for 9 additions and a division; an input reads a quarter of
# dout and writes dx, 5 bytes for 9/4 divisions and additions, and 9/4 counts of pixels.


@cuda_kernel
def _forward_grid(x, kernel, stride, corner, rows, columns, out, size, grid):
    (kh, kw), (sh, sw), (top, left) = kernel, stride, corner
    (height, width, channels), (out_h, out_w) = size, grid
    row, image, p, c = walk(out_h, channels)
    if (row + 1) * out_w * channels <= out.size:
        i_from, i_to = taps_inside_cuda(p, kh, sh, top, height)
        line = (image * height + p * sh - top + i_from) * width
        down = _count_cuda(p, kh, sh, rows)
        for q in range(out_w):
            j_from, j_to = taps_inside_cuda(q, kw, sw, left, width)
            at = np.uint32((line + q * sw - left + j_from) * channels + c)
            number, end = np.int32(i_from * kw + j_from), np.int32(i_to * kw)
            row_end, across = np.int32(i_from * kw + j_to), np.int32(j_to - j_from)
            total = out.dtype.type(0)
            while number < end:
                total += x[at]
                at, number, row_end = next_tap(at, number, row_end, across, kw, width, channels)
            m = out.dtype.type(down * _count_cuda(q, kw, sw, columns))
            out[np.uint32((row * out_w + q) * channels + c)] = total / m


@cuda_kernel
def _backward_grid(dout, kernel, stride, corner, rows, columns, dx, size, grid):
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
                    m = _count_cuda(p, kh, sh, rows) * _count_cuda(q, kw, sw, columns)
                    at = np.uint32(((image * out_h + p) * out_w + q) * channels + c)
                    total += dout[at] / dx.dtype.type(m)
                i, p, j, q = next_window(i, p, j, q, j_first, q_last, stride, kw)
            dx[np.uint32((row * width + x) * channels + c)] = total
            j_first += 1
            if j_first == sw:
                j_first, q_last = 0, q_last + 1


_forward = Kernel(_forward_cpu, along_outputs(_forward_grid))
_backward = Kernel(_backward_cpu, along_inputs(_backward_grid))


# -- The layer -----------------------------------------------------------------------------------


class AvgPool(Pooling):
    """The mean of each window. Arguments as in `Pooling`; `count_include_pad` counts zeros, too."""

    def __init__(
        self,
        kernel: Size,
        stride: Size,
        pad: Pad = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ):
        super().__init__(kernel, stride, pad, ceil_mode)
        self.count_include_pad = count_include_pad

    def _about(self):
        return super()._about() + ("" if self.count_include_pad else ", of the image alone")

    def forward(self, x: Array, train: bool = False) -> Array:
        x, out = self._accept_images(x)
        _forward(x, *self.window.geometry(), *self._extents(x.shape), out)
        self._remember(train, out, x.shape)
        return out

    def backward(self, dout: Array) -> Array:
        (shape,) = self._recall(dout)
        dx = empty(shape, like=dout)
        _backward(contiguous(dout), *self.window.geometry(), *self._extents(shape), dx)
        return dx

    def bytes_moved(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """The backward reads nothing of the forward."""
        forward, _ = super().bytes_moved(shape)
        return forward, forward

    def _extents(self, shape):
        """Return the extents for `_count`, along the rows and columns of images (N, H, W, C)."""
        inside = zip(self.window.pad, shape[1:3], strict=True)
        if self.count_include_pad:
            return [(0, before + size + after) for (before, after), size in inside]
        return [(before, size) for (before, _), size in inside]
