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
    hints=(
        "For one pair of anchor and positive: which photos may be the negative?",
        "for a, for p: skip unless it is the same person and another photo. Then for n: another "
        "person, and semi-hard.",
        "Semi-hard is distances[a, p] < distances[a, n] < distances[a, p] + margin. Keep the "
        "closest, the first one on a tie.",
    ),
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
    hints=(
        "How many pairs of different rows do N rows have?",
        "All differences at once: embeddings[:, None] - embeddings[None], of shape (N, N, d). The "
        "diagonal is no pair.",
        "The sum of all squares, divided by n * (n - 1).",
    ),
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


@exercise(
    "11.3",
    hints=(
        "What do you draw first: people, or photos?",
        "np.unique(labels, return_counts=True) has the people and how many photos each has. "
        "rng.choice(..., replace=False) draws without putting back. np.flatnonzero(labels == "
        "person) are the photos of one.",
        "chosen = rng.choice(people who have enough, people, replace=False); for each of them "
        "rng.choice(their photos, photos, replace=False); np.concatenate.",
    ),
    answer="exercises.answers_11.draw_batch",
)
def draw_batch(answer):
    rng = np.random.default_rng(113)
    counts = np.array([4, 9, 2, 5, 4, 7, 1, 6])
    names = np.array([7, 40, 3, 12, 99, 0, 5, 23])  # not 0 to 7, and in no order
    labels = rng.permutation(np.repeat(names, counts))
    whole, seen = "a batch of 3 people with 4 photos each", []
    for seed in range(60):
        got = answer(labels.copy(), 3, 4, np.random.default_rng(seed))
        _look_at_batch(got, labels, 3, 4, whole)
        seen.append(np.sort(np.asarray(got)))
    again = answer(labels.copy(), 3, 4, np.random.default_rng(0))
    if not np.array_equal(np.sort(again), seen[0]):
        raise Wrong("the same seed gives another batch: draw from rng, and from nothing else")
    drawn = np.unique(np.concatenate(seen))
    enough = np.isin(labels, names[counts >= 4])
    if len(np.unique(labels[drawn])) < (counts >= 4).sum():
        raise Wrong("of 60 batches none holds some of the people: draw them, too, at random")
    if len(drawn) < enough.sum():
        raise Wrong(
            f"60 batches show {len(drawn)} of {enough.sum()} photos: whoever has more than 4 gives "
            "others each time"
        )
    for people, photos in ((2, 2), (6, 4), (1, 9)):
        got = answer(labels.copy(), people, photos, rng)
        _look_at_batch(got, labels, people, photos, f"{people} people with {photos} photos each")
    pairs = 3 * 4 * 3
    return f"3 x 4 photos have {pairs} pairs of anchor and positive, whoever is drawn."


def _look_at_batch(got, labels, people, photos, told):
    got = np.asarray(got if got is not None else np.nan)
    if got.ndim != 1 or not np.issubdtype(got.dtype, np.integer):
        raise Wrong("return the indices of the photos: one array of whole numbers")
    if len(np.unique(got)) < len(got):
        raise Wrong(f"{told}: one photo is in it twice. A pair of it and itself teaches nothing")
    if len(got) and (got.min() < 0 or got.max() >= len(labels)):
        raise Wrong(f"{told}: {got.max()} is no photo: are those labels instead of indices?")
    who, each = np.unique(labels[got], return_counts=True)
    if len(got) == people * photos and len(who) != people:
        raise Wrong(
            f"{told}: yours has {len(who)} people. Photos drawn at random hold few pairs of one "
            "person: draw people first, and photos of these"
        )
    if len(who) != people:
        raise Wrong(f"{told}: yours has {len(who)} people")
    if (each != photos).any():
        worst = np.abs(each - photos).argmax()
        raise Wrong(
            f"{told}: person {who[worst]} has {each[worst]} photos in yours. Whoever has too few "
            "is not drawn"
        )
