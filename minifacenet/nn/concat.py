"""Concat: branches side by side, their outputs joined along the channels.

    y = [f_1(x), f_2(x), ..., f_m(x)]        along the last axis

Each branch sees the same x, so x collects the gradients of all of them (the chain rule for a value
that is used m times is a sum), and each branch receives its own slice of dout:

    dx = sum over m of  f_m backward( dout[..., channels of m] )

Without branches it is the identity: the row "concat" of the paper's Table 1 has one input and
passes its 7x7x256 on to fc1. Table 2 (NN2) needs it in full.

Shapes: x (N, H, W, C), branches (N, H', W', C_m) -> y (N, H', W', sum of C_m).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numba import prange

from .device.backend import (
    CUDA_THREADS,
    Array,
    Kernel,
    as_pixels,
    blocks,
    empty,
    thread_per_element,
    zeros,
)
from .device.cpu_target import cpu_kernel
from .device.cuda_target import cuda, cuda_kernel, divide
from .layer import FLOAT, Layer, Parameter, in_lines, named

# -- Reference -----------------------------------------------------------------------------------


def concat_forward(pieces: Sequence[np.ndarray]) -> tuple[np.ndarray, list[int]]:
    out = np.concatenate(pieces, axis=-1)
    return out, [piece.shape[-1] for piece in pieces]


def concat_backward(dout: np.ndarray, cache: list[int]) -> list[np.ndarray]:
    return np.split(dout, np.cumsum(cache)[:-1], axis=-1)


# -- Kernels: arrays as (pixels, channels) -------------------------------------------------------

# The CUDA kernels have one thread per element of the piece. Bound: memory. In float32 an element is
# 4 bytes in and 4 out (`_accumulate`: 8 in and 4 out) for no arithmetic, or one addition. Next: the
# branches write into `out`, and read from `dout`, themselves; then there is nothing to copy.


@cpu_kernel
def _insert_cpu(piece, offset, out):
    for i in prange(piece.shape[0]):
        for c in range(piece.shape[1]):
            out[i, offset + c] = piece[i, c]


@cuda_kernel
def _insert_grid(piece, offset, out):
    i = cuda.grid(1)
    if i < piece.size:
        pixel = divide(i, piece.shape[1])
        c = i - pixel * piece.shape[1]
        out[pixel, offset + c] = piece[pixel, c]


@cpu_kernel
def _extract_cpu(dout, offset, dpiece):
    for i in prange(dpiece.shape[0]):
        for c in range(dpiece.shape[1]):
            dpiece[i, c] = dout[i, offset + c]


@cuda_kernel
def _extract_grid(dout, offset, dpiece):
    i = cuda.grid(1)
    if i < dpiece.size:
        pixel = divide(i, dpiece.shape[1])
        c = i - pixel * dpiece.shape[1]
        dpiece[pixel, c] = dout[pixel, offset + c]


@cpu_kernel
def _accumulate_cpu(dpiece, dx):
    for i in prange(dx.size):
        dx[i] += dpiece[i]


@cuda_kernel
def _accumulate_grid(dpiece, dx):
    i = cuda.grid(1)
    if i < dx.size:
        dx[i] += dpiece[i]


def _insert_cuda(piece, offset, out):
    _insert_grid[blocks(piece.size), CUDA_THREADS](piece, offset, out)


_insert = Kernel(_insert_cpu, _insert_cuda)
_extract = Kernel(_extract_cpu, thread_per_element(_extract_grid))
_accumulate = Kernel(_accumulate_cpu, thread_per_element(_accumulate_grid))


# -- The layer -----------------------------------------------------------------------------------


class Concat(Layer):
    """`Concat(('1x1', Sequential(...)), ('3x3', Sequential(...)))`; `Concat()` is the identity.

    Raises
    ------
    ValueError
        A name is used twice, or outputs differ in more than their channels.
    """

    def __init__(self, *branches: tuple[str, Layer]):
        self.branches = named(branches)

    def __repr__(self) -> str:
        return in_lines(self, self.branches)

    def forward(self, x: Array, train: bool = False) -> Array:
        if not self.branches:
            return x
        pieces = [branch.forward(x, train) for branch in self.branches.values()]
        self._check([piece.shape for piece in pieces])
        channels = [tuple(piece.shape)[-1] for piece in pieces]  # a device shape knows no -1
        out = empty((*pieces[0].shape[:-1], sum(channels)), like=x)
        for piece, offset in zip(pieces, _offsets(channels), strict=True):
            _insert(as_pixels(piece), offset, as_pixels(out))
        self._remember(train, out, channels)
        return out

    def backward(self, dout: Array) -> Array | None:
        if not self.branches:
            return dout
        (channels,) = self._recall(dout)
        total = None
        for branch, width, offset in zip(
            self.branches.values(), channels, _offsets(channels), strict=True
        ):
            dpiece = empty((*dout.shape[:-1], width), like=dout)
            _extract(as_pixels(dout), offset, as_pixels(dpiece))
            dx = branch.backward(dpiece)
            if dx is None:  # a first layer's branch, which passes nothing on
                continue
            if total is None:
                total = zeros(dx.shape, like=dx)
            _accumulate(dx.reshape(-1), total.reshape(-1))
        return total

    def parameters(self) -> dict[str, Parameter]:
        return {
            f"{name}.{own}": parameter
            for name, branch in self.branches.items()
            for own, parameter in branch.parameters().items()
        }

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        if not self.branches:
            return shape
        shapes = [branch.output_shape(shape) for branch in self.branches.values()]
        self._check(shapes)
        return (*shapes[0][:-1], sum(s[-1] for s in shapes))

    def multiply_adds(self, shape: tuple[int, ...]) -> int:
        return sum(branch.multiply_adds(shape) for branch in self.branches.values())

    def bytes_moved(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """Count the branches' own, the copies of their outputs to y and back, the sum of dL/dx."""
        if not self.branches:
            return 0, 0
        moved = [branch.bytes_moved(shape) for branch in self.branches.values()]
        forward, backward = map(sum, zip(*moved, strict=True))
        x, y = math.prod(shape), shape[0] * math.prod(self.output_shape(shape[1:]))
        sums = x + 3 * x * len(self.branches)  # zeros first; then each is read, and added to them
        return forward + FLOAT * 2 * y, backward + FLOAT * (2 * y + sums)

    def _check(self, shapes) -> None:
        if len({tuple(shape[:-1]) for shape in shapes}) != 1:
            raise ValueError(
                f"branches must agree in all but the channels, got "
                f"{dict(zip(self.branches, shapes, strict=True))}"
            )


def _offsets(channels):
    return [sum(channels[:i]) for i in range(len(channels))]
