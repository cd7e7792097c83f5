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
from numba import prange

from .backend import CUDA_THREADS, Kernel, blocks, contiguous, empty
from .cpu_target import cpu_kernel
from .cuda_target import cuda, cuda_kernel, divide
from .layer import Layer, Parameter, normal
from .matmul import matmul

# -- Reference -----------------------------------------------------------------------------------


def linear_forward(x, w, b):
    out = x.reshape(len(x), -1) @ w + b
    return out, (x, w)


def linear_backward(dout, cache):
    x, w = cache
    dx = (dout @ w.T).reshape(x.shape)
    return dx, x.reshape(len(x), -1).T @ dout, dout.sum(axis=0)


# -- Kernels: the matrix products are matmul's, the bias is ours ---------------------------------


@cpu_kernel
def _add_bias_cpu(bias, out):
    for i in prange(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] += bias[j]


@cuda_kernel
def _add_bias_grid(bias, out):
    i = cuda.grid(1)
    if i < out.size:
        row = divide(i, out.shape[1])
        j = np.uint32(i - row * out.shape[1])
        out[np.uint32(row), j] += bias[j]


@cpu_kernel
def _bias_gradient_cpu(dout, dbias):
    for j in prange(dbias.size):  # a thread owns a column: a fixed order of summation
        total = dbias.dtype.type(0)
        for i in range(dout.shape[0]):
            total += dout[i, j]
        dbias[j] += total


@cuda_kernel
def _bias_gradient_grid(dout, dbias):
    j = cuda.grid(1)
    if j < dbias.size:
        total = dbias.dtype.type(0)
        for i in range(dout.shape[0]):
            total += dout[i, j]
        dbias[j] += total


def _add_bias_cuda(bias, out):
    _add_bias_grid[blocks(out.size), CUDA_THREADS](bias, out)


def _bias_gradient_cuda(dout, dbias):
    _bias_gradient_grid[blocks(dbias.size), CUDA_THREADS](dout, dbias)


add_bias = Kernel(_add_bias_cpu, _add_bias_cuda)
_bias_gradient = Kernel(_bias_gradient_cpu, _bias_gradient_cuda)


# -- The layer -----------------------------------------------------------------------------------


class Linear(Layer):
    """y = x W + b. W: (inputs, outputs), normal with variance gain / inputs; b: zeros.

    `gain` 2 suits a ReLU (He et al. 2015), 1 a layer whose output is not rectified.
    """

    def __init__(self, inputs: int, outputs: int, rng, gain: float = 1.0, dtype=np.float32):
        self.weight = Parameter(normal(rng, (inputs, outputs), gain / inputs, dtype))
        self.bias = Parameter(np.zeros(outputs, dtype))

    def forward(self, x, train=False):
        inputs, outputs = self.weight.data.shape
        x = self._accept(x)
        if math.prod(x.shape[1:]) != inputs:
            raise ValueError(f"Linear expects {inputs} values an image, got shape {x.shape}")
        out = empty((x.shape[0], outputs), like=x)
        matmul(x.reshape(x.shape[0], inputs), self.weight.data, out)
        add_bias(self.bias.data, out)
        self._remember(train, out, x)
        return out

    def backward(self, dout):
        (x,) = self._recall(dout)
        dout = contiguous(dout)
        flat = x.reshape(x.shape[0], self.weight.data.shape[0])
        matmul(flat, dout, self.weight.grad, transpose_a=True, accumulate=True)
        _bias_gradient(dout, self.bias.grad)
        dx = empty(flat.shape, like=dout)
        matmul(dout, self.weight.data, dx, transpose_b=True)
        return dx.reshape(*x.shape)

    def output_shape(self, shape):
        return (self.weight.data.shape[1],)

    def multiply_adds(self, shape):
        return self.weight.data.size + self.bias.data.size
