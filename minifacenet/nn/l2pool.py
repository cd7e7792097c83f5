"""L2Pool: each output is the L2 norm of its window, channel by channel.

    y[n,p,q,c] = sqrt( sum over i,j of  x[n, p s + i - pad, q s + j - pad, c]^2 )

A maximum hears the loudest pixel alone; the L2 norm hears all, the loud ones more. Outside the
image x is 0. With dy / dx = x / y, a pixel gathers from the windows (p, q) that see it

    dx[n,y,x,c] = x[n,y,x,c] * sum of dout[n,p,q,c] / y[n,p,q,c]

A share x / y is at most 1, so nothing explodes near 0. At 0 itself, in a window of zeros, the norm
has a kink; there we take the gradient 0. A NaN travels both ways.

The squares set the range: in float32 a norm keeps its digits from 1e-18 to 1.8e19. Above, it is
infinite; below, it loses them, and from 1e-23 on output and gradient are 0. (`l2norm.py` divides by
the largest value first. Here that would take a second pass over each window.)

Shapes: x (N, H, W, C) -> y (N, H', W', C), see `Window.output_size`. NN2 (Table 2 of the paper) has
it in place of max pooling in some of its inception modules.
"""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from .device.backend import Array, Kernel, contiguous, element, empty
from .device.cpu_target import cpu_kernel
from .device.cuda_target import cuda_kernel
from .layer import FLOAT
from .pooling import Pooling, along_inputs, along_outputs, last_window, next_tap, walk
from .window import Window, taps_inside_cpu, taps_inside_cuda, windows_over_cpu

# -- Reference -----------------------------------------------------------------------------------


def l2pool_forward(x: np.ndarray, window: Window) -> tuple[np.ndarray, tuple]:
    n, height, width, channels = x.shape
    out_h, out_w = window.output_size(height, width)
    out = np.empty((n, out_h, out_w, channels), x.dtype)
    for p, q in np.ndindex(out_h, out_w):
        out[:, p, q] = np.sqrt(np.square(x[:, *window.seen(p, q)]).sum(axis=(1, 2)))
    return out, (x, out, window)


def l2pool_backward(dout: np.ndarray, cache: tuple) -> np.ndarray:
    x, out, window = cache
    dx = np.zeros_like(x)
    share = np.divide(dout, out, out=np.zeros_like(dout), where=out != 0)
    for p, q in np.ndindex(*out.shape[1:3]):
        seen = window.seen(p, q)
        dx[:, *seen] += x[:, *seen] * share[:, p, q, None, None]
    return dx


# -- One element, for both targets ---------------------------------------------------------------


def _share(dout, y):
    """Return what a window passes on for each unit of a pixel in it."""
    zero = type(y)(0)
    return zero if y == zero else dout / y


_share_cpu, _share_cuda = element(_share)


# -- Kernels -------------------------------------------------------------------------------------


@cpu_kernel
def _forward_cpu(x, kernel, stride, corner, out):
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
                        y[c] += pixel[c] * pixel[c]
            for c in range(channels):
                y[c] = math.sqrt(y[c])


@cpu_kernel
def _backward_cpu(dout, x, y, kernel, stride, corner, dx):
    (kh, kw), (sh, sw), (top, left) = kernel, stride, corner
    n, height, width, channels = x.shape
    _, out_h, out_w, _ = y.shape
    for task in prange(n * height):
        image, row = task // height, task % height
        p_from, p_to = windows_over_cpu(row, kh, sh, top, out_h)
        for column in range(width):
            q_from, q_to = windows_over_cpu(column, kw, sw, left, out_w)
            total, pixel = dx[image, row, column], x[image, row, column]
            total[:] = 0
            for p in range(p_from, p_to):
                for q in range(q_from, q_to):
                    d, norm = dout[image, p, q], y[image, p, q]
                    for c in range(channels):
                        total[c] += _share_cpu(d[c], norm[c])
            for c in range(channels):
                total[c] *= pixel[c]


# `pooling.py` says how a CUDA thread walks. Bound: memory. 3x3/2 in float32: an output reads 4
# inputs and writes itself, 20 bytes for 18 flops and a root; an input reads itself and a quarter of
# y and of dout, and writes dx, 10 bytes for 9/4 divisions and additions.


@cuda_kernel
def _forward_grid(x, kernel, stride, corner, out, size, grid):
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
            total = out.dtype.type(0)
            while number < end:
                total += x[at] * x[at]
                at, number, row_end = next_tap(at, number, row_end, across, kw, width, channels)
            out[np.uint32((row * out_w + q) * channels + c)] = math.sqrt(total)


@cuda_kernel
def _backward_grid(dout, x, y, kernel, stride, corner, dx, size, grid):
    (kh, kw), (sh, sw), (top, left) = kernel, stride, corner
    (height, width, channels), (out_h, out_w) = size, grid
    row, image, position, c = walk(height, channels)
    if (row + 1) * width * channels <= dx.size:
        p_last, i_first = last_window(position + top, sh)
        q_last, j_first = last_window(left, sw)
        for column in range(width):
            total = dx.dtype.type(0)
            i, p = i_first, p_last
            while i < kh and p >= 0:
                j, q = j_first, q_last
                while j < kw and q >= 0:
                    if p < out_h and q < out_w:
                        at = np.uint32(((image * out_h + p) * out_w + q) * channels + c)
                        total += _share_cuda(dout[at], y[at])
                    j, q = j + sw, q - 1
                i, p = i + sh, p - 1
            place = np.uint32((row * width + column) * channels + c)
            dx[place] = x[place] * total
            j_first += 1
            if j_first == sw:
                j_first, q_last = 0, q_last + 1


_forward = Kernel(_forward_cpu, along_outputs(_forward_grid))
_backward = Kernel(_backward_cpu, along_inputs(_backward_grid))


# -- The layer -----------------------------------------------------------------------------------


class L2Pool(Pooling):
    """The L2 norm of each window; arguments as in `Pooling`."""

    def forward(self, x: Array, train: bool = False) -> Array:
        x, out = self._accept_images(x)
        _forward(x, *self.window.geometry(), out)
        self._remember(train, out, x, out)
        return out

    def backward(self, dout: Array) -> Array:
        x, out = self._recall(dout)
        dx = empty(x.shape, like=x)
        _backward(contiguous(dout), x, out, *self.window.geometry(), dx)
        return dx

    def bytes_moved(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """The backward reads dL/dy, x and y."""
        x, y = math.prod(shape), shape[0] * math.prod(self.output_shape(shape[1:]))
        return FLOAT * (x + y), FLOAT * (y + x + y + x)
