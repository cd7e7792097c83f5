"""dlib_resnet: the face network of dlib, a residual network of 29 convolutions (Davis King, 2017).

A *residual* row adds what it computes to what it was given, so that a gradient has a way past it,
and many rows can be trained one upon another (He et al. 2016, "Deep residual learning for image
recognition"). Here a row is two 3x3 convolutions, each with a scale and a shift per channel that
batch norm has left behind:

    y = relu( shortcut(x) + affine(conv(relu(affine(conv(x))))) )

A row called "down" halves the map: its first convolution has stride 2, its shortcut averages 2x2
pixels. It also has more channels than it was given. Where the two differ in size, zeros fill the
smaller one up at the end of rows, columns and channels.

dlib trained it with a pairwise hinge on 3 million photos, not with triplets, and compares its 128
numbers as they are, at a distance of 0.6. Here they go to the unit sphere like all embeddings: so
the distances of all networks mean the same, 0 to 4, and thresholds, means and groups work as
everywhere. dlib's own vectors are the output of the row 'fc'. What that changes on LFW is in the
README. Pixels go in as (pixel - mean colour) / 256.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from ..nn.affine import Affine
from ..nn.avgpool import AvgPool
from ..nn.conv import Conv2D
from ..nn.l2norm import L2Norm
from ..nn.layer import Layer, Sequential
from ..nn.linear import Linear
from ..nn.maxpool import MaxPool
from ..nn.relu import ReLU
from ..nn.residual import Residual
from .batches import pixels_times
from .rows import Rows

MEAN_COLOUR = (122.782, 117.001, 104.298)
# The rows from top to bottom after conv1; "down" halves the map.
ROWS = (
    "conv32_1", "conv32_2", "conv32_3",
    "conv64_down", "conv64_1", "conv64_2", "conv64_3",
    "conv128_down", "conv128_1", "conv128_2",
    "conv256_down", "conv256_1", "conv256_2", "conv256_down_out",
)  # fmt: skip
# Channels of conv1, which the first rows keep, and then by the number in a row's name.
WIDTHS = dict(conv32=32, conv64=64, conv128=128, conv256=256)


def build_dlib_resnet(
    shape: tuple[int, int, int],
    widths: Mapping[str, int],
    dim: int,
    rng: np.random.Generator | None,
    dtype: type = np.float32,
) -> Sequential:
    """Build the network for an input of `shape` (H, W, C) with the channels of `widths`."""
    rows, colours = Rows(shape), shape[2]
    mean = MEAN_COLOUR if colours == 3 else sum(MEAN_COLOUR) / 3
    rows.add("input", pixels_times(1 / 256, np.divide(mean, -256), colours, dtype))
    first = _convolution(colours, widths["conv32"], 7, rng, 2, 0, dtype, first=True)
    rows.add("conv32_down", *first, (".relu", ReLU()))
    rows.add("pool", MaxPool(3, stride=2))
    for name in ROWS:
        filters = widths[name.partition("_")[0]]
        rows.add(name, _row(rows.shape[2], filters, "down" in name, rng, dtype), (".relu", ReLU()))
    rows.add("avgpool", AvgPool(rows.shape[:2], rows.shape[:2]))
    rows.add("fc", Linear(rows.shape[2], dim, rng, dtype=dtype, bias=False))
    rows.add("L2", L2Norm())
    return rows.network()


def _row(channels: int, filters: int, down: bool, rng, dtype) -> Residual:
    stride, pad = (2, 0) if down else (1, 1)
    body = Sequential(
        *_named("1", _convolution(channels, filters, 3, rng, stride, pad, dtype)),
        ("1.relu", ReLU()),
        *_named("2", _convolution(filters, filters, 3, rng, 1, 1, dtype)),
    )
    return Residual(body, AvgPool(2, 2) if down else None)


def _convolution(
    channels: int, filters: int, kernel: int, rng, stride: int, pad: int, dtype, first: bool = False
) -> list[tuple[str, Layer]]:
    conv = Conv2D(
        channels, filters, kernel, rng, stride, pad, input_gradient=not first, dtype=dtype
    )
    return [("", conv), (".affine", Affine(filters, dtype=dtype))]


def _named(name: str, layers: list[tuple[str, Layer]]) -> Iterator[tuple[str, Layer]]:
    return ((name + suffix, layer) for suffix, layer in layers)
