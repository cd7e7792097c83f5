"""Direct convolution against im2col's; a ReLU that the layer before it does."""

import itertools

import numba
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from minifacenet.nn.conv import Conv2D, conv_forward
from minifacenet.nn.convolution import direct
from minifacenet.nn.convolution.direct import (
    WIDTHS,
    conv_forward_direct,
    is_served,
    packed,
    panel_width,
)
from minifacenet.nn.device import backend
from minifacenet.nn.layer import Parameter, Sequential
from minifacenet.nn.linear import Linear
from minifacenet.nn.prelu import PReLU
from minifacenet.nn.products.llvm_vectors import LANES
from minifacenet.nn.products.microkernel import FASTER_THAN_BLAS
from minifacenet.nn.relu import ReLU
from minifacenet.nn.residual import Residual
from minifacenet.nn.window import Window


def normal(rng, *shape):
    return rng.standard_normal(shape, np.float32)


NO_SLOPES = np.empty(0, np.float32)  # a ReLU's


def rectified(x, slopes):
    return x if slopes is None else np.where(x < 0, slopes * x if slopes.size else 0, x)


def both(shape, filters, window, bend=None, seed=0):
    """Return the direct convolution, and the reference in float64, of the same random numbers."""
    rng = np.random.default_rng(seed)
    x, bias = normal(rng, *shape), normal(rng, filters)
    weight = normal(rng, *window.kernel, shape[3], filters) / 8
    slopes = {None: None, "relu": NO_SLOPES, "prelu": normal(rng, filters)}[bend]
    around = np.full((shape[0] + 2, *window.output_size(*shape[1:3]), filters), np.nan, np.float32)
    conv_forward_direct(x, Parameter(weight), bias, window, slopes, around[1:-1])
    assert np.isnan(around[[0, -1]]).all()  # nothing beyond the output is written
    expected, _ = conv_forward(*(a.astype(np.float64) for a in (x, weight, bias)), window)
    return around[1:-1], rectified(expected, slopes)


def products_are_right(shape, filters, window, bend=None, seed=0):
    out, expected = both(shape, filters, window, bend, seed)
    np.testing.assert_allclose(out, expected, rtol=0, atol=2e-6 * max(1, np.abs(expected).max()))


PADS = ((0, 0), (0, 1), (2, 0), (1, 3))


@given(
    st.tuples(st.integers(1, 5), st.integers(3, 9), st.integers(3, 9), st.integers(1, 5)),
    st.integers(1, 5 * LANES),
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
    st.tuples(st.sampled_from(PADS), st.sampled_from(PADS)),
    st.sampled_from((None, "relu", "prelu")),
    st.integers(0),
)
@example((3, 3, 3, 1), 1, (3, 3), (3, 3), ((0, 0), (0, 0)), None, 0)  # one window an image
@example((2, 4, 4, 2), 4 * LANES + 1, (1, 1), (1, 1), ((0, 0), (0, 0)), "prelu", 0)
def test_against_float64(shape, filters, kernel, stride, pad, bend, seed):
    products_are_right(shape, filters, Window.of(kernel, stride, pad), bend, seed)


@pytest.mark.parametrize("strip", [1, 700, 1 << 17])
@pytest.mark.parametrize("pad", [0, 2])
def test_tasks_of_rows_and_of_images(monkeypatch, strip, pad):
    """A task takes a row, some rows, or some images, and the last one less."""
    monkeypatch.setattr(direct, "STRIP_BYTES", strip)
    products_are_right((7, 9, 8, 3), 20, Window.of(3, 2, pad))


def test_no_images():
    layer = Conv2D(3, 5, 3, np.random.default_rng(0))
    assert layer.forward(np.empty((0, 6, 6, 3), np.float32)).shape == (0, 4, 4, 5)


