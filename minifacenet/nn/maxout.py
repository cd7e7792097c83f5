"""Maxout: the largest of p linear maps, in place of a rectifier.

    y[j] = max over pieces m of  x[m h + j],       x holding p pieces of h values one after another

With a `Linear` of p h outputs in front, y_j is the maximum of p affine functions of the input: a
convex, piecewise linear activation whose shape is learned (Goodfellow et al. 2013). As in max
pooling the gradient goes to the winner alone, the first one on a tie:

    dx[m h + j] = dout[j] if piece m won, else 0

and a NaN wins, so that it travels. Shapes: x (N, p h) -> y (N, h).

The paper, Table 1: "maxout p=2" for fc1 and fc2; 103M parameters fit only two maps of 4,096.
"""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from .device.backend import CUDA_THREADS, Array, Kernel, blocks, contiguous, element, empty
from .device.cpu_target import cpu_kernel
from .device.cuda_target import cuda, cuda_kernel, divide
from .layer import FLOAT, Layer

# -- Reference -----------------------------------------------------------------------------------


def maxout_forward(x: np.ndarray, pieces: int = 2) -> tuple[np.ndarray, tuple]:
    z = x.reshape(len(x), pieces, -1)
    winner = z.argmax(axis=1)  # the first one on a tie; a NaN counts as the largest
    return np.take_along_axis(z, winner[:, None], axis=1)[:, 0], (winner, pieces)


def maxout_backward(dout: np.ndarray, cache: tuple) -> np.ndarray:
    winner, pieces = cache
    dz = np.zeros((len(dout), pieces, dout.shape[1]), dout.dtype)
    np.put_along_axis(dz, winner[:, None], dout[:, None], axis=1)
    return dz.reshape(len(dout), -1)


# -- One element, for both targets ---------------------------------------------------------------


def _beats(value, best):
    """Whether `value` is larger, or the first NaN."""
    return (best == best) & (not value <= best)  # `&`: no branch


_beats_cpu, _beats_cuda = element(_beats)


# -- Kernels -------------------------------------------------------------------------------------


@cpu_kernel
def _forward_cpu(x, pieces, out, winner):
    n, h = out.shape
    for i in prange(n):
        for j in range(h):
            best, index = x[i, j], 0
            for m in range(1, pieces):
                if _beats_cpu(x[i, m * h + j], best):
                    best, index = x[i, m * h + j], m
            out[i, j] = best
            winner[i, j] = index


# One thread per output. Bound: memory. With p = 2 in float32 an output reads 8 bytes and writes 5,
# for one comparison. Next: fusing it with the bias of the Linear before it.
@cuda_kernel
def _forward_grid(x, pieces, out, winner):
    position = cuda.grid(1)
    if position < out.size:
        h = out.shape[1]
        i = divide(position, h)
        row, j = np.uint32(i), np.uint32(position - i * h)
        best, index = x[row, j], 0
        for m in range(1, pieces):
            value = x[row, np.uint32(m * h + j)]
            if _beats_cuda(value, best):
                best, index = value, m
        out[row, j] = best
        winner[row, j] = index


@cpu_kernel
def _backward_cpu(dout, winner, pieces, dx):
    n, h = dout.shape
    zero = dout.dtype.type(0)
    for i in prange(n):
        for m in range(pieces):
            for j in range(h):
                dx[i, m * h + j] = dout[i, j] if winner[i, j] == m else zero


# One thread per output of the forward: the only writer of its p pieces. Bound: memory. With p = 2
# in float32 it reads 5 bytes and writes 8.
@cuda_kernel
def _backward_grid(dout, winner, pieces, dx):
    position = cuda.grid(1)
    if position < dout.size:
        h = dout.shape[1]
        i = divide(position, h)
        row, j = np.uint32(i), np.uint32(position - i * h)
        gradient, index = dout[row, j], winner[row, j]
        zero = dout.dtype.type(0)
        for m in range(pieces):
            dx[row, np.uint32(m * h + j)] = gradient if index == m else zero


def _forward_cuda(x, pieces, out, winner):
    _forward_grid[blocks(out.size), CUDA_THREADS](x, pieces, out, winner)


def _backward_cuda(dout, winner, pieces, dx):
    _backward_grid[blocks(dout.size), CUDA_THREADS](dout, winner, pieces, dx)


_forward = Kernel(_forward_cpu, _forward_cuda)
_backward = Kernel(_backward_cpu, _backward_cuda)


# -- The layer -----------------------------------------------------------------------------------


class Maxout(Layer):
    """The largest of `pieces` consecutive parts of the input: (N, pieces h) -> (N, h)."""

    def __init__(self, pieces: int = 2):
        if not 2 <= pieces <= 256:
            raise ValueError(f"maxout takes 2 to 256 pieces, got {pieces}")
        self.pieces = pieces

    def _about(self):
        return f"{self.pieces} pieces"

    def forward(self, x: Array, train: bool = False) -> Array:
        x = self._accept(x, "N", "D")
        out = empty((x.shape[0], *self.output_shape(x.shape[1:])), like=x)
        winner = empty(out.shape, like=x, dtype=np.uint8)
        _forward(x, self.pieces, out, winner)
        self._remember(train, out, winner)
        return out

    def backward(self, dout: Array) -> Array:
        (winner,) = self._recall(dout)
        dx = empty((dout.shape[0], dout.shape[1] * self.pieces), like=dout)
        _backward(contiguous(dout), winner, self.pieces, dx)
        return dx

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        if len(shape) != 1 or shape[0] % self.pieces:
            raise ValueError(f"maxout needs a flat multiple of {self.pieces} values, got {shape}")
        return (shape[0] // self.pieces,)

    def bytes_moved(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """Each output's winner, a byte, is written and read."""
        x, y = math.prod(shape), shape[0] * math.prod(self.output_shape(shape[1:]))
        return FLOAT * (x + y) + y, FLOAT * (y + x) + y
