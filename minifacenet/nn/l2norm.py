"""L2Norm: onto the unit sphere, where the paper's embeddings live.

    y = x / ||x||

Moving x along itself changes nothing in y, so the gradient must lose its radial part:

    dy_i/dx_j = ([i = j] - y_i y_j) / ||x||
    dx = (dout - (dout . y) y) / ||x||

which is `dout` projected on the tangent plane at y. (With dout = 1 for all, a backward that forgets
the projection can still look right: check gradients with a random dout.)

A vector shorter than `eps`, a dead embedding, is divided by eps instead: 0 stays 0 and not NaN, and
there the layer is linear, dx = dout / eps.

Shapes: x (N, D) -> y (N, D). The paper, section 3: "we constrain this embedding to live on the
d-dimensional hypersphere".
"""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from .backend import Kernel, contiguous, cpu_kernel, empty
from .layer import Layer

# -- Reference -----------------------------------------------------------------------------------


def l2norm_forward(x, eps=1e-10):
    norm = np.sqrt((x**2).sum(axis=1, keepdims=True))
    out = x / np.maximum(norm, eps)
    return out, (out, norm, eps)


def l2norm_backward(dout, cache):
    out, norm, eps = cache
    radial = np.where(norm > eps, (dout * out).sum(axis=1, keepdims=True), 0)
    return (dout - radial * out) / np.maximum(norm, eps)


# -- Kernels -------------------------------------------------------------------------------------


@cpu_kernel
def _forward_cpu(x, eps, out, norm):
    n, d = x.shape
    zero, one = type(eps)(0), type(eps)(1)
    for i in prange(n):
        largest = zero  # divided out before squaring: 1e20 squared is infinite in float32
        for j in range(d):
            largest = max(largest, abs(x[i, j]))
        scale = largest if largest > zero else one
        total = zero
        for j in range(d):
            total += (x[i, j] / scale) * (x[i, j] / scale)
        norm[i] = scale * math.sqrt(total)
        divisor = eps if norm[i] < eps else norm[i]  # a NaN is not less than eps: it stays
        for j in range(d):
            out[i, j] = x[i, j] / divisor


@cpu_kernel
def _backward_cpu(dout, y, norm, eps, dx):
    n, d = dout.shape
    for i in prange(n):
        radial = type(eps)(0)
        if norm[i] > eps:
            for j in range(d):
                radial += dout[i, j] * y[i, j]
        divisor = eps if norm[i] < eps else norm[i]
        for j in range(d):
            dx[i, j] = (dout[i, j] - radial * y[i, j]) / divisor


_forward = Kernel(_forward_cpu)
_backward = Kernel(_backward_cpu)


# -- The layer -----------------------------------------------------------------------------------


class L2Norm(Layer):
    """Each row divided by its length; rows shorter than `eps` by eps."""

    def __init__(self, eps: float = 1e-10):
        self.eps = eps

    def forward(self, x, train=False):
        out = empty(x.shape, like=x)
        norm = empty((x.shape[0],), like=x)
        _forward(contiguous(x), x.dtype.type(self.eps), out, norm)
        self._remember(train, out, out, norm)
        return out

    def backward(self, dout):
        out, norm = self._recall(dout)
        dx = empty(dout.shape, like=dout)
        _backward(contiguous(dout), out, norm, dout.dtype.type(self.eps), dx)
        return dx
