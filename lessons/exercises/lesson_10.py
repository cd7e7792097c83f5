"""Lesson 10: the triplet loss, its gradient, and the distances of a batch."""

import numpy as np

from minifacenet.embedding.distances import squared_distances

from .core import Wrong, exercise, expect


def _batch():
    rng = np.random.default_rng(10)
    vectors = rng.standard_normal((7, 5))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    triplets = (np.array([0, 1, 2, 3, 0]), np.array([1, 0, 3, 2, 2]), np.array([4, 5, 6, 4, 5]))
    return vectors, triplets


def _loss(vectors, triplets, margin):
    a, p, n = (vectors[index] for index in triplets)
    violation = np.square(a - p).sum(axis=1) - np.square(a - n).sum(axis=1) + margin
    return violation


@exercise(
    "10.1",
    hints=(
        "Which triplets count, and by what do you divide?",
        "D(a,p) for all triplets at once: np.square(embeddings[a] - embeddings[p]).sum(axis=1).",
        "violation = d_ap - d_an + margin; the mean of those above 0; and 0.0 where there is none.",
    ),
    answer="exercises.answers.mean_triplet_loss",
)
def mean_triplet_loss(answer):
    vectors, triplets = _batch()
    for margin in (0.2, 1.7):  # at the second one an anchor is in two active triplets
        _look_at_loss(answer, vectors, triplets, margin)
    line = np.array([[0.0], [1.0], [2.0], [5.0]])  # the first bracket is just 0, the other 9 - 1
    on_it = np.array([1, 2]), np.array([0, 3]), np.array([2, 1])
    just = answer(line.copy(), on_it, 0.0)
    if just is not None and np.isclose(just, 4):
        raise Wrong("a triplet whose bracket is just 0 is satisfied: it does not count as active")
    expect("your loss of two triplets, one of them just satisfied,", just, 8)
    nothing = answer(vectors.copy(), triplets, -9.0)
    if nothing is None or not np.isfinite(nothing) or nothing != 0:
        raise Wrong(f"with no active triplet the loss is {nothing}, expected 0")
    return "And 0 when nothing is active, where a careless mean gives NaN."


def _look_at_loss(answer, vectors, triplets, margin):
    violation = _loss(vectors, triplets, margin)
    active = violation > 0
    expected = violation[active].mean()
    got = answer(vectors.copy(), triplets, margin)
    a, p, n = (vectors[index] for index in triplets)
    lengths = np.linalg.norm(a - p, axis=1) - np.linalg.norm(a - n, axis=1) + margin
    typical = {
        violation[active].sum(): "that is the sum over the active triplets: divide by their number",
        np.maximum(violation, 0).mean(): "that is the mean over all triplets, and the satisfied "
        "ones dilute it: divide by the number of active ones",
        violation.mean(): "satisfied triplets count below zero in yours: their loss is 0",
        lengths[lengths > 0].mean(): "that is with plain distances: the paper squares them",
        violation[active].sum() / len(np.unique(triplets[0][active])): "you divide by the number "
        "of anchors: divide by the number of active triplets",
    }
    for value, message in typical.items():
        number = got is not None and np.ndim(got) == 0
        if number and np.isclose(float(got), value) and not np.isclose(value, expected):
            raise Wrong(f"your loss at a margin of {margin} is {float(got):.4f}: {message}")
    expect(f"your loss at a margin of {margin}", got, expected)


