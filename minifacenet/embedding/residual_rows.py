"""The rows of a residual network, from the first pool to the sphere.

A *residual* row adds what it computes to what it was given, so that a gradient has a way past it,
and many rows can be trained one upon another (He et al. 2016, "Deep residual learning for image
recognition"). Here a row is two 3x3 convolutions, each with a layer behind it that scales and
shifts its channels: a batch norm, or an affine map that one has left behind.

    y = relu( shortcut(x) + scaled(conv(relu(scaled(conv(x))))) )

A row called "down" halves the map: its first convolution has stride 2, its shortcut averages 2x2
pixels. It also has more channels than it was given. Where the two differ in size, zeros fill the
smaller one up at the end of rows, columns and channels.

The last map is averaged over its places, which takes no weights.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

import numpy as np

from ..nn.avgpool import AvgPool
from ..nn.conv import Conv2D
from ..nn.l2norm import L2Norm
from ..nn.layer import Layer, Sequential
from ..nn.linear import Linear
from ..nn.relu import ReLU
from ..nn.residual import Residual
from .rows import Rows


def convolution_with(
    suffix: str,
    scaled: Callable[..., Layer],
    rng: np.random.Generator | None,
    dtype: type,
    bias: bool,
) -> Callable[..., list[tuple[str, Layer]]]:
    """Return what makes a convolution and, named by `suffix`, the layer behind it.

    It takes channels, filters, kernel, stride and pad, and `first=True` where nothing asks for the
    gradient of the input; it returns the layers as (suffix of the name, layer).
    """

    def convolution(
        channels: int, filters: int, kernel: int, stride: int, pad: int, first: bool = False
    ) -> list[tuple[str, Layer]]:
        conv = Conv2D(
            channels, filters, kernel, rng, stride, pad,
            input_gradient=not first, dtype=dtype, bias=bias,
        )  # fmt: skip
        return [("", conv), (suffix, scaled(filters, dtype=dtype))]

    return convolution


def add_residual_rows(
    rows: Rows,
    names: Iterable[str],
    widths: Mapping[str, int],
    convolution: Callable[..., list[tuple[str, Layer]]],
    pad_down: int,
) -> None:
    """Add a row per name; its channels are looked up in `widths` by the name's first part.

    `convolution` is one of `convolution_with`, `pad_down` the padding where it has stride 2.
    """
    for name in names:
        filters, down = widths[name.partition("_")[0]], "down" in name
        stride, pad = (2, pad_down) if down else (1, 1)
        body = Sequential(
            *_named("1", convolution(rows.shape[2], filters, 3, stride, pad)),
            ("1.relu", ReLU()),
            *_named("2", convolution(filters, filters, 3, 1, 1)),
        )
        rows.add(name, Residual(body, AvgPool(2, 2) if down else None), (".relu", ReLU()))


def add_end(rows: Rows, dim: int, rng: np.random.Generator | None, dtype: type) -> None:
    """Add the mean of each channel, a linear map to `dim` numbers, and the unit sphere."""
    rows.add("avgpool", AvgPool(rows.shape[:2], rows.shape[:2]))
    rows.add("fc", Linear(rows.shape[2], dim, rng, dtype=dtype, bias=False))
    rows.add("L2", L2Norm())


def _named(name: str, layers: list[tuple[str, Layer]]) -> Iterator[tuple[str, Layer]]:
    return ((name + suffix, layer) for suffix, layer in layers)
