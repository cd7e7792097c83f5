"""Winograd's convolution: exact matrices, im2col's results at all shapes, fresh weights, choice."""

import copy
import os
import subprocess
import sys
import textwrap
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba.core.dispatcher import Dispatcher

from minifacenet.nn.conv import ALGORITHMS, TILES, Conv2D, conv_backward, conv_forward
from minifacenet.nn.convolution import winograd_kernels, winograd_transforms
from minifacenet.nn.convolution.winograd import fastest_tile, transformed_weights
from minifacenet.nn.convolution.winograd_matrices import INFINITY, winograd_matrices
from minifacenet.nn.convolution.winograd_transforms import POINTS
from minifacenet.nn.device import backend
from minifacenet.nn.window import Window

from .test_layers import forward_backward, largest_difference

ROOT = Path(__file__).parents[2]
tiled = pytest.mark.parametrize("algorithm", TILES)


def run(algorithm, x, dout, dtype, weight, bias, pad):
    """Output, and gradients by name, of a 3x3 convolution."""
    channels, filters = weight.shape[2:]
    rng = np.random.default_rng(0)
    layer = Conv2D(channels, filters, 3, rng, pad=pad, algorithm=algorithm, dtype=dtype)
    for parameter, values in ((layer.weight, weight), (layer.bias, bias)):
        with parameter.edit() as w:
            w[...] = values
    return forward_backward(layer, x.astype(dtype), dout.astype(dtype))


def values(seed, n, height, width, channels, filters, pad):
    """x, dout, weight and bias of a 3x3 layer, float64."""
    rng = np.random.default_rng(seed)
    out_size = Window.of(3, 1, pad).output_size(height, width)
    return (
        rng.standard_normal((n, height, width, channels)),
        rng.standard_normal((n, *out_size, filters)),
        rng.standard_normal((3, 3, channels, filters)) / np.sqrt(9 * channels),
        rng.standard_normal(filters),
    )


def reference(x, dout, weight, bias, window):
    out, cache = conv_forward(x, weight, bias, window)
    names = ("input", "weight", "bias")
    return {"out": out} | dict(zip(names, conv_backward(dout, cache), strict=True))


# -- Matrices ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("points", "taps"),
    [
        (POINTS[2], 3),
        (POINTS[4], 3),
        ((0, 1, -1, 2, -2, INFINITY), 3),
        ((INFINITY, 5, Fraction(1, 3)), 2),
        ((0, 1, -1, 3), 2),
        (POINTS[4], 5),
    ],
)
def test_the_matrices_convolve_exactly(points, taps):
    a, b, g = winograd_matrices(points, taps)
    rng = np.random.default_rng(0)
    filter_, data = rng.integers(-9, 10, taps), rng.integers(-9, 10, len(points))
    outputs = len(points) - taps + 1
    expected = [sum(filter_ * data[p : p + taps]) for p in range(outputs)]
    got = a.T @ ((g @ filter_) * (b.T @ data))
    assert all(isinstance(value, Fraction) for value in got)
    assert list(got) == expected


def test_the_example_of_the_docstring():
    a, b, g = winograd_matrices(POINTS[2])
    d, w = np.array([1, 2, 3, 4]), np.array([1, 1, 2])
    products = (g @ w) * (b.T @ d)
    assert list(products) == [-2, 10, 1, 4]
    assert list(a.T @ products) == [9, 13]


@pytest.mark.parametrize("m", POINTS)
def test_what_the_kernels_multiply_by_needs_no_rounding(m):
    a, b, _ = winograd_matrices(POINTS[m])
    for value in (*a.flat, *b.flat):
        assert Fraction(float(np.float32(value))) == value


@pytest.mark.parametrize("m", POINTS)
def test_weights_are_transformed_on_both_sides(m):
    _, _, g = winograd_matrices(POINTS[m])
    g = g.astype(float)
    weight = np.random.default_rng(0).standard_normal((3, 3, 2, 5))
    u = transformed_weights(weight, m)
    np.testing.assert_allclose(u[..., 1, 4], g @ weight[..., 1, 4] @ g.T, rtol=0, atol=1e-14)


# -- Results -------------------------------------------------------------------------------------


