"""The instruments of lessons 06 and 07: what they count, and what they take for a race."""

import numpy as np
import pytest
from exercises.core import Wrong
from exercises.simulator import launch
from exercises.watched import Watched, follow_prange
from numba import prange

from minifacenet.nn.device.cuda_target import cuda
from minifacenet.nn.products import bias, matmul_cuda

M, N, K = 64, 128, 8
STEPS = {
    "naive": (matmul_cuda._naive_grid, (8, 4), (16, 16), 1),
    "tiled": (matmul_cuda._tiled_grid, (8, 4), (16, 16), matmul_cuda.SIDE_TILED),
    "blocked": (matmul_cuda._blocked_grid, (2, 1), (64, 1), matmul_cuda.TILE),
}


@pytest.mark.parametrize("step", STEPS)
def test_the_library_reads_as_often_as_it_says(step):
    kernel, grid, threads, tile = STEPS[step]
    rng = np.random.default_rng(0)
    a, b = (rng.integers(-9, 10, shape).astype(np.float32) for shape in ((M, K), (K, N)))
    out = np.full((M, N), np.nan, np.float32)
    flags = {"transpose_a": False, "transpose_b": False, "accumulate": False}
    arguments = {"a": a, "b": b, **flags, "out": out}
    if step == "blocked":
        flat = {"a": a.ravel(), "b": b.ravel(), "depth": K}
        arguments = {**flat, **flags, "span": K, "sums": out[None]}
    reads = launch(kernel, grid, threads, arguments)
    assert reads["a"] + reads["b"] == 2 * M * N * K // tile
    np.testing.assert_array_equal(out, a @ b)


def test_numbers_that_all_read_and_numbers_of_ones_own_are_no_race():
    def kernel(x, out):
        out[cuda.grid(1)] = x[0] + x[cuda.grid(1)]

    out = np.zeros(6)
    assert launch(kernel, (2, 1), (3, 1), {"x": np.arange(6.0), "out": out}) == {"x": 12, "out": 0}
    np.testing.assert_array_equal(out, np.arange(6))
    count = follow_prange(bias._bias_gradient_cpu, np.ones((4, 3)), out[:3], watch=1, name="db")
    assert count == 3


def test_a_number_read_by_one_and_written_by_another_is_a_race():
    def shifted(x):
        for i in prange(len(x) - 1):
            x[i] = x[i + 1]

    with pytest.raises(Wrong, match=r"x\[1\] is read by iteration 0 .* written by iteration 1"):
        follow_prange(shifted, np.zeros(4), watch=0, name="x")


def test_a_part_keeps_its_book_in_the_whole():
    at = ["one"]
    whole = Watched(np.zeros((2, 3)), "x", lambda: at[0])
    whole[1][2] += 1
    assert whole.array[1, 2] == 1
    assert whole.reads == 1
    assert whole.sum() == 1
    at[0] = "the other"
    with pytest.raises(Wrong, match=r"x\[1, 2\] is written by one and read by the other"):
        whole[1] += 1
    whole.forget()
    whole[1] += 1
    np.testing.assert_array_equal(whole.array, [[0, 0, 0], [1, 1, 2]])


def test_a_block_is_no_larger_than_a_gpu_takes():
    with pytest.raises(ValueError, match="at most 1024"):
        launch(lambda: None, (1, 1), (64, 32), {})
