"""Compile every CPU kernel for float32 and look for float64 arithmetic in its machine-level code.

Prints the kernels that hold some, and the instruction; nothing if all is well. In a process and
with a cache folder of its own, since Numba shows no code of a kernel that comes from the cache.
"""

import re

import numpy as np

from minifacenet.classification import near_pairs
from minifacenet.classification.nearest import Nearest
from minifacenet.embedding import augmentation, distances, mining, quantise
from minifacenet.nn.convolution import winograd_kernels
from minifacenet.nn.layer import Sequential
from minifacenet.nn.linear import Linear
from minifacenet.nn.products import few_rows, microkernel
from minifacenet.preprocessing import boxes, resample
from minifacenet.training.average import WeightAverage
from tests.modules import compiled_functions
from tests.run_layers import run_layers, run_optimizers

# What computes in float64 on purpose, and hands on float32 or indices.
FLOAT64 = (
    "minifacenet.classification.near_chain.",  # thousands of roundings pile up in a mean
    "minifacenet.classification.clustering_kernels.",  # thousands of roundings pile up in a mean
    "minifacenet.classification.nearest.",  # the distance that decides; products are others'
    "minifacenet.embedding.augmentation._warp",  # where a pixel comes from
    "minifacenet.embedding.mining._random_semi_hard",  # which of the candidates is drawn
    "minifacenet.embedding.mining._all_violations",  # the loss, a sum over millions of triplets
    "minifacenet.preprocessing.warp._sample",  # where a pixel comes from
)

DOUBLE = re.compile(r"= f(?:add|sub|mul|div) [^\n]*double[^\n]*|@llvm\.(?:sqrt|pow)[^\n]*f64[^\n]*")


def main():
    rng = np.random.default_rng(0)
    run_layers("cpu", np.float32)
    run_optimizers("cpu", np.float32)
    gaps = distances.squared_distances(rng.standard_normal((4, 3), dtype=np.float32))
    for rule in mining.RULES:
        mining.mined_loss(gaps, np.array([0, 0, 1, 1]), 0.2, rule, rng)
    augmentation.Augmentation()(np.ones((1, 4, 4, 1), np.uint8), rng)

    unit = rng.standard_normal((4, 3), dtype=np.float32)
    quantise.distances(*(quantise.quantise(unit, scale) for scale in quantise.SCALES))

    near_pairs.Space(unit.astype(np.float64), np.zeros(4)).neighbours(1.0, 9)
    Nearest(unit).search(unit)

    WeightAverage(Sequential(("fc", Linear(2, 2, rng))), 0.5).update()

    squares = np.array([[0, 0, 4, 4], [1.5, 1, 9, 7]], np.float32)
    boxes.non_maximum_suppression(squares, squares[:, 3], 0.5)
    resample.resample(resample.halvings(np.ones((9, 8, 3), np.uint8), 4), squares, 3, 3)

    panels = np.empty(microkernel.panels_shape(3, 4), np.float32)
    microkernel.pack_panels(unit.T, panels)
    microkernel.gemm_panels(unit, panels, np.empty((4, 4), np.float32), True)
    wide = np.ones((4, microkernel.PANEL), np.float32)
    few_rows.few_times(unit, wide[:3], False, np.empty_like(wide))
    few_rows.few_times_transposed(wide, wide, False, np.empty((4, 4), np.float32))
    of_unit = np.empty(microkernel.panels_shape(4, 3), np.float32)
    few_rows.transposed_times_few(unit, unit, False, of_unit, np.empty((3, 3), np.float32))
    points = np.ones((4, 4, 3, 4), np.float32)
    winograd_kernels.pack_points(points, np.empty((4, 4, *panels.shape), np.float32))
    winograd_kernels.pack_transposed_points(points, np.empty((4, 4, *of_unit.shape), np.float32))

    for name, function in compiled_functions():
        if name.startswith(FLOAT64):
            continue
        if not function.signatures:
            print(f"{name}: nothing above calls it")
        for signature in function.signatures:
            for found in DOUBLE.findall(function.inspect_llvm(signature))[:3]:
                print(f"{name}: {found.strip()}")


if __name__ == "__main__":
    main()
