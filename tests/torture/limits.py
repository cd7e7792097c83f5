"""Values at the limits of float32, and what an answer to them may be.

An answer that is not finite is honest: it travels on, and somebody refuses it. A finite one has to
be right. And from ordinary values, be they all equal or all 0, only a finite one may come.
"""

from collections.abc import Callable

import numpy as np

Draw = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]


def _normal(rng, shape):
    return rng.standard_normal(shape)


def _signs(rng, shape):
    return rng.choice([-1.0, 1.0], shape)


def _with_one(value: float) -> Draw:
    def draw(rng, shape):
        array = rng.standard_normal(shape)
        if array.size:
            array.reshape(-1)[rng.integers(array.size)] = value
        return array

    return draw


ORDINARY: dict[str, Draw] = {
    "0": lambda rng, shape: np.zeros(shape),
    "-0.0": lambda rng, shape: -np.zeros(shape),
    "a constant": lambda rng, shape: np.full(shape, rng.uniform(-100, 100)),
    "equal rows": lambda rng, shape: np.broadcast_to(_normal(rng, shape[1:]), shape).copy(),
    "two values": _signs,
    "1e-38": lambda rng, shape: _normal(rng, shape) * 1e-38,
    "subnormal": lambda rng, shape: _signs(rng, shape) * 1.4e-45 * rng.integers(0, 99, shape),
    "one 1e15": _with_one(1e15),
}
EXTREME: dict[str, Draw] = {
    "1e19": lambda rng, shape: _normal(rng, shape) * 1e19,
    "3e38": lambda rng, shape: _signs(rng, shape) * 3e38,
    "all sizes": lambda rng, shape: _signs(rng, shape) * 10 ** rng.uniform(-45, 38, shape),
    "one 3e38": _with_one(3e38),
    "one NaN": _with_one(np.nan),
    "one inf": _with_one(np.inf),
    "one -inf": _with_one(-np.inf),
    "all NaN": lambda rng, shape: np.full(shape, np.nan),
}
VALUES = ORDINARY | EXTREME


def wrong(got: np.ndarray, expected: np.ndarray, scale: float, ordinary: bool) -> str | None:
    """Say what is wrong with a float32 answer; `expected` is what float64 gives.

    An answer may err by 1e-4 of `scale`, or of the largest expected value.
    """
    if got.shape != expected.shape:
        return f"shape {got.shape}, expected {expected.shape}"
    finite, right = np.isfinite(got), np.isfinite(expected)
    if ordinary and not finite.all() and right.all() and np.abs(expected).max() < 1e37:
        return f"{(~finite).sum()} of {got.size} are not finite"
    if (finite & ~right).any():
        return f"{got[finite & ~right][0]} for {expected[finite & ~right][0]}"
    both = finite & right
    if not both.any():
        return None
    off = np.abs(got[both].astype(np.float64) - expected[both])
    most = 1e-4 * max(scale, np.abs(expected[both]).max()) + 1e-37
    if off.max() > most:
        at = off.argmax()
        return f"{got[both][at]} for {expected[both][at]}, off by more than {most:.1g}"
    return None
