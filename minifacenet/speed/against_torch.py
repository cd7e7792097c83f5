"""PyTorch as a yardstick: our rows as its modules, with our weights. Imports torch.

How the comparison is kept fair:

- **The same work.** Each module is made from our layer's parameters and gets the same numbers;
  outputs and input gradients are compared before anything is timed. The first convolution computes
  no dx on either side.
- **PyTorch's own ways.** `torch_modules.py` says our layers in its modules. Inference runs in
  `inference_mode`, backward is autograd's, a ReLU after a convolution works in place, Adam is the
  fused one. Both memory layouts are measured, NCHW ("contiguous") and NHWC ("channels_last"), and
  the better one counts, pass by pass. Weights and input are in the layout beforehand.
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
from collections.abc import Callable, Iterable
from functools import partial

import numpy as np
import torch
from torch import nn

from ..embedding.architectures import FaceNet
from ..embedding.batches import to_input
from ..nn.layer import Sequential
from .clock import Call, Calls
from .engines import Engine
from .sides import BOTH, FORWARD, RATE, STEP, Gradient, Part, gives_dx
from .torch_device import set_up
from .torch_modules import module_of

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
        plain = {
            name: module_of(part.layers, part.row.input).to(device) for name, part in parts.items()
        }
        self.modules = {"contiguous": plain, "channels_last": {}}
        for name, module in plain.items():
            if any(isinstance(inner, nn.Conv2d) for inner in module.modules()):
                module = copy.deepcopy(module).to(memory_format=torch.channels_last)
            self.modules["channels_last"][name] = module

    def values(self, names: Iterable[str], x: np.ndarray, dout: np.ndarray) -> dict[str, tuple]:
        found = {}
        for layout, (module, x_there, dout_there) in self._sides(names, x, dout).items():
            with torch.inference_mode():
                out = module.eval()(x_there)
            module.train()(x_there).backward(dout_there)
            dx = None if x_there.grad is None else _ours(x_there.grad)
            found[layout] = (_ours(out.detach()), dx)
        return found

    def calls(self, names: Iterable[str], x: np.ndarray, dout: np.ndarray) -> dict[str, Calls]:
        sides = self._sides(names, x, dout)
        return {layout: _passes(*side) for layout, side in sides.items()}

    def step(self, x: np.ndarray, gradient: Gradient) -> dict[str, Calls]:
        with torch.inference_mode():
            plain = nn.Sequential(*self.modules["contiguous"].values()).eval()
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
        wanted = gives_dx(self.parts[name] for name in names)
        for layout in LAYOUTS if x.ndim == 4 else ["contiguous"]:
            module = nn.Sequential(*(self.modules[layout][name] for name in names))
            there = self._there(x, layout).requires_grad_(wanted)
            sides[layout] = (module, there, self._there(dout, layout))
        return sides


def torch_engine(model: FaceNet, photos: np.ndarray) -> Engine:
    """Return the whole network for inference, batch norms folded, in both memory layouts."""
    about, network = set_up("cpu"), model.for_inference()
    assert isinstance(network, Sequential)
    plain = module_of(network, model.architecture.input_shape).eval()
    x = torch.tensor(to_input(photos)).permute(0, 3, 1, 2)

    def run_in(layout: str) -> Callable[[], np.ndarray]:
        module = copy.deepcopy(plain).to(memory_format=LAYOUTS[layout])
        there = x.contiguous(memory_format=LAYOUTS[layout])

        @torch.inference_mode()
        def run() -> np.ndarray:
            return module(there).numpy()

        return run

    return Engine("torch", about, {layout: run_in(layout) for layout in LAYOUTS})


def _passes(module, x, dout) -> dict[str, Call]:
    @torch.inference_mode()
    def forward():
        return module(x)

    def clear():
        module.train()
        x.grad = None
        module.zero_grad()

    def both():
        module(x).backward(dout)

    return {FORWARD: Call(forward, module.eval), BOTH: Call(both, clear)}


def _step(module, x, dout, gradient) -> dict[str, Call]:
    module.train()
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
