"""ReLU: the rectified linear unit.

    y = max(x, 0)

dy/dx is 1 where x > 0 and 0 where x < 0. At the kink x = 0 any number between the two is a
subgradient; we take 0. Hence

    dx = dout  where y > 0,   0 elsewhere

and the backward needs only the output, which the next layer keeps anyway. A NaN travels forward:
`max` written as `0 if x < 0 else x` lets it pass, so that a fault shows where it arose.

Any shape. The paper, section 3.3: "All our models use rectified linear units".
"""

from __future__ import annotations

import numpy as np
from numba import prange

from .device.backend import Array, Kernel, contiguous, element, empty, thread_per_element
from .device.cpu_target import cpu_kernel
from .device.cuda_target import cuda, cuda_kernel
from .layer import Layer

NO_SLOPES = np.empty(0, np.float32)

# -- Reference -----------------------------------------------------------------------------------


def relu_forward(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    out = np.where(x < 0, 0, x).astype(x.dtype)
    return out, out


def relu_backward(dout: np.ndarray, cache: np.ndarray) -> np.ndarray:
    out = cache
    return np.where(out > 0, dout, 0).astype(dout.dtype)


# -- One element, for both targets ---------------------------------------------------------------


def _rectify(x):
    zero = type(x)(0)  # of x's own type: a plain 0.0 would turn float32 arithmetic into float64
    return zero if x < zero else x


def _pass_gradient(dout, y):
    zero = type(dout)(0)
    return dout if y > zero else zero


_rectify_cpu, _rectify_cuda = element(_rectify)
_pass_gradient_cpu, _pass_gradient_cuda = element(_pass_gradient)


# -- Kernels: flat arrays ------------------------------------------------------------------------


@cpu_kernel
def _forward_cpu(x, out):
    for i in prange(x.size):
        out[i] = _rectify_cpu(x[i])


@cuda_kernel
def _forward_grid(x, out):
    i = cuda.grid(1)
    if i < x.size:
        out[i] = _rectify_cuda(x[i])


@cpu_kernel
def _backward_cpu(dout, y, dx):
    for i in prange(dx.size):
        dx[i] = _pass_gradient_cpu(dout[i], y[i])


@cuda_kernel
def _backward_grid(dout, y, dx):
    i = cuda.grid(1)
    if i < dx.size:
        dx[i] = _pass_gradient_cuda(dout[i], y[i])


_forward = Kernel(_forward_cpu, thread_per_element(_forward_grid))
_backward = Kernel(_backward_cpu, thread_per_element(_backward_grid))


# -- The layer -----------------------------------------------------------------------------------


class ReLU(Layer):
    """y = max(x, 0), element by element; any shape."""

    def forward(self, x: Array, train: bool = False) -> Array:
        x = self._accept(x)
        out = empty(x.shape, like=x)
        _forward(x.reshape(-1), out.reshape(-1))
        self._remember(train, out, out)
        return out

    def slopes_for(self, train: bool) -> Array:
        return NO_SLOPES

    def adopt(self, out: Array, train: bool) -> None:
        """Take the output of a layer that has rectified it as this layer's own."""
        self._remember(train, out, out)

    def backward(self, dout: Array) -> Array:
        (out,) = self._recall(dout)
        dx = empty(dout.shape, like=dout)
        _backward(contiguous(dout).reshape(-1), out.reshape(-1), dx.reshape(-1))
        return dx
