"""The bytes that a layer has to move at least: the measure of a layer that memory limits.

A kernel reads arrays from the card's memory and writes others. Each layer counts, in float32
(`Layer.bytes_moved`), **every array that goes in or comes out, once**:

    forward     reads x and the parameters, writes y and what backward needs of it
    backward    reads dL/dy, x or what forward left, and the weights; adds to the gradients (a read
                and a write), writes dL/dx

This much has to move if memory is asked for each number once. It may be more: a kernel may come
back for numbers that the caches have dropped by then. It may be less: a layer finds in the cache
what the one before has just written, and a small array never leaves it. A rate above that of a
plain copy means the latter.

The sums name no algorithm: the matrix of windows of im2col, the tiles of Winograd and the partial
sums of a gradient are that algorithm's own business, and cost it time.

For most convolutions the multiply-adds decide, and these counts do not matter. They do for a Linear
with a small batch, which reads each weight for a few multiply-adds: memory limits it, too.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..nn.layer import FLOAT, Parameter
from ..nn.optim import Optimizer
from .sides import BOTH, FORWARD, Part


def least_bytes(part: Part, batch: int) -> dict[str, int]:
    """Return a row's bytes by pass for `batch` images, as counted above."""
    forward, backward = part.layers.bytes_moved((batch, *part.row.input))
    return {FORWARD: forward, BOTH: forward + backward}


def update_bytes(optimizer: type[Optimizer], parameters: Iterable[Parameter]) -> int:
    """Return an update's bytes: it reads weight, gradient, state and writes weight, state back."""
    arrays = 3 + 2 * len(optimizer.slots)
    return FLOAT * arrays * sum(parameter.data.size for parameter in parameters)
