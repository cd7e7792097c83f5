"""Folding: a batch norm after a convolution disappears into its weights.

A convolution and a Linear are y_o = sum w_o x + b_o in each output channel o, the sum over whatever
they see. A batch norm, once trained, and an Affine do to each channel

    z = g y + t          g = gamma / sqrt(variance + eps),  t = beta - mean g     of a batch norm
                         g = gamma,                         t = beta              of an Affine

Put the first into the second: z = g (sum w x + b) + t = sum (w g) x + (b g + t). So one layer does
the work of both, with

    w' = w g             b' = b g + t  =  (b - mean) g + beta  of a batch norm

where g and t have the axis of the output channels, the last of w. It holds at the image's edge,
too: the zeros of the padding come before the convolution. It would not hold for a batch norm
*before* a convolution with padding, whose zeros it does not shift, and such a one stays.

One after another fold one by one, since z is again a weighted sum. All is computed in float64 and
rounded to the layer's dtype once.
"""

from __future__ import annotations

import copy

import numpy as np

from .affine import Affine
from .batchnorm import BatchNorm
from .concat import Concat
from .conv import Conv2D
from .device.backend import to_device
from .layer import Layer, Parameter, Sequential
from .linear import Linear
from .residual import Residual


def folded(network: Layer) -> Layer:
    """Return a network that computes the same after training, in fewer layers.

    Every BatchNorm (with its running means) and Affine that directly follows a Conv2D or Linear in
    a Sequential is folded into that layer, which keeps its name and gets a bias; the name of what
    is folded disappears. Sequential, Concat and Residual are gone through, whatever their depth.

    The network is left as it is. The new one shares with it all layers that needed no folding, and
    has copies of the others: fold again after more training.
    """
    match network:
        case Sequential():
            return _folded_chain(network)
        case Concat():
            branches = ((name, folded(branch)) for name, branch in network.branches.items())
            return Concat(*branches, pad=network.pad)
        case Residual():
            shortcut = network.shortcut
            shortcut = None if shortcut is None else folded(shortcut)
            return Residual(folded(network.body), shortcut, network.scale)
    return network


def _folded_chain(network: Sequential) -> Sequential:
    chain: list[tuple[str, Layer, list[BatchNorm | Affine]]] = []
    for name, layer in network.layers.items():
        follows = bool(chain) and isinstance(chain[-1][1], Conv2D | Linear)
        if follows and isinstance(layer, BatchNorm | Affine):
            chain[-1][2].append(layer)
        else:
            chain.append((name, folded(layer), []))
    return Sequential(*((name, _with_all(layer, after)) for name, layer, after in chain))


def _with_all(layer, followers: list[BatchNorm | Affine]):
    """Return a Conv2D or Linear that does the work of its followers; itself if there are none."""
    if not followers:
        return layer
    weight = _float64(layer.weight)
    bias = np.zeros(weight.shape[-1]) if layer.bias is None else _float64(layer.bias)
    with np.errstate(over="ignore", invalid="ignore"):  # NaN and infinity travel on
        for follower in followers:
            scale, shift = _scale_and_shift(follower)
            weight, bias = weight * scale, bias * scale + shift
        rounded = [Parameter(a.astype(layer.weight.dtype)) for a in (weight, bias)]
    one = copy.copy(layer)  # with its window, algorithm and whatever else it is set to
    one.weight, one.bias = rounded
    one._cache = None
    return one.to(layer.device)


def _scale_and_shift(layer: BatchNorm | Affine) -> tuple[np.ndarray, np.ndarray]:
    gamma, beta = _float64(layer.gamma), _float64(layer.beta)
    if isinstance(layer, Affine):
        return gamma, beta
    variance = _float64(layer.running_variance)
    scale = np.where(np.isinf(variance), np.nan, gamma / np.sqrt(variance + layer.eps))
    return scale, beta - _float64(layer.running_mean) * scale


def _float64(parameter: Parameter) -> np.ndarray:
    return to_device(parameter.data, "cpu").astype(np.float64)
