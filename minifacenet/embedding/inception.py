"""NN2, the paper's Table 2, and nn4.small2, OpenFace's small network of the same family.

An *inception* looks at its input through windows of several sizes side by side (Szegedy et al.
2015, "Going deeper with convolutions"). A 1x1 convolution first reduces the channels that a 3x3 or
5x5 one has to read, which is where the multiplications are:

    x --+-- 1x1 -------------+
        +-- 1x1 -- 3x3 ------+-- side by side along the channels
        +-- 1x1 -- 5x5 ------+
        +-- pool -- 1x1 -----+

A row of the table that halves the map has stride 2 in the 3x3, the 5x5 and the pool, whose channels
it passes on as they are, and no 1x1. Some pools are L2 pools (`nn/l2pool.py`).

Table 2 closes its own gaps: with symmetric padding, biases counted, every row has the printed
parameters and multiply-adds, where the 545,536 of inception 4a are printed as 545K. "norm" is the
LRN of NN1; 7,456,304 parameters in all.

nn4.small2 is what OpenFace published as weights (`minifacenet get nn4_small2`), NN4's idea of fewer
and smaller rows at 96x96. It differs from Table 2 where Torch7 made it convenient: batch norm after
every convolution, pools without padding and with the window's own stride, and zeros around a
branch's map that is smaller than the largest. Pixels go from 0 to 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..nn.avgpool import AvgPool
from ..nn.batchnorm import BatchNorm
from ..nn.concat import Concat
from ..nn.conv import Conv2D
from ..nn.l2norm import L2Norm
from ..nn.l2pool import L2Pool
from ..nn.layer import Layer, Sequential
from ..nn.linear import Linear
from ..nn.lrn import LRN
from ..nn.maxpool import MaxPool
from ..nn.relu import ReLU
from .batches import pixels_times
from .rows import Rows

POOLS = {"max": MaxPool, "L2": L2Pool}


@dataclass(frozen=True)
class Inception:
    """A row: the stride of its 3x3 and 5x5, the kind of its pool, and the pool's stride and pad."""

    stride: int
    pool: str
    pool_stride: int
    pool_pad: int = 0


# Table 2 from top to bottom.
NN2_ROWS = {
    "inception3a": Inception(1, "max", 1, 1),
    "inception3b": Inception(1, "L2", 1, 1),
    "inception3c": Inception(2, "max", 2, 1),
    "inception4a": Inception(1, "L2", 1, 1),
    "inception4b": Inception(1, "L2", 1, 1),
    "inception4c": Inception(1, "L2", 1, 1),
    "inception4d": Inception(1, "L2", 1, 1),
    "inception4e": Inception(2, "max", 2, 1),
    "inception5a": Inception(1, "L2", 1, 1),
    "inception5b": Inception(1, "max", 1, 1),
}
NN4_SMALL2_ROWS = {
    "inception3a": Inception(1, "max", 2),
    "inception3b": Inception(1, "L2", 3),
    "inception3c": Inception(2, "max", 2),
    "inception4a": Inception(1, "L2", 3),
    "inception4e": Inception(2, "max", 2),
    "inception5a": Inception(1, "L2", 3),
    "inception5b": Inception(1, "max", 2),
}


def _table(rows: Mapping[str, tuple[int, ...]], **others: int) -> dict[str, int]:
    """Return the channels by name; a row gives those of COLUMNS, 0 where there is no such part."""
    widths = dict(others)
    for name, numbers in rows.items():
        named = zip(COLUMNS, numbers, strict=True)
        widths |= {f"{name}.{column}": number for column, number in named if number}
    return widths


# The columns of Table 2. "reduce" is the 1x1 in front of a larger window, "pool" the one behind it.
COLUMNS = ("1x1", "3x3reduce", "3x3", "5x5reduce", "5x5", "pool")
NN2_WIDTHS = _table(
    {
        "inception3a": (64, 96, 128, 16, 32, 32),
        "inception3b": (64, 96, 128, 32, 64, 64),
        "inception3c": (0, 128, 256, 32, 64, 0),
        "inception4a": (256, 96, 192, 32, 64, 128),
        "inception4b": (224, 112, 224, 32, 64, 128),
        "inception4c": (192, 128, 256, 32, 64, 128),
        "inception4d": (160, 144, 288, 32, 64, 128),
        "inception4e": (0, 160, 256, 64, 128, 0),
        "inception5a": (384, 192, 384, 48, 128, 128),
        "inception5b": (384, 192, 384, 48, 128, 128),
    },
    **{"conv1": 64, "inception2.3x3reduce": 64, "inception2.3x3": 192},
)
NN4_SMALL2_WIDTHS = _table(
    {
        "inception3a": (64, 96, 128, 16, 32, 32),
        "inception3b": (64, 96, 128, 32, 64, 64),
        "inception3c": (0, 128, 256, 32, 64, 0),
        "inception4a": (256, 96, 192, 32, 64, 128),
        "inception4e": (0, 160, 256, 64, 128, 0),
        "inception5a": (256, 96, 384, 0, 0, 96),
        "inception5b": (256, 96, 384, 0, 0, 96),
    },
    **{"conv1": 64, "inception2.3x3reduce": 64, "inception2.3x3": 192},
)

