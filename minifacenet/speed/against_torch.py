"""PyTorch as a yardstick: our rows as its modules, with our weights. Imports torch.

How the comparison is kept fair:

- **The same work.** Each module is made from our layer's parameters and gets the same numbers;
  outputs and input gradients are compared before anything is timed. The first convolution computes
  no dx on either side.
- **PyTorch's own ways.** Inference runs in `inference_mode`, backward is autograd's, a ReLU after
  a convolution works in place, Adam is the fused one. Both memory layouts are measured, NCHW
  ("contiguous") and NHWC ("channels_last"), and the better one counts, pass by pass. Weights and
  input are in the layout beforehand.
- **The same gradients.** A timed backward leaves dL/dw of every parameter in `.grad`. Both sides
  clear these first, outside the clock, each in its own way: ours become zeros that are added to,
  PyTorch's become None, its default and faster for it than zeros. In a training step the
  clearing is timed.
- **The same threads.** `torch.set_num_threads` follows ours. Threads that wait sleep on both sides
  (see `nn/device/backend.py`; OMP_WAIT_POLICY in the environment overrides that).
- **The same card.** On a GPU both sides have weights and inputs there beforehand and wait for the
  same synchronisation; `torch_device.py` says how PyTorch is set up. A training step brings its
  embeddings to the CPU, where both sides mine with the same code.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from functools import partial

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from ..nn.concat import Concat
from ..nn.conv import Conv2D
from ..nn.device.backend import to_device
from ..nn.l2norm import L2Norm
from ..nn.layer import Parameter
from ..nn.linear import Linear
from ..nn.lrn import LRN
from ..nn.maxout import Maxout
from ..nn.maxpool import MaxPool
from ..nn.relu import ReLU
from ..nn.window import Window
from .clock import Call, Calls
from .sides import BOTH, FORWARD, RATE, STEP, Gradient, Part
from .torch_device import set_up

LAYOUTS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}
OPTIMIZERS = {  # PyTorch has a fused AdaGrad for CPUs only
    "sgd": partial(torch.optim.SGD, lr=RATE, momentum=0.9, fused=True),
    "adagrad": partial(torch.optim.Adagrad, lr=RATE),
    "adam": partial(torch.optim.Adam, lr=RATE, fused=True),
}


class Torch:
    """The rows as PyTorch modules, on as many threads as Numba has now.

    Attributes
    ----------
    modules : dict of dicts
        Keyed by layout, then row. Rows without a convolution are shared: they have one layout.

    Raises
    ------
    ValueError
        A layer has no counterpart here, or PyTorch cannot compute on `device`.
    """

    def __init__(self, parts: dict[str, Part], device: str = "cpu"):
        self.about = set_up(device)
        self.parts, self.device = parts, device
        plain = {name: _row(part).to(device) for name, part in parts.items()}
        self.modules = {"contiguous": plain, "channels_last": {}}
        for name, module in plain.items():
            if any(isinstance(inner, nn.Conv2d) for inner in module):
                module = copy.deepcopy(module).to(memory_format=torch.channels_last)
            self.modules["channels_last"][name] = module

    def values(self, names: Iterable[str], x: np.ndarray, dout: np.ndarray) -> dict[str, tuple]:
        found = {}
        for layout, (module, x_there, dout_there) in self._sides(names, x, dout).items():
            out = module(x_there)
            out.backward(dout_there)
            dx = None if x_there.grad is None else _ours(x_there.grad)
            found[layout] = (_ours(out.detach()), dx)
        return found

    def calls(self, names: Iterable[str], x: np.ndarray, dout: np.ndarray) -> dict[str, Calls]:
        sides = self._sides(names, x, dout)
        return {layout: _passes(*side) for layout, side in sides.items()}

    def step(self, x: np.ndarray, gradient: Gradient) -> dict[str, Calls]:
        with torch.inference_mode():
            plain = nn.Sequential(*self.modules["contiguous"].values())
            slope = gradient(_ours(plain(self._there(x, "contiguous"))))
        sides = self._sides(self.parts, x, slope)
        return {
            layout: _step(module, there, dout, gradient)
            for layout, (module, there, dout) in sides.items()
        }

    def update(self, name: str, weights: np.ndarray) -> dict[str, Call]:
        weight = nn.Parameter(self._there(weights, "contiguous"))
        weight.grad = torch.ones_like(weight)
        return {"contiguous": Call(OPTIMIZERS[name]([weight]).step)}

    def product(self, a: np.ndarray, b: np.ndarray) -> dict[str, Call]:
        a, b = (self._there(matrix, "contiguous") for matrix in (a, b))
        out = torch.empty_like(a)
        return {"contiguous": Call(lambda: torch.matmul(a, b, out=out))}

    def _there(self, array: np.ndarray, layout: str) -> torch.Tensor:
        """Return a copy as a tensor: images as NCHW, in memory as `layout` says."""
        tensor = torch.tensor(array, device=self.device)
        if tensor.ndim == 4:
            tensor = tensor.permute(0, 3, 1, 2).contiguous(memory_format=LAYOUTS[layout])
        return tensor

    def _sides(self, names, x, dout) -> dict:
        """Return module, input and upstream gradient by layout; a flat input has only one."""
        names, sides = list(names), {}
        for layout in LAYOUTS if x.ndim == 4 else ["contiguous"]:
            module = nn.Sequential(*(self.modules[layout][name] for name in names))
            there = self._there(x, layout).requires_grad_(self.parts[names[0]].gives_dx)
            sides[layout] = (module, there, self._there(dout, layout))
        return sides


def _passes(module, x, dout) -> dict[str, Call]:
    @torch.inference_mode()
    def forward():
        return module(x)

    def clear():
        x.grad = None
        module.zero_grad()

    return {FORWARD: Call(forward), BOTH: Call(lambda: module(x).backward(dout), clear)}


def _step(module, x, dout, gradient) -> dict[str, Call]:
    optimizer = OPTIMIZERS["adam"](module.parameters())

    def total():
        optimizer.zero_grad()
        embeddings = module(x)
        slope = torch.from_numpy(gradient(_ours(embeddings.detach())))
        embeddings.backward(slope.to(embeddings.device))
        optimizer.step()

    both = _passes(module, x, dout)[BOTH]
    return dict(zip(STEP, (both, Call(optimizer.step), Call(total)), strict=True))


# -- Arrays: ours are NHWC -----------------------------------------------------------------------


def _ours(tensor: torch.Tensor) -> np.ndarray:
    return (tensor.permute(0, 2, 3, 1) if tensor.ndim == 4 else tensor).cpu().numpy()


def _values(parameter) -> np.ndarray:
    """Return our parameter's values on the CPU, wherever they live."""
    return to_device(parameter.data, "cpu")