@exercise(
    "10.2",
    hints=(
        "To which side would you push each of the three points to make L larger?",
        "Derive ||a - p||^2 - ||a - n||^2 by a, p and n, one after another: two of the squares "
        "hold a, one holds p.",
        "If the bracket is not positive, three zero vectors; else 2 times a difference each, and "
        "the three add up to 0.",
    ),
    answer="exercises.answers.one_triplet_gradient",
)
def one_triplet_gradient(answer):
    a, p, n = np.random.default_rng(3).standard_normal((3, 4))
    got = answer(a.copy(), p.copy(), n.copy(), 50.0)
    if got is None or len(got) != 3:
        raise Wrong("return three vectors: dL/da, dL/dp, dL/dn")
    expected = {"dL/da": 2 * (n - p), "dL/dp": 2 * (p - a), "dL/dn": 2 * (a - n)}
    for (name, vector), own in zip(expected.items(), got, strict=True):
        if np.shape(own) == vector.shape and np.allclose(own, -np.asarray(vector)):
            raise Wrong(f"{name} has the wrong sign: the gradient points to where the loss grows")
        if np.shape(own) == vector.shape and np.allclose(np.multiply(own, 2), vector):
            raise Wrong(f"{name} is half of what it should be: the square gives a factor of 2")
        expect(name, own, vector)
    for own in answer(a.copy(), p.copy(), n.copy(), -50.0):
        if own is None or np.any(own):
            raise Wrong("a satisfied triplet has loss 0 all around, so its gradient is 0, too")
    # Satisfied by squared distances (0.64 - 0.81 + 0.12), active by plain ones (0.8 - 0.9 + 0.12).
    for own in answer(np.zeros(1), np.array([0.8]), np.array([0.9]), 0.12):
        if np.any(own):
            raise Wrong("your bracket is positive where ours is not: are its distances squared?")
    rng = np.random.default_rng(102)
    for _ in range(12):
        a, p, n = rng.standard_normal((3, 3))
        margin = rng.uniform(0, 6)
        bracket = np.square(a - p).sum() - np.square(a - n).sum() + margin
        right = np.stack([n - p, p - a, a - n]) * (2 if bracket > 0 else 0)
        told = f"the three, at a margin of {margin:.3f}"
        expect(told, np.stack(answer(a.copy(), p.copy(), n.copy(), margin)), right)
    return "The three add up to 0: the loss does not care where the sphere's origin is."


@exercise(
    "10.3",
    hints=(
        "What does the row i of the matrix hold, and what does a row of the batch become there?",
        "embeddings[:, None] has the shape (N, 1, d), embeddings[None] (1, N, d). What is their "
        "difference?",
        "All differences, of shape (N, N, d); their squares, summed over the last axis.",
    ),
    answer="exercises.answers.all_squared_distances",
)
def all_squared_distances(answer):
    rng = np.random.default_rng(103)
    for n, d in ((5, 3), (1, 4), (7, 1), (20, 128)):
        vectors = rng.standard_normal((n, d))
        given = vectors.copy()
        got, right = answer(given), squared_distances(vectors)
        if not np.array_equal(given, vectors):
            raise Wrong("your function changes the embeddings, which belong to the caller")
        typical = {
            "those are plain distances: the paper squares them": np.sqrt(right),
            "that is the mean of the squares: a distance is their sum": right / d,
            "each pair stands there once: D(i, j) is D(j, i), and both have a place": np.triu(
                right
            ),
            "2 - 2 a·b is right for vectors of length 1 only": 2 - 2 * vectors @ vectors.T,
            "those are dot products: how alike, not how far": vectors @ vectors.T,
            "those are absolute differences: square them": np.abs(
                vectors[:, None] - vectors[None]
            ).sum(axis=2),
        }
        for message, value in typical.items():
            same = np.shape(got) == (n, n) and np.allclose(got, value, rtol=1e-7)
            if same and not np.allclose(value, right):
                raise Wrong(message)
        expect(f"the distances of {n} points in {d} dimensions", got, right, 1e-7)
    near = rng.standard_normal(128) + 1e-5 * rng.standard_normal((4, 128))
    near[3] = near[0]
    got, right = np.asarray(answer(near.copy())), squared_distances(near)
    if got[0, 3] != 0 or np.diag(got).any() or not np.allclose(got, right, rtol=1e-6, atol=0):
        raise Wrong(
            f"two points {right[0, 1]:.6g} apart lie {got[0, 1]:.6g} apart in yours, and two equal "
            f"ones {got[0, 3]:.3g}: subtract first and square then. |a|² + |b|² - 2 a·b takes two "
            "large numbers from each other, and what is left is rounding"
        )
    return "Equal points are exactly 0 apart, which a collapse needs to show (lesson 11)."