# The figures in the paper's Table 2: parameters and "FLOPS", i.e. multiply-adds.
NN2_PAPER = {
    "conv1": ("9K", "119M"), "inception2": ("115K", "360M"), "inception3a": ("164K", "128M"),
    "inception3b": ("228K", "179M"), "inception3c": ("398K", "108M"),
    "inception4a": ("545K", "107M"), "inception4b": ("595K", "117M"),
    "inception4c": ("654K", "128M"), "inception4d": ("722K", "142M"),
    "inception4e": ("717K", "56M"), "inception5a": ("1.6M", "78M"),
    "inception5b": ("1.6M", "78M"), "fc128": ("131K", "0.1M"), "total": ("7.5M", "1.6B"),
}  # fmt: skip


def build_nn2(
    shape: tuple[int, int, int],
    widths: Mapping[str, int],
    dim: int,
    rng: np.random.Generator | None,
    dtype: type = np.float32,
) -> Sequential:
    """Build Table 2 for an input of `shape` (H, W, C) with the channels of `widths`."""
    net = _Builder(shape, widths, rng, dtype, batchnorm=False)
    net.add("conv1", *net.convolution(shape[2], "conv1", 7, stride=2, first=True))
    net.add("pool1", MaxPool(3, stride=2, pad=1))
    net.add("norm1", LRN())
    net.add("inception2", *net.reduced("inception2", 3, net.shape[2]))
    net.add("norm2", LRN())
    net.add("pool2", MaxPool(3, stride=2, pad=1))
    order = ("1x1", "3x3", "5x5", "pool")
    for name, row in NN2_ROWS.items():
        net.add(name, Concat(*net.branches(name, row, order)))
    return net.finished(dim, "fc128")


def build_nn4_small2(
    shape: tuple[int, int, int],
    widths: Mapping[str, int],
    dim: int,
    rng: np.random.Generator | None,
    dtype: type = np.float32,
) -> Sequential:
    """Build nn4.small2 for an input of `shape` (H, W, C) with the channels of `widths`."""
    net = _Builder(shape, widths, rng, dtype, batchnorm=True)
    net.add("input", pixels_times(1 / 255, 0.0, shape[2], dtype))
    net.add("conv1", *net.convolution(shape[2], "conv1", 7, stride=2, first=True))
    net.add("pool1", MaxPool(3, stride=2, pad=1))
    net.add("norm1", LRN())
    net.add("inception2", *net.reduced("inception2", 3, net.shape[2]))
    net.add("norm2", LRN())
    net.add("pool2", MaxPool(3, stride=2, pad=1))
    order = ("3x3", "5x5", "pool", "1x1")  # as the published weights have it
    for name, row in NN4_SMALL2_ROWS.items():
        net.add(name, Concat(*net.branches(name, row, order), pad=True))
    return net.finished(dim, "fc")


class _Builder(Rows):
    """Rows of this family, with the channels of `widths`."""

    def __init__(self, shape, widths, rng, dtype, batchnorm: bool):
        super().__init__(shape)
        self.widths, self.rng, self.dtype = widths, rng, dtype
        self.batchnorm = batchnorm

    def convolution(
        self, channels: int, name: str, kernel: int, stride: int = 1, first: bool = False
    ) -> list[tuple[str, Layer]]:
        """Return a convolution that keeps the size but for its stride, and what follows it."""
        width = self.widths[name]
        conv = Conv2D(
            channels, width, kernel, self.rng, stride, kernel // 2,
            input_gradient=not first, dtype=self.dtype,
        )  # fmt: skip
        norm = [(".bn", BatchNorm(width, dtype=self.dtype))] if self.batchnorm else []
        return [("", conv), *norm, (".relu", ReLU())]

    def reduced(
        self, name: str, kernel: int, channels: int, stride: int = 1
    ) -> list[tuple[str, Layer]]:
        """Return the 1x1 convolution of a branch, and the larger one that reads its output."""
        part = f"{name}.{kernel}x{kernel}"
        first = self.convolution(channels, f"{part}reduce", 1)
        second = self.convolution(self.widths[f"{part}reduce"], part, kernel, stride)
        return [
            *((f".reduce{suffix}", layer) for suffix, layer in first),
            *((f".{kernel}x{kernel}{suffix}", layer) for suffix, layer in second),
        ]

    def branches(
        self, name: str, row: Inception, order: tuple[str, ...]
    ) -> list[tuple[str, Sequential]]:
        """Return the branches of an inception by name: those that have channels, and the pool."""
        channels = self.shape[2]
        found: dict[str, list[tuple[str, Layer]]] = {}
        if f"{name}.1x1" in self.widths:
            found["1x1"] = _from("conv", self.convolution(channels, f"{name}.1x1", 1))
        for kernel in (3, 5):
            part = f"{kernel}x{kernel}"
            if f"{name}.{part}" in self.widths:
                pieces = self.reduced(name, kernel, channels, row.stride)
                found[part] = [(suffix.lstrip("."), layer) for suffix, layer in pieces]
        pool = POOLS[row.pool](3, row.pool_stride, row.pool_pad)
        found["pool"] = [("pool", pool)]
        if f"{name}.pool" in self.widths:
            found["pool"] += _from("conv", self.convolution(channels, f"{name}.pool", 1))
        return [(branch, Sequential(*found[branch])) for branch in order if branch in found]

    def finished(self, dim: int, name: str) -> Sequential:
        """Return the network with its end: the mean of each channel, a linear map, the sphere."""
        self.add("avgpool", AvgPool(self.shape[:2], self.shape[:2]))
        self.add(name, Linear(self.shape[2], dim, self.rng, dtype=self.dtype))
        self.add("L2", L2Norm())
        return self.network()


def _from(name: str, layers: list[tuple[str, Layer]]) -> list[tuple[str, Layer]]:
    return [(name + suffix, layer) for suffix, layer in layers]
