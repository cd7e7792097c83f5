import os
import subprocess
import sys

import numba
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numba.core.errors import TypingError

from minifacenet.nn.device.backend import read_only
from minifacenet.nn.device.cpu_target import cpu_kernel
from minifacenet.nn.products.microkernel import (
    HALF,
    LANES,
    PANEL,
    TALL,
    gemm_panels,
    pack_panels,
    panels_shape,
)
from minifacenet.nn.products.vector_width import INSTRUCTIONS

SIZES = st.integers(0, 70)
LAYOUTS = {
    "C": lambda x: x,
    "F": np.asfortranarray,
    "gaps": lambda x: np.repeat(np.repeat(x, 2, axis=0), 3, axis=1)[::2, ::3],
    "backwards": lambda x: np.ascontiguousarray(x[::-1, ::-1])[::-1, ::-1],
}


def normal(rng, *shape):
    return rng.standard_normal(shape, dtype=np.float32)


def packed(b):
    panels = np.full(panels_shape(*b.shape), np.nan, np.float32)
    pack_panels(b, panels)
    return panels


def assert_close(c, a, b, start):
    """Against float64. k roundings of a sum of k products: |error| <= k u (|a| |b| + |start|), and
    two more for good measure, u = 2^-24; products of normal numbers do not underflow here.
    """
    a, b, start = (x.astype(np.float64) for x in (a, b, start))
    bound = (a.shape[1] + 2) * 2.0**-24 * (abs(a) @ abs(b) + abs(start))
    assert (abs(c - (a @ b + start)) <= bound).all()


@given(SIZES, SIZES, SIZES, st.booleans(), *[st.sampled_from(sorted(LAYOUTS))] * 2, st.integers(0))
@example(1, 1, 1, False, "C", "C", 0)
@example(TALL, PANEL, 64, True, "C", "C", 0)
@example(TALL + 1, PANEL + 1, 0, True, "C", "C", 0)
@example(70, 70, 0, False, "F", "C", 0)
@example(7, PANEL + HALF * LANES, 5, True, "C", "C", 0)  # the last panel by a narrow tile
@example(4, HALF * LANES + 1, 5, False, "C", "C", 0)  # and by a wide one
def test_against_float64(m, n, k, accumulate, layout_a, layout_b, seed):
    rng = np.random.default_rng(seed)
    a, b = normal(rng, m, k), normal(rng, k, n)
    around = normal(rng, m + 2, n + 2)  # c lies inside, and nothing around it may change
    before = around.copy()
    c = around[1:-1, 1:-1]
    start = c.copy() if accumulate else np.zeros_like(c)
    a, b = LAYOUTS[layout_a](a), LAYOUTS[layout_b](b)
    gemm_panels(a, packed(b), c, accumulate)
    assert_close(c, a, b, start)
    before[1:-1, 1:-1] = c
    np.testing.assert_array_equal(around, before)


@given(st.integers(0, 40), st.integers(0, 150), st.sampled_from(sorted(LAYOUTS)), st.integers(0))
@example(3 * LANES + 1, 2 * PANEL + 1, "F", 0)
def test_panels_hold_b_and_zeros(k, n, layout, seed):
    b = LAYOUTS[layout](normal(np.random.default_rng(seed), k, n))
    panels = packed(b)
    columns = panels.transpose(1, 0, 2).reshape(k, panels.shape[0] * PANEL)
    np.testing.assert_array_equal(columns[:, :n], b)
    assert not columns[:, n:].any()


def test_panels_may_be_a_view():
    rng = np.random.default_rng(0)
    a, b = normal(rng, 7, 30), normal(rng, 30, 2 * PANEL)
    c = np.empty((7, 2 * PANEL), np.float32)
    gemm_panels(a, b.reshape(30, 2, PANEL).transpose(1, 0, 2), c, False)
    assert_close(c, a, b, np.zeros_like(c))


def test_addresses_of_whole_floats_suffice():
    rng = np.random.default_rng(0)
    m, n, k = TALL, PANEL, 9
    for shift in range(16):
        a, b, c = (normal(rng, shift + size)[shift:] for size in (m * k, k * n, m * n))
        a, b, c = a.reshape(m, k), b.reshape(k, n), c.reshape(m, n)
        gemm_panels(a, b[np.newaxis], c, False)  # b is a panel
        assert_close(c, a, b, np.zeros_like(c))


@pytest.mark.parametrize("accumulate", [False, True])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_nan_and_infinity_travel_and_stay_in_their_rows_and_columns(bad, accumulate):
    rng = np.random.default_rng(0)
    m, n, k = 13, PANEL + 3, 20
    for i, j in ((0, 0), (5, PANEL - 1), (12, n - 1)):
        a, b, c = abs(normal(rng, m, k)), abs(normal(rng, k, n)), abs(normal(rng, m, n))
        a[i, 3] = b[7, j] = c[4, 4] = bad
        with np.errstate(invalid="ignore"):
            expected = a @ b + (c if accumulate else 0)
        gemm_panels(a, packed(b), c, accumulate)
        np.testing.assert_allclose(c, expected, rtol=1e-5)


def test_what_was_in_c_does_not_matter_unless_accumulated():
    c = np.full((5, 9), np.nan, np.float32)
    gemm_panels(np.ones((5, 2), np.float32), packed(np.ones((2, 9), np.float32)), c, False)
    np.testing.assert_array_equal(c, 2)