@pytest.mark.parametrize(
    ("filters", "width"), [(1, 1), (16, 1), (17, 2), (33, 1), (49, 4), (96, 2), (128, 4)]
)
def test_panels_are_as_wide_as_filters_fill(filters, width):
    if LANES == 16:
        assert panel_width(filters) == width
    panels = packed(np.ones((3, 2, 5, filters), np.float32))
    count, k, columns = panels.shape
    assert (k, columns % LANES) == (30, 0)
    assert columns // LANES in WIDTHS
    assert count * columns - filters < columns
    assert panels.sum() == 30 * filters


@pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="takes two threads")
def test_the_same_bits_in_any_batch_and_on_two_threads():
    rng = np.random.default_rng(0)
    x, weight, bias = normal(rng, 5, 11, 10, 6), Parameter(normal(rng, 3, 3, 6, 40)), np.ones(40)
    window, bias = Window.of(3, 2, 1), bias.astype(np.float32)

    def forward(images, threads):
        backend.set_threads(threads)
        out = np.empty((len(images), *window.output_size(11, 10), 40), np.float32)
        conv_forward_direct(images, weight, bias, window, None, out)
        return out

    whole = forward(x, 1)
    np.testing.assert_array_equal(forward(x, 2), whole)
    np.testing.assert_array_equal(np.concatenate([forward(one[None], 1) for one in x]), whole)


@pytest.mark.skipif(not FASTER_THAN_BLAS, reason="im2col is what auto takes here")
@pytest.mark.parametrize(("channels", "size"), [(4, 6), (24, 12)])
def test_auto_is_direct_in_any_batch_where_winograd_saves_too_little(channels, size):
    rng = np.random.default_rng(0)
    layer = Conv2D(channels, 32, 3, rng, pad=1)
    for n in (1, 5):
        x = normal(rng, n, size, size, channels)
        out = np.empty((n, size, size, 32), np.float32)
        conv_forward_direct(x, layer.weight, layer.bias.data, layer.window, None, out)
        np.testing.assert_array_equal(layer.forward(x), out)


@pytest.mark.parametrize("where", [*itertools.product((0, 4), repeat=2)])
def test_a_bad_pixel_stays_in_the_windows_that_see_it(where):
    x = np.zeros((1, 5, 5, 1), np.float32)
    x[0, *where] = np.nan
    out = np.empty((1, 5, 5, 1), np.float32)
    weight, bias = Parameter(np.ones((3, 3, 1, 1), np.float32)), np.zeros(1, np.float32)
    conv_forward_direct(x, weight, bias, Window.of(3, 1, 1), NO_SLOPES, out)
    near = np.zeros((5, 5), bool)
    near[max(0, where[0] - 1) : where[0] + 2, max(0, where[1] - 1) : where[1] + 2] = True
    np.testing.assert_array_equal(np.isnan(out[0, :, :, 0]), near)


