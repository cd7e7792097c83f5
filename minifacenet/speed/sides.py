"""The two sides of a comparison: this build, and the interface of a yardstick."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ..nn.device.backend import Array, to_device
from ..nn.layer import Row, Sequential
from ..nn.optim import Adam
from ..nn.rescale import Rescale
from .clock import Call, Calls

PEERS = {  # what can be compared with, by its name in `--against`
    "torch": "PyTorch",
    "onnxruntime": "ONNX Runtime",
    "openvino": "OpenVINO",
    "dlib": "dlib",
    "opencv": "OpenCV",
}
WITH_BACKWARD = ("torch",)
FOR_CPUS = " --index-url https://download.pytorch.org/whl/cpu"
INSTALL = {name: f"python -m pip install 'minifacenet[{name}]'" for name in PEERS} | {
    "torch": f"python -m pip install torch{FOR_CPUS}"
}
BUILDS = {"cpu": ("CPUs", FOR_CPUS), "cuda": ("GPUs", "")}  # of PyTorch, by device
FORWARD, BOTH = PASSES = ("forward", "forward+backward")
WHOLE = ("without LRN", "total")  # names of the rows of the whole network
UPDATE, PRODUCT = "update", "product"  # the one pass of an optimizer, of a matrix product
STEP = ("network", "Adam", "total")  # the rows of a training step
# So small that the weights, and with them the mined triplets, stay as they were.
RATE = 1e-9

Gradient = Callable[[np.ndarray], np.ndarray]  # embeddings (N, D) -> the loss's slope (N, D)


@dataclass(frozen=True)
class Part:
    """A row of the network's table, and the layers that belong to it."""

    row: Row
    layers: Sequential

    @property
    def gives_dx(self) -> bool:
        """Whether backward passes a gradient on; a network's first convolution does not."""
        return gives_dx([self])

    def operations(self, batch: int) -> dict[str, int]:
        """Return the floating-point operations by pass, two per multiply-add.

        Backward computes two products of the forward's size, dW and dx, or dW alone.
        """
        forward = 2 * batch * self.row.multiply_adds
        return {FORWARD: forward, BOTH: forward * (3 if self.gives_dx else 2)}


def gives_dx(parts: Iterable[Part]) -> bool:
    """Return whether these rows, one after another, pass a gradient on to what goes in.

    The first convolution of a network does not, and fixed numbers before it have nobody to tell.
    """
    layers = [layer for part in parts for layer in part.layers.layers.values()]
    first = next((layer for layer in layers if not isinstance(layer, Rescale)), None)
    return getattr(first, "input_gradient", True)


class Side(Protocol):
    """A side to time. Arrays that go in and out are NHWC; mappings are by memory layout."""

    about: str

    def values(self, names: Iterable[str], x: Array, dout: Array) -> dict[str, tuple]:
        """Run these rows one after another; return what is to be compared: the output for
        inference, and the training's dx (or None). A batch norm over a few values makes so much
        of rounding that outputs in training need not agree."""

    def calls(self, names: Iterable[str], x: Array, dout: Array) -> dict[str, Calls]:
        """Return the passes of these rows, run one after another."""

    def step(self, x: Array, gradient: Gradient) -> dict[str, Calls]:
        """Return the calls of a training step of all rows, as named in `STEP`."""

    def update(self, name: str, weights: np.ndarray) -> dict[str, Call]:
        """Return the update of one parameter with gradient 1; `name` is a key of `OPTIMIZERS`."""

    def product(self, a: Array, b: Array) -> dict[str, Call]:
        """Return the call that multiplies two square matrices."""


class Ours:
    """This build. The gradients, set to zero before each timed run, are added to as in training.

    On a GPU the parameters of `parts` themselves move there once, and the arrays of a row before
    its clock starts. Results stay there, except those that are compared and the embeddings of a
    training step, which the CPU mines.
    """

    def __init__(self, parts: dict[str, Part], device: str = "cpu"):
        self.parts, self.device = parts, device
        for part in parts.values():
            part.layers.to(device)

    def output(self, names: Iterable[str], x: Array) -> np.ndarray:
        """Return the output of these rows, run one after another."""
        return to_device(self.layers(names).forward(self._there(x)), "cpu")

    def values(self, names: Iterable[str], x: Array, dout: Array) -> dict[str, tuple]:
        layers = self.layers(names)
        out = layers.forward(self._there(x))
        layers.forward(self._there(x), train=True)
        dx = layers.backward(self._there(dout))
        return {"": (to_device(out, "cpu"), None if dx is None else to_device(dx, "cpu"))}

    def calls(self, names: Iterable[str], x: Array, dout: Array) -> dict[str, Calls]:
        layers, x, dout = self.layers(names), self._there(x), self._there(dout)

        def both():
            layers.forward(x, train=True)
            layers.backward(dout)

        return {"": {FORWARD: Call(lambda: layers.forward(x)), BOTH: Call(both, layers.zero_grad)}}

    def step(self, x: Array, gradient: Gradient) -> dict[str, Calls]:
        network = self.layers(self.parts)
        optimizer = Adam(network.parameters(), RATE)
        x = self._there(x)

        def mined(embeddings):
            return self._there(gradient(to_device(embeddings, "cpu")))

        slope = mined(network.forward(x))

        def both():
            network.forward(x, train=True)
            network.backward(slope)

        def total():
            network.zero_grad()
            network.backward(mined(network.forward(x, train=True)))
            optimizer.step()

        calls = (Call(both, network.zero_grad), Call(optimizer.step), Call(total))
        return {"": dict(zip(STEP, calls, strict=True))}

    def _there(self, array):
        return to_device(array, self.device)

    def layers(self, names: Iterable[str]) -> Sequential:
        """Return the layers of these rows as one network."""
        return Sequential(
            *(pair for name in names for pair in self.parts[name].layers.layers.items())
        )
