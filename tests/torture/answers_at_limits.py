"""Names, groups, galleries and figures, from vectors at the limits of what numbers can be."""

import itertools
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from scipy.spatial.distance import cdist

from minifacenet.classification.classifier import FaceClassifier
from minifacenet.classification.clustering import average_linkage, cut
from minifacenet.classification.clustering_scores import bcubed
from minifacenet.classification.gallery import Gallery
from minifacenet.classification.thresholds import OpenSet, measure_thresholds
from minifacenet.classification.verification import pair_distances, roc, val_far
from minifacenet.classification.verification_scores import auc, verify
from minifacenet.embedding.quantise import distances as byte_distances
from minifacenet.embedding.quantise import quantise

from .attack import attack
from .limits import ORDINARY, VALUES

Draw = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]


def _unit(draw: Draw) -> Draw:
    def unit(rng, shape):
        rows = draw(rng, shape)
        return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-10)

    return unit


def _normal(rng, shape):
    return rng.standard_normal(shape)


UNIT: dict[str, Draw] = {
    "unit": _unit(_normal),
    "one vector": _unit(lambda rng, shape: np.broadcast_to(_normal(rng, shape[1:]), shape)),
    "two opposite": _unit(
        lambda rng, shape: rng.choice([-1, 1], (shape[0], 1)) * _normal(rng, (1, shape[1]))
    ),
    "copies": _unit(lambda rng, shape: _normal(rng, (3, shape[1]))[rng.integers(0, 3, shape[0])]),
    "some zero": lambda rng, shape: _unit(_normal)(rng, shape) * rng.integers(0, 2, (shape[0], 1)),
    "one bit apart": _unit(
        lambda rng, shape: np.ones(shape) + rng.integers(0, 2, shape) * 1.2e-7
    ),
}  # fmt: skip
VECTORS = UNIT | {f"{name}, no unit vectors": draw for name, draw in VALUES.items()}
IN_ORDER = (*UNIT, *(f"{name}, no unit vectors" for name in ORDINARY))  # to be answered
PEOPLE = {
    "three": lambda rng, n: rng.integers(0, 3, n),
    "two": lambda rng, n: np.arange(n) % 2,
    "one": lambda rng, n: np.zeros(n, np.int64),
    "a photo each": lambda rng, n: np.arange(n),
}


def close(got, expected, scale: float = 1.0) -> bool:
    """Return whether two arrays are equal to 1e-4 of a scale, or of the largest of them."""
    got, expected = np.asarray(got, np.float64), np.asarray(expected, np.float64)
    most = 1e-4 * max(scale, np.abs(expected).max(initial=0))
    return got.shape == expected.shape and bool((np.abs(got - expected) <= most).all())


def naming(vectors, people, rng) -> str | None:
    for svm in (True, False):
        model = FaceClassifier(threshold=float(rng.uniform(0, 4)), svm=svm).fit(vectors, people)
        answers = model.answers(vectors)
        wide, means = vectors.astype(np.float64), model.centroids_.astype(np.float64)
        lengths = np.linalg.norm(means, axis=1)
        if not ((np.abs(lengths - 1) < 1e-5) | (lengths < 1.1)).all():
            return f"mean directions of length {lengths}"
        expected = ((wide - means[answers.person]) ** 2).sum(axis=1)
        if not close(answers.distance, expected, 0):
            return f"distances {answers.distance}, expected {expected}"
        if not svm and not close(answers.distance, cdist(wide, means, "sqeuclidean").min(1), 0):
            return "the nearest is not the nearest"
        if not np.array_equal(answers.known, answers.distance <= answers.threshold):
            return "somebody beyond the gate is known, or within unknown"
        names = {*model.predict(vectors).tolist()}
        if not names <= {*people.tolist(), -1}:
            return f"names {names}"
    return None


def groups(vectors, people, rng) -> str | None:
    tree = average_linkage(vectors)
    table = cdist(vectors.astype(float), vectors.astype(float), "sqeuclidean")
    members = [[i] for i in range(len(vectors))]
    for one, other, height, count in tree:
        first, second = members[int(one)], members[int(other)]
        mean = table[np.ix_(first, second)].mean()
        if not close(height, mean, 0) or count != len(first) + len(second):
            return f"joins {first} and {second} at {height}, the mean distance is {mean}"
        members.append(first + second)
    if (np.diff(tree[:, 2]) < 0).any():
        return f"heights fall: {tree[:, 2]}"
    scores = bcubed(cut(tree, float(rng.uniform(0, 4))), people)
    return None if 0 < scores.f1 <= 1 else f"{scores}"


