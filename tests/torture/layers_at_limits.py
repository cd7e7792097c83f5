"""Every layer, forward and backward, on values at the limits of float32."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from minifacenet.nn.batchnorm import BatchNorm
from minifacenet.nn.l2pool import L2Pool
from minifacenet.nn.lrn import LRN
from tests.nn.cases import EVERY_LAYER, Case

from .attack import attack
from .limits import ORDINARY, VALUES, wrong

PLACES = ("input", "gradient", "parameters")


def layers(case: Case, draw, place: str, rng: np.random.Generator):
    """Return a layer in float32 and the same in float64, their input and their gradient."""
    narrow = case.make(rng, np.float32)
    wide = case.make(rng, np.float64)
    for name, parameter in narrow.parameters().items():
        values = rng.standard_normal(parameter.data.shape)
        if place == "parameters":
            values = draw(rng, parameter.data.shape)
        with parameter.edit() as w, wide.parameters()[name].edit() as w64:
            w[...] = values
            w64[...] = w
    shape = (1, *case.shape[1:]) if rng.random() < 0.3 else case.shape  # a batch of one
    x = (draw if place == "input" else _normal)(rng, shape).astype(np.float32)
    out_shape = (len(x), *narrow.output_shape(shape[1:]))
    dout = (draw if place == "gradient" else _normal)(rng, out_shape).astype(np.float32)
    return narrow, wide, x, dout


def _normal(rng, shape):
    return rng.standard_normal(shape)


def largest(*arrays) -> float:
    """Return the product of the largest magnitudes, times what is summed: an error's scale."""
    product = 1.0
    for array in arrays:
        finite = array[np.isfinite(array)].astype(np.float64)
        product *= max(1.0, np.abs(finite).max(initial=0.0))
    return product


def failure(case: Case, values: str, place: str, rng: np.random.Generator) -> str | None:
    """Say what the layer does wrong; None if nothing."""
    narrow, wide, x, dout = layers(case, VALUES[values], place, rng)
    expected, gradients = case.reference(wide, x.astype(float), dout.astype(float))
    out = narrow.forward(x, train=True)
    narrow.zero_grad()
    got = {"input": narrow.backward(dout)} | {
        name: parameter.grad for name, parameter in narrow.parameters().items()
    }
    weights = [p.data for p in narrow.parameters().values()]
    # What sums products of weights may cancel; a batch norm divides by what may be rounding alone.
    summed = x.size if weights and not isinstance(narrow, BatchNorm) else 0
    # What LRN makes of squares that are infinite is 0, and should be less than 1e-3: see lrn.py.
    least = {LRN: 10.0, BatchNorm: 100.0}.get(type(narrow), 0.0)
    ordinary = values in ORDINARY
    scale = max(least, summed * largest(x, *weights))
    if message := wrong(out, expected, scale, ordinary):
        return f"output: {message}"
    if isinstance(narrow, L2Pool) and (expected[expected > 0].min(initial=1) < 1e-18):
        return None  # a norm below its range passes no gradient on: see l2pool.py
    if isinstance(narrow, L2Pool | BatchNorm) and not np.isfinite(out).all():
        return None  # the forward has told already
    if isinstance(narrow, BatchNorm) and values in ("1e19", "all sizes", "a constant"):
        return None  # its gradient is a small difference of large numbers
    for name, gradient in gradients.items():
        scale = max(least, summed * largest(x, dout, *weights))
        if message := wrong(got[name], gradient, scale, ordinary):
            return f"gradient of {name}: {message}"
    return None


@attack(
    "numbers", "layers-at-limits",
    "every layer, forward and backward, with inputs, gradients and weights that are 0, constant, "
    "equal, subnormal, near 3e38, infinite or NaN, in batches down to one: the answer is right, or "
    "not finite",
    cases=4000,
)  # fmt: skip
def layers_at_limits(cases: int, seed: int, place: Path) -> Iterator[str | None]:
    rng = np.random.default_rng(seed)
    every = list(itertools.product(EVERY_LAYER, VALUES, PLACES))
    for number in range(cases):
        if number % len(every) == 0:
            rng.shuffle(every)
        case, values, where = every[number % len(every)]
        own = np.random.default_rng([seed, number])
        with np.errstate(all="ignore"):
            message = failure(case, values, where, own)
        yield message and f"{case}, {where} {values}, case {number}: {message}"
