"""NN1, the paper's Table 1, and the same table at laptop size.

The table's gaps and how they are closed here (each also stands in the guide):

- Padding is not stated; only symmetric k // 2 (3 for 7x7, 1 for 3x3) gives 55/28/14/7.
- "rnorm" comes without parameters: AlexNet's, see `nn/lrn.py`.
- "maxout p=2": fc1 has 103M parameters, which are two maps to 4,096; the output is their maximum.
- A ReLU follows every convolution; maxout stands in its place in fc1 and fc2; fc7128 is linear.
- "concat" has no second input: it is the identity.

nn1_mini_bn is what the paper's followers make of such a table: batch norm behind every convolution
and every linear map, in place of the LRN.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from ..nn.batchnorm import BatchNorm
from ..nn.concat import Concat
from ..nn.conv import Conv2D
from ..nn.l2norm import L2Norm
from ..nn.layer import Sequential
from ..nn.linear import Linear
from ..nn.lrn import LRN
from ..nn.maxout import Maxout
from ..nn.maxpool import MaxPool
from ..nn.relu import ReLU
from .rows import Rows

# Table 1 from top to bottom. A convolution: (name, kernel, stride); its width is looked up by name.
NN1 = (
    ("conv1", 7, 2),
    "pool1",
    "rnorm1",
    ("conv2a", 1, 1),
    ("conv2", 3, 1),
    "rnorm2",
    "pool2",
    ("conv3a", 1, 1),
    ("conv3", 3, 1),
    "pool3",
    ("conv4a", 1, 1),
    ("conv4", 3, 1),
    ("conv5a", 1, 1),
    ("conv5", 3, 1),
    ("conv6a", 1, 1),
    ("conv6", 3, 1),
    "pool4",
    "concat",
    "fc1",
    "fc2",
    "fc7128",
    "L2",
)

# The figures in the paper's Table 1 for these rows: parameters, and "FLPS", i.e. multiply-adds.
NN1_PAPER = {
    "conv1": ("9K", "115M"), "conv2a": ("4K", "13M"), "conv2": ("111K", "335M"),
    "conv3a": ("37K", "29M"), "conv3": ("664K", "521M"), "conv4a": ("148K", "29M"),
    "conv4": ("885K", "173M"), "conv5a": ("66K", "13M"), "conv5": ("590K", "116M"),
    "conv6a": ("66K", "13M"), "conv6": ("590K", "116M"), "fc1": ("103M", "103M"),
    "fc2": ("34M", "34M"), "fc7128": ("524K", "0.5M"), "total": ("140M", "1.6B"),
}  # fmt: skip

# Output channels by row ("a": the 1x1 convolution in front of a 3x3 one), and of fc1 and fc2.
NN1_WIDTHS = dict(
    conv1=64, conv2a=64, conv2=192, conv3a=192, conv3=384, conv4a=384, conv4=256,
    conv5a=256, conv5=256, conv6a=256, conv6=256, fc=4096,
)  # fmt: skip
NN1_MINI_WIDTHS = dict(
    conv1=16, conv2a=16, conv2=48, conv3a=48, conv3=96, conv4a=96, conv4=64,
    conv5a=64, conv5=64, conv6a=64, conv6=64, fc=512,
)  # fmt: skip


def build_nn1(
    shape: tuple[int, int, int],
    widths: Mapping[str, int],
    dim: int,
    rng: np.random.Generator | None,
    dtype: type = np.float32,
    lrn: bool = True,
    maxout: bool = True,
    batchnorm: bool = False,
) -> Sequential:
    """Build Table 1 for an input of `shape` (H, W, C) with the channels of `widths`."""
    rows = Rows(shape)
    for row in NN1:
        name = row if isinstance(row, str) else row[0]
        if name.startswith("rnorm") and not lrn:
            continue
        for suffix, layer in _row(row, rows.shape, widths, dim, rng, dtype, maxout):
            rows.add(name, (suffix, layer))
            if batchnorm and isinstance(layer, Conv2D | Linear):
                rows.add(name, (".bn", BatchNorm(rows.shape[-1], dtype=dtype)))
    return rows.network()


def build_nn1_bn(
    shape: tuple[int, int, int],
    widths: Mapping[str, int],
    dim: int,
    rng: np.random.Generator | None,
    dtype: type = np.float32,
) -> Sequential:
    """Build Table 1 with batch norm in place of LRN."""
    return build_nn1(shape, widths, dim, rng, dtype, lrn=False, batchnorm=True)


def _row(row, shape, widths, dim, rng, dtype, maxout):
    """Return the layers of one table row as (suffix, layer), for an input of `shape`."""
    if isinstance(row, tuple):
        name, kernel, stride = row
        conv = Conv2D(
            shape[2], widths[name], kernel, rng, stride, kernel // 2,
            input_gradient=row is not NN1[0], dtype=dtype,
        )  # fmt: skip
        return [("", conv), (".relu", ReLU())]
    if row.startswith("pool"):
        return [("", MaxPool(3, stride=2, pad=1))]
    if row.startswith("rnorm"):
        return [("", LRN())]
    if row == "concat":
        return [("", Concat())]
    if row == "L2":
        return [("", L2Norm())]
    inputs = math.prod(shape)
    if row == "fc7128":
        return [("", Linear(inputs, dim, rng, dtype=dtype))]
    if not maxout:
        return [("", Linear(inputs, widths["fc"], rng, dtype=dtype)), (".relu", ReLU())]
    return [("", Linear(inputs, 2 * widths["fc"], rng, dtype=dtype)), (".maxout", Maxout(2))]
