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

`im2col.py` holds the kernels that do so.

Shapes: x (N, H, W, C); w (kh, kw, C, O); b (O,); y (N, H', W', O) with H' = floor((H + pads - kh)
/ stride) + 1. Table 1 of the paper uses 7x7/2, 3x3/1 and 1x1/1; section 3.3, "1x1xd convolutional
layers ... between the standard convolutional layers".
"""

from __future__ import annotations

import math

import numpy as np

from .backend import contiguous, empty
from .im2col import conv_backward_im2col, conv_forward_im2col
from .layer import Layer, Parameter, normal
from .window import Window

# -- Reference -----------------------------------------------------------------------------------


def conv_forward(x, w, b, window: Window):
    n, height, width, _ = x.shape
    out_h, out_w = window.output_size(height, width)
    padded = np.pad(x, ((0, 0), *window.pad, (0, 0)))
    out = np.zeros((n, out_h, out_w, w.shape[3]), x.dtype) + b
    for i, j, rows, columns in _taps(window, out_h, out_w):
        out += padded[:, rows, columns] @ w[i, j]
    return out, (x, w, window)


def conv_backward(dout, cache):
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
    """For each weight position (i, j): the rows and columns of the padded image that it meets."""
    (kh, kw), (sh, sw) = window.kernel, window.stride
    for i in range(kh):
        for j in range(kw):
            yield i, j, slice(i, i + out_h * sh, sh), slice(j, j + out_w * sw, sw)


# -- The layer -----------------------------------------------------------------------------------


class Conv2D(Layer):
    """Convolution of NHWC images. Weights (kh, kw, C, O), He-normal (for a ReLU behind); bias zero.

    Parameters
    ----------
    channels, filters : int
        C and O.
    kernel, stride, pad : int or pair
        See `Window.of`.
    input_gradient : bool
        False leaves out dx, and `backward` returns None: a network's first layer has nobody to hand
        it to, and saves a third of its work.
    """

    def __init__(
        self, channels, filters, kernel, rng, stride=1, pad=0, input_gradient=True, dtype=np.float32
    ):
        self.window = Window.of(kernel, stride, pad)
        self.input_gradient = input_gradient
        shape = (*self.window.kernel, channels, filters)
        self.weight = Parameter(normal(rng, shape, 2 / math.prod(shape[:3]), dtype))
        self.bias = Parameter(np.zeros(filters, dtype))

    def forward(self, x, train=False):
        if len(x.shape) != 4 or x.shape[3] != self.weight.data.shape[2]:
            raise ValueError(
                f"Conv2D expects (N, H, W, {self.weight.data.shape[2]}) images, got {x.shape}"
            )
        x = contiguous(x)
        out = empty((x.shape[0], *self.output_shape(x.shape[1:])), like=x)
        conv_forward_im2col(x, self.weight.data, self.bias.data, self.window, out)
        self._remember(train, out, x)
        return out

    def backward(self, dout):
        (x,) = self._recall(dout)
        dx = empty(x.shape if self.input_gradient else (0, *x.shape[1:]), like=x)
        conv_backward_im2col(
            contiguous(dout), x, self.weight.data, self.window, self.weight.grad, self.bias.grad, dx
        )
        return dx if self.input_gradient else None

    def output_shape(self, shape):
        return (*self.window.output_size(*shape[:2]), self.bias.data.size)

    def multiply_adds(self, shape):
        pixels = math.prod(self.window.output_size(*shape[:2]))
        return pixels * (self.weight.data.size + self.bias.data.size)
