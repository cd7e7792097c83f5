"""Concat: branches side by side, their outputs joined along the channels.

    y = [f_1(x), f_2(x), ..., f_m(x)]        along the last axis

Each branch sees the same x, so x collects the gradients of all of them (the chain rule for a value
that is used m times is a sum), and each branch receives its own slice of dout:

    dx = sum over m of  f_m backward( dout[..., channels of m] )

With `pad=True` the branches may give maps of different heights and widths. Each is filled up with
zeros to the largest height H' and the largest width W': of the d = H' - H_m rows that it lacks,
d // 2 stand before it and d - d // 2 after it, and its columns alike. The zeros are constants and
pass nothing back; every number of the map was copied to one place of y, where its gradient is:

    y[n, p, q, channels of m] = f_m(x)[n, p - (H' - H_m) // 2, q - (W' - W_m) // 2],  0 outside it
    f_m's slice of dout       = dout[n, rows and columns of m, channels of m]

Without branches it is the identity: the row "concat" of the paper's Table 1 has one input and
passes its 7x7x256 on to fc1. Table 2 (NN2) needs it in full.

Shapes: x (N, H, W, C), branches (N, H', W', C_m) -> y (N, H', W', sum of C_m); with `pad=True`
branches (N, H_m, W_m, C_m), and H' = max of H_m, W' = max of W_m. That is Torch's DepthConcat,
which OpenFace's nn4.small2 (Amos et al. 2016) joins its branches with.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numba import prange

from .device.backend import Array, Kernel, empty, thread_per_element, zeros
from .device.cpu_target import cpu_kernel
from .device.cuda_target import cuda, cuda_kernel
from .layer import FLOAT, Layer, Parameter, in_lines, named
from .placing import cut, place

# -- Reference -----------------------------------------------------------------------------------


def concat_forward(pieces: Sequence[np.ndarray]) -> tuple[np.ndarray, list[tuple[int, ...]]]:
    sizes = [piece.shape[1:-1] for piece in pieces]
    largest = [max(size) for size in zip(*sizes, strict=True)]
    padded = []
    for piece, size in zip(pieces, sizes, strict=True):
        missing = [most - own for most, own in zip(largest, size, strict=True)]
        around = [(d // 2, d - d // 2) for d in missing]
        padded.append(np.pad(piece, ((0, 0), *around, (0, 0))))
    return np.concatenate(padded, axis=-1), [piece.shape for piece in pieces]


def concat_backward(dout: np.ndarray, cache: list[tuple[int, ...]]) -> list[np.ndarray]:
    slices = np.split(dout, np.cumsum([shape[-1] for shape in cache])[:-1], axis=-1)
    cropped = []
    for piece, shape in zip(slices, cache, strict=True):
        sizes = zip(dout.shape[1:-1], shape[1:-1], strict=True)
        inside = [slice((most - own) // 2, (most - own) // 2 + own) for most, own in sizes]
        cropped.append(piece[:, *inside])
    return cropped


# -- Kernels: flat arrays, beside those of `placing.py` ------------------------------------------


@cpu_kernel
def _accumulate_cpu(dpiece, dx):
    for i in prange(dx.size):
        dx[i] += dpiece[i]


@cuda_kernel
def _accumulate_grid(dpiece, dx):  # bound: memory, 8 bytes in and 4 out for one addition
    i = cuda.grid(1)
    if i < dx.size:
        dx[i] += dpiece[i]


_accumulate = Kernel(_accumulate_cpu, thread_per_element(_accumulate_grid))


# -- The layer -----------------------------------------------------------------------------------

# Next: the branches write into `out`, and read from `dout`, themselves; then there is nothing to
# copy.


class Concat(Layer):
    """`Concat(('1x1', Sequential(...)), ('3x3', Sequential(...)))`; `Concat()` is the identity.

    With `pad=True` smaller maps get zeros on all sides; else all are of one height and one width.

    Raises
    ------
    ValueError
        A name is used twice, or outputs differ in more than their channels, or with `pad=True` in
        more than rows, columns and channels.
    """

    def __init__(self, *branches: tuple[str, Layer], pad: bool = False):
        self.branches = named(branches)
        self.pad = pad

    def __repr__(self) -> str:
        return in_lines(self, self.branches)

    def _about(self):
        return "padded" if self.pad else ""

    def forward(self, x: Array, train: bool = False) -> Array:
        if not self.branches:
            return x
        pieces = [branch.forward(x, train) for branch in self.branches.values()]
        shapes = [tuple(piece.shape) for piece in pieces]  # a device shape knows no -1
        out = empty(self._joined(shapes, batch=1), like=x)
        for piece, corner in zip(pieces, _corners(shapes, out.shape), strict=True):
            place(piece, corner, out)
        self._remember(train, out, shapes)
        return out

    def backward(self, dout: Array) -> Array | None:
        if not self.branches:
            return dout
        (shapes,) = self._recall(dout)
        total = None
        for branch, shape, corner in zip(
            self.branches.values(), shapes, _corners(shapes, dout.shape), strict=True
        ):
            dpiece = empty(shape, like=dout)
            cut(dout, corner, dpiece)
            dx = branch.backward(dpiece)
            if dx is None:  # a first layer's branch, which passes nothing on
                continue
            if total is None:
                total = zeros(dx.shape, like=dx)
            _accumulate(dx.reshape(-1), total.reshape(-1))
        return total

    def to(self, device: str) -> Layer:
        for branch in self.branches.values():
            branch.to(device)
        return self

    def parameters(self) -> dict[str, Parameter]:
        return {
            f"{name}.{own}": parameter
            for name, branch in self.branches.items()
            for own, parameter in branch.parameters().items()
        }

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        if not self.branches:
            return shape
        return self._joined([branch.output_shape(shape) for branch in self.branches.values()])

    def multiply_adds(self, shape: tuple[int, ...]) -> int:
        return sum(branch.multiply_adds(shape) for branch in self.branches.values())

    def bytes_moved(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """Count the branches' own, the copies of their outputs to y and back, the sum of dL/dx.

        What of dL/dy lies on padding is not read.
        """
        if not self.branches:
            return 0, 0
        branches = self.branches.values()
        forward, backward = map(sum, zip(*(b.bytes_moved(shape) for b in branches), strict=True))
        x, y = math.prod(shape), shape[0] * math.prod(self.output_shape(shape[1:]))
        pieces = shape[0] * sum(math.prod(b.output_shape(shape[1:])) for b in branches)
        sums = x + 3 * x * len(branches)  # zeros first; then each is read, and added to them
        return forward + FLOAT * (pieces + y), backward + FLOAT * (2 * pieces + sums)

    def _joined(self, shapes, batch=0):
        """Return the shape of the pieces' join; `batch` is the number of axes before an image's."""
        maps = self.pad and all(len(shape) == batch + 3 for shape in shapes)
        if len({shape[: batch if maps else -1] for shape in shapes}) != 1:
            raise ValueError(
                f"branches must agree in all but the channels, got "
                f"{dict(zip(self.branches, shapes, strict=True))}"
            )
        sizes = zip(*(shape[:-1] for shape in shapes), strict=True)
        return (*map(max, sizes), sum(shape[-1] for shape in shapes))


def _corners(shapes, out):
    """Yield the first row, column and channel of each piece in an output of shape `out`."""
    channel = 0
    for shape in shapes:
        top, left = ((out[a] - shape[a]) // 2 if len(out) == 4 else 0 for a in (1, 2))
        yield top, left, channel
        channel += shape[-1]
