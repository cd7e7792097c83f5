"""Distances, mining, the loss and its gradient, and the optimizers, on values at their limits."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from minifacenet.embedding import mining
from minifacenet.embedding.distances import squared_distances, squared_distances_reference
from minifacenet.embedding.triplet import embedding_gradient
from minifacenet.nn import optim
from minifacenet.nn.layer import Parameter

from .attack import attack
from .limits import ORDINARY, VALUES, wrong

PEOPLE: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "some": lambda rng, n: rng.integers(0, 3, n),
    "one": lambda rng, n: np.zeros(n, np.int64),
    "a photo each": lambda rng, n: np.arange(n),
    "pairs": lambda rng, n: np.arange(n) // 2,
}
SHARE = np.float32(0.2)  # the margin, as the kernels take it


def chosen_by_hand(distances: np.ndarray, labels: np.ndarray, rule: str) -> list[tuple]:
    """Return the triplets of a rule, by loops: those of 'semi-hard-random' are all that may be."""
    found = []
    for a, p in itertools.permutations(range(len(labels)), 2):
        others = np.flatnonzero(labels != labels[a])
        if labels[a] != labels[p] or not len(others):
            continue
        row, near = distances[a], distances[a, p]
        if rule == "hardest":
            found.append((a, p, others[row[others].argmin()]))
        within = [n for n in others if near < row[n] < near + SHARE]
        if rule == "all":
            found += [(a, p, n) for n in others if near - row[n] + SHARE > 0]
        elif rule == "semi-hard-random":
            found += [(a, p, n) for n in within]
        elif rule == "semi-hard" and within:
            found.append((a, p, within[row[within].argmin()]))
    return found


def loss_failure(values: str, people: str, rule: str, rng: np.random.Generator) -> str | None:
    """Say what mining and loss do wrong on the distances of such vectors."""
    n = int(rng.integers(1, 12))
    vectors = VALUES[values](rng, (n, 4)).astype(np.float32)
    labels = PEOPLE[people](rng, n)
    distances = squared_distances(vectors)
    expected = squared_distances_reference(vectors.astype(np.float64))
    np.fill_diagonal(expected, 0)
    if message := wrong(distances, expected, 0, values in ORDINARY):
        return f"distances: {message}"
    try:
        loss, active, weights = mining.mined_loss(distances, labels, 0.2, rule, rng)
    except ValueError as error:
        return None if not np.isfinite(distances).all() else f"refused: {error}"
    if not np.isfinite(distances).all():
        return None if not np.isfinite(loss) else f"a loss of {loss} for distances that are none"
    by_hand = chosen_by_hand(distances, labels, rule)
    if rule != "semi-hard-random":
        brackets = [distances[a, p] - distances[a, m] + SHARE for a, p, m in by_hand]
        losses = np.array([b for b in brackets if b > 0], np.float64)
        mean = losses.mean() if len(losses) else 0.0
        if active != len(losses) or abs(loss - mean) > 1e-5 * max(1, abs(mean)):
            return f"loss {loss} of {active}, by hand {mean} of {len(losses)}"
    elif active > len({(a, p) for a, p, _ in by_hand}):
        return f"{active} triplets of {len(by_hand)} that may be"
    gradient = embedding_gradient(weights, vectors)
    wide = weights.astype(np.float64) + weights.T
    right = 2 * (wide.sum(axis=1, keepdims=True) * vectors - wide @ vectors.astype(np.float64))
    scale = 10 * np.abs(vectors).max() * max(1.0, np.abs(weights).max())
    message = wrong(gradient, right, float(scale), values in ORDINARY)
    return message and f"gradient: {message}"


STEPS: dict[str, Callable] = {
    "sgd": lambda w, g, s, t: optim.sgd_step(w, g, s[0], 0.05, 0.9),
    "adagrad": lambda w, g, s, t: optim.adagrad_step(w, g, s[0], 0.05, 1e-10),
    "adam": lambda w, g, s, t: optim.adam_step(w, g, *s, t, 1e-3, 0.9, 0.999, 1e-8),
}  # fmt: skip


def optimizer_failure(values: str, name: str, rng: np.random.Generator) -> str | None:
    """Say what three updates by such gradients do wrong."""
    parameter = Parameter(rng.standard_normal((3, 4)).astype(np.float32))
    optimizer = optim.OPTIMIZERS[name]({"a.weight": parameter}, 1e-3 if name == "adam" else 0.05)
    w = parameter.data.astype(np.float64)
    state = [np.array(slot, np.float64) for slot in optimizer.state().values()]
    for t in (1, 2, 3):
        gradient = VALUES[values](rng, (3, 4)).astype(np.float32)
        parameter.grad[...] = gradient
        optimizer.step()
        w, *state = STEPS[name](w, gradient.astype(np.float64), state, t)
    kept = [parameter.data, *optimizer.state().values()]
    if not all(np.isfinite(array).all() for array in kept):
        told = values not in ORDINARY  # such a state is refused when it is saved
        return None if told else "weights or state are not finite"
    return wrong(parameter.data, w, 1.0, values in ORDINARY)


@attack(
    "numbers", "triplets-at-limits",
    "distances, four rules of mining, loss, gradient and three optimizers, with vectors and "
    "gradients at the limits of float32, one person, a photo of each, a batch of one: as computed "
    "by hand, or refused",
    cases=3000,
)  # fmt: skip
def triplets_at_limits(cases: int, seed: int, place: Path) -> Iterator[str | None]:
    every: list[tuple] = [*itertools.product(VALUES, PEOPLE, mining.RULES)]
    every += itertools.product(VALUES, STEPS)
    np.random.default_rng(seed).shuffle(every)
    for number, chosen in zip(range(cases), itertools.cycle(every), strict=False):
        own = np.random.default_rng([seed, number])
        with np.errstate(all="ignore"):
            failure = loss_failure if len(chosen) == 3 else optimizer_failure
            message = failure(*chosen, own)
        yield message and f"{', '.join(chosen)}, case {number}: {message}"
