"""PReLU: a rectifier that learns how much of the negative side it lets through.

    y = x  where x >= 0,   a_c x  where x < 0          one slope a_c per channel

a = 0 is the ReLU; He et al. 2015 ("Delving deep into rectifiers") start from a = 0.25. The slopes
may take any value, negative ones too, and in trained nets they do. The derivatives are

    dx   = dout  where x > 0,   a_c dout  elsewhere
    da_c = sum of  dout x  over all x <= 0 of channel c

At the kink x = 0 any number between 1 and a_c is a subgradient of x; we take a_c, which for a = 0
is the ReLU's choice. A NaN travels: `a x if x < 0 else x` lets it pass.

Shapes: x (N, ..., C), slopes (C,), y as x. MTCNN (Zhang et al. 2016) has one after each
convolution.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from .device.backend import Array, Kernel, as_pixels, element, empty, thread_per_element
from .device.cpu_target import cpu_kernel
from .device.cuda_target import cuda, cuda_kernel, divide
from .layer import Layer, Parameter

# -- Reference -----------------------------------------------------------------------------------


def prelu_forward(x: np.ndarray, slope: np.ndarray) -> tuple[np.ndarray, tuple]:
    out = np.where(x < 0, slope * x, x)
    return out, (x, slope)


def prelu_backward(dout: np.ndarray, cache: tuple) -> tuple[np.ndarray, np.ndarray]:
    x, slope = cache
    dx = np.where(x > 0, dout, slope * dout)
    dslope = np.where(x > 0, 0, dout * x).reshape(-1, slope.size).sum(axis=0)
    return dx, dslope


# -- One element, for both targets ---------------------------------------------------------------


def _bend(x, slope):
    zero = type(x)(0)  # of x's own type: a plain 0.0 would turn float32 arithmetic into float64
    return slope * x if x < zero else x


def _bend_gradient(dout, x, slope):
    return dout if x > type(x)(0) else slope * dout


def _slope_share(dout, x):
    """Return what one element adds to the gradient of its channel's slope."""
    zero = type(x)(0)
    return zero if x > zero else dout * x


_bend_cpu, _bend_cuda = element(_bend)
_bend_gradient_cpu, _bend_gradient_cuda = element(_bend_gradient)
_slope_share_cpu, _slope_share_cuda = element(_slope_share)


# -- Kernels: arrays as (pixels, channels) -------------------------------------------------------


@cpu_kernel
def _forward_cpu(x, slope, out):
    for i in prange(x.shape[0]):
        for c in range(slope.size):
            out[i, c] = _bend_cpu(x[i, c], slope[c])


@cuda_kernel
def _forward_grid(x, slope, out):
    i = cuda.grid(1)
    if i < x.size:
        row = divide(i, slope.size)
        c = i - row * slope.size
        out[row, c] = _bend_cuda(x[row, c], slope[c])


@cpu_kernel
def _backward_cpu(dout, x, slope, dx):
    for i in prange(x.shape[0]):
        for c in range(slope.size):
            dx[i, c] = _bend_gradient_cpu(dout[i, c], x[i, c], slope[c])


@cuda_kernel
def _backward_grid(dout, x, slope, dx):
    i = cuda.grid(1)
    if i < x.size:
        row = divide(i, slope.size)
        c = i - row * slope.size
        dx[row, c] = _bend_gradient_cuda(dout[row, c], x[row, c], slope[c])


@cpu_kernel
def _slope_gradient_cpu(dout, x, dslope):
    for c in prange(dslope.size):  # a thread owns a channel: a fixed order of summation
        total = dslope.dtype.type(0)
        for i in range(x.shape[0]):
            total += _slope_share_cpu(dout[i, c], x[i, c])
        dslope[c] += total


@cuda_kernel
def _slope_gradient_grid(dout, x, dslope):
    c = cuda.grid(1)
    if c < dslope.size:
        total = dslope.dtype.type(0)
        for i in range(x.shape[0]):
            total += _slope_share_cuda(dout[i, c], x[i, c])
        dslope[c] += total


_forward = Kernel(_forward_cpu, thread_per_element(_forward_grid))
_backward = Kernel(_backward_cpu, thread_per_element(_backward_grid))
_slope_gradient = Kernel(_slope_gradient_cpu, thread_per_element(_slope_gradient_grid))


# -- The layer -----------------------------------------------------------------------------------


class PReLU(Layer):
    """y = x, or slope times x where x < 0; any (..., C) with one slope per channel, 0.25 at first.

    Attributes
    ----------
    slope : Parameter of shape (channels,)
    """

    def __init__(self, channels: int, slope: float = 0.25, dtype: type = np.float32):
        self.slope = Parameter(np.full(channels, slope, dtype))

    def _about(self):
        return str(self.slope.data.size)

    def forward(self, x: Array, train: bool = False) -> Array:
        x = self._accept(x, ..., self.slope.data.size)
        out = empty(x.shape, like=x)
        _forward(as_pixels(x), self.slope.data, as_pixels(out))
        self._remember(train, out, x)
        return out

    def slopes_for(self, train: bool) -> Array | None:
        """In training there are none: backward needs what it was before."""
        return None if train else self.slope.data

    def adopt(self, out: Array, train: bool) -> None:
        """Take the output of a layer that has rectified it as this layer's own."""
        self._remember(train, out)

    def backward(self, dout: Array) -> Array:
        (x,) = self._recall(dout)
        dout, rows, dx = as_pixels(dout), as_pixels(x), empty(x.shape, like=x)
        _slope_gradient(dout, rows, self.slope.grad)
        _backward(dout, rows, self.slope.data, as_pixels(dx))
        return dx
