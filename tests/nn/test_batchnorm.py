"""BatchNorm. In training it gives other values than after it: no case for all layers."""

import numpy as np
import pytest

from minifacenet.nn.batchnorm import BatchNorm, batchnorm_backward, batchnorm_forward
from minifacenet.nn.folding import folded
from minifacenet.nn.layer import Sequential
from minifacenet.nn.linear import Linear

SHAPES = [(3, 4, 5, 2), (4, 7), (40, 9, 8, 3)]  # the last one in several parts


def setup(shape, dtype=np.float64):
    """Layer with parameters of its own, x far from mean 0, dout."""
    rng = np.random.default_rng(0)
    layer = BatchNorm(shape[-1], 1e-3, dtype=dtype)
    for parameter in (layer.gamma, layer.beta):
        with parameter.edit() as w:
            w += rng.standard_normal(w.shape, dtype)
    x = 5 + rng.standard_normal(shape, dtype) * np.linspace(0.5, 2, shape[-1], dtype=dtype)
    return layer, x, rng.standard_normal(shape, dtype)


def trained(layer, x, dout):
    """Output and gradients of a training pass."""
    out, dx = layer.forward(x, train=True), layer.backward(dout)
    return out, dx, layer.gamma.grad, layer.beta.grad


@pytest.mark.parametrize(("dtype", "bound"), [(np.float64, 1e-12), (np.float32, 1e-5)])
@pytest.mark.parametrize("shape", SHAPES)
def test_kernels_equal_the_reference(shape, dtype, bound):
    layer, x, dout = setup(shape, dtype)
    wide = [a.astype(float) for a in (x, layer.gamma.data, layer.beta.data)]
    out, cache = batchnorm_forward(*wide, layer.eps)
    for got, value in zip(
        trained(layer, x, dout), (out, *batchnorm_backward(dout.astype(float), cache)), strict=True
    ):
        assert got.dtype == dtype
        assert np.abs(got - value).max() <= bound * np.abs(value).max()


def sums_of_others(layer, x, dout, twin):
    """What `sum_over_ranks` would add of the ranks with x and dout: asked three times, in order."""
    axes = tuple(range(x.ndim - 1))
    count = np.prod(x.shape[:-1])

    def pairs():
        yield x, x * x
        mean = twin.running_mean.data / layer.momentum
        yield x - mean, (x - mean) ** 2
        yield dout, dout * (x - mean)

    asked = pairs()

    def add(sums):
        assert sums.dtype == np.float64
        first, second = next(asked)
        sums += np.concatenate([first.sum(axis=axes), second.sum(axis=axes), [count]])

    return add


@pytest.mark.parametrize("cut", [0, 1, 2])
@pytest.mark.parametrize("shape", SHAPES)
def test_ranks_that_share_a_batch_normalise_by_all_of_it(shape, cut):
    whole, x, dout = setup(shape)
    out, dx, *gradients = trained(whole, x, dout)
    parts = slice(0, cut), slice(cut, None)
    added = [0, 0]
    for own, others in (parts, parts[::-1]):
        layer, _, _ = setup(shape)
        layer.sum_over_ranks = sums_of_others(layer, x[others], dout[others], whole)
        own_out, own_dx, *own_gradients = trained(layer, x[own], dout[own])
        np.testing.assert_allclose(own_out, out[own], rtol=0, atol=1e-12 * np.abs(out).max())
        np.testing.assert_allclose(own_dx, dx[own], rtol=0, atol=1e-12 * np.abs(dx).max())
        np.testing.assert_allclose(layer.running_mean.data, whole.running_mean.data, rtol=1e-12)
        np.testing.assert_allclose(
            layer.running_variance.data, whole.running_variance.data, rtol=1e-12
        )
        added = [total + gradient for total, gradient in zip(added, own_gradients, strict=True)]
    for total, gradient in zip(added, gradients, strict=True):
        np.testing.assert_allclose(total, gradient, rtol=0, atol=1e-12 * np.abs(gradient).max())


@pytest.mark.parametrize("shape", SHAPES[:2])
def test_gradients_equal_finite_differences(shape):
    layer, x, dout = setup(shape)
    _, dx, dgamma, dbeta = trained(layer, x, dout)
    arrays = [x, layer.gamma.data.copy(), layer.beta.data.copy()]
    step = 1e-5
    for number, gradient in enumerate((dx, dgamma, dbeta)):
        expected = np.empty_like(gradient)
        for at in np.ndindex(gradient.shape):
            values = []
            for sign in (1, -1):
                moved = [a.copy() for a in arrays]
                moved[number][at] += sign * step
                values.append((batchnorm_forward(*moved, layer.eps)[0] * dout).sum())
            expected[at] = (values[0] - values[1]) / (2 * step)
        assert np.abs(gradient - expected).max() <= 1e-8 * np.abs(expected).max()


