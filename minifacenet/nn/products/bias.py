"""The bias of a product: b is added to each row of x W; its gradient is the sum of dout's rows."""

from __future__ import annotations

import numpy as np
from numba import prange

from ..device.backend import CUDA_THREADS, Kernel, blocks
from ..device.cpu_target import cpu_kernel
from ..device.cuda_target import cuda, cuda_kernel, divide


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
bias_gradient = Kernel(_bias_gradient_cpu, _bias_gradient_cuda)
