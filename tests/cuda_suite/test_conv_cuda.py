"""Convolution on CUDA, by im2col and by implicit GEMM, against the CPU."""

import numpy as np
import pytest

from minifacenet.nn.convolution import im2col_cuda, implicit_gemm
from minifacenet.nn.convolution.im2col import conv_backward_im2col, conv_forward_im2col
from minifacenet.nn.convolution.implicit_gemm import conv_backward_implicit, conv_forward_implicit
from minifacenet.nn.device.backend import to_device
from minifacenet.nn.products import matmul_cuda
from minifacenet.nn.window import Window

BOUNDS = {np.float64: 1e-12, np.float32: 1e-5}  # of the largest value

ALGORITHMS = {
    "im2col": (conv_forward_im2col, conv_backward_im2col),
    "implicit": (conv_forward_implicit, conv_backward_implicit),
}

CASES = {  # images, filters, window; small, since the simulator is slow
    "3x3": ((2, 5, 4, 3), 4, Window.of(3, pad=1)),
    "7x7/2": ((1, 7, 8, 1), 2, Window.of(7, 2, 3)),
    "1x1": ((3, 4, 5, 6), 2, Window.of(1)),
    "1x1/2": ((1, 5, 6, 2), 3, Window.of(1, 2)),
    "2x3/(3,2) lopsided": ((1, 8, 9, 2), 3, Window.of((2, 3), (3, 2), ((1, 0), (0, 2)))),
    "valid, one pixel out": ((2, 3, 3, 2), 5, Window.of(3)),
    "20 images": ((20, 3, 4, 2), 3, Window.of((2, 1), pad=((1, 0), 0))),
    "stride beyond the kernel": ((1, 7, 8, 2), 2, Window.of(2, (4, 3))),
    "one row of pixels": ((2, 1, 9, 3), 2, Window.of((1, 3), (1, 2), (0, 1))),
    "channels over a tile": ((1, 1, 2, 65), 2, Window.of((1, 2), pad=(0, 1))),
    "starts inside the image": ((1, 5, 6, 2), 3, Window.of((3, 2), 2, ((0, 3), (0, 1)))),
    "pad over the kernel": ((1, 3, 4, 2), 3, Window.of(2, pad=3)),
    "filters over a tile": ((1, 2, 3, 2), 66, Window.of((2, 1))),
}
IN_BOTH = ("3x3", "7x7/2", "2x3/(3,2) lopsided")  # in float32, too


def arrays(name, dtype):
    """x, weight, bias, dout of a case."""
    shape, filters, window = CASES[name]
    rng = np.random.default_rng(0)
    grid = window.output_size(*shape[1:3])
    shapes = (shape, (*window.kernel, shape[3], filters), (filters,), (shape[0], *grid, filters))
    return [rng.standard_normal(s, dtype) for s in shapes]


def run(algorithm, window, device, x, weight, bias, dout, input_gradient=True):
    """Output and gradients, computed on `device` into memory full of NaN, or of 1 where added."""
    forward, backward = ALGORITHMS[algorithm]
    empty_dx = np.full(x.shape if input_gradient else (0, *x.shape[1:]), np.nan, x.dtype)
    results = [np.full_like(dout, np.nan), np.ones_like(weight), np.ones_like(bias), empty_dx]
    x, weight, bias, dout = (to_device(a, device) for a in (x, weight, bias, dout))
    out, dweight, dbias, dx = (to_device(a, device) for a in results)
    forward(x, weight, bias, window, out)
    backward(dout, x, weight, window, dweight, dbias, dx)
    results = {"out": out, "weight": dweight, "bias": dbias, "input": dx}
    return {what: to_device(value, "cpu") for what, value in results.items()}


def assert_same(got, expected, bound):
    for what, value in expected.items():
        assert got[what].dtype == value.dtype
        scale = np.abs(value).max()
        assert np.abs(got[what] - value).max() <= bound * scale, what


@pytest.mark.parametrize(
    ("name", "dtype"),
    [pytest.param(n, np.float64, marks=pytest.mark.full) for n in CASES]
    + [
        pytest.param(n, np.float32, marks=[pytest.mark.full] * (i > 0))
        for i, n in enumerate(IN_BOTH)
    ],
)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_cuda_equals_cpu(algorithm, name, dtype):
    window, data = CASES[name][2], arrays(name, dtype)
    expected = run("im2col", window, "cpu", *data)
    assert_same(run(algorithm, window, "cuda", *data), expected, BOUNDS[dtype])


@pytest.mark.full
def test_im2col_in_blocks_that_cut_images_apart(monkeypatch):
    window, data = CASES["3x3"][2], arrays("3x3", np.float64)
    expected = run("im2col", window, "cpu", *data)
    monkeypatch.setattr(im2col_cuda, "COLUMN_BYTES", 13 * 27 * 8)  # 13 of 2 x 20 windows
    assert_same(run("im2col", window, "cuda", *data), expected, 1e-12)


@pytest.mark.full
def test_a_window_larger_than_the_memory_for_columns_is_taken_by_itself(monkeypatch):
    data = arrays("valid, one pixel out", np.float64)
    expected = run("im2col", Window.of(3), "cpu", *data)
    monkeypatch.setattr(im2col_cuda, "COLUMN_BYTES", 1)
    assert_same(run("im2col", Window.of(3), "cuda", *data), expected, 1e-12)


@pytest.mark.full
@pytest.mark.parametrize("partial_tiles", [1, 3])
def test_the_weights_gradient_in_parts(partial_tiles, monkeypatch):
    window, data = CASES["20 images"][2], arrays("20 images", np.float64)
    expected = run("im2col", window, "cpu", *data)
    monkeypatch.setattr(matmul_cuda, "PARTIAL_TILES", partial_tiles)
    assert_same(run("implicit", window, "cuda", *data), expected, 1e-12)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_an_empty_input_gradient_is_left_out(algorithm):
    window, data = CASES["1x1/2"][2], arrays("1x1/2", np.float64)
    expected = run("im2col", window, "cpu", *data)
    got = run(algorithm, window, "cuda", *data, input_gradient=False)
    assert got.pop("input").shape[0] == 0
    del expected["input"]
    assert_same(got, expected, 1e-12)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_no_images_give_no_output(algorithm):
    x, weight, bias, dout = arrays("1x1", np.float64)
    got = run(algorithm, Window.of(1), "cuda", x[:0], weight, bias, dout[:0])
    assert got["out"].shape == dout[:0].shape
    np.testing.assert_array_equal(got["weight"], np.ones_like(weight))


@pytest.mark.full
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_nan_reaches_its_own_windows_and_pixels_only(algorithm):
    window, data = CASES["3x3"][2], arrays("3x3", np.float64)
    data[0][1, 2, 3, 0] = data[3][0, 1, 2, 1] = np.nan  # of x, of dout
    expected = run("im2col", window, "cpu", *data)
    got = run(algorithm, window, "cuda", *data)
    for what in ("out", "input"):
        assert 0 < np.isnan(expected[what]).sum() < expected[what].size
        np.testing.assert_array_equal(np.isnan(got[what]), np.isnan(expected[what]))


def test_sizes_beyond_the_kernels_integers_are_refused():
    for shape in ((1 << 20, 64, 64, 1), (1, 1, 1 << 20, 1 << 9)):
        large = np.broadcast_to(np.float32(0), shape)
        with pytest.raises(ValueError, match=rf"2\^31 numbers.*{shape[0]}, {shape[1]}"):
            implicit_gemm._check(large)
