"""Distances out, gradient in: what a training on CUDA exchanges with the mining on the CPU."""

import numpy as np
import pytest

from minifacenet.embedding.distances import squared_distances
from minifacenet.embedding.mining import semi_hard_closest
from minifacenet.embedding.triplet import embedding_gradient, triplet_loss
from minifacenet.nn.device.backend import device_of, to_device

BOUNDS = {np.float64: 1e-12, np.float32: 1e-5}  # of the largest value
every_size = pytest.mark.parametrize("size", [(1, 1), (5, 3), (18, 17), (16, 16)])


def embeddings_of(size, dtype=np.float64):
    return np.random.default_rng(0).standard_normal(size).astype(dtype)


@pytest.mark.parametrize("dtype", BOUNDS)
@every_size
def test_distances(size, dtype):
    embeddings = embeddings_of(size, dtype)
    expected = squared_distances(embeddings)
    there = squared_distances(to_device(embeddings, "cuda"))
    assert device_of(there) == "cuda"
    distances = to_device(there, "cpu")
    assert distances.dtype == dtype
    assert np.abs(distances - expected).max() <= BOUNDS[dtype] * expected.max()
    np.testing.assert_array_equal(distances, distances.T)
    assert not distances.diagonal().any()


@pytest.mark.parametrize("dtype", BOUNDS)
@every_size
def test_gradient_of_any_weights(size, dtype):
    embeddings = embeddings_of(size, dtype)
    weights = np.random.default_rng(1).standard_normal((len(embeddings),) * 2).astype(dtype)
    expected = embedding_gradient(weights, embeddings)
    there = embedding_gradient(to_device(weights, "cuda"), to_device(embeddings, "cuda"))
    assert device_of(there) == "cuda"
    gradient = to_device(there, "cpu")
    assert gradient.dtype == dtype
    scale = np.abs(weights).sum(axis=1).max() * np.abs(embeddings).max()  # rows of S cancel
    assert np.abs(gradient - expected).max() <= BOUNDS[dtype] * scale


def test_a_mined_batch_there_and_back():
    embeddings, labels = embeddings_of((6, 5)), np.array([0, 0, 1, 1, 2, 2])
    there = to_device(embeddings, "cuda")
    distances = to_device(squared_distances(there), "cpu")
    triplets = semi_hard_closest(distances, labels, 5.0)
    _, active, weights = triplet_loss(distances, triplets, 5.0)
    assert active > 0
    gradient = to_device(embedding_gradient(to_device(weights, "cuda"), there), "cpu")
    np.testing.assert_allclose(
        gradient, embedding_gradient(weights, embeddings), rtol=0, atol=1e-13
    )


def test_no_embeddings_give_no_distances_and_no_gradient():
    there = to_device(np.empty((0, 4)), "cuda")
    distances = squared_distances(there)
    assert tuple(distances.shape) == (0, 0)
    assert tuple(embedding_gradient(distances, there).shape) == (0, 4)


def test_a_nan_embedding_shows_in_its_distances_alone():
    embeddings = embeddings_of((4, 3))
    embeddings[1, 2] = np.nan
    distances = to_device(squared_distances(to_device(embeddings, "cuda")), "cpu")
    np.testing.assert_array_equal(np.isnan(distances), np.isnan(squared_distances(embeddings)))
