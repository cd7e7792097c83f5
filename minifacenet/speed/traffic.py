"""How many bytes a layer has to move, at least: what memory alone limits is measured by that.

A kernel reads arrays from the card's memory and writes others. Counted are, in float32, for each
layer of a row, **every array that goes in or comes out, once**:

    forward     reads x and the parameters, writes y and what backward needs of it
    backward    reads dL/dy, what forward left or x, and the weights; adds to the gradients (a read
                and a write), writes dL/dx

So much has to move if memory is asked for each number once. It may be more: a kernel that comes
back for numbers which the caches have dropped by then. It may be less: a layer finds in the cache
what the one before has just written, and a small array never leaves it. A rate above that of a
plain copy says the latter.

The sums name no algorithm: the matrix of windows of im2col, the tiles of Winograd and the partial
sums of a gradient are that algorithm's own business, and cost it time.

Multiply-adds make these counts beside the point for most convolutions. Not for a Linear with a
small batch, which reads each of its weights for a few multiply-adds: memory limits it, too.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from ..nn.concat import Concat
from ..nn.conv import Conv2D
from ..nn.l2norm import L2Norm
from ..nn.layer import Layer, Parameter
from ..nn.linear import Linear
from ..nn.lrn import LRN
from ..nn.maxout import Maxout
from ..nn.maxpool import MaxPool
from ..nn.optim import Optimizer
from ..nn.relu import ReLU
from .sides import BOTH, FORWARD, Part

FLOAT = 4  # bytes of a float32


def least_bytes(part: Part, batch: int) -> dict[str, int]:
    """Bytes by pass of a row on so many images, as counted above.

    Raises
    ------
    ValueError
        A layer whose arrays are not known here.
    """
    forward = both = 0
    shape = part.row.input
    for name, layer in part.layers.layers.items():
        out = layer.output_shape(shape)
        x, y = batch * math.prod(shape), batch * math.prod(out)
        there, back = _layer_bytes(name, layer, x, y, batch)
        forward, both = forward + there, both + there + back
        shape = out
    return {FORWARD: forward, BOTH: both}


def _layer_bytes(name: str, layer: Layer, x: int, y: int, rows: int) -> tuple[int, int]:
    """Forward's and backward's; x and y are how many numbers go in and come out."""
    match layer:
        case Conv2D() | Linear():
            weights, biases = layer.weight.data.size, layer.bias.data.size
            back = y + x + 2 * (weights + biases)
            if getattr(layer, "input_gradient", True):
                back += weights + x
            return FLOAT * (x + weights + biases + y), FLOAT * back
        case ReLU():  # backward: dout, y, dx
            return FLOAT * (x + y), FLOAT * (y + y + x)
        case MaxPool() | Maxout():  # each output's winner, a byte, is written and read
            return FLOAT * (x + y) + y, FLOAT * (y + x) + y
        case LRN():  # backward: dout, x, dx
            return FLOAT * (x + y), FLOAT * (y + x + x)
        case L2Norm():  # each row's length is written and read; backward: dout, y, dx
            return FLOAT * (x + y + rows), FLOAT * (y + y + x + rows)
        case Concat() if not layer.branches:
            return 0, 0
    raise ValueError(f"no bytes are counted for {name}, a {type(layer).__name__}")


def update_bytes(optimizer: type[Optimizer], parameters: Iterable[Parameter]) -> int:
    """Of an update, which reads weight, gradient and state, and writes weight and state back."""
    arrays = 3 + 2 * len(optimizer.slots)
    return FLOAT * arrays * sum(parameter.data.size for parameter in parameters)
