"""Compile every CPU kernel for float32 and look for float64 arithmetic in its machine-level code.

Prints the kernels that hold some, and the instruction; nothing if all is well. In a process and
with a cache folder of its own, since Numba shows no code of a kernel that comes from the cache.
"""

import re

import numpy as np
from numba.core.dispatcher import Dispatcher

from minifacenet.embedding import distances, mining, quantise
from minifacenet.nn import (
    concat,
    im2col,
    l2norm,
    linear,
    lrn,
    maxout,
    microkernel,
    optim,
    pool,
    prelu,
    relu,
    winograd_kernels,
    winograd_transforms,
)
from minifacenet.nn.conv import ALGORITHMS, Conv2D
from minifacenet.nn.layer import Parameter
from minifacenet.preprocessing import boxes, resample

DOUBLE = re.compile(r"= f(?:add|sub|mul|div) [^\n]*double[^\n]*|@llvm\.(?:sqrt|pow)[^\n]*f64[^\n]*")


def main():
    rng = np.random.default_rng(0)
    for layer, shape in (
        *((Conv2D(2, 3, 3, rng, pad=1, algorithm=a), (2, 4, 4, 2)) for a in ALGORITHMS),
        (lrn.LRN(), (2, 3, 3, 4)),
        (pool.MaxPool(3, 2, 1), (2, 4, 4, 2)),
        (relu.ReLU(), (2, 3)),
        (prelu.PReLU(3), (2, 3)),
        (linear.Linear(4, 3, rng), (2, 4)),
        (maxout.Maxout(2), (2, 4)),
        (l2norm.L2Norm(), (2, 4)),
        (concat.Concat(("a", relu.ReLU()), ("b", relu.ReLU())), (2, 4)),
    ):
        x = rng.standard_normal(shape, dtype=np.float32)
        layer.forward(x)
        out = layer.forward(x, train=True)
        layer.backward(np.ones_like(out))
    for optimizer in optim.OPTIMIZERS.values():
        optimizer({"w": Parameter(np.ones(4, np.float32))}).step()
    gaps = distances.squared_distances(rng.standard_normal((4, 3), dtype=np.float32))
    mining.semi_hard_closest(gaps, np.array([0, 0, 1, 1]), 0.2)

    unit = rng.standard_normal((4, 3), dtype=np.float32)
    quantise.distances(*(quantise.quantise(unit, scale) for scale in quantise.SCALES))

    squares = np.array([[0, 0, 4, 4], [1.5, 1, 9, 7]], np.float32)
    boxes.non_maximum_suppression(squares, squares[:, 3], 0.5)
    resample.resample(resample.halvings(np.ones((9, 8, 3), np.uint8), 4), squares, 3, 3)

    panels = np.empty(microkernel.panels_shape(3, 4), np.float32)
    microkernel.pack_panels(unit.T, panels)
    microkernel.gemm_panels(unit, panels, np.empty((4, 4), np.float32), True)

    kernels = 0
    layers = (
        concat, im2col, l2norm, linear, lrn, maxout, microkernel, pool, prelu, relu,
        winograd_kernels, winograd_transforms,
    )  # fmt: skip
    modules = (*layers, distances, mining, optim, quantise, boxes, resample)
    for module in modules:
        for name, value in vars(module).items():
            if not isinstance(value, Dispatcher):
                continue
            for signature in value.signatures:
                kernels += 1
                for found in DOUBLE.findall(value.inspect_llvm(signature))[:3]:
                    print(f"{module.__name__}.{name}: {found.strip()}")
    assert kernels > 20, kernels


if __name__ == "__main__":
    main()
