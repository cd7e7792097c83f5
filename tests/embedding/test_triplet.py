import numpy as np
import pytest

from minifacenet.embedding.distances import squared_distances
from minifacenet.embedding.triplet import Triplets, embedding_gradient, triplet_loss


def brute_force_loss(embeddings, triplets, margin):
    """Mean of the positive brackets, triplet by triplet, straight from the formula."""
    brackets = [
        ((embeddings[a] - embeddings[p]) ** 2).sum()
        - ((embeddings[a] - embeddings[n]) ** 2).sum()
        + margin
        for a, p, n in zip(*triplets, strict=True)
    ]
    positive = [b for b in brackets if b > 0]
    return (sum(positive) / len(positive) if positive else 0.0), len(positive)


@pytest.fixture
def batch():
    rng = np.random.default_rng(0)
    embeddings = rng.standard_normal((9, 4))
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    triplets = Triplets(*(rng.integers(0, 9, 30) for _ in range(3)))  # repeats on purpose
    return embeddings, triplets


def test_loss_equals_the_formula(batch):
    embeddings, triplets = batch
    loss, active, _ = triplet_loss(squared_distances(embeddings), triplets, 0.2)
    expected, expected_active = brute_force_loss(embeddings, triplets, 0.2)
    assert active == expected_active < len(triplets)  # some are solved: the hinge is tested
    assert loss == pytest.approx(expected, abs=1e-14)


def test_gradient_equals_finite_differences(batch):
    embeddings, triplets = batch
    _, _, weights = triplet_loss(squared_distances(embeddings), triplets, 0.2)
    gradient = embedding_gradient(weights, embeddings)
    step = 1e-6
    for index in np.ndindex(*embeddings.shape):
        moved = embeddings.copy()
        moved[index] += step
        plus, _ = brute_force_loss(moved, triplets, 0.2)
        moved[index] -= 2 * step
        minus, _ = brute_force_loss(moved, triplets, 0.2)
        assert gradient[index] == pytest.approx((plus - minus) / (2 * step), abs=1e-8)


def test_a_step_against_the_gradient_lowers_the_loss(batch):
    embeddings, triplets = batch
    loss, _, weights = triplet_loss(squared_distances(embeddings), triplets, 0.2)
    moved = embeddings - 0.01 * embedding_gradient(weights, embeddings)
    assert brute_force_loss(moved, triplets, 0.2)[0] < loss


@pytest.mark.parametrize("indices", [[], [0]])
def test_without_an_active_triplet_all_is_zero(indices):
    # person 0 at one point, the negative on the other side of the sphere
    embeddings = np.array([[1.0, 0], [1, 0], [-1, 0]])
    triplets = Triplets(*(np.array(indices, dtype=int) + k for k in range(3)))
    loss, active, weights = triplet_loss(squared_distances(embeddings), triplets, 0.2)
    assert (loss, active) == (0.0, 0)
    assert not embedding_gradient(weights, embeddings).any()


def test_float32_stays_float32(batch):
    embeddings, triplets = batch
    embeddings = embeddings.astype(np.float32)
    distances = squared_distances(embeddings)
    _, _, weights = triplet_loss(distances, triplets, 0.2)
    gradient = embedding_gradient(weights, embeddings)
    assert distances.dtype == weights.dtype == gradient.dtype == np.float32


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_distances_that_are_no_numbers_are_refused_and_not_taken_for_solved(value):
    distances = np.ones((3, 3), np.float16)
    distances[0, 2] = value
    with pytest.raises(ValueError, match=rf"finite, got {value} between 0 and 2 \(1 such of 9\)"):
        triplet_loss(distances, Triplets(*np.array([[0], [1], [2]])), 0.2)


def test_what_does_not_fit_is_refused():
    weights, embeddings = np.zeros((3, 3)), np.zeros((3, 2))
    for wrong in (weights[:2], np.zeros((4, 4)), weights[0]):
        with pytest.raises(ValueError, match=r"weights \(N, N\) and embeddings \(N, d\)"):
            embedding_gradient(wrong, embeddings)
    with pytest.raises(TypeError, match="one dtype, got float64 and float32"):
        embedding_gradient(weights, embeddings.astype(np.float32))
    with pytest.raises(ValueError, match=r"shape \(N, d\), got \(3, 2, 1\)"):
        squared_distances(embeddings[..., None])
