"""dlib_resnet: the face network of dlib, a residual network of 29 convolutions (Davis King, 2017).

Its rows are those of `residual_rows.py`, each convolution with a scale and a shift per channel that
batch norm has left behind.

dlib trained it with a pairwise hinge on 3 million photos, not with triplets, and compares its 128
numbers as they are, at a distance of 0.6. Here they go to the unit sphere like all embeddings: so
the distances of all networks mean the same, 0 to 4, and thresholds, means and groups work as
everywhere. dlib's own vectors are the output of the row 'fc'. What that changes on LFW is in the
guide. Pixels go in as (pixel - mean colour) / 256.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..nn.affine import Affine
from ..nn.layer import Sequential
from ..nn.maxpool import MaxPool
from ..nn.relu import ReLU
from .batches import pixels_times
from .residual_rows import add_end, add_residual_rows, convolution_with
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
    convolution = convolution_with(".affine", Affine, rng, dtype, bias=True)
    rows.add(
        "conv32_down",
        *convolution(colours, widths["conv32"], 7, 2, 0, first=True),
        (".relu", ReLU()),
    )
    rows.add("pool", MaxPool(3, stride=2))
    add_residual_rows(rows, ROWS, widths, convolution, pad_down=0)
    add_end(rows, dim, rng, dtype)
    return rows.network()
