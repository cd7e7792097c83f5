"""The nearest vectors: those of the definition, to the last bit."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from minifacenet.classification.nearest import BLOCK, QUERIES, Nearest, nearest_reference
from minifacenet.embedding.quantise import quantise
from minifacenet.nn.device.backend import one_thread


def assert_as_defined(vectors, queries, k):
    indices, distances = Nearest(vectors).search(queries, k)
    expected, theirs = nearest_reference(vectors, queries, k)
    np.testing.assert_array_equal(distances, theirs)
    np.testing.assert_array_equal(indices, expected)
    assert (indices.dtype, distances.dtype) == (np.int64, np.float64)


def vectors_of(kind, rng, n, dim):
    """Vectors with something special, such as many that are equally near."""
    normal = rng.standard_normal((n, dim))
    if kind == "unit":
        normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    elif kind == "tied":
        normal = rng.integers(-1, 2, (n, dim))
    elif kind == "crowded":  # closer together than float32 can tell
        normal = 1 + normal * 1e-5
    elif kind == "lengths":
        normal *= 10.0 ** rng.uniform(-6, 6, (n, 1))
    return normal.astype(np.float32)


KINDS = ("unit", "tied", "crowded", "lengths")
COUNTS = st.integers(1, 2 * BLOCK + 9)


@settings(deadline=None)
@given(COUNTS, st.integers(1, 40), st.integers(1, 40), st.sampled_from(KINDS), st.data())
@example(1, 1, 1, "unit", None)
@example(BLOCK, 130, 7, "tied", None)
@example(BLOCK + 1, 3, 16, "crowded", None)
def test_as_defined(n, queries, dim, kind, data):
    seed, k = (0, n) if data is None else (data.draw(st.integers(0)), data.draw(st.integers(1, n)))
    rng = np.random.default_rng(seed)
    vectors = vectors_of(kind, rng, n, dim)
    asked = vectors_of(kind, rng, queries, dim)
    asked[0] = vectors[-1]
    assert_as_defined(vectors, asked, k)


@pytest.mark.parametrize("largest", [1e-45, 1e-30, 1e-12, 1e12, 1e30, 3e38])
def test_no_scale_overflows_or_vanishes(largest):
    rng = np.random.default_rng(0)
    vectors = rng.uniform(-1, 1, (300, 5)).astype(np.float32) * np.float32(largest)
    queries = rng.uniform(-1, 1, (7, 5)).astype(np.float32)
    assert_as_defined(vectors, queries * np.float32(largest), 5)
    assert_as_defined(vectors, queries, 5)
    assert_as_defined(vectors.astype(np.float64) * 1e-250, queries * 1e-250, 5)


def test_doubles_are_told_apart_where_float32_sees_one_point():
    vectors = 1 + np.random.default_rng(0).uniform(0, 1e-12, (2 * BLOCK, 4))
    assert_as_defined(vectors, np.ones((3, 4)), 9)


def test_of_many_equal_ones_the_first_are_named():
    vectors = np.ones((3 * BLOCK, 4), np.float32)
    indices, distances = Nearest(vectors).search(vectors[:2], 5)
    np.testing.assert_array_equal(indices, [range(5)] * 2)
    np.testing.assert_array_equal(distances, 0)


@pytest.mark.parametrize("dim", [3, 128, 1500])
def test_bytes_are_whole_numbers(dim):
    rng = np.random.default_rng(0)
    codes = quantise(vectors_of("unit", rng, 300, dim), "global").codes
    codes[7] = codes[100]
    assert_as_defined(codes, codes[[7, 50]], 20)


def test_more_queries_than_pass_together_and_progress():
    rng, seen = np.random.default_rng(0), []
    vectors, queries = vectors_of("tied", rng, 50, 3), vectors_of("tied", rng, QUERIES + 5, 3)
    found = Nearest(vectors).search(queries, 4, lambda *done: seen.append(done))
    for one, other in zip(found, nearest_reference(vectors, queries, 4), strict=True):
        np.testing.assert_array_equal(one, other)
    assert seen == [(QUERIES, QUERIES + 5), (QUERIES + 5, QUERIES + 5)]


def test_threads_change_no_bit():
    rng = np.random.default_rng(0)
    search = Nearest(vectors_of("tied", rng, 5 * BLOCK, 6))
    queries = vectors_of("tied", rng, 20, 6)
    several = search.search(queries, 30)
    with one_thread():
        alone = search.search(queries, 30)
    for one, other in zip(several, alone, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_second_batch_of_another_scale():
    search = Nearest(np.eye(3, dtype=np.float32))
    huge = np.full((1, 3), 1e38, np.float32)
    for queries in (np.eye(3, dtype=np.float32), huge, np.eye(3, dtype=np.float32)):
        expected = nearest_reference(search.vectors, queries, 3)
        for one, other in zip(search.search(queries, 3), expected, strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_none_are_refused(bad):
    vectors = np.eye(3, dtype=np.float32)
    wrong = vectors.copy()
    wrong[1, 2] = bad
    with pytest.raises(
        ValueError, match=r"vectors hold NaN, infinity .* in 1 rows, first in row 1"
    ):
        Nearest(wrong)
    with pytest.raises(ValueError, match="queries hold NaN"):
        Nearest(vectors).search(wrong)


@pytest.mark.parametrize(
    ("vectors", "queries", "k", "says"),
    [
        (np.zeros((0, 3), np.float32), np.zeros((1, 3), np.float32), 1, "nobody to search"),
        (np.zeros((2, 3), np.int32), np.zeros((1, 3), np.float32), 1, "got int32"),
        (np.zeros((2, 3), np.float32), np.zeros(3, np.float32), 1, r"got float32 \(3,\)"),
        (np.zeros((2, 3), np.float32), np.zeros((1, 4), np.float32), 1, "3 and of 4 dimensions"),
        (
            np.zeros((2, 3), np.float32),
            np.zeros((1, 3), np.float32),
            3,
            "k is a whole number from 1 to 2, .*got 3",
        ),
        (np.zeros((2, 3), np.float32), np.zeros((1, 3), np.float32), 0, "got 0"),
    ],
)
def test_what_cannot_be_searched(vectors, queries, k, says):
    with pytest.raises(ValueError, match=says):
        Nearest(vectors).search(queries, k)
