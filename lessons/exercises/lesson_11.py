"""Lesson 11: the semi-hard selector, and the spread that tells a collapse."""

import numpy as np

from minifacenet.embedding.distances import squared_distances

from .core import Wrong, exercise, expect


def _select(
    distances, labels, margin, lower=True, upper=True, strict=True, both=True, own=False, pick=min
):
    """The rule word by word; each flag makes one typical mistake."""
    found = []
    for a in range(len(labels)):
        for p in range(len(labels)):
            if labels[a] != labels[p] or (a == p and not own) or (a > p and not both):
                continue
            d_ap, inside = distances[a, p], []
            for n in range(len(labels)):
                d = distances[a, n]
                low = (d > d_ap if strict else d >= d_ap) or not lower
                high = (d < d_ap + margin if strict else d <= d_ap + margin) or not upper
                if labels[n] != labels[a] and low and high:
                    inside.append(n)
            if inside:
                found.append((a, p, pick(inside, key=lambda n: distances[a, n])))
    return found


def _farthest(candidates, key):
    return max(candidates, key=key)


def _last(candidates, key):
    return min(reversed(candidates), key=key)


MISTAKES = {
    "you take hard negatives, too: a semi-hard one is farther away than the positive": {
        "lower": False
    },
    "you take easy negatives, too: a semi-hard one is closer than D(a,p) + margin": {
        "upper": False
    },
    "only one order of each pair is there: (a, p) and (p, a) both count": {"both": False},
    "a photo is its own positive in yours: a and p must be two photos": {"own": True},
    "you take the farthest semi-hard negative: the closest violates the margin most": {
        "pick": _farthest
    },
    "a tie is none in yours: D(a,p) < D(a,n) < D(a,p) + margin, both strictly": {"strict": False},
    "of equally close negatives you take the last: take the first": {"pick": _last},
}


def _batches():
    rng = np.random.default_rng(11)
    vectors = rng.standard_normal((12, 3))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    yield "12 random points", squared_distances(vectors), rng.integers(0, 4, 12), 0.5
    for n in (9, 14, 20):  # on a grid, in quarters: equal distances and equal points abound
        grid = rng.integers(0, 3, (n, 2)) / 2
        yield f"{n} points of a grid", squared_distances(grid), rng.integers(0, 5, n), 0.75
    alone = squared_distances(vectors[:5])
    yield "5 people with one photo each", alone, np.array([3, 1, 4, 0, 2]), 0.5
    yield "5 photos of one person", alone, np.zeros(5, int), 0.5
    yield "a collapsed batch", np.zeros((6, 6)), np.array([0, 0, 1, 1, 2, 2]), 0.2


@exercise(
    "11.1",
    hint="for a, for p: skip unless it is the same person and another photo. Then for n: another "
    "person, and distances[a, p] < distances[a, n] < distances[a, p] + margin. Keep the closest.",
    answer="exercises.answers_11.semi_hard_triplets",
)
def semi_hard_triplets(answer):
    count = 0
    for name, distances, labels, margin in _batches():
        right = _select(distances, labels, margin)
        got = answer(distances.copy(), labels.copy(), margin)
        if got is None:
            raise Wrong("it returns None: return a list of tuples (a, p, n)")
        got = list(got)
        if len(got) == 3 and any(len(part) != 3 for part in got):
            raise Wrong("three lists of indices? Return one list of tuples: list(zip(a, p, n))")
        got = [tuple(int(index) for index in triplet) for triplet in got]
        if any(len(triplet) != 3 for triplet in got):
            raise Wrong(f"each triplet has three indices, a, p and n: yours are {got[0]}")
        if got == right:
            count += len(right)
            continue
        for message, flags in MISTAKES.items():
            if got == _select(distances, labels, margin, **flags):
                raise Wrong(f"{name}: {message}")
        _say_where(name, got, right, distances, labels)
    return f"All {count} triplets, ties among them, and none where there is none."


def _say_where(name, got, right, distances, labels):
    """The first triplet that is wrong, missing or too much, with its distances."""
    pairs = [(a, p) for a, p, _ in got]
    if sorted(got) == sorted(right):
        raise Wrong(f"{name}: the right triplets, but not in the order of a, then p")
    if len(set(pairs)) < len(pairs):
        raise Wrong(f"{name}: a pair (a, p) gets one negative, yours gives several to some")
    for a, p, n in got:
        if labels[n] == labels[a]:
            raise Wrong(f"{name}: in ({a}, {p}, {n}) the negative is the anchor's own person")
    for a, p, n in sorted(set(got) ^ set(right)):
        what = "should not be there" if (a, p, n) in got else "is missing"
        raise Wrong(
            f"{name}: ({a}, {p}, {n}) {what}. D(a,p) = {distances[a, p]:.3f}, "
            f"D(a,n) = {distances[a, n]:.3f}"
        )


@exercise(
    "11.2",
    hint="All differences at once: embeddings[:, None] - embeddings[None], of shape (N, N, d). "
    "How many pairs of different rows are there? The diagonal is no pair.",
    answer="exercises.answers_11.spread",
)
def spread(answer):
    rng = np.random.default_rng(112)
    vectors = rng.standard_normal((6, 4))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    squared = squared_distances(vectors)
    right = squared.sum() / 30
    got = answer(vectors.copy())
    if got is None or np.ndim(got) != 0:
        raise Wrong(f"the spread is one number, yours is {got}")
    typical = {
        squared.sum() / 36: "you average the diagonal, too: a row and itself are no pair",
        np.sqrt(squared).sum() / 30: "that is with plain distances: square them",
        right / 2: "that is half of it: does your sum have both orders and your count one, or so?",
        2 * right: "that is twice as much: as many pairs below as above",
        squared.sum(): "that is the sum: divide by the number of pairs",
        1.0: "that is the mean length: 1 on the sphere, collapsed or not, so it raises no alarm",
        np.square(vectors - vectors.mean(axis=0)).sum(axis=1).mean(): "that is the distance to the "
        "mean: a fair alarm, but about half of the distance of pairs",
        np.square(vectors[1:] - vectors[:-1]).sum(axis=1).mean(): "those are neighbouring rows "
        "only: take all pairs",
    }
    for value, message in typical.items():
        if np.isclose(float(got), value, rtol=1e-9):
            raise Wrong(f"your spread is {float(got):.4f}: {message}")
    expect("the spread of 6 points", got, right)
    for n, d in ((2, 1), (9, 3), (40, 128)):
        vectors = 3 + rng.standard_normal((n, d))
        expected = squared_distances(vectors).sum() / (n * (n - 1))
        expect(
            f"the spread of {n} points in {d} dimensions, not of length 1",
            answer(vectors),
            expected,
        )
    collapsed = np.tile(rng.standard_normal(5), (7, 1))
    if abs(answer(collapsed)) > 1e-12:
        raise Wrong(f"7 equal points have a spread of {answer(collapsed)}, expected 0")
    near = collapsed + 1e-6 * rng.standard_normal((7, 5))
    expected = squared_distances(near).sum() / 42
    message = (
        "the spread of 7 nearly equal points (differences first, then squares: they keep digits)"
    )
    expect(message, answer(near.copy()), expected, 1e-6)
    return "It is near 2 for random points on the sphere, and near 0 is the alarm."
