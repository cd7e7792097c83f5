"""The checker itself: it must fail where a backward is wrong."""

import numpy as np
import pytest

from minifacenet.nn.conv import Conv2D
from minifacenet.nn.gradcheck import check_direction, check_layer, relative_error
from minifacenet.nn.l2norm import L2Norm
from minifacenet.nn.linear import Linear
from minifacenet.nn.lrn import LRN
from minifacenet.nn.relu import ReLU


def without_projection(layer, dout):
    _, norm = layer._recall(dout)
    return dout / norm[:, None]


def damping_alone(layer, dout):
    (x,) = layer._recall(dout)
    return dout * (layer.forward(x) / x)


def straight_through(layer, dout):
    layer._recall(dout)
    return dout.copy()


PLANTED = [
    (L2Norm(), "backward", without_projection),
    (LRN(alpha=2.0), "backward", damping_alone),
    (ReLU(), "backward", straight_through),
]


@pytest.mark.parametrize(("layer", "method", "wrong"), PLANTED, ids=lambda v: type(v).__name__)
def test_a_wrong_backward_is_found(layer, method, wrong, monkeypatch):
    rng = np.random.default_rng(0)
    x = rng.uniform(0.5, 1, (3, 7)) * rng.choice([-1, 1], (3, 7))
    assert check_layer(layer, x, rng)["input"] <= 1e-8
    monkeypatch.setattr(layer, method, lambda dout: wrong(layer, dout))
    assert check_layer(layer, x, rng)["input"] > 1e-2


@pytest.mark.parametrize("name", ["weight", "bias"])
def test_a_wrong_parameter_gradient_is_found(name, monkeypatch):
    rng = np.random.default_rng(0)
    layer = Conv2D(2, 3, 3, rng, pad=1, dtype=np.float64)
    right = layer.backward

    def scaled(dout):
        dx = right(dout)
        layer.parameters()[name].grad[..., 0] *= 1.001
        return dx

    monkeypatch.setattr(layer, "backward", scaled)
    errors = check_layer(layer, rng.standard_normal((2, 4, 4, 2)), rng)
    assert errors.pop(name) > 1e-6
    assert max(errors.values()) <= 1e-8


def test_a_direction_finds_a_wrong_gradient_and_restores_the_weights():
    rng = np.random.default_rng(0)
    layer = Linear(5, 3, rng, dtype=np.float64)
    x, dout = rng.standard_normal((4, 5)), rng.standard_normal((4, 3))
    layer.forward(x, train=True)
    layer.backward(dout)
    before = layer.weight.data.copy()

    def loss():
        return float((dout * layer.forward(x)).sum())

    assert check_direction(loss, layer.weight, rng) <= 1e-8
    layer.weight.grad[0, 0] += 0.1
    assert check_direction(loss, layer.weight, rng) > 1e-3
    np.testing.assert_allclose(layer.weight.data, before, rtol=0, atol=1e-15)


def test_a_nan_gradient_is_no_small_error():
    assert relative_error(np.array([1.0, np.nan]), np.array([1.0, 1.0])) == np.inf


def test_weights_change_only_through_edit():
    """A layer that keeps a packed copy by `version` must notice every step of the checker."""

    class Packed(Linear):
        packed_at = None

        def forward(self, x, train=False):
            if self.packed_at != self.weight.version:
                self.packed_at, self.packed = self.weight.version, self.weight.data.copy()
            self._remember(train, np.empty((len(x), self.packed.shape[1])), x)
            return x @ self.packed + self.bias.data

    rng = np.random.default_rng(0)
    layer = Packed(4, 3, rng, dtype=np.float64)
    assert max(check_layer(layer, rng.standard_normal((2, 4)), rng).values()) <= 1e-8


def test_the_upstream_gradient_is_random(monkeypatch):
    """With dout = 1 everywhere, a scaling that keeps the sum of squares passes unseen."""
    layer, seen = ReLU(), []
    backward = layer.backward
    monkeypatch.setattr(layer, "backward", lambda dout: seen.append(dout) or backward(dout))
    check_layer(layer, np.arange(1.0, 7).reshape(2, 3), np.random.default_rng(0))
    assert len(np.unique(seen[0])) == 6


def test_float32_is_refused():
    with pytest.raises(ValueError, match="float32"):
        check_layer(ReLU(), np.ones((1, 2), np.float32), np.random.default_rng(0))