@cpu_kernel
def _rows_in_tasks(a, panels, c, rows):
    for task in numba.prange(-(-a.shape[0] // rows)):
        first, last = task * rows, min(a.shape[0], (task + 1) * rows)
        gemm_panels(a[first:last], panels, c[first:last], True)


def test_any_division_of_the_rows_gives_the_same_bits():
    rng = np.random.default_rng(0)
    a, b, start = normal(rng, 50, 33), normal(rng, 33, 70), normal(rng, 50, 70)
    whole = start.copy()
    gemm_panels(a, packed(b), whole, True)
    for rows in (1, 3, 4, 6, 7, 50):
        c = start.copy()
        _rows_in_tasks(a, packed(b), c, rows)
        np.testing.assert_array_equal(c, whole)


def test_arrays_that_do_not_fit():
    a, c = np.ones((3, 4), np.float32), np.ones((3, 5), np.float32)
    panels = packed(np.ones((4, 5), np.float32))
    for arguments in (
        (a[:2], panels, c),
        (a[:, :3], panels, c),
        (a, panels[:0], c),
        (a, panels[:, :, :-1], c),
        (a, panels, np.ones((3, PANEL + 1), np.float32)),
    ):
        with pytest.raises(ValueError, match="do not fit") as error:
            gemm_panels(*arguments, False)
        assert error.value.args[1:] == tuple(x.shape for x in arguments)
    with pytest.raises(ValueError, match="contiguous"):
        gemm_panels(a, panels, np.ones((3, 10), np.float32)[:, ::2], False)
    with pytest.raises(ValueError, match="contiguous"):
        gemm_panels(a, np.repeat(panels, 2, axis=2)[:, :, ::2], c, False)


def test_float64_is_refused():
    a, b = np.ones((3, 4)), np.ones((4, 5))
    with pytest.raises(TypingError, match=r"is for float32, got array\(float64, 2d, C\)"):
        gemm_panels(a, packed(b), np.empty((3, 5), np.float32), False)


def test_inputs_may_be_read_only_and_the_output_may_not():
    a, b, c = np.ones((3, 4), np.float32), np.ones((4, 5), np.float32), np.ones((3, 5), np.float32)
    panels = packed(read_only(b))
    gemm_panels(read_only(a), read_only(panels), c, True)
    np.testing.assert_array_equal(c, 5)
    with pytest.raises(TypingError, match="c is read-only, got"):
        gemm_panels(a, panels, read_only(c), True)


OTHER_PROCESSOR = """
import numpy as np
from minifacenet.nn.conv import Conv2D
from minifacenet.nn.products.vector_width import INSTRUCTIONS
from minifacenet.nn.products.microkernel import FASTER_THAN_BLAS, gemm_panels
from minifacenet.nn.window import Window
from tests.nn.test_direct import products_are_right as convolutions_are_right
from tests.nn.test_few_rows import products_are_right
from tests.nn.test_microkernel import assert_close, normal, packed

rng = np.random.default_rng(0)
for m, n, k in ((1, 1, 1), (13, 70, 33), (3, 140, 17), (6, 64, 0), (8, 16, 5), (12, 31, 7)):
    a, b, c = normal(rng, m, k), normal(rng, k, n), normal(rng, m, n)
    start = c.copy()
    gemm_panels(a, packed(np.asfortranarray(b)), c, True)
    assert_close(c, a, b, start)
products_are_right(9, 37, 128)
convolutions_are_right((3, 7, 6, 5), 21, Window.of(3, 2, 1), "prelu")
convolutions_are_right((1, 4, 4, 3), 64, Window.of(1))
x, results = normal(rng, 2, 9, 5, 19), []
for name in ("winograd", "im2col"):
    layer = Conv2D(19, 21, 3, np.random.default_rng(0), pad=1, algorithm=name)
    results.append(layer.forward(x))
np.testing.assert_allclose(*results, atol=1e-4)
code = "".join(gemm_panels.inspect_asm().values())
fused = [line for line in code.splitlines() if "vfmadd" in line and "ps" in line.split()[0]]
registers = {name for name in ("xmm", "ymm", "zmm") if any(name in line for line in fused)}
print(INSTRUCTIONS, *registers, FASTER_THAN_BLAS)
"""


@pytest.fixture(scope="module")
def kernels_of_all_processors(tmp_path_factory):
    """One cache folder for all of them: the forms must not be mixed up."""
    return tmp_path_factory.mktemp("kernels")


@pytest.mark.skipif(INSTRUCTIONS == "plain", reason="this processor has no AVX2")
@pytest.mark.parametrize(
    ("processor", "says"),
    [
        ({"NUMBA_CPU_NAME": "haswell"}, "AVX2 ymm False\n"),
        ({"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": ""}, "AVX2 ymm False\n"),
        ({"NUMBA_CPU_NAME": "generic"}, "plain False\n"),
    ],
    ids=["haswell", "haswell alone", "generic"],
)
def test_other_processors(processor, says, kernels_of_all_processors):
    done = subprocess.run(
        [sys.executable, "-c", OTHER_PROCESSOR],
        env=os.environ | processor | {"NUMBA_CACHE_DIR": str(kernels_of_all_processors)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert (done.stdout, done.stderr) == (says, "")


def test_this_processor(kernels_of_all_processors):
    says = {"AVX-512": "AVX-512 zmm True\n", "AVX2": "AVX2 ymm False\n", "plain": "plain False\n"}
    test_other_processors({}, says[INSTRUCTIONS], kernels_of_all_processors)
