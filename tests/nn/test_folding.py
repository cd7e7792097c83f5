"""A folded network computes what the network computes after training, without batch norms."""

import numpy as np
import pytest

from minifacenet.nn.affine import Affine
from minifacenet.nn.avgpool import AvgPool
from minifacenet.nn.batchnorm import BatchNorm
from minifacenet.nn.concat import Concat
from minifacenet.nn.conv import Conv2D
from minifacenet.nn.folding import folded
from minifacenet.nn.layer import Sequential
from minifacenet.nn.linear import Linear
from minifacenet.nn.prelu import PReLU
from minifacenet.nn.relu import ReLU
from minifacenet.nn.residual import Residual

BOUNDS = [(np.float64, 1e-12), (np.float32, 1e-5)]  # of the largest value
SHAPE = (3, 6, 5, 2)


def with_values(layer, rng):
    """Random values for all parameters; variances are positive, and small enough to need eps."""
    for name, parameter in layer.parameters().items():
        with parameter.edit() as w:
            w[...] = rng.standard_normal(w.shape)
            if name.endswith("running_variance"):
                w[...] = rng.uniform(0.001, 0.1, w.shape)
    return layer


def nested(dtype):
    def conv(channels, filters, *arguments, **keywords):
        return Conv2D(channels, filters, *arguments, dtype=dtype, **keywords)

    def norm(channels):
        return BatchNorm(channels, 1e-2, dtype=dtype)

    rng = np.random.default_rng(0)
    block = Sequential(
        ("conv", conv(4, 3, 3, rng, 2, 1, bias=False)),
        ("bn", norm(3)),
        ("relu", ReLU()),
        ("out", conv(3, 6, 1, rng)),
        ("affine", Affine(6, dtype)),
    )
    branches = Concat(
        ("pool", AvgPool(2, 2)),
        ("deep", Sequential(("conv", conv(6, 2, 3, rng, pad=1)), ("norms", norm(2)))),
        ("inner", Residual(Sequential(("conv", conv(6, 6, 1, rng)), ("bn", norm(6))))),
        pad=True,
    )
    shortcut = Sequential(("conv", conv(4, 2, 1, rng, 2)), ("bn", norm(2)))
    network = Sequential(
        ("conv1", conv(2, 4, 3, rng, pad=1, algorithm="winograd", input_gradient=False)),
        ("conv1.bn", norm(4)),
        ("conv1.affine", Affine(4, dtype)),
        ("conv1.prelu", PReLU(4, dtype=dtype)),
        ("residual", Residual(block, shortcut, 0.3)),
        ("mixed", branches),
        ("fc", Linear(3 * 3 * 14, 5, rng, dtype=dtype, bias=False)),
        ("fc.bn", norm(5)),
    )
    return with_values(network, rng)


def layers_of(network):
    """All layers that are made of no others."""
    match network:
        case Sequential():
            inner = network.layers.values()
        case Concat():
            inner = network.branches.values()
        case Residual():
            inner = filter(None, (network.body, network.shortcut))
        case _:
            return [network]
    return [layer for part in inner for layer in layers_of(part)]


@pytest.mark.parametrize(("dtype", "bound"), BOUNDS)
def test_a_folded_network_computes_the_same_and_leaves_the_other_alone(dtype, bound):
    network = nested(dtype)
    x = np.random.default_rng(1).standard_normal(SHAPE).astype(dtype)
    expected = network.forward(x)
    before = {name: p.data.copy() for name, p in network.parameters().items()}
    one = folded(network)
    out = one.forward(x)
    assert out.dtype == dtype
    assert np.abs(out - expected).max() <= bound * np.abs(expected).max()
    assert {name: p.data.tobytes() for name, p in network.parameters().items()} == {
        name: values.tobytes() for name, values in before.items()
    }
    np.testing.assert_array_equal(network.forward(x), expected)


def test_no_norm_is_left_and_a_layer_keeps_its_name_and_settings():
    network = nested(np.float32)
    one = folded(network)
    kinds = [type(layer) for layer in layers_of(one)]
    assert kinds == [
        type(layer) for layer in layers_of(network) if not isinstance(layer, BatchNorm | Affine)
    ]
    assert list(one.layers) == ["conv1", "conv1.prelu", "residual", "mixed", "fc"]
    first = one["conv1"]
    assert (first.algorithm, first.input_gradient) == ("winograd", False)
    assert first.window == network["conv1"].window
    assert (one["residual"].scale, one["mixed"].pad) == (0.3, True)
    assert all(layer.bias is not None for layer in layers_of(one) if hasattr(layer, "bias"))
    assert one.output_shape(SHAPE[1:]) == network.output_shape(SHAPE[1:]) == (5,)


def test_what_needs_no_folding_is_shared():
    network = nested(np.float32)
    one = folded(network)
    assert one["conv1.prelu"] is network["conv1.prelu"]
    assert one["mixed"].branches["pool"] is network["mixed"].branches["pool"]
    assert one["conv1"] is not network["conv1"]
    alone = Conv2D(1, 1, 1, None)
    assert folded(alone) is alone


def test_a_norm_stays_where_no_convolution_comes_directly_before_it():
    rng = np.random.default_rng(0)
    network = Sequential(
        ("first", BatchNorm(2)),
        ("conv", Conv2D(2, 3, 3, rng, pad=1)),
        ("relu", ReLU()),
        ("second", BatchNorm(3)),
        ("third", Affine(3)),
    )
    one = folded(with_values(network, rng))
    assert list(one.layers) == list(network.layers)
    assert all(a is b for a, b in zip(one, network, strict=True))


def test_a_folded_bias_by_hand():
    network = Sequential(("fc", Linear(1, 1, None, dtype=np.float64)), ("bn", BatchNorm(1, 1.0)))
    values = [3, 4, 10, -2, 6, 24]  # w, b, gamma, beta, mean, variance
    for parameter, value in zip(network.parameters().values(), values, strict=True):
        with parameter.edit() as w:
            w[...] = value
    one = folded(network)["fc"]  # g = 10 / sqrt(24 + 1) = 2
    assert one.weight.data == 3 * 2
    assert one.bias.data == (4 - 6) * 2 - 2
    assert one.weight.dtype == one.bias.data.dtype == np.float64


def test_a_layer_remembers_nothing_of_the_one_it_was_made_from():
    rng = np.random.default_rng(0)
    network = Sequential(("fc", Linear(2, 2, rng)), ("affine", Affine(2)))
    network["fc"].forward(np.ones((1, 2), np.float32), train=True)
    with pytest.raises(RuntimeError, match="needs one forward"):
        folded(network).backward(np.ones((1, 2), np.float32))