def gallery(vectors, people, rng) -> str | None:
    names = [str(person) for person in people]
    whole = Gallery(vectors, names, names, "model", "preparation")
    k = int(rng.integers(1, len(vectors) + 1))
    expected = np.sort(cdist(vectors.astype(float), vectors.astype(float), "sqeuclidean"))[:, :k]
    _, got = whole.nearest(vectors, k)
    if not close(got, expected, 0):
        return "the nearest are not the nearest"
    small = whole.quantised()
    step = np.abs(vectors).max(initial=0) / 127 * np.sqrt(vectors.shape[1])
    _, rounded = small.nearest(vectors, k)
    if (np.abs(np.sqrt(rounded) - np.sqrt(expected)) > step * 1.01 + 1e-25).any():
        return "bytes are farther off than their steps"
    bytes_ = quantise(vectors, "vector")
    between = byte_distances(bytes_, bytes_)
    if np.abs(vectors).max(initial=0) < 1e18 and not np.isfinite(between).all():
        return "distances of bytes are not finite"
    return None


def figures(vectors, people, rng) -> str | None:
    distances, same = pair_distances(vectors, people)
    scores = verify(distances, same)
    near, far = distances[same], distances[~same]
    expected = np.mean((near[:, None] < far) + 0.5 * (near[:, None] == far))
    if not close(scores.auc, expected) or scores.auc != auc(distances, same):
        return f"AUC {scores.auc}, by all pairs of pairs {expected}"
    for point in scores.val_at_far.values():
        val, rate = val_far(distances, same, point.threshold)
        if (val, rate) != (point.val, point.far):
            return f"{point}, but VAL {val} and FAR {rate} there"
    rates, vals, _ = roc(distances, same)
    if (np.diff(rates) < 0).any() or (np.diff(vals) < 0).any() or (rates[-1], vals[-1]) != (1, 1):
        return "the ROC curve falls, or does not end at 1"
    return None if 0 <= scores.eer <= 1 and scores.accuracy <= 1 else f"{scores}"


def measured(vectors, people, rng) -> str | None:
    found = measure_thresholds([OpenSet(vectors, people, vectors, people)], "torture")
    values = [found.accuracy, found.cut, *found.far.values(), *found.gate.values()]
    return None if all(-1e-3 <= value <= 4.001 for value in values) else f"{found}"


OPERATIONS = {f.__name__: f for f in (naming, groups, gallery, figures, measured)}
REFUSALS = (  # what may be said of vectors in order: nobody can be told apart, or compared
    "no same pair", "no different pair", "embeddings of shape (N, D) and labels",
)  # fmt: skip


@attack(
    "numbers", "answers-at-limits",
    "names, groups, galleries (as floats and bytes), VAL, ROC, AUC and thresholds from vectors "
    "that are equal, opposite, 0, subnormal, near 3e38, infinite or NaN, of one person or a photo "
    "each: what float64 or all pairs give, without a warning, or refused",
    cases=3000,
)  # fmt: skip
def answers_at_limits(cases: int, seed: int, place: Path) -> Iterator[str | None]:
    every = [*itertools.product(OPERATIONS, VECTORS, PEOPLE)]
    np.random.default_rng(seed).shuffle(every)
    for number, (operation, values, people) in zip(
        range(cases), itertools.cycle(every), strict=False
    ):
        rng = np.random.default_rng([seed, number])
        n = int(rng.integers(1, 14))
        vectors = VECTORS[values](rng, (n, 8)).astype(np.float32)
        message = None
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.filterwarnings("ignore", "AUC .* is below 0.5")
            if values not in UNIT:  # an SVM may well take long over these
                warnings.filterwarnings("ignore", "Liblinear failed to converge")
                # scikit-learn's own, when it looks for NaN by a sum
                warnings.filterwarnings("ignore", "invalid value encountered in reduce")
            try:
                message = OPERATIONS[operation](vectors, PEOPLE[people](rng, n), rng)
            except ValueError as error:
                if values in IN_ORDER and not any(words in str(error) for words in REFUSALS):
                    message = f"refused: {error}"
            except Exception as error:
                message = f"{type(error).__name__}: {error}"
        yield message and f"{operation}, {values}, {people}, {n} vectors, case {number}: {message}"
