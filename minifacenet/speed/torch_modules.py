"""Our layers as PyTorch's modules, with our weights. Imports torch.

PyTorch's arrays are (N, C, H, W) by their axes, whatever their order in memory, ours (N, H, W, C):
a convolution's weights, those of a `Linear` that flattens a map, and the axis of channels change.
A ReLU after a layer whose backward does not need its own output works in place.

A layer without a counterpart is named by the error. A new one is a case of `modules_of`.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from ..nn.affine import Affine
from ..nn.avgpool import AvgPool
from ..nn.batchnorm import BatchNorm
from ..nn.concat import Concat
from ..nn.conv import Conv2D
from ..nn.device.backend import to_device
from ..nn.l2norm import L2Norm
from ..nn.l2pool import L2Pool
from ..nn.layer import Layer, Parameter, Sequential
from ..nn.linear import Linear
from ..nn.lrn import LRN
from ..nn.maxout import Maxout
from ..nn.maxpool import MaxPool
from ..nn.prelu import PReLU
from ..nn.relu import ReLU
from ..nn.rescale import Rescale
from ..nn.residual import Residual
from ..nn.window import Window

IN_PLACE_AFTER = (Conv2D, Linear, BatchNorm, Affine, Residual)
Shape = tuple[int, ...]


def module_of(chain: Sequential, shape: Shape) -> nn.Sequential:
    """Return a chain of layers whose first one sees images of our `shape`, (H, W, C) or (D,).

    Raises
    ------
    ValueError
        A layer has no counterpart here.
    """
    modules: list[nn.Module] = []
    before: Layer = chain
    for name, layer in chain.layers.items():
        if isinstance(layer, ReLU):  # what went into the chain stays as it is
            modules.append(nn.ReLU(inplace=isinstance(before, IN_PLACE_AFTER)))
        else:
            modules += modules_of(name, layer, shape)
        shape, before = layer.output_shape(shape), layer
    return nn.Sequential(*modules)


def _alone(name: str, layer: Layer, shape: Shape) -> nn.Sequential:
    """Return one layer, which may be a chain: a branch, or a path of a residual."""
    chain = layer if isinstance(layer, Sequential) else Sequential((name, layer))
    return module_of(chain, shape)


def modules_of(name: str, layer: Layer, shape: Shape) -> list[nn.Module]:
    """Return the modules that compute one layer for images of our `shape`."""
    match layer:
        case Sequential():
            return [module_of(layer, shape)]
        case Conv2D():
            return _conv(layer)
        case Linear():
            return [nn.Flatten(), _linear(layer, shape)]
        case BatchNorm():
            return [_batchnorm(layer, shape)]
        case Affine():
            return [_Affine(layer, shape)]
        case PReLU():
            return [_filled(nn.PReLU(layer.slope.data.size), weight=_values(layer.slope))]
        case MaxPool():
            before, pad = _padded(layer.window, float("-inf"))
            kernel, stride, _ = layer.window.geometry()
            return [*before, nn.MaxPool2d(kernel, stride, pad, ceil_mode=layer.window.ceil_mode)]
        case AvgPool() if _even(layer.window):
            kernel, stride, pad = layer.window.geometry()
            own = layer.count_include_pad
            return [nn.AvgPool2d(kernel, stride, pad, layer.window.ceil_mode, own)]
        case L2Pool():
            before, pad = _padded(layer.window, 0)
            return [*before, _L2Pool(layer.window, pad)]
        case LRN():
            return [nn.LocalResponseNorm(layer.n, layer.alpha, layer.beta, layer.k)]
        case Maxout() if layer.pieces == 2:
            return [_Maxout()]
        case L2Norm():
            return [_L2Norm(layer.eps)]
        case Concat():
            return [_Concat(layer, shape)] if layer.branches else []
        case Residual():
            return [_Residual(layer, shape)]
    raise ValueError(f"no counterpart in PyTorch is known for {name}, a {type(layer).__name__}")


# -- Layers with weights -------------------------------------------------------------------------


def _values(parameter: Parameter) -> np.ndarray:
    """Return our parameter's values on the CPU, wherever they live."""
    return to_device(parameter.data, "cpu")


def _conv(layer: Conv2D) -> list[nn.Module]:
    """Return a convolution as PyTorch's: weights (kh, kw, C, O) become (O, C, kh, kw)."""
    _, _, channels, filters = layer.weight.data.shape
    before, pad = _padded(layer.window, 0)
    kernel, stride, _ = layer.window.geometry()
    module = nn.Conv2d(channels, filters, kernel, stride, pad, bias=layer.bias is not None)
    weight = _values(layer.weight).transpose(3, 2, 0, 1)
    return [*before, _filled(module, weight=weight, **_bias(layer))]


