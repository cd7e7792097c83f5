"""Kernels alone, on a GPU: `minifacenet bench kernels`. The limit of each is known beforehand.

Three groups, each beside its own limit (see `card.py`):

- **layers that memory limits**: ReLU, max pooling, LRN, maxout, the L2 norm, each on the largest
  input that it has in the network. They do next to nothing with a number, so the time is that of
  moving it: see `traffic.py`. In the network's own table a ReLU hides in its convolution's row.
- **optimizers**, on one large parameter: memory again, 20 or 28 bytes per weight.
- **matrix products**, the three steps of `nn/products/matmul_cuda.py`: naive, tiled,
  register-blocked. They do the same 2 n^3 operations; what differs is how often they go to memory
  for a number.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from ..nn.device import backend
from ..nn.l2norm import L2Norm
from ..nn.layer import FLOAT, Parameter, Row, Sequential
from ..nn.lrn import LRN
from ..nn.maxout import Maxout
from ..nn.maxpool import MaxPool
from ..nn.optim import OPTIMIZERS
from ..nn.products.matmul_cuda import matmul_blocked, matmul_naive, matmul_tiled
from ..nn.relu import ReLU
from .clock import Call, Timing, time_row
from .network import OUTPUT_ERROR, time_layers
from .sides import PRODUCT, RATE, UPDATE, Ours, Part, Side
from .traffic import update_bytes

LAYERS = (ReLU, MaxPool, LRN, Maxout, L2Norm)
WEIGHTS = 1 << 24  # of the parameter: arrays of 64 MiB, three or four, which no cache holds
SIDES = (1024, 4096)  # of the matrices, all square
STEPS = {"naive": matmul_naive, "tiled": matmul_tiled, "blocked": matmul_blocked}
CHECKED = 64  # rows of a product that NumPy computes, too

Theirs = Mapping[str, Call]  # the yardstick's calls by memory layout


def largest_layers(network: Sequential, shape: tuple[int, ...]) -> dict[str, Part]:
    """Return the layer of each kind in `LAYERS` with the largest input, for images of `shape`."""
    found: dict[str, Part] = {}
    for layer in network.layers.values():
        out, name = layer.output_shape(shape), type(layer).__name__
        known = math.prod(found[name].row.input) if name in found else 0
        if isinstance(layer, LAYERS) and math.prod(shape) > known:
            row = Row(name, layer.window, shape, out, 0, 0)
            found[name] = Part(row, Sequential((name, layer)))
        shape = out
    return {kind.__name__: found[kind.__name__] for kind in LAYERS if kind.__name__ in found}


def time_kernels(
    parts: dict[str, Part],
    batch: int,
    rounds: int,
    against: Side | None = None,
    weights: int = WEIGHTS,
    sides: Sequence[int] = SIDES,
) -> Iterator[tuple[str, str, list[Timing]]]:
    """Yield the three groups as (name, title, timings); each is timed when it is asked for."""
    yield "layers", "Layers that memory limits", bench_layers(parts, batch, rounds, against)
    timings = bench_updates(rounds, against.update if against else None, weights)
    yield "optimizers", f"Optimizers on {weights:,} weights", timings
    timings = bench_products(rounds, against.product if against else None, sides)
    yield "products", "Products of two n x n matrices", timings


def bench_layers(
    parts: dict[str, Part], batch: int, rounds: int, against: Side | None = None
) -> list[Timing]:
    """Time each part alone on random numbers, forward and backward; `largest_layers` gives them.

    Raises
    ------
    ValueError
        The two sides do not compute the same.
    """
    ours, rng = Ours(parts, "cuda"), np.random.default_rng(0)
    timings = []
    for name, part in parts.items():
        x = rng.standard_normal((batch, *part.row.input), np.float32)
        out = np.empty((batch, *part.row.output), np.float32)
        title = f"{name} {'x'.join(map(str, x.shape))}"
        timings.append(time_layers(title, [name], x, out, ours, against, rounds))
    return timings


def bench_updates(
    rounds: int, theirs: Callable[[str, np.ndarray], Theirs] | None, size: int
) -> list[Timing]:
    """Time each optimizer on one parameter of `size` weights.

    `theirs(name, weights)` gives the yardstick's update of the same parameter.
    """
    weights = np.random.default_rng(0).standard_normal(size, np.float32)
    timings = []
    for name, kind in OPTIMIZERS.items():
        parameter = Parameter(weights.copy())
        parameter.to("cuda")
        backend.fill(parameter.grad, 1)
        optimizer = kind({name: parameter}, RATE)
        timings.append(
            time_row(
                kind.__name__,
                {UPDATE: 0},
                {UPDATE: Call(optimizer.step)},
                _passes(UPDATE, theirs(name, weights) if theirs else {}),
                rounds,
                "cuda",
                {UPDATE: update_bytes(kind, [parameter])},
            )
        )
    return timings


def bench_products(
    rounds: int,
    theirs: Callable[[np.ndarray, np.ndarray], Theirs] | None,
    sides: Sequence[int],
) -> list[Timing]:
    """Time each step's product of two n x n matrices, for every n in `sides`.

    `theirs(a, b)` gives the yardstick's product of the same matrices.

    Raises
    ------
    ValueError
        A step's product differs from NumPy's.
    """
    rng, timings = np.random.default_rng(0), []
    for n in sides:
        a, b = (rng.standard_normal((n, n), np.float32) for _ in range(2))
        there = [backend.to_device(matrix, "cuda") for matrix in (a, b)]
        out = backend.empty((n, n), like=there[0])
        other = _passes(PRODUCT, theirs(a, b) if theirs else {})
        for name, multiply in STEPS.items():
            title, call = f"{name} {n}", _product(multiply, there[0], there[1], out)
            call.run()
            _check(title, a, b, backend.to_device(out, "cpu"))
            counts = {PRODUCT: 2 * n**3}, {PRODUCT: 3 * FLOAT * n**2}
            timings.append(
                time_row(title, counts[0], {PRODUCT: call}, other, rounds, "cuda", counts[1])
            )
    return timings


def _product(multiply, a, b, out) -> Call:
    return Call(lambda: multiply(a, b, False, False, False, out))


def _passes(which: str, calls: Theirs) -> dict[str, dict[str, Call]]:
    return {layout: {which: call} for layout, call in calls.items()}


def _check(title: str, a, b, product) -> None:
    """Raise ValueError unless rows from all over the product are NumPy's, up to rounding."""
    rows = np.linspace(0, len(a) - 1, min(CHECKED, len(a))).astype(int)
    expected = a[rows] @ b
    error = np.linalg.norm(product[rows] - expected) / np.linalg.norm(expected)
    if not error <= OUTPUT_ERROR:
        raise ValueError(
            f"the product {title} is off NumPy's by {error:.2g} of its size, more than "
            f"{OUTPUT_ERROR:g}: what is wrong is not timed"
        )
