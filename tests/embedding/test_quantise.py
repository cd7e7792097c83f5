import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.distance import cdist

from minifacenet.embedding.quantise import MAX_DIM, Quantised, distances, quantise


def units(count=40, dim=128, seed=0):
    vectors = np.random.default_rng(seed).standard_normal((count, dim), dtype=np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@st.composite
def unit_rows(draw):
    """Unit vectors of any direction: nearly on an axis, all entries equal, opposite, repeated."""
    entries = st.sampled_from([0.0, 1.0, -1.0, 0.5, 1e-3]) | st.floats(-1, 1, width=32)
    shape = draw(st.tuples(st.integers(1, 6), st.integers(1, 12)))
    vectors = draw(arrays(np.float32, shape, elements=entries))
    vectors[~vectors.any(axis=1)] = 1
    wide = vectors.astype(np.float64)
    return (wide / np.linalg.norm(wide, axis=1, keepdims=True)).astype(np.float32)


scales = pytest.mark.parametrize("scale", ["vector", "global"])


@scales
def test_the_largest_entry_becomes_127_and_all_are_the_nearest_code(scale):
    vectors = units()
    small = quantise(vectors, scale)
    wide = np.abs(vectors.astype(np.float64))
    largest = wide.max(axis=1) if scale == "vector" else wide.max()
    np.testing.assert_allclose(small.scale, 127 / largest, rtol=1e-6)
    assert small.scale.dtype == np.float32
    assert np.abs(small.codes).max(axis=1 if scale == "vector" else None).min() == 127
    wanted = vectors * np.reshape(small.scale, (-1, 1)).astype(np.float64)
    assert np.abs(small.codes - wanted).max() <= 0.5 + 1e-4
    np.testing.assert_allclose(small.vectors, vectors, atol=0.501 / small.scale.min())
    assert small.vectors.dtype == np.float32


def test_a_vector_takes_128_bytes_with_one_scale_for_all_and_132_with_its_own():
    one, own = quantise(units(40), "global"), quantise(units(40), "vector")
    assert (one.codes.nbytes, one.scale.nbytes) == (40 * 128, 4)
    assert own.codes.nbytes + own.scale.nbytes == 40 * 132


@scales
@given(unit_rows())
def test_the_rounded_vectors_have_the_same_codes_again(scale, vectors):
    small = quantise(vectors, scale)
    np.testing.assert_array_equal(quantise(small.vectors, scale).codes, small.codes)


@given(unit_rows(), st.sampled_from(["vector", "global"]), st.sampled_from(["vector", "global"]))
def test_a_distance_is_off_by_no_more_than_the_bound(vectors, one, other):
    a, b = quantise(vectors, one), quantise(vectors[::-1], other)
    wide = vectors.astype(np.float64)
    true = cdist(wide, wide[::-1], "sqeuclidean")
    eps_a, eps_b = (np.sqrt(vectors.shape[1]) / (2 * q.scale.astype(float)) for q in (a, b))
    eps = np.reshape(eps_a, (-1, 1)) + np.reshape(eps_b, (1, -1))
    bound = 2 * np.sqrt(true) * eps + eps**2
    assert (np.abs(distances(a, b) - true) <= bound + 4e-6).all()


def test_the_bound_is_nearly_reached_so_it_is_not_idle():
    # All entries but one lie half a step off, and all errors point the same way.
    x = np.full(128, 10.49 / 127, np.float32)
    x[0] = 1
    y = -x
    small = quantise(np.stack([x, y]), "global")
    true = ((x - y).astype(np.float64) ** 2).sum()
    eps = 2 * np.sqrt(128) / (2 * small.scale.astype(float))
    off = abs(distances(small, small)[0, 1] - true)
    assert 0.6 < off / (2 * np.sqrt(true) * eps + eps**2) < 1


@pytest.mark.parametrize(("one", "other"), [("vector", "vector"), ("global", "vector")])
def test_distances_are_those_of_the_codes_in_float64(one, other):
    a, b = quantise(units(30), one), quantise(units(20, seed=1), other)
    wide = [q.codes / np.reshape(q.scale, (-1, 1)).astype(np.float64) for q in (a, b)]
    out = distances(a, b)
    assert out.dtype == np.float32
    np.testing.assert_allclose(out, cdist(*wide, "sqeuclidean"), rtol=1e-6)


def test_with_one_scale_the_only_rounding_is_the_last():
    a = quantise(units(30), "global")
    wide = a.codes.astype(np.int64)
    whole = ((wide[:, None] - wide) ** 2).sum(axis=2)
    step = np.float32(1) / a.scale
    np.testing.assert_array_equal(distances(a, a), step * step * whole.astype(np.float32))


@scales
@given(unit_rows())
def test_equal_vectors_are_exactly_0_apart_and_none_is_below(scale, vectors):
    a = quantise(np.repeat(vectors, 2, axis=0), scale)
    out = distances(a, a)
    assert (out >= 0).all()
    assert not out[::2][:, 1::2].diagonal().any()
    if scale == "global":
        np.testing.assert_array_equal(out, out.T)


def test_two_scales_never_go_below_0_by_rounding():
    codes = np.tile(np.arange(-127, 128, 2, dtype=np.int8), (50, 1))
    steps = np.float32(400) * (1 + np.arange(50, dtype=np.float32) * np.float32(1e-7))
    a = Quantised(codes, steps)
    assert (distances(a, a) >= 0).all()


def test_int32_is_exact_up_to_the_largest_dimension_and_refused_above():
    assert MAX_DIM * 127**2 < 2**31 <= (MAX_DIM + 1) * 127**2
    assert 128 * 127**2 == 2_064_512
    ends = np.stack([np.full(MAX_DIM, 127, np.int8), np.full(MAX_DIM, -127, np.int8)])
    a = Quantised(ends, np.float32([127, 127]))
    np.testing.assert_allclose(distances(a, a), [[0, 4 * MAX_DIM], [4 * MAX_DIM, 0]], rtol=1e-6)
    with pytest.raises(ValueError, match="up to 133144 dimensions, got 133145"):
        quantise(np.zeros((1, MAX_DIM + 1), np.float32))


def test_one_thread_gives_the_bits_of_two():
    a = quantise(units(50))
    two = distances(a, a)
    numba.set_num_threads(1)
    np.testing.assert_array_equal(distances(a, a), two)


@scales
def test_dead_vectors_stay_0_and_nothing_is_a_legal_number_of_vectors(scale):
    vectors = units(3, 4)
    vectors[1] = 0
    small = quantise(vectors, scale)
    assert not small.codes[1].any()
    np.testing.assert_allclose(distances(small, small)[1, [0, 1, 2]], [1, 0, 1], atol=0.02)
    assert not quantise(np.zeros((2, 4), np.float32), scale).codes.any()
    none = quantise(vectors[:0], scale)
    assert (len(none), distances(none, small).shape) == (0, (0, 3))


def test_transposed_and_float64_vectors_give_the_same():
    vectors = units(6, 6)
    kept = vectors.copy()
    turned = quantise(np.asfortranarray(vectors.astype(np.float64)))
    np.testing.assert_array_equal(turned.codes, quantise(vectors).codes)
    np.testing.assert_array_equal(distances(turned, turned), distances(*[quantise(vectors)] * 2))
    np.testing.assert_array_equal(vectors, kept)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: quantise(units(), "row"), "vector, global, got 'row'"),
        (lambda: quantise(units()[0]), r"shape \(N, D\), got float32 \(128,\)"),
        (lambda: quantise(np.ones((2, 3), np.int8)), r"floats .* got int8 \(2, 3\)"),
        (lambda: quantise(np.float32([[1], [np.nan], [np.inf]])), "in 2 vectors, first in row 1"),
        (lambda: distances(quantise(units(2, 3)), quantise(units(2, 4))), "of 3 and of 4 dim"),
        (lambda: Quantised(np.zeros((2, 3)), np.float32(1)), r"int8 .* got float64 \(2, 3\)"),
        (lambda: Quantised(np.zeros(3, np.int8), np.float32(1)), r"got int8 \(3,\)"),
        (lambda: Quantised(np.int8([[-128]]), np.float32([1])), "got -128"),
        (lambda: Quantised(np.int8([[1]]), np.float32([1, 2])), r"\(1,\), got float32 \(2,\)"),
        (lambda: Quantised(np.int8([[1]]), np.float64([1])), r"\(1,\), got float64 \(1,\)"),
        (lambda: Quantised(np.int8([[1]]), np.float32([0])), "positive, got 0.0"),
        (lambda: Quantised(np.int8([[1]]), np.asarray(np.float32("nan"))), "positive, got nan"),
        (lambda: Quantised(np.int8([[1]]), np.float32([np.inf])), "positive, got inf"),
    ],
)
def test_what_cannot_be_quantised_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
