"""resnet_mini: a residual network that a laptop can train from nothing.

The rows of `dlib_resnet` (see `residual_rows.py`) at half its width and at 96 pixels, with a batch
norm that learns behind every convolution, where the published network has the scale and shift that
its own left behind. One linear map at the end takes the place of NN1's three, where most of its
parameters are.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..nn.batchnorm import BatchNorm
from ..nn.layer import Sequential
from ..nn.maxpool import MaxPool
from ..nn.relu import ReLU
from .residual_rows import add_end, add_residual_rows, convolution_with
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
    convolution = convolution_with(".bn", BatchNorm, rng, dtype, bias=False)
    rows.add(
        "conv1", *convolution(shape[2], widths["conv16"], 7, 2, 3, first=True), (".relu", ReLU())
    )
    rows.add("pool", MaxPool(3, stride=2, pad=1))
    add_residual_rows(rows, ROWS, widths, convolution, pad_down=1)
    add_end(rows, dim, rng, dtype)
    return rows.network()