def test_running_means_follow_the_batches_and_serve_after_training():
    layer, x, _ = setup((50, 4))
    mean, variance = np.zeros(4), np.ones(4)
    for batch in (x, 2 * x):
        layer.forward(batch, train=True)
        mean = 0.9 * mean + 0.1 * batch.mean(axis=0)
        variance = 0.9 * variance + 0.1 * batch.var(axis=0, ddof=1)
    np.testing.assert_allclose(layer.running_mean.data, mean, rtol=1e-12)
    np.testing.assert_allclose(layer.running_variance.data, variance, rtol=1e-12)
    expected = layer.gamma.data * (x - mean) / np.sqrt(variance + 1e-3) + layer.beta.data
    np.testing.assert_allclose(layer.forward(x), expected, rtol=1e-12)
    np.testing.assert_array_equal(layer.forward(x[:1]), layer.forward(x)[:1])  # alone or not


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_momentum_1_takes_the_batch_and_0_nothing(dtype):
    x = np.array([[0, 1], [2e-4, 1 + 1e-3]], dtype)
    layer = BatchNorm(2, momentum=1, dtype=dtype)
    layer.forward(x, train=True)
    np.testing.assert_allclose(layer.running_mean.data, x.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(layer.running_variance.data, x.var(axis=0, ddof=1), rtol=1e-3)
    still = BatchNorm(2, momentum=0, dtype=dtype)
    still.forward(x, train=True)
    np.testing.assert_array_equal(still.running_variance.data, 1)


def test_a_mean_far_from_zero_costs_no_digits():
    layer, x, _ = setup((200, 3), np.float32)
    near, far = layer.forward(x - 5, train=True), layer.forward(x + 4096, train=True)
    np.testing.assert_allclose(far, near, atol=5e-3)  # 4096 + x keeps 3 digits of x


def test_a_channel_that_is_the_same_everywhere_gives_its_beta():
    layer, x, _ = setup((6, 3))
    out = layer.forward(np.full_like(x, 7), train=True)
    np.testing.assert_allclose(out, np.broadcast_to(layer.beta.data, x.shape), atol=1e-12)


def test_the_gradient_of_the_running_means_stays_zero():
    layer, x, dout = setup((4, 7))
    trained(layer, x, dout)
    assert not layer.running_mean.grad.any()
    assert not layer.running_variance.grad.any()


def test_no_images_leave_everything_as_it_is():
    layer, x, dout = setup((4, 7))
    out, dx, dgamma, dbeta = trained(layer, x[:0], dout[:0])
    assert out.shape == dx.shape == (0, 7)
    assert not dgamma.any()
    assert not dbeta.any()
    assert not layer.running_mean.data.any()


@pytest.mark.filterwarnings("error")
def test_a_variance_that_float32_cannot_hold_gives_nan_and_not_zeros():
    layer = BatchNorm(1)
    out = layer.forward(np.array([[3e38], [1], [-1]], np.float32), train=True)
    assert np.isnan(out).all()
    assert np.isnan(layer.forward(np.ones((1, 1), np.float32))).all()
    chain = Sequential(("linear", Linear(1, 1, np.random.default_rng(0))), ("norm", layer))
    assert np.isnan(folded(chain).forward(np.ones((1, 1), np.float32))).all()


@pytest.mark.filterwarnings("error")
def test_bad_weights_travel_on_without_a_warning():
    layer = BatchNorm(1)
    for parameter in (layer.running_variance, layer.gamma):
        with parameter.edit() as w:
            w[:] = -np.inf
    chain = Sequential(("linear", Linear(1, 1, np.random.default_rng(0))), ("norm", layer))
    for network in (chain, folded(chain)):
        assert np.isnan(network.forward(np.ones((1, 1), np.float32))).all()


def test_what_cannot_be():
    with pytest.raises(ValueError, match="two values a channel or more, got 1"):
        BatchNorm(3).forward(np.ones((1, 3), np.float32), train=True)
    with pytest.raises(ValueError, match=r"expects shape \(\.\.\., 3\), got \(2, 4\)"):
        BatchNorm(3).forward(np.ones((2, 4), np.float32))
    with pytest.raises(ValueError, match="eps > 0, got 0"):
        BatchNorm(3, eps=0)
    with pytest.raises(ValueError, match=r"momentum from 0 to 1, got 1\.5"):
        BatchNorm(3, momentum=1.5)
    with pytest.raises(TypeError, match="float16"):
        BatchNorm(3).forward(np.ones((2, 3), np.float16))
