"""Lesson 10: the triplet loss and its gradient."""

import numpy as np

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
    hint="D(a,p) for all triplets at once: np.square(embeddings[a] - embeddings[p]).sum(axis=1).",
    answer="exercises.answers.mean_triplet_loss",
)
def mean_triplet_loss(answer):
    vectors, triplets = _batch()
    violation = _loss(vectors, triplets, 0.2)
    active = violation > 0
    expected = violation[active].mean()
    got = answer(vectors.copy(), triplets, 0.2)
    a, p, n = (vectors[index] for index in triplets)
    lengths = np.linalg.norm(a - p, axis=1) - np.linalg.norm(a - n, axis=1) + 0.2
    typical = {
        violation[active].sum(): "that is the sum over the active triplets: divide by their number",
        np.maximum(violation, 0).mean(): "that is the mean over all triplets, and the satisfied "
        "ones dilute it: divide by the number of active ones",
        violation.mean(): "satisfied triplets count below zero in yours: their loss is 0",
        lengths[lengths > 0].mean(): "that is with plain distances: the paper squares them",
    }
    for value, message in typical.items():
        if got is not None and np.ndim(got) == 0 and np.isclose(float(got), value):
            raise Wrong(f"your loss is {float(got):.4f}: {message}")
    expect("your loss", got, expected)
    nothing = answer(vectors.copy(), triplets, -9.0)
    if nothing is None or not np.isfinite(nothing) or nothing != 0:
        raise Wrong(f"with no active triplet the loss is {nothing}, expected 0")
    return "And 0 when nothing is active, where a careless mean gives NaN."


@exercise(
    "10.2",
    hint="Derive ||a - p||^2 - ||a - n||^2 by a, p and n; and what if the bracket is negative?",
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
    return "The three add up to 0: the loss does not care where the sphere's origin is."