LAYERS = {
    "direct": lambda rng: Conv2D(3, 9, 3, rng, 2, 1),
    "winograd": lambda rng: Conv2D(16, 32, 3, rng, 1, 1, algorithm="winograd"),
    "im2col": lambda rng: Conv2D(3, 9, 3, rng, algorithm="im2col"),
    "residual": lambda rng: Residual(Sequential(("c", Conv2D(4, 9, 3, rng, pad=1)))),
    "linear": lambda rng: Linear(5, 7, rng),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", LAYERS)
def test_a_relu_is_done_by_the_layer_before_it(name, dtype):
    """Forward and all gradients are those of the two layers one after another, bit for bit."""
    rng = np.random.default_rng(0)
    layer = LAYERS[name](rng)
    for parameter in layer.parameters().values():
        parameter._data = rng.standard_normal(parameter.data.shape).astype(dtype)
    channels = {"winograd": 16, "residual": 4, "linear": 5}.get(name, 3)
    shape = (3, 5) if name == "linear" else (3, 6, 7, channels)
    x = rng.standard_normal(shape).astype(dtype)
    network = Sequential(("one", layer), ("relu", ReLU()))
    out = network.forward(x, train=True)
    dout = rng.standard_normal(out.shape).astype(dtype)
    dx = network.backward(dout)
    gradients = [parameter.grad.copy() for parameter in layer.parameters().values()]
    network.zero_grad()
    alone = ReLU()
    np.testing.assert_array_equal(alone.forward(layer.forward(x, train=True), train=True), out)
    np.testing.assert_array_equal(layer.backward(alone.backward(dout)), dx)
    for kept, parameter in zip(gradients, layer.parameters().values(), strict=True):
        np.testing.assert_array_equal(parameter.grad, kept)
    assert (out == 0).any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", LAYERS)
def test_a_prelu_is_done_by_the_layer_before_it(monkeypatch, name, dtype):
    """A forward gives the bits of the two layers one after another, and one in training as well."""
    rng = np.random.default_rng(0)
    layer, alone = LAYERS[name](rng), PReLU({"winograd": 32, "linear": 7}.get(name, 9))
    for parameter in (*layer.parameters().values(), alone.slope):
        parameter._data = rng.standard_normal(parameter.data.shape).astype(dtype)
    channels = {"winograd": 16, "residual": 4, "linear": 5}.get(name, 3)
    shape = (3, 5) if name == "linear" else (3, 6, 7, channels)
    x = rng.standard_normal(shape).astype(dtype)
    expected = alone.forward(layer.forward(x))
    network = Sequential(("one", layer), ("prelu", alone))
    np.testing.assert_array_equal(network.forward(x, train=True), expected)
    network.backward(np.ones_like(expected))  # PReLU kept its input
    forwards, forward = [], alone.forward
    monkeypatch.setattr(alone, "forward", lambda *given: forwards.append(given) or forward(*given))
    np.testing.assert_array_equal(network.forward(x), expected)
    fused = name == "winograd" or (name == "direct" and is_served(dtype))
    assert len(forwards) == (not fused)
    with pytest.raises(RuntimeError, match=r"needs one forward\(x, train=True\)"):
        network.backward(np.ones_like(expected))


@pytest.mark.parametrize("slopes", [4, 6])
def test_a_prelu_of_other_channels_is_refused_in_its_own_words(slopes):
    network = Sequential(("c", Conv2D(3, 5, 3, np.random.default_rng(0))), ("p", PReLU(slopes)))
    with pytest.raises(ValueError, match=rf"PReLU expects shape \(\.\.\., {slopes}\)"):
        network.forward(np.ones((1, 9, 9, 3), np.float32))


def test_an_image_without_a_batch_is_refused_in_the_words_of_the_layer():
    network = Sequential(("c", Conv2D(3, 4, 5, np.random.default_rng(0))), ("relu", ReLU()))
    with pytest.raises(ValueError, match=r"one image alone is x\[None\]"):
        network.forward(np.ones((9, 9, 3), np.float32))


def test_minus_infinity_is_rectified_to_zero():
    """-inf times a factor 0 would be NaN."""
    x, bias = np.zeros((1, 2, 2, 1), np.float32), np.full(3, -np.inf, np.float32)
    out = np.empty((1, 2, 2, 3), np.float32)
    weight = Parameter(np.zeros((1, 1, 1, 3), np.float32))
    conv_forward_direct(x, weight, bias, Window.of(1), NO_SLOPES, out)
    np.testing.assert_array_equal(out, 0)


def test_a_frozen_layer_keeps_nothing_where_the_relu_after_it_is_kept():
    rng = np.random.default_rng(0)
    network = Sequential(("c", Conv2D(3, 4, 3, rng)), ("relu", ReLU()), ("d", Conv2D(4, 4, 1, rng)))
    network.trained_from = 1
    out = network.forward(normal(rng, 2, 5, 5, 3), train=True)
    assert network.backward(np.ones_like(out)) is None
