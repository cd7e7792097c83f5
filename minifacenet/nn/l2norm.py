"""L2Norm: the projection onto the unit sphere, where the paper's embeddings live.

    y = x / ||x||

Moving x along itself changes nothing in y, so the gradient must lose its radial part:

    dy_i/dx_j = ([i = j] - y_i y_j) / ||x||
    dx = (dout - (dout . y) y) / ||x||

which is `dout` projected on the tangent plane at y. (With dout = 1 for all, a backward that forgets
the projection can still look right: check gradients with a random dout.)

A vector shorter than `eps`, a dead embedding, is divided by eps instead: 0 stays 0 and not NaN, and
there the layer is linear, dx = dout / eps. One whose length is beyond the largest float has its
direction all the same; its gradient is 0.

Shapes: x (N, D) -> y (N, D). The paper, section 3: "we constrain this embedding to live on the
d-dimensional hypersphere".
"""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from .device.backend import Array, Kernel, blocks, contiguous, empty
from .device.cpu_target import cpu_kernel
from .device.cuda_target import cuda, cuda_kernel
from .layer import FLOAT, Layer

# -- Reference -----------------------------------------------------------------------------------


def l2norm_forward(x: np.ndarray, eps: float = 1e-10) -> tuple[np.ndarray, tuple]:
    norm = np.sqrt((x**2).sum(axis=1, keepdims=True))
    out = x / np.maximum(norm, eps)
    return out, (out, norm, eps)


def l2norm_backward(dout: np.ndarray, cache: tuple) -> np.ndarray:
    out, norm, eps = cache
    radial = np.where(norm > eps, (dout * out).sum(axis=1, keepdims=True), 0)
    return (dout - radial * out) / np.maximum(norm, eps)


# -- Kernels -------------------------------------------------------------------------------------

ROW_THREADS = 64  # of a CUDA block, which shares a row: a power of 2, halved at each step of a sum


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
        root = math.sqrt(total)
        norm[i] = scale * root
        divisor = eps if norm[i] < eps else norm[i]  # a NaN is not less than eps: it stays
        if math.isinf(divisor):  # of finite x alone: an infinite one has made `total` NaN
            for j in range(d):
                out[i, j] = (x[i, j] / scale) / root
        else:
            for j in range(d):
                out[i, j] = x[i, j] / divisor


# One block per row. Each thread goes over every 64th value; then the upper half of the threads
# hands its results to the lower one, again and again: 6 steps instead of 64, in an order that never
# changes. Bound: memory. An element in float32 is 4 bytes in (twice more from the cache) and 4 out,
# for 8 flops; N x 128 embeddings are so few that the launch takes longer. Next: warp shuffles in
# place of shared memory.
@cuda_kernel
def _forward_grid(x, eps, out, norm):
    largest = cuda.shared.array(ROW_THREADS, x.dtype)
    total = cuda.shared.array(ROW_THREADS, x.dtype)
    i, t = cuda.blockIdx.x, cuda.threadIdx.x
    n, d = x.shape
    if i >= n:
        return
    zero, one = type(eps)(0), type(eps)(1)
    own = zero
    for j in range(t, d, ROW_THREADS):
        own = max(own, abs(x[i, j]))
    largest[t] = own
    cuda.syncthreads()
    half = ROW_THREADS // 2
    while half > 0:
        if t < half:
            largest[t] = max(largest[t], largest[t + half])
        cuda.syncthreads()
        half //= 2
    scale = largest[0] if largest[0] > zero else one
    own = zero
    for j in range(t, d, ROW_THREADS):
        own += (x[i, j] / scale) * (x[i, j] / scale)
    total[t] = own
    cuda.syncthreads()
    half = ROW_THREADS // 2
    while half > 0:
        if t < half:
            total[t] += total[t + half]
        cuda.syncthreads()
        half //= 2
    root = math.sqrt(total[0])
    length = scale * root
    divisor = eps if length < eps else length
    if math.isinf(divisor):
        divisor = root
    else:
        scale = one
    for j in range(t, d, ROW_THREADS):
        out[i, j] = (x[i, j] / scale) / divisor
    if t == 0:
        norm[i] = length


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


# One block per row, the same tree. Bound: memory. An element in float32 is 8 bytes in (the second
# time from the cache) and 4 out, for 5 flops. Next: as above.
@cuda_kernel
def _backward_grid(dout, y, norm, eps, dx):
    total = cuda.shared.array(ROW_THREADS, dout.dtype)
    i, t = cuda.blockIdx.x, cuda.threadIdx.x
    n, d = dout.shape
    if i >= n:
        return
    own = type(eps)(0)
    if norm[i] > eps:
        for j in range(t, d, ROW_THREADS):
            own += dout[i, j] * y[i, j]
    total[t] = own
    cuda.syncthreads()
    half = ROW_THREADS // 2
    while half > 0:
        if t < half:
            total[t] += total[t + half]
        cuda.syncthreads()
        half //= 2
    divisor = eps if norm[i] < eps else norm[i]
    for j in range(t, d, ROW_THREADS):
        dx[i, j] = (dout[i, j] - total[0] * y[i, j]) / divisor


def _forward_cuda(x, eps, out, norm):
    _forward_grid[blocks(x.shape[0], 1), ROW_THREADS](x, eps, out, norm)


def _backward_cuda(dout, y, norm, eps, dx):
    _backward_grid[blocks(dout.shape[0], 1), ROW_THREADS](dout, y, norm, eps, dx)


_forward = Kernel(_forward_cpu, _forward_cuda)
_backward = Kernel(_backward_cpu, _backward_cuda)


# -- The layer -----------------------------------------------------------------------------------


class L2Norm(Layer):
    """Divides each row by its length, rows shorter than `eps` by eps."""

    def __init__(self, eps: float = 1e-10):
        self.eps = eps

    def _about(self):
        return f"eps {self.eps}"

    def forward(self, x: Array, train: bool = False) -> Array:
        x = self._accept(x, "N", "D")
        out = empty(x.shape, like=x)
        norm = empty((x.shape[0],), like=x)
        _forward(x, x.dtype.type(self.eps), out, norm)
        self._remember(train, out, out, norm)
        return out

    def backward(self, dout: Array) -> Array:
        out, norm = self._recall(dout)
        dx = empty(dout.shape, like=dout)
        _backward(contiguous(dout), out, norm, dout.dtype.type(self.eps), dx)
        return dx

    def bytes_moved(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """Each row's length is written and read."""
        forward, backward = super().bytes_moved(shape)
        return forward + FLOAT * shape[0], backward + FLOAT * shape[0]