@settings(max_examples=150)
@given(
    algorithm=st.sampled_from(sorted(TILES)),
    n=st.integers(0, 3),
    size=st.tuples(st.integers(1, 15), st.integers(1, 15)),
    channels=st.integers(1, 20),
    filters=st.integers(1, 20),
    pad=st.tuples(*[st.tuples(st.integers(0, 5), st.integers(0, 5))] * 2),
    seed=st.integers(0, 1000),
)
def test_any_shape_and_padding(algorithm, n, size, channels, filters, pad, seed):
    pad = tuple((before, after + max(0, 3 - length - before - after))
                for length, (before, after) in zip(size, pad, strict=True))  # fmt: skip
    x, dout, weight, bias = values(seed, n, *size, channels, filters, pad)
    window = Window.of(3, 1, pad)
    expected = reference(x, dout, weight, bias, window)
    largest = reference(*(np.abs(a) for a in (x, dout, weight, bias)), window)  # nothing cancels
    for dtype, bound in ((np.float64, 1e-12), (np.float32, 5e-6)):
        out, gradients = run(algorithm, x, dout, dtype, weight, bias, pad)
        for name, got in (gradients | {"out": out}).items():
            limit = bound * largest[name].max(initial=0)
            np.testing.assert_allclose(got, expected[name], rtol=0, atol=limit, err_msg=name)


@tiled
@pytest.mark.parametrize("shape", [(35, 14, 14, 32, 48), (3, 29, 31, 64, 64), (1, 14, 14, 96, 40)])
def test_many_chunks_and_groups_equal_im2col(algorithm, shape):
    """Chunks that end inside an image, groups of images with a smaller last one."""
    x, dout, weight, bias = values(1, *shape, pad=1)
    for dtype, bound in ((np.float64, 1e-12), (np.float32, 5e-6)):
        results = []
        for name in ("im2col", algorithm):
            out, gradients = run(name, x, dout, dtype, weight, bias, 1)
            results.append({"out": out} | {key: g.copy() for key, g in gradients.items()})
        for name, expected in results[0].items():
            assert largest_difference(results[1][name], expected) <= bound, (dtype, name)


