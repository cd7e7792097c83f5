import itertools
from contextlib import suppress

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from minifacenet.nn.device import backend
from minifacenet.nn.products import matmul as module
from minifacenet.nn.products.matmul import matmul, matmul_reference


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("flags", list(itertools.product([False, True], repeat=3)))
@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 5, 7), (17, 4, 1), (1, 9, 6)])
def test_all_forms(shape, flags, dtype):
    (m, k, n), (transpose_a, transpose_b, accumulate) = shape, flags
    rng = np.random.default_rng(0)
    a = rng.standard_normal((k, m) if transpose_a else (m, k)).astype(dtype)
    b = rng.standard_normal((n, k) if transpose_b else (k, n)).astype(dtype)
    out = rng.standard_normal((m, n)).astype(dtype)
    expected = matmul_reference(a, b, transpose_a, transpose_b) + (out if accumulate else 0)
    matmul(a, b, out, transpose_a, transpose_b, accumulate)
    np.testing.assert_allclose(out, expected, rtol=0, atol=1e-5 if dtype == np.float32 else 1e-13)


def test_a_large_product_takes_all_threads(monkeypatch):
    monkeypatch.setattr(module, "SMALL", 0)
    a = np.arange(6.0).reshape(2, 3)
    out = np.empty((2, 2))
    matmul(a, a, out, transpose_b=True)
    np.testing.assert_array_equal(out, a @ a.T)


def test_blas_threads_are_held_and_given_back():
    def now():
        return [blas["num_threads"] for blas in threadpool_info() if blas["user_api"] == "blas"]

    before = now()
    assert before, "no BLAS was found"
    with suppress(KeyError), backend.blas_threads(1):
        with backend.blas_threads(1):
            assert set(now()) == {1}
        assert set(now()) == {1}
        raise KeyError("also when something fails inside")
    assert now() == before


def test_overwriting_ignores_what_was_there():
    out = np.full((2, 2), np.nan)
    matmul(np.eye(2), np.eye(2), out)
    np.testing.assert_array_equal(out, np.eye(2))


def test_a_result_that_would_be_lost_is_refused():
    a = np.eye(2)
    for out in (np.zeros((2, 2), order="F"), np.zeros((2, 4))[:, ::2]):
        with pytest.raises(ValueError, match="C-ordered"):
            matmul(a, a, out)
    for wrong in (a.astype(int), a.astype(np.float32)):
        with pytest.raises(ValueError, match=f"one dtype.*{wrong.dtype}"):
            matmul(a, wrong, np.zeros((2, 2)))


def test_shapes_that_do_not_fit_are_named():
    with pytest.raises(ValueError, match=r"\(2, 3\) by \(2, 3\) into \(2, 3\)"):
        matmul(np.ones((2, 3)), np.ones((2, 3)), np.ones((2, 3)))
