import itertools

import numpy as np
import pytest

from minifacenet.nn.device.backend import to_device
from minifacenet.nn.products import matmul_cuda
from minifacenet.nn.products.matmul import matmul, matmul_reference
from minifacenet.nn.products.matmul_cuda import matmul_blocked, matmul_naive, matmul_tiled

FLAGS = list(itertools.product([False, True], repeat=3))


def product(multiply, shape, flags, dtype=np.float64):
    """(on the GPU, by the reference) of random matrices."""
    (m, k, n), (transpose_a, transpose_b, accumulate) = shape, flags
    rng = np.random.default_rng(0)
    a = rng.standard_normal((k, m) if transpose_a else (m, k), dtype)
    b = rng.standard_normal((n, k) if transpose_b else (k, n), dtype)
    out = rng.standard_normal((m, n), dtype)
    expected = matmul_reference(a, b, transpose_a, transpose_b) + (out if accumulate else 0)
    on_device = to_device(out if accumulate else np.full_like(out, np.nan), "cuda")
    multiply(to_device(a, "cuda"), to_device(b, "cuda"), on_device, *flags)
    return to_device(on_device, "cpu"), expected


def step(kernel):
    """A step of the lesson, with the signature of `matmul`."""
    return lambda a, b, out, *flags: kernel(a, b, *flags, out)


@pytest.mark.full
@pytest.mark.parametrize("flags", FLAGS)
@pytest.mark.parametrize("shape", [(1, 1, 1), (5, 18, 3), (40, 17, 33), (66, 9, 5), (3, 7, 65)])
def test_all_forms(shape, flags):
    got, expected = product(matmul, shape, flags)
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-13)


@pytest.mark.full
@pytest.mark.parametrize("flags", FLAGS)
@pytest.mark.parametrize("kernel", [matmul_naive, matmul_tiled])
def test_the_steps_that_lead_to_it(kernel, flags):
    got, expected = product(step(kernel), (17, 18, 5), flags)
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize("kernel", [matmul_naive, matmul_tiled, matmul_blocked])
def test_float32(kernel):
    got, expected = product(step(kernel), (18, 19, 17), (False, True, True), np.float32)
    assert got.dtype == np.float32
    assert np.abs(got - expected).max() <= 1e-5 * np.abs(expected).max()


def test_no_depth_gives_zero_or_leaves_what_was_there():
    for accumulate in (False, True):
        got, expected = product(matmul, (3, 0, 2), (False, False, accumulate))
        np.testing.assert_array_equal(got, expected)


@pytest.mark.full
@pytest.mark.parametrize("flags", FLAGS)
def test_a_long_depth_in_parts(flags):
    got, expected = product(matmul, (3, 150, 2), flags)  # 64, 64 and 22
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-12)


def test_parts_cover_the_depth_and_leave_none_empty():
    for tiles in (1, 5, 511, 600):
        for depth in (0, 1, 64, 65, 1000, 12345, 193600):
            parts, span = matmul_cuda.parts_of(depth, tiles)
            assert span % matmul_cuda.TILE == 0
            assert (parts - 1) * span < max(depth, 1) <= parts * span
            assert parts * tiles <= matmul_cuda.PARTIAL_TILES + tiles
