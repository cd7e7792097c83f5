"""Linear: a fully connected layer.

    y = x W + b            y_j = sum_i x_i W_ij + b_j

From dy_j/dx_i = W_ij, dy_j/dW_ij = x_i and dy_j/db_j = 1, summed over the batch:

    dx = dout W^T          dW = x^T dout          db = sum over the batch of dout

Shapes: x (N, ...), flattened to (N, D_in) in C order, so (H, W, C) for images; W (D_in, D_out);
b (D_out,); y (N, D_out). The paper's fc1, fc2 and fc7128 (Table 1).
"""

from __future__ import annotations

import math

import numpy as np

from .device.backend import Array, contiguous, empty
from .layer import FLOAT, Layer, Parameter, normal, zeros
from .products.bias import add_bias, bias_gradient
from .products.matmul import matmul

# -- Reference -----------------------------------------------------------------------------------


def linear_forward(x: np.ndarray, w: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, tuple]:
    out = x.reshape(len(x), -1) @ w + b
    return out, (x, w)


def linear_backward(dout: np.ndarray, cache: tuple) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    x, w = cache
    dx = (dout @ w.T).reshape(x.shape)
    return dx, x.reshape(len(x), -1).T @ dout, dout.sum(axis=0)


# -- The layer -----------------------------------------------------------------------------------


class Linear(Layer):
    """y = x W + b. W: (inputs, outputs), normal with variance gain / inputs; b: zeros.

    `gain` 2 suits a ReLU (He et al. 2015), 1 a layer whose output is not rectified. With
    `bias=False` there is no b, and `layer.bias` is None: a batch norm that follows would take it
    away again, and adds its own beta.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        rng: np.random.Generator | None,
        gain: float = 1.0,
        dtype: type = np.float32,
        bias: bool = True,
    ):
        self.weight = Parameter(normal(rng, (inputs, outputs), gain / inputs, dtype))
        self.bias = Parameter(zeros((outputs,), dtype)) if bias else None

    def _about(self):
        return "{} -> {}".format(*self.weight.data.shape) + ("" if self.bias else ", no bias")

    def forward(self, x: Array, train: bool = False) -> Array:
        inputs, outputs = self.weight.data.shape
        x = self._accept(x)
        if math.prod(x.shape[1:]) != inputs:
            raise ValueError(f"Linear expects {inputs} values an image, got shape {x.shape}")
        out = empty((x.shape[0], outputs), like=x)
        matmul(x.reshape(x.shape[0], inputs), self.weight.data, out)
        if self.bias:
            add_bias(self.bias.data, out)
        self._remember(train, out, x)
        return out

    def backward(self, dout: Array) -> Array:
        (x,) = self._recall(dout)
        dout = contiguous(dout)
        flat = x.reshape(x.shape[0], self.weight.data.shape[0])
        matmul(flat, dout, self.weight.grad, transpose_a=True, accumulate=True)
        if self.bias:
            bias_gradient(dout, self.bias.grad)
        dx = empty(flat.shape, like=dout)
        matmul(dout, self.weight.data, dx, transpose_b=True)
        return dx.reshape(*x.shape)

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (self.weight.shape[1],)

    def multiply_adds(self, shape: tuple[int, ...]) -> int:
        return sum(parameter.data.size for parameter in self.parameters().values())

    def bytes_moved(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """The bias is not read in the backward."""
        forward, backward = super().bytes_moved(shape)
        return forward, backward - FLOAT * (self.bias.data.size if self.bias else 0)