# -- Layers --------------------------------------------------------------------------------------


class _Maxout(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.maximum(*x.chunk(2, dim=1))


class _L2Norm(nn.Module):
    def __init__(self, eps: float):
        super().__init__()
        self.eps = eps

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.normalize(x, eps=self.eps)


def _row(part: Part) -> nn.Sequential:
    """Return the modules of a row, whose first layer sees the row's input shape."""
    modules: list[nn.Module] = []
    shape = part.row.input
    for name, layer in part.layers.layers.items():
        modules += _modules(name, layer, shape, first=not modules)
        shape = layer.output_shape(shape)
    return nn.Sequential(*modules)


def _modules(name: str, layer, shape, first: bool) -> list[nn.Module]:
    match layer:
        case Conv2D():
            return [_conv(layer)]
        case Linear():
            return [nn.Flatten(), _linear(layer, shape)]
        case ReLU():
            return [nn.ReLU(inplace=not first)]  # the row's own input stays as it is
        case MaxPool(window=Window(ceil_mode=False) as window):
            kernel, stride, pad = window.geometry()
            return [nn.MaxPool2d(kernel, stride, pad)]
        case LRN():
            return [nn.LocalResponseNorm(layer.n, layer.alpha, layer.beta, layer.k)]
        case Maxout() if layer.pieces == 2:
            return [_Maxout()]
        case L2Norm():
            return [_L2Norm(layer.eps)]
        case Concat() if not layer.branches:
            return []
    raise ValueError(f"no counterpart in PyTorch is known for {name}, a {type(layer).__name__}")


def _conv(layer: Conv2D) -> nn.Conv2d:
    """Return a convolution as PyTorch's: weights (kh, kw, C, O) become (O, C, kh, kw)."""
    _, _, channels, filters = layer.weight.data.shape
    module = nn.Conv2d(channels, filters, *layer.window.geometry(), bias=layer.bias is not None)
    return _filled(module, _values(layer.weight).transpose(3, 2, 0, 1), layer.bias)


def _linear(layer: Linear, shape) -> nn.Linear:
    """Return a Linear as PyTorch's: weights (D_in, D_out) become (D_out, D_in).

    If images go in, D_in is in the order C, H, W.
    """
    weight = _values(layer.weight).T
    biased = layer.bias is not None
    module = nn.utils.skip_init(nn.Linear, *layer.weight.data.shape, bias=biased)
    if len(shape) == 3:
        weight = weight.reshape(-1, *shape).transpose(0, 3, 1, 2).reshape(weight.shape)
    return _filled(module, weight, layer.bias)


@torch.no_grad()
def _filled(module, weight: np.ndarray, bias: Parameter | None):
    module.weight.copy_(torch.tensor(weight))
    if bias is not None:
        module.bias.copy_(torch.tensor(_values(bias)))
    return module
