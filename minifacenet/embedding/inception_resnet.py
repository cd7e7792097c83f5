"""inception_resnet_v1: the network that most people mean by FaceNet (David Sandberg's, 2018).

It joins the two ideas: the branches of an inception are computed side by side, and a 1x1
convolution of them is added, scaled down, to what the row was given (Szegedy et al. 2017,
"Inception-v4, Inception-ResNet and the impact of residual connections on learning"):

    y = relu( x + scale * conv1x1( branches(x) side by side ) )

Five such rows stand at 17x17 pixels (block35), ten at 8x8 (block17), six at 3x3 (block8); the
names tell the sizes for an input of 299. Between them a row halves the map. The convolutions have
no bias, batch norm follows each.

The structure and the parameters' places are those of the PyPI package facenet-pytorch, which reads
its weights from a file of its own release: `minifacenet get inception_resnet_v1 --from FILE`. They
were trained to tell people apart by a softmax, on faces that MTCNN had cut with a margin; the
embedding of 512 numbers is what the last layer but one says. Pixels go in as (pixel - 127.5) / 128.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..nn.avgpool import AvgPool
from ..nn.batchnorm import BatchNorm
from ..nn.concat import Concat
from ..nn.conv import Conv2D
from ..nn.l2norm import L2Norm
from ..nn.layer import Layer, Sequential
from ..nn.linear import Linear
from ..nn.maxpool import MaxPool
from ..nn.relu import ReLU
from ..nn.residual import Residual
from .batches import pixels_times
from .rows import Rows

EPS = 1e-3  # of every batch norm
# Convolutions as (name of the width, kernel, stride, pad); a kernel may be (height, width).
STEM = (
    ("conv1a", 3, 2, 0),
    ("conv2a", 3, 1, 0),
    ("conv2b", 3, 1, 1),
    "pool3a",
    ("conv3b", 1, 1, 0),
    ("conv4a", 3, 1, 0),
    ("conv4b", 3, 2, 0),
)
BLOCK35 = (
    (("block35", 1, 1, 0),),
    (("block35", 1, 1, 0), ("block35", 3, 1, 1)),
    (("block35", 1, 1, 0), ("block35", 3, 1, 1), ("block35", 3, 1, 1)),
)
BLOCK17 = (
    (("block17", 1, 1, 0),),
    (
        ("block17", 1, 1, 0),
        ("block17", (1, 7), 1, (0, 3)),
        ("block17", (7, 1), 1, (3, 0)),
    ),
)
BLOCK8 = (
    (("block8", 1, 1, 0),),
    (
        ("block8", 1, 1, 0),
        ("block8", (1, 3), 1, (0, 1)),
        ("block8", (3, 1), 1, (1, 0)),
    ),
)
# The rows that halve the map: their last branch is a max pool.
MIXED6A = (
    (("mixed6a_3x3", 3, 2, 0),),
    (("mixed6a_reduce", 1, 1, 0), ("mixed6a_reduce", 3, 1, 1), ("mixed6a_twice", 3, 2, 0)),
)
MIXED7A = (
    (("mixed7a_reduce", 1, 1, 0), ("mixed7a_3x3", 3, 2, 0)),
    (("mixed7a_reduce", 1, 1, 0), ("mixed7a_reduce", 3, 2, 0)),
    (("mixed7a_reduce", 1, 1, 0), ("mixed7a_reduce", 3, 1, 1), ("mixed7a_reduce", 3, 2, 0)),
)
# How often a block comes, by which factor its sum is scaled, and its branches.
BLOCKS = {"block35": (5, 0.17, BLOCK35), "block17": (10, 0.1, BLOCK17), "block8": (5, 0.2, BLOCK8)}
BEFORE = {"block17": ("mixed6a", MIXED6A), "block8": ("mixed7a", MIXED7A)}
WIDTHS = dict(
    conv1a=32, conv2a=32, conv2b=64, conv3b=80, conv4a=192, conv4b=256, block35=32,
    mixed6a_3x3=384, mixed6a_reduce=192, mixed6a_twice=256, block17=128,
    mixed7a_reduce=256, mixed7a_3x3=384, block8=192,
)  # fmt: skip


def build_inception_resnet_v1(
    shape: tuple[int, int, int],
    widths: Mapping[str, int],
    dim: int,
    rng: np.random.Generator | None,
    dtype: type = np.float32,
) -> Sequential:
    """Build the network for an input of `shape` (H, W, C) with the channels of `widths`."""
    rows = Rows(shape)
    rows.add("input", pixels_times(1 / 128, -127.5 / 128, shape[2], dtype))
    for row in STEM:
        if isinstance(row, str):
            rows.add(row, MaxPool(3, stride=2))
        else:
            first = row is STEM[0]
            rows.add(row[0], *_convolution(row, rows.shape[2], widths, rng, dtype, first))
    for name, (count, scale, branches) in BLOCKS.items():
        if name in BEFORE:
            mixed, its_branches = BEFORE[name]
            pool = ("pool", MaxPool(3, stride=2))
            beside = _branches(its_branches, rows.shape[2], widths, rng, dtype)
            rows.add(mixed, Concat(*beside, pool))
        for number in range(1, count + 1):
            block = _block(branches, rows.shape[2], scale, widths, rng, dtype)
            rows.add(f"{name}_{number}", block, (".relu", ReLU()))
    # The last row is neither scaled nor rectified.
    rows.add("block8_6", _block(BLOCK8, rows.shape[2], 1.0, widths, rng, dtype))
    rows.add("avgpool", AvgPool(rows.shape[:2], rows.shape[:2]))
    fc = Linear(rows.shape[2], dim, rng, dtype=dtype, bias=False)
    rows.add("fc", fc, (".bn", BatchNorm(dim, EPS, dtype=dtype)))
    rows.add("L2", L2Norm())
    return rows.network()


def _block(branches, channels: int, scale: float, widths, rng, dtype) -> Residual:
    side_by_side = Concat(*_branches(branches, channels, widths, rng, dtype))
    joined = sum(widths[branch[-1][0]] for branch in branches)
    up = Conv2D(joined, channels, 1, rng, dtype=dtype)
    return Residual(Sequential(("branches", side_by_side), ("up", up)), scale=scale)


def _branches(branches, channels: int, widths, rng, dtype) -> list[tuple[str, Sequential]]:
    found = []
    for number, rows in enumerate(branches):
        layers: list[tuple[str, Layer]] = []
        before = channels
        for place, row in enumerate(rows):
            pieces = _convolution(row, before, widths, rng, dtype)
            layers += [(f"{place}{suffix}", layer) for suffix, layer in pieces]
            before = widths[row[0]]
        found.append((f"{number}", Sequential(*layers)))
    return found


def _convolution(row, channels: int, widths, rng, dtype, first: bool = False):
    """Return the layers of a convolution as (suffix, layer)."""
    width, kernel, stride, pad = row
    filters = widths[width]
    conv = Conv2D(
        channels, filters, kernel, rng, stride, pad,
        input_gradient=not first, dtype=dtype, bias=False,
    )  # fmt: skip
    return [("", conv), (".bn", BatchNorm(filters, EPS, dtype=dtype)), (".relu", ReLU())]
