"""Affine: every channel scaled and shifted.

    y = gamma_c x + beta_c                       one gamma and one beta per channel c

It is what a batch norm is once trained: with running mean mu and variance v fixed, its
(x - mu) / sqrt(v + eps) * g + b is gamma x + beta for gamma = g / sqrt(v + eps) and
beta = b - gamma mu. Files from elsewhere often hold only these two.

From dy/dx = gamma_c, dy/dgamma_c = x and dy/dbeta_c = 1, summed over all pixels of all images:

    dx = gamma_c dout          dgamma_c = sum of dout x          dbeta_c = sum of dout

Both sums run in a fixed order (`channel_sums.py`).

Shapes: x (N, ..., C), gamma and beta (C,), y as x. It is dlib's `affine`, which stands in for a
batch norm in its trained networks.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from .channel_sums import partial_sums
from .device.backend import Array, Kernel, as_pixels, empty, thread_per_element
from .device.cpu_target import cpu_kernel
from .device.cuda_target import cuda, cuda_kernel, divide
from .layer import FLOAT, Layer, Parameter
from .products.bias import bias_gradient

# -- Reference -----------------------------------------------------------------------------------


def affine_forward(
    x: np.ndarray, gamma: np.ndarray, beta: np.ndarray
) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
    return gamma * x + beta, (x, gamma)


def affine_backward(dout: np.ndarray, cache: tuple) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    x, gamma = cache
    axes = tuple(range(dout.ndim - 1))
    return gamma * dout, (dout * x).sum(axis=axes), dout.sum(axis=axes)


# -- Kernels: arrays as (pixels, channels) -------------------------------------------------------

# Bound: memory. In float32 both directions read 4 bytes and write 4 per element, for two flops and
# one; the sums of the backward read x and dout before, 8 bytes more.


@cpu_kernel
def _forward_cpu(x, gamma, beta, out):
    for i in prange(x.shape[0]):
        for c in range(gamma.size):
            out[i, c] = gamma[c] * x[i, c] + beta[c]


@cuda_kernel
def _forward_grid(x, gamma, beta, out):
    i = cuda.grid(1)
    if i < out.size:
        row = divide(i, gamma.size)
        c = i - row * gamma.size
        out[row, c] = gamma[c] * x[row, c] + beta[c]


@cpu_kernel
def _backward_cpu(dout, gamma, dx):
    for i in prange(dout.shape[0]):
        for c in range(gamma.size):
            dx[i, c] = gamma[c] * dout[i, c]


@cuda_kernel
def _backward_grid(dout, gamma, dx):
    i = cuda.grid(1)
    if i < dx.size:
        row = divide(i, gamma.size)
        c = i - row * gamma.size
        dx[row, c] = gamma[c] * dout[row, c]


_forward = Kernel(_forward_cpu, thread_per_element(_forward_grid))
_backward = Kernel(_backward_cpu, thread_per_element(_backward_grid))


def input_gradient(dout: Array, gamma: Array) -> Array:
    """Return dL/dx, of the shape of `dout`."""
    dx = empty(dout.shape, like=dout)
    _backward(as_pixels(dout), gamma, as_pixels(dx))
    return dx


# -- The layer -----------------------------------------------------------------------------------


class Affine(Layer):
    """y = gamma x + beta, for each channel (the last axis) its own; any (..., C).

    Attributes
    ----------
    gamma, beta : Parameter of shape (channels,)
        1 and 0 at first.
    """

    def __init__(self, channels: int, dtype: type = np.float32):
        self.gamma = Parameter(np.ones(channels, dtype))
        self.beta = Parameter(np.zeros(channels, dtype))

    def _about(self):
        return str(self.gamma.data.size)

    def forward(self, x: Array, train: bool = False) -> Array:
        x = self._accept(x, ..., self.gamma.data.size)
        out = empty(x.shape, like=x)
        _forward(as_pixels(x), self.gamma.data, self.beta.data, as_pixels(out))
        self._remember(train, out, x)
        return out

    def backward(self, dout: Array) -> Array:
        (x,) = self._recall(dout)
        upstream = as_pixels(dout)
        shifts, scales = partial_sums(upstream, None, as_pixels(x), None)
        bias_gradient(shifts, self.beta.grad)
        bias_gradient(scales, self.gamma.grad)
        return input_gradient(dout, self.gamma.data)

    def bytes_moved(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """The backward reads gamma, and no beta."""
        forward, backward = super().bytes_moved(shape)
        return forward, backward - FLOAT * self.beta.data.size
