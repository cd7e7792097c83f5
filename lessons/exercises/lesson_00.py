"""Lesson 00: a distance, and the threshold that turns it into an answer."""

import numpy as np

from minifacenet.classification.verification import val_far

from .core import Wrong, exercise, expect


@exercise(
    "00.1",
    hints=(
        "What is left of two photos when you take one from the other, and how do you make one "
        "number of it?",
        "NumPy works on whole arrays: a difference, a square and a sum need no loop.",
        "a - b, then np.square of it, then .sum().",
    ),
    answer="exercises.answers_00.squared_distance",
)
def squared_distance(answer):
    rng = np.random.default_rng(0)
    for size in (128, 3, 1):
        a, b = rng.standard_normal((2, size))
        got, expected = answer(a.copy(), b.copy()), np.square(a - b).sum()
        if np.shape(got) == (size,) and size > 1:
            raise Wrong("you return a vector: one distance is one number, so add up the squares")
        typical = {
            np.sqrt(expected): "that is the plain distance: leave out the square root",
            expected / size: "that is the mean of the squares: the distance is their sum",
            np.abs(a - b).sum(): "that adds up absolute values: square the differences instead",
            np.square((a - b).sum()): "you add first and square afterwards: the other way round",
            2 - 2 * (a @ b): "2 - 2 a·b is right for vectors of length 1 only, and these have "
            "other lengths",
            (a @ a) - (b @ b): "|a|² - |b|² is not |a - b|²: subtract the vectors first",
        }
        _tell(got, expected, typical)
        expect("your distance", got, expected)
    return "One line, and everything in this course is about the vectors that go in."


def _tell(got, expected, typical):
    for value, message in typical.items():
        number = np.ndim(got) == 0 and got is not None
        if number and np.isclose(float(got), value) and not np.isclose(value, expected):
            raise Wrong(f"your distance is {float(got):.4f}: {message}")


def _pairs(seed, count_same, count_different, decimals=None):
    """Distances of pairs, most of them of different people, as in any collection of photos."""
    rng = np.random.default_rng(seed)
    distances = np.concatenate(
        [rng.gamma(4, 0.13, count_same), 4 * rng.beta(4, 4, count_different)]
    )
    if decimals is not None:
        distances = distances.round(decimals)  # many ties
    same = np.arange(len(distances)) < count_same
    order = rng.permutation(len(distances))
    return distances[order], same[order]


def _balanced(distances, same, threshold):
    val, far = val_far(distances, same, threshold)
    return (val + 1 - far) / 2


@exercise(
    "00.2",
    hints=(
        "How many different thresholds are there, if two that give the same answers count once?",
        "Between two observed distances no answer changes, so the distances themselves are all "
        "the thresholds you need.",
        "For each d in np.unique(distances): VAL is (distances[same] <= d).mean(), FAR the same "
        "with ~same. Keep the best.",
    ),
    answer="exercises.answers_00.best_threshold",
)
def best_threshold(answer):
    narrow = (
        np.array([0.70042, 0.70043, 0.3, 0.70044, 2.0]),
        np.array([True, False, True, False, False]),
    )
    edge = (np.array([0.4, 0.4, 0.9, 1.5]), np.array([True, True, False, False]))
    shared = (
        np.array([0.3, 0.5, 0.5, 0.5, 0.5, 0.9]),
        np.array([True, True, False, False, False, False]),
    )
    for distances, same in (_pairs(1, 60, 900), _pairs(2, 30, 400, 1), narrow, edge, shared):
        _judge(answer(distances.copy(), same.copy()), distances, same)
    return "The library tries all of them, too: `verify(distances, same)`."


def _judge(got, distances, same):
    """`Wrong` unless no other threshold is better than `got`."""
    if got is None or np.ndim(got) != 0 or not np.isfinite(got):
        raise Wrong(f"return one number, the threshold, not {got!r}")
    got, observed = float(got), np.unique(distances)
    scores = _balanced(distances, same, observed)
    own, best = _balanced(distances, same, got), scores.max()
    if own >= best - 1e-12:
        return
    plain = [((distances <= d) == same).mean() for d in observed]
    below = [(distances[same] < d).mean() - (distances[~same] < d).mean() for d in observed]
    mixed = [(distances[same] <= d).mean() - (distances[~same] < d).mean() for d in observed]
    if np.isclose(got, best):
        reason = "that is the best balanced accuracy; the threshold that reaches it is asked for"
    elif scores.argmax() == got:
        reason = "that is the place of the best threshold in a list; return the threshold there"
    elif own <= 0.5:
        reason = "that is no better than guessing. Small distances mean 'same': accept D <= d"
    elif np.isclose(got, observed[np.argmax(plain)]):
        reason = (
            "that is best for plain accuracy. Most pairs are different people, so it cares little "
            "for the others: average VAL and 1 - FAR instead"
        )
    elif got in (observed[np.argmax(below)], observed[np.argmax(mixed)]):
        reason = "you count D < d; a pair at exactly D = d is accepted, too"
    elif best - own < 0.1 * best and len(observed) > 10:
        reason = "near, but a formula or a grid misses the best: try every observed distance"
    else:
        reason = f"{observed[scores.argmax()]:.6g} reaches it, one of the observed distances"
    raise Wrong(
        f"of {len(distances)} pairs, your threshold {got:.6g} gets (VAL + 1 - FAR) / 2 = "
        f"{own:.4f}, but {best:.4f} is possible: {reason}"
    )
