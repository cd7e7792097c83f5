"""Conv2D: every output pixel is a weighted sum of an input window, the same weights everywhere.

    y[n,p,q,o] = b[o] + sum over i,j,c of  w[i,j,c,o] * x[n, p s + i - pad, q s + j - pad, c]

with x = 0 outside the image. (It is a cross-correlation, as in all of deep learning: the kernel is
not flipped.) The derivatives read off the sum:

    db[o]       = sum over n,p,q of  dout[n,p,q,o]
    dw[i,j,c,o] = sum over n,p,q of  dout[n,p,q,o] * x[n, p s + i - pad, q s + j - pad, c]
    dx[n,y,x,c] = sum over i,j,o of  dout[n,p,q,o] * w[i,j,c,o]
                  where p s + i - pad = y and q s + j - pad = x: each dx pixel gathers from all
                  windows that saw it

Written as matrices, X being the windows of x laid out as rows ("im2col"), W the weights as a
(kh kw C, O) matrix and Y the output pixels as rows:

    Y = X W + b         dW = X^T dY         dX = dY W^T, then every window's row back to its pixels

`im2col.py` holds the kernels that do so, for any window. `direct.py` computes the forward without
the matrix X, where our micro-kernel multiplies. For 3x3 windows of stride 1 there is a way with a
quarter of the multiplications: `winograd.py`. The last two can do the work of a ReLU or PReLU that
follows, before they write.

Shapes: x (N, H, W, C); w (kh, kw, C, O); b (O,); y (N, H', W', O) with H' = floor((H + pads - kh)
/ stride) + 1. Table 1 of the paper uses 7x7/2, 3x3/1 and 1x1/1; section 3.3, "1x1xd convolutional
layers ... between the standard convolutional layers".
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from .convolution.direct import DIRECT_UP_TO, conv_forward_direct, is_served
from .convolution.implicit_gemm import conv_backward_implicit, conv_forward_implicit
from .convolution.rectify import fits
from .convolution.winograd import conv_backward_winograd, conv_forward_winograd, fastest_tile
from .device.backend import Array, contiguous, device_of, empty, read_only, zeros
from .layer import FLOAT, Layer, Parameter, normal
from .window import Window

TILES = {"winograd": 4, "winograd2": 2}  # outputs along the side of a tile
ALGORITHMS = ("auto", "im2col", *TILES)

# -- Reference -----------------------------------------------------------------------------------


def conv_forward(
    x: np.ndarray, w: np.ndarray, b: np.ndarray, window: Window
) -> tuple[np.ndarray, tuple]:
    n, height, width, _ = x.shape
    out_h, out_w = window.output_size(height, width)
    padded = np.pad(x, ((0, 0), *window.pad, (0, 0)))
    out = np.zeros((n, out_h, out_w, w.shape[3]), x.dtype) + b
    for i, j, rows, columns in _taps(window, out_h, out_w):
        out += padded[:, rows, columns] @ w[i, j]
    return out, (x, w, window)


def conv_backward(dout: np.ndarray, cache: tuple) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    x, w, window = cache
    _, out_h, out_w, _ = dout.shape
    (top, _), (left, _) = window.pad
    padded = np.pad(x, ((0, 0), *window.pad, (0, 0)))
    dpadded, dw = np.zeros_like(padded), np.zeros_like(w)
    for i, j, rows, columns in _taps(window, out_h, out_w):
        dw[i, j] = np.einsum("npqc,npqo->co", padded[:, rows, columns], dout)
        dpadded[:, rows, columns] += dout @ w[i, j].T
    dx = dpadded[:, top : top + x.shape[1], left : left + x.shape[2]]
    return dx, dw, dout.sum(axis=(0, 1, 2))


def _taps(window: Window, out_h: int, out_w: int):
    """Yield for each weight position (i, j) the rows and columns of the padded image it meets."""
    (kh, kw), (sh, sw) = window.kernel, window.stride
    for i in range(kh):
        for j in range(kw):
            yield i, j, slice(i, i + out_h * sh, sh), slice(j, j + out_w * sw, sw)


# -- The layer -----------------------------------------------------------------------------------


class Conv2D(Layer):
    """Convolution of NHWC images. Weights (kh, kw, C, O), He-normal (for a ReLU next); bias zero.

    Parameters
    ----------
    channels, filters : int
        C and O.
    kernel, stride, pad : int or pair
        See `Window.of`.
    input_gradient : bool
        False leaves out dx, and `backward` returns None: a network's first layer has nobody to pass
        it to, and saves a third of its work.
    algorithm : 'auto', 'im2col', 'winograd' or 'winograd2'
        All compute the same but for rounding. 'winograd' has tiles of 4x4 outputs, 'winograd2' of
        2x2: slower, and nearly as exact as im2col. Both are for 3x3 kernels of stride 1. 'auto'
        takes what was measured fastest on a CPU for the shape of the layer and its output. For
        maps of a few tiles that depends on the batch, and so do an output's last digits. (Where it
        is not Winograd's, or channels and filters are few, the forward is direct, if our
        micro-kernel is in use.) From an infinite pixel im2col gives infinity, Winograd NaN, also in
        outputs of the tile that do not see it.
    bias : bool
        False leaves b out, and `layer.bias` is None: a batch norm that follows would take it away
        again, and adds its own beta.

    Raises
    ------
    ValueError
        The algorithm is unknown, or does not fit the window.
    """

    window: Window

    def __init__(
        self,
        channels: int,
        filters: int,
        kernel: int | tuple[int, int],
        rng: np.random.Generator | None,
        stride: int | tuple[int, int] = 1,
        pad: int | Sequence = 0,
        input_gradient: bool = True,
        algorithm: str = "auto",
        dtype: type = np.float32,
        bias: bool = True,
    ):
        self.window = Window.of(kernel, stride, pad)
        self.input_gradient = input_gradient
        self.algorithm = algorithm
        if algorithm not in ALGORITHMS:
            raise ValueError(f"algorithm must be one of {ALGORITHMS}, got {algorithm!r}")
        if algorithm in TILES and (self.window.kernel, self.window.stride) != ((3, 3), (1, 1)):
            raise ValueError(
                f"algorithm {algorithm!r} is for 3x3 kernels of stride 1, got kernel "
                f"{self.window.kernel}, stride {self.window.stride}: take 'im2col' or 'auto'"
            )
        shape = (*self.window.kernel, channels, filters)
        self.weight = Parameter(normal(rng, shape, 2 / math.prod(shape[:3]), dtype))
        self.bias = Parameter(np.zeros(filters, dtype)) if bias else None

    def _about(self):
        text = "{} -> {}, ".format(*self.weight.data.shape[2:]) + str(self.window)
        return text + ("" if self.bias else ", no bias")

    def forward(self, x: Array, train: bool = False, rectify: Array | None = None) -> Array:
        x = self._accept(x, "N", "H", "W", self.weight.shape[2])
        out = empty((x.shape[0], *self.output_shape(x.shape[1:])), like=x)
        bias = self.bias.data if self.bias else read_only(self._no_bias())
        tile = self._forward_tile(x, out.shape)
        if tile:
            conv_forward_winograd(x, self.weight, bias, self.window, tile, rectify, out)
        elif self._is_direct(x):
            conv_forward_direct(x, self.weight, bias, self.window, rectify, out)
        else:
            conv_forward_implicit(x, self.weight.data, bias, self.window, out)
        self._remember(train, out, x)
        return out

    def can_rectify(self, x: Array, slopes: Array) -> bool:
        """Say yes where forward is by Winograd or direct, on the CPU."""
        filters = self.weight.shape[3]
        if len(x.shape) != 4 or not fits(slopes, x, filters):  # forward says what is wrong with it
            return False
        if self._is_direct(x):
            return True
        return self._tile((x.shape[0], *self.output_shape(x.shape[1:]))) is not None

    def _is_direct(self, x):
        return self.algorithm == "auto" and device_of(x) == "cpu" and is_served(x.dtype)

    def backward(self, dout: Array) -> Array | None:
        (x,) = self._recall(dout)
        dx = empty(x.shape if self.input_gradient else (0, *x.shape[1:]), like=x)
        dbias = self.bias.grad if self.bias else self._no_bias()
        dout, gradients = contiguous(dout), (self.weight.grad, dbias, dx)
        tile = self._tile(dout.shape)
        if tile:
            conv_backward_winograd(dout, x, self.weight, self.window, tile, *gradients)
        else:
            conv_backward_implicit(dout, x, self.weight.data, self.window, *gradients)
        return dx if self.input_gradient else None

    def _no_bias(self):
        """Return zeros for the kernels, which add a bias and sum its gradient in any case."""
        return zeros(self.weight.data.shape[3:], like=self.weight.data)

    def _forward_tile(self, x, shape):
        few = math.prod(self.weight.shape[2:]) <= DIRECT_UP_TO
        return None if few and self._is_direct(x) else self._tile(shape)

    def _tile(self, shape):
        """Return the size of Winograd's tiles for an output (N, H', W', O); None means im2col."""
        if self.algorithm == "auto":
            return fastest_tile(self.window, self.weight.shape[2], shape)
        return TILES.get(self.algorithm)

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (*self.window.output_size(*shape[:2]), self.weight.shape[3])

    def multiply_adds(self, shape: tuple[int, ...]) -> int:
        pixels = math.prod(self.window.output_size(*shape[:2]))
        return pixels * sum(parameter.data.size for parameter in self.parameters().values())

    def bytes_moved(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """The bias is not read in the backward; a first layer reads no weights, writes no dL/dx."""
        forward, backward = super().bytes_moved(shape)
        spared = self.bias.data.size if self.bias else 0
        if not self.input_gradient:
            spared += self.weight.data.size + math.prod(shape)
        return forward, backward - FLOAT * spared