def _linear(layer: Linear, shape: Shape) -> nn.Module:
    """Return a Linear as PyTorch's: weights (D_in, D_out) become (D_out, D_in).

    If images go in, D_in is in the order C, H, W.
    """
    weight = _values(layer.weight).T
    biased = layer.bias is not None
    module = nn.utils.skip_init(nn.Linear, *layer.weight.data.shape, bias=biased)
    if len(shape) == 3:
        weight = weight.reshape(-1, *shape).transpose(0, 3, 1, 2).reshape(weight.shape)
    return _filled(module, weight=weight, **_bias(layer))


def _batchnorm(layer: BatchNorm, shape: Shape) -> nn.Module:
    kind = nn.BatchNorm2d if len(shape) == 3 else nn.BatchNorm1d
    return _filled(
        kind(layer.gamma.data.size, layer.eps, layer.momentum),
        weight=_values(layer.gamma),
        bias=_values(layer.beta),
        running_mean=_values(layer.running_mean),
        running_var=_values(layer.running_variance),
    )


def _bias(layer: Conv2D | Linear) -> dict[str, np.ndarray]:
    return {} if layer.bias is None else {"bias": _values(layer.bias)}


@torch.no_grad()
def _filled(module: nn.Module, **values: np.ndarray) -> nn.Module:
    for name, array in values.items():
        getattr(module, name).copy_(torch.tensor(array))
    return module


class _Affine(nn.Module):
    """One pass, as a fused multiply-add; a `Rescale` is not trained here either."""

    def __init__(self, layer: Affine, shape: Shape):
        super().__init__()
        axes = (-1, 1, 1) if len(shape) == 3 else (-1,)
        trained = not isinstance(layer, Rescale)
        self.gamma, self.beta = (
            nn.Parameter(torch.tensor(_values(own)).reshape(axes), trained)
            for own in (layer.gamma, layer.beta)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.addcmul(self.beta, x, self.gamma)


# -- Windows -------------------------------------------------------------------------------------


def _even(window: Window) -> bool:
    return all(before == after for before, after in window.pad)


def _padded(window: Window, value: float) -> tuple[list[nn.Module], tuple[int, int]]:
    """Return what pads the map beforehand, and the padding of the layer itself.

    PyTorch's layers pad both sides alike; a padding that is not even is a layer of its own.
    """
    (top, bottom), (left, right) = window.pad
    if _even(window):
        return [], (top, left)
    return [nn.ConstantPad2d((left, right, top, bottom), value)], (0, 0)


class _L2Pool(nn.Module):
    """`nn.LPPool2d` takes no padding and passes more often over the map."""

    def __init__(self, window: Window, pad: tuple[int, int]):
        super().__init__()
        self.kernel, self.stride, _ = window.geometry()
        self.pad, self.ceil_mode = pad, window.ceil_mode
        self.least = float(np.finfo(np.float32).tiny)  # where the root has no slope

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        total = F.avg_pool2d(
            x * x, self.kernel, self.stride, self.pad, self.ceil_mode, divisor_override=1
        )
        return total.clamp_min(self.least).sqrt()


# -- Layers without weights, and those made of others --------------------------------------------


class _Maxout(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.maximum(*x.chunk(2, dim=1))


class _L2Norm(nn.Module):
    def __init__(self, eps: float):
        super().__init__()
        self.eps = eps

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.normalize(x, eps=self.eps)


class _Concat(nn.Module):
    """Zeros go around the smaller maps, as ours puts them."""

    def __init__(self, layer: Concat, shape: Shape):
        super().__init__()
        self.branches = nn.ModuleList()
        largest = layer.output_shape(shape)
        for name, branch in layer.branches.items():
            path = _alone(name, branch, shape)
            lacks = [a - b for a, b in zip(largest, branch.output_shape(shape), strict=True)][:-1]
            if any(lacks):
                around = [side for d in reversed(lacks) for side in (d // 2, d - d // 2)]
                path.append(nn.ConstantPad2d(tuple(around), 0))
            self.branches.append(path)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([branch(x) for branch in self.branches], dim=1)


class _Residual(nn.Module):
    """The smaller term gets zeros at the end of each axis, as in ours."""

    def __init__(self, layer: Residual, shape: Shape):
        super().__init__()
        self.body, self.scale = _alone("body", layer.body, shape), layer.scale
        self.shortcut = nn.Sequential()
        through = shape
        if layer.shortcut is not None:
            self.shortcut = _alone("shortcut", layer.shortcut, shape)
            through = layer.shortcut.output_shape(shape)
        larger = layer.output_shape(shape)
        self.lacks = _after(larger, through), _after(larger, layer.body.output_shape(shape))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        terms = (self.shortcut(x), self.body(x))
        shortcut, body = (
            F.pad(term, lack) if any(lack) else term
            for term, lack in zip(terms, self.lacks, strict=True)
        )
        return torch.add(shortcut, body, alpha=self.scale)


def _after(larger: Shape, own: Shape) -> list[int]:
    """Return `F.pad`'s list for what a term lacks: the last axis first; ours is (H, W, C)."""
    lacks = [a - b for a, b in zip(larger, own, strict=True)]
    order = [lacks[1], lacks[0], lacks[2]] if len(lacks) == 3 else lacks
    return [side for lack in order for side in (0, lack)]
