"""The losses of a network whose vectors compare with those of a fixed one."""

import numpy as np
import pytest

from minifacenet.embedding.distances import squared_distances
from minifacenet.embedding.harmonic import harmonic_loss, own_vector_loss
from minifacenet.embedding.mining import RULES
from minifacenet.embedding.triplet import embedding_gradient

LABELS = np.array([0, 0, 1, 1, 2])
N = len(LABELS)


@pytest.fixture
def both():
    """v2's vectors and v1's, float64, on the unit sphere."""
    vectors = np.random.default_rng(0).standard_normal((2 * N, 4))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors[:N], vectors[N:]


def by_people(new, old, rule="all"):
    rng = np.random.default_rng(1)
    return harmonic_loss(squared_distances(np.concatenate([new, old])), LABELS, 0.5, rule, rng)


def by_vectors(new, old):
    return own_vector_loss(squared_distances(np.concatenate([new, old])))


def test_anchors_are_new_and_the_others_of_both_sets(both):
    new, _ = both
    vectors, labels = np.concatenate(both), np.tile(LABELS, 2)
    brackets = [
        ((new[a] - vectors[p]) ** 2).sum() - ((new[a] - vectors[n]) ** 2).sum() + 0.5
        for a, p, n in np.ndindex(N, 2 * N, 2 * N)
        if p != a and labels[p] == labels[a] != labels[n]
    ]
    positive = [b for b in brackets if b > 0]
    loss, active, weights = by_people(*both)
    assert active == len(positive) < len(brackets)
    assert loss == pytest.approx(np.mean(positive), abs=1e-14)
    assert not weights[N:].any()
    assert weights[:N, N:].any()


def test_a_single_photo_asks_for_its_old_vector_by_people_too(both):
    weights = by_people(*both)[2]
    assert weights[4, N + 4] > 0  # the only one of person 2


def test_by_vectors_it_is_the_mean_squared_distance(both):
    new, old = both
    loss, faces, weights = by_vectors(new, old)
    assert faces == N
    assert loss == pytest.approx(np.mean(((new - old) ** 2).sum(axis=1)), abs=1e-14)
    gradient = embedding_gradient(weights, np.concatenate(both))[:N]
    np.testing.assert_allclose(gradient, 2 / N * (new - old), rtol=0, atol=1e-14)


@pytest.mark.parametrize("rule", [*RULES, "by vectors"])
def test_gradients_equal_finite_differences(both, rule):
    new, old = both

    def loss_of(moved):
        return by_vectors(moved, old) if rule == "by vectors" else by_people(moved, old, rule)

    _, active, weights = loss_of(new)
    assert active
    gradient = embedding_gradient(weights, np.concatenate(both))[:N]
    step = 1e-6
    for index in np.ndindex(*new.shape):
        ahead, behind = new.copy(), new.copy()
        ahead[index] += step
        behind[index] -= step
        slope = (loss_of(ahead)[0] - loss_of(behind)[0]) / (2 * step)
        assert gradient[index] == pytest.approx(slope, abs=1e-8)
