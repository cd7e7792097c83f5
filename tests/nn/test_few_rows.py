"""Products of a few rows with a large matrix: Y = X W, dX = dY W^T, dW += X^T dY."""

import numba
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from minifacenet.nn.device import backend
from minifacenet.nn.products import few_rows as module
from minifacenet.nn.products.few_rows import (
    PART,
    ROWS_A_TASK,
    SLICE,
    SPAN,
    few_rows,
    few_times,
    few_times_transposed,
    transposed_times_few,
)
from minifacenet.nn.products.matmul import matmul_reference
from minifacenet.nn.products.microkernel import FASTER_THAN_BLAS, PANEL, panels_shape


def three_products(x, w, dy, y, dx, dw, accumulate):
    few_times(x, w, accumulate, y)
    few_times_transposed(dy, w, accumulate, dx)
    panels = np.empty(panels_shape(*dy.shape), np.float32)
    transposed_times_few(x, dy, accumulate, panels, dw)


def products_are_right(m, k, n, seed=0):
    """Compare all three with sums in float64, added to what was there and put in its place."""
    rng = np.random.default_rng(seed)
    x, w, dy, *outputs = (
        rng.standard_normal(shape, np.float32)
        for shape in ((m, k), (k, n), (m, n), (m, n), (m, k), (k, n))
    )
    factors = ((k, x, w, False, False), (n, dy, w, False, True), (m, x, dy, True, False))
    for accumulate in (True, False):
        results = [output.copy() for output in outputs]
        three_products(x, w, dy, *results, accumulate)
        for (terms, a, b, *turned), before, result in zip(factors, outputs, results, strict=True):
            expected = matmul_reference(a.astype(float), b.astype(float), *turned)
            expected += before if accumulate else 0
            size = np.abs(matmul_reference(np.abs(a), np.abs(b), *turned)) + np.abs(before)
            # Every number of a sum is rounded at most `terms` times, u = 2^-24; a few for the rest.
            error = np.abs(result - expected)
            assert (error <= (min(terms, PART) + 8) * 2.0**-24 * size).all()


@given(st.integers(1, 20), st.integers(1, 3 * SLICE), st.integers(1, 5), st.integers(0))
@example(8, PART + SLICE + 1, 1, 0)  # a second part of the sum
@example(5, ROWS_A_TASK + 7, 1, 0)  # a second task of rows of W
@example(3, 2, SPAN // PANEL + 1, 0)  # a second task of columns of Y
def test_against_float64(m, k, panels, seed):
    products_are_right(m, k, panels * PANEL, seed)


def test_other_rows_and_columns_stay_as_they_are():
    x, w = np.ones((5, 7), np.float32), np.ones((7, PANEL), np.float32)
    for name, shape in (("y", (5, PANEL)), ("dx", (5, 7)), ("dw", (7, PANEL))):
        whole = np.full((shape[0] + 2, shape[1]), np.nan, np.float32)
        out = whole[1:-1]
        if name == "y":
            few_times(x, w, False, out)
        elif name == "dx":
            few_times_transposed(np.ones((5, PANEL), np.float32), w, False, out)
        else:
            panels = np.empty(panels_shape(5, PANEL), np.float32)
            transposed_times_few(x, np.ones((5, PANEL), np.float32), False, panels, out)
        assert np.isnan(whole[[0, -1]]).all()
        assert np.isfinite(out).all()


@pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="takes two threads")
def test_the_same_bits_on_one_thread_and_two():
    rng = np.random.default_rng(0)
    shapes = (9, 300), (300, 2 * SPAN + PANEL), (9, 2 * SPAN + PANEL)
    x, w, dy = (rng.standard_normal(shape, np.float32) for shape in shapes)
    results = []
    for threads in (1, 2):
        backend.set_threads(threads)
        outputs = [np.zeros_like(dy), np.zeros_like(x), np.zeros_like(w)]
        three_products(x, w, dy, *outputs, True)
        results.append(outputs)
    for one, two in zip(*results, strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize(
    ("a", "b", "flags", "kernel"),
    [
        ((8, 5), (5, PANEL), (False, False), "few_times"),
        ((8, PANEL), (5, PANEL), (False, True), "few_times_transposed"),
        ((8, 5), (8, PANEL), (True, False), "transposed_times_few"),
        ((17, 5), (5, PANEL), (False, False), None),
        ((1, 5), (5, PANEL), (False, False), None),
        ((8, 5), (5, PANEL + 1), (False, False), None),
        ((8, PANEL + 1), (5, PANEL + 1), (False, True), None),
        ((17, 5), (17, PANEL), (True, False), None),
        ((8, 8), (8, 8), (True, True), None),
    ],
)
def test_which_kernel_takes_what(a, b, flags, kernel, monkeypatch):
    called = []
    for name in ("few_times", "few_times_transposed", "transposed_times_few"):
        monkeypatch.setattr(module, name, lambda *_, name=name: called.append(name))
    a, b = np.ones(a, np.float32), np.ones(b, np.float32)
    assert few_rows(a, b, *flags, False, np.empty(1, np.float32)) == (kernel is not None)
    assert called == ([] if kernel is None else [kernel])
    assert not few_rows(a, b, *flags, False, np.empty(1))


def test_a_layer_goes_this_way(monkeypatch):
    from minifacenet.nn.linear import Linear
    from minifacenet.nn.products import matmul

    taken = []
    monkeypatch.setattr(matmul, "few_rows", lambda *given: taken.append(given[2:4]) or False)
    layer = Linear(3, PANEL, np.random.default_rng(0))
    layer.forward(np.ones((4, 3), np.float32), train=True)
    layer.backward(np.ones((4, PANEL), np.float32))
    assert taken == ([(False, False), (True, False), (False, True)] if FASTER_THAN_BLAS else [])
