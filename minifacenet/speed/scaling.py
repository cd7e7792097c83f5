"""How cost grows: `minifacenet bench --scaling`. Batch, width, size of the input; ours alone.

Fixed costs (packing weights, updating 140 million of them) are shared by a batch: a photo gets
cheaper as the batch grows. Width enters twice: a convolution has C inputs and O outputs, so twice
the channels take nearly four times the work. The convolutions' work grows with the pixels.

Memory is that of the arrays: weights; for a step also gradients and Adam's two arrays, each as
large as the weights; and the most that the layers hold at once, as `tracemalloc` sees it. Python
and its libraries come on top.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..embedding.architectures import NETWORKS, Architecture
from ..nn.layer import Sequential
from ..nn.optim import Adam
from .clock import Call, medians
from .sides import RATE

BATCHES = (1, 2, 4, 8, 16, 32, 64)
FACTORS = (0.25, 0.5, 1.0)  # of the channels, and of fc1 and fc2
SIZES = (96, 128, 160, 220)


@dataclass(frozen=True)
class Cost:
    """The cost of one setting: seconds per image, and bytes."""

    varied: str  # 'batch', 'width' or 'size'
    value: float
    parameters: int
    forward: float
    step: float  # forward, backward, Adam
    forward_memory: int
    step_memory: int


def time_scaling(
    architecture: Architecture,
    batch: int = 8,
    rounds: int = 5,
    batches: Sequence[int] = BATCHES,
    factors: Sequence[float] = FACTORS,
    sizes: Sequence[int] = SIZES,
    tell: Callable[[int, int], None] = lambda done, total: None,
) -> list[Cost]:
    """Vary batch, width and size, one at a time; `batch` is that of width and size.

    `tell` is called as tell(settings done, settings) before each setting.
    """
    costs: list[Cost] = []
    count = len(batches) + len(factors) + len(sizes)
    for varied, value, network, shape in _settings(architecture, batch, batches, factors, sizes):
        tell(len(costs), count)
        costs.append(_cost(varied, value, network, shape, rounds))
    return costs


def _settings(architecture, batch, batches, factors, sizes) -> Iterator[tuple]:
    """Yield (what is varied, its value, the network, shape of a batch), one network at a time."""
    rng = np.random.default_rng(0)
    own, shape = NETWORKS[architecture.name], architecture.input_shape
    network = architecture.build(rng)
    for number in batches:
        yield "batch", number, network, (number, *shape)
    for factor in factors:
        scaled = {name: max(1, round(factor * width)) for name, width in own.widths.items()}
        network = own.build(shape, scaled, architecture.dim, rng)
        yield "width", factor, network, (batch, *shape)
    for size in sizes:
        smaller = replace(architecture, size=size)
        yield "size", size, smaller.build(rng), (batch, *smaller.input_shape)


def _cost(varied: str, value: float, network: Sequential, shape, rounds: int) -> Cost:
    rng = np.random.default_rng(0)
    photos = rng.uniform(-1, 1, shape).astype(np.float32)
    optimizer = Adam(network.parameters(), RATE)
    slope = rng.standard_normal((shape[0], *network.output_shape(shape[1:])), np.float32)

    def forward():
        return network.forward(photos)

    def step():
        network.zero_grad()
        network.forward(photos, train=True)
        network.backward(slope)
        optimizer.step()

    seconds = medians({"forward": Call(forward), "step": Call(step)}, rounds)
    parameters = [parameter.data for parameter in network.parameters().values()]
    weights = sum(data.nbytes for data in parameters)
    return Cost(
        varied=varied,
        value=value,
        parameters=sum(data.size for data in parameters),
        forward=seconds["forward"] / shape[0],
        step=seconds["step"] / shape[0],
        forward_memory=weights + photos.nbytes + _peak(forward),
        step_memory=4 * weights + photos.nbytes + _peak(step),
    )


def _peak(run: Callable[[], object]) -> int:
    """Return the most bytes that a run holds, beyond those held before it."""
    tracemalloc.start()
    try:
        run()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
