"""What each CUDA kernel is launched with, found and not listed: by running what launches them.

That is every layer, by its cases, and what no layer runs, below. It runs in Numba's simulator, for
its arrays need no GPU; a launch is noted there and not simulated, for its numbers are nobody's.
"""

import os
import pickle
import subprocess
import sys
from collections import defaultdict
from functools import cache

import numba
import numpy as np
from numba import types

from minifacenet.embedding.distances import squared_distances
from minifacenet.embedding.triplet import embedding_gradient
from minifacenet.nn.batchnorm import BatchNorm
from minifacenet.nn.convolution import im2col_cuda
from minifacenet.nn.device.backend import to_device
from minifacenet.nn.device.cuda_target import CudaFunction
from minifacenet.nn.layer import Sequential
from minifacenet.nn.products import matmul_cuda
from minifacenet.nn.window import Window
from minifacenet.training.average import WeightAverage
from tests.run_layers import run_layers, run_optimizers

DTYPES = (np.float32, np.float64)

Launches = dict[str, list[tuple]]  # by the kernel's name: the types of its arguments, each once


@cache
def launches() -> dict[type, Launches]:
    """By the dtype of the arrays that went in. From a process with the simulator."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.cuda_launches"],
        env=os.environ | {"NUMBA_ENABLE_CUDASIM": "1"},
        stdout=subprocess.PIPE,
        check=True,
        timeout=600,
    )
    return pickle.loads(done.stdout)


def _run_what_no_layer_does(dtype: type) -> None:
    """The embeddings' own kernels, and those that are there to compare with."""
    square, image, weight, bias = (
        to_device(np.ones(shape, dtype), "cuda")
        for shape in ((3, 3), (1, 4, 4, 3), (3, 3, 3, 3), 3)
    )
    embedding_gradient(squared_distances(square), square)
    for product in (matmul_cuda.matmul_naive, matmul_cuda.matmul_tiled):
        product(square, square, False, False, False, square)
    WeightAverage(Sequential(("bn", BatchNorm(3, dtype=dtype))).to("cuda"), 0.9).update()
    window = Window.of(3, pad=1)
    im2col_cuda.conv_forward(image, weight, bias, window, image)
    im2col_cuda.conv_backward(image, image, weight, window, weight, bias, image)


def _recorded(dtype: type) -> Launches:
    found = defaultdict(set)

    def launch(kernel, grid):
        name = f"{kernel.function.__module__}.{kernel.function.__qualname__}"
        return lambda *arguments: found[name].add(tuple(map(_type_of, arguments)))

    CudaFunction.__getitem__ = launch
    run_layers("cuda", dtype)
    run_optimizers("cuda", dtype)
    _run_what_no_layer_does(dtype)
    return {name: sorted(signatures, key=str) for name, signatures in found.items()}


def _type_of(argument):
    if hasattr(argument, "copy_to_host"):  # numba.typeof knows no simulated array
        return types.Array(numba.from_dtype(argument.dtype), argument.ndim, "C")
    return numba.typeof(argument)


if __name__ == "__main__":
    sys.stdout.buffer.write(pickle.dumps({dtype: _recorded(dtype) for dtype in DTYPES}))