@tiled
def test_the_number_of_threads_changes_no_bit(algorithm):
    x, dout, weight, bias = values(2, 35, 14, 14, 32, 48, pad=1)
    results = []
    for threads in (1, 2):
        backend.set_threads(threads)
        out, gradients = run(algorithm, x, dout, np.float32, weight, bias, 1)
        results.append([out, *(g.copy() for g in gradients.values())])
    for one, two in zip(*results, strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize(("algorithm", "bound"), [("winograd", 4e-6), ("winograd2", 1e-6)])
def test_rounding_of_a_layer_of_nn1(algorithm, bound):
    x, dout, weight, bias = values(3, 1, 14, 14, 256, 256, pad=1)
    x, weight, bias = (a.astype(np.float32) for a in (x, weight, bias))
    exact, _ = conv_forward(*(a.astype(float) for a in (x, weight, bias)), Window.of(3, 1, 1))
    out, _ = run(algorithm, x, dout, np.float32, weight, bias, 1)
    assert largest_difference(out, exact) <= bound


# -- State and choice ----------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("name", ["weight", "bias"])
def test_a_changed_coordinate_changes_the_output(algorithm, name):
    rng = np.random.default_rng(0)
    layer = Conv2D(16, 32, 3, rng, pad=1, algorithm=algorithm, dtype=np.float64)
    x = rng.standard_normal((1, 8, 8, 16))
    twin = copy.deepcopy(layer)
    before = layer.forward(x, train=True)
    twin_of_used = copy.deepcopy(layer)
    for changed in (layer, twin, twin_of_used):
        parameter = changed.parameters()[name]
        with parameter.edit() as w:
            w[(0,) * w.ndim] += 1
        after = changed.forward(x, train=True)
        assert np.abs(after - before)[..., 0].max() > 0.1
        np.testing.assert_allclose(after[..., 1:], before[..., 1:], rtol=0, atol=1e-14)
        expected, _ = conv_forward(x, layer.weight.data, layer.bias.data, layer.window)
        assert largest_difference(after, expected) <= 1e-12


@tiled
def test_backward_sees_the_weights_of_its_moment(algorithm):
    """As im2col, which multiplies by what the weights are when backward runs."""
    x, dout, weight, _ = values(4, 2, 6, 7, 3, 4, pad=1)
    gradients = []
    for name in ("im2col", algorithm):
        rng = np.random.default_rng(0)
        layer = Conv2D(3, 4, 3, rng, pad=1, algorithm=name, dtype=np.float64)
        layer.forward(x, train=True)
        with layer.weight.edit() as w:
            w[...] = weight
        gradients.append(layer.backward(dout))
    assert largest_difference(gradients[1], gradients[0]) <= 1e-12


@pytest.mark.parametrize(
    ("kernel", "stride", "algorithm", "message"),
    [
        (3, 1, "fft", r"one of \('auto', 'im2col', 'winograd', 'winograd2'\), got 'fft'"),
        (5, 1, "winograd", r"'winograd' is for 3x3 kernels of stride 1, got kernel \(5, 5\)"),
        (3, 2, "winograd2", r"stride \(2, 2\): take 'im2col' or 'auto'"),
        ((3, 1), 1, "winograd", r"got kernel \(3, 1\)"),
        (3, (1, 2), "winograd", r"stride \(1, 2\)"),
    ],
)
def test_an_algorithm_that_cannot_be_is_refused(kernel, stride, algorithm, message):
    with pytest.raises(ValueError, match=message):
        Conv2D(2, 2, kernel, np.random.default_rng(0), stride, algorithm=algorithm)


@pytest.mark.parametrize(
    ("channels", "shape", "tile"),
    [
        (64, (1, 55, 55, 192), 4),  # NN1
        (192, (1, 28, 28, 384), 4),
        (384, (1, 14, 14, 256), 4),
        (16, (1, 24, 24, 48), 4),  # nn1_mini
        (48, (1, 12, 12, 96), 4),
        (64, (20, 6, 6, 64), 2),  # four tiles of 4x4 would hang over by 28 outputs of 64
        (256, (1, 4, 4, 256), 2),  # one tile of 4x4 fetches 36 points, four of 2x2 fetch 16
        (256, (16, 4, 4, 256), 4),
        (256, (1, 3, 3, 256), None),
        (64, (9, 1, 1, 64), None),
        (15, (1, 24, 24, 48), None),
        (16, (1, 24, 24, 31), None),
    ],
)
def test_auto_takes_what_was_measured_fastest(channels, shape, tile):
    assert fastest_tile(Window.of(3, 1, 1), channels, shape) == tile


def test_auto_takes_im2col_for_other_windows():
    for window in (Window.of(5), Window.of(3, 2), Window.of(1), Window.of((3, 1))):
        assert fastest_tile(window, 64, (1, 55, 55, 192)) is None


@pytest.mark.parametrize(
    ("channels", "size", "algorithm"),
    [(64, 12, "winograd"), (64, 6, "winograd2")],
)
def test_auto_computes_as_what_it_takes_for_any_batch(channels, size, algorithm):
    for n in (1, 5):
        x, dout, weight, bias = values(5, n, size, size, channels, 32, pad=1)
        results = []
        for name in ("auto", algorithm):
            out, gradients = run(name, x, dout, np.float32, weight, bias, 1)
            results.append([out, *(g.copy() for g in gradients.values())])
        for auto, named in zip(*results, strict=True):
            np.testing.assert_array_equal(auto, named)


def test_compiled_functions_have_names_of_their_own():
    """Or two of them, each compiled in another process, become one when a kernel is linked."""
    compiled = [f for f in vars(winograd_transforms).values() if isinstance(f, Dispatcher)]
    names = [function.py_func.__qualname__ for function in compiled]
    assert len(names) > 8
    assert len(set(names)) == len(names), sorted(names)


@pytest.mark.full
def test_a_training_after_an_inference_in_another_process(tmp_path):
    """The forward's kernels come from the disk, the backward's are new."""
    code = """
        import sys
        import numpy as np
        from minifacenet.nn.conv import Conv2D

        def run(algorithm, train):
            rng = np.random.default_rng(0)
            layer = Conv2D(16, 32, 3, rng, pad=1, algorithm=algorithm)
            out = layer.forward(rng.standard_normal((2, 9, 9, 16), np.float32), train)
            return layer.backward(rng.standard_normal(out.shape, np.float32)) if train else out

        train = sys.argv[1] == "train"
        expected, got = run("im2col", train), run("winograd", train)
        assert np.abs(got - expected).max() < 1e-4 * np.abs(expected).max()
    """
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    for mode in ("infer", "train", "train"):
        command = [sys.executable, "-c", textwrap.dedent(code), mode]
        subprocess.run(command, env=environment, check=True, timeout=600)


def compiled_with(kernel):
    """The names of all functions that are compiled for a kernel: those that it can call."""
    names, ahead = set(), [kernel]
    while ahead:
        function = ahead.pop().py_func
        for name in function.__code__.co_names:
            called = function.__globals__.get(name)
            if hasattr(called, "py_func") and name not in names:
                names.add(name)
                ahead.append(called)
    return names


def test_who_only_goes_forward_does_not_wait_for_what_backward_needs():
    forward = compiled_with(winograd_kernels.forward_strips)
    assert {"_spread_b2", "_spread_b4", "_gather_a2", "_gather_a4"} < forward
    only_backward = {"_spread_a2", "_spread_a4", "_gather_b2", "_gather_b4"}
    assert not forward & only_backward
    back = winograd_kernels.all_to_points, winograd_kernels.all_from_points
    assert only_backward < set.union(*map(compiled_with, back))
