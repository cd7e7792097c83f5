"""resnet_mini: a residual network that a laptop can train from nothing.

The rows of `dlib_resnet`, at half its width and at 96 pixels, with a batch norm that learns behind
every convolution, where the published network has the scale and shift that its own left behind. A
residual row adds what it computes to what it was given (He et al. 2016, "Deep residual learning for
image recognition"), so that 27 convolutions train one upon another:

    y = relu( shortcut(x) + bn(conv(relu(bn(conv(x))))) )

A row called "down" halves the map: its first convolution has stride 2, its shortcut averages 2x2
pixels, and zeros fill the channels that the shortcut lacks. The last map, 3x3, is averaged over its
places, which takes no weights: NN1's three linear maps at the end, where most of its parameters
are, become one.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..nn.avgpool import AvgPool
from ..nn.batchnorm import BatchNorm
from ..nn.conv import Conv2D
from ..nn.l2norm import L2Norm
from ..nn.layer import Layer, Sequential
from ..nn.linear import Linear
from ..nn.maxpool import MaxPool
from ..nn.relu import ReLU
from ..nn.residual import Residual
from .rows import Rows

# The rows from top to bottom after conv1; a row's channels are looked up by its name's first part.
ROWS = (
    "conv16_1", "conv16_2", "conv16_3",
    "conv32_down", "conv32_1", "conv32_2", "conv32_3",
    "conv64_down", "conv64_1", "conv64_2",
    "conv128_down", "conv128_1", "conv128_2",
)  # fmt: skip
WIDTHS = dict(conv16=16, conv32=32, conv64=64, conv128=128)


def build_resnet_mini(
    shape: tuple[int, int, int],
    widths: Mapping[str, int],
    dim: int,
    rng: np.random.Generator | None,
    dtype: type = np.float32,
) -> Sequential:
    """Build the network for an input of `shape` (H, W, C) with the channels of `widths`."""
    rows = Rows(shape)
    first = widths["conv16"]
    conv = Conv2D(shape[2], first, 7, rng, 2, 3, input_gradient=False, dtype=dtype, bias=False)
    rows.add("conv1", conv, (".bn", BatchNorm(first, dtype=dtype)), (".relu", ReLU()))
    rows.add("pool", MaxPool(3, stride=2, pad=1))
    for name in ROWS:
        filters = widths[name.partition("_")[0]]
        rows.add(name, _row(rows.shape[2], filters, "down" in name, rng, dtype), (".relu", ReLU()))
    rows.add("avgpool", AvgPool(rows.shape[:2], rows.shape[:2]))
    rows.add("fc", Linear(rows.shape[2], dim, rng, dtype=dtype, bias=False))
    rows.add("L2", L2Norm())
    return rows.network()


def _row(channels: int, filters: int, down: bool, rng, dtype) -> Residual:
    layers: list[tuple[str, Layer]] = []
    for name, inputs, stride in (("1", channels, 1 + down), ("2", filters, 1)):
        conv = Conv2D(inputs, filters, 3, rng, stride, 1, dtype=dtype, bias=False)
        layers += [(name, conv), (f"{name}.bn", BatchNorm(filters, dtype=dtype))]
    layers.insert(2, ("1.relu", ReLU()))
    return Residual(Sequential(*layers), AvgPool(2, 2) if down else None)
