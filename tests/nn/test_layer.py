import copy

import numpy as np
import pytest

from minifacenet.nn.affine import Affine
from minifacenet.nn.avgpool import AvgPool
from minifacenet.nn.batchnorm import BatchNorm
from minifacenet.nn.concat import Concat
from minifacenet.nn.conv import Conv2D
from minifacenet.nn.l2norm import L2Norm
from minifacenet.nn.l2pool import L2Pool
from minifacenet.nn.layer import Layer, Parameter, Sequential, zeros
from minifacenet.nn.linear import Linear
from minifacenet.nn.lrn import LRN
from minifacenet.nn.maxout import Maxout
from minifacenet.nn.maxpool import MaxPool
from minifacenet.nn.prelu import PReLU
from minifacenet.nn.relu import ReLU
from minifacenet.nn.residual import Residual


def test_a_parameter_changes_only_inside_edit():
    parameter = Parameter(np.zeros(3))
    with pytest.raises(ValueError, match="read-only"):
        parameter.data[0] = 1
    with parameter.edit() as w:
        w[0] = 1
    assert parameter.version == 1
    assert parameter.data[0] == 1


def test_zeros_take_their_memory_when_they_are_used():
    huge = Parameter(zeros((10**7, 10**7), np.float32))
    assert (huge.shape, huge.dtype) == ((10**7, 10**7), np.float32)
    for use in (lambda one: one.data, lambda one: one._array()):
        parameter = Parameter(zeros((2, 3), np.float32))
        assert use(parameter).flags.c_contiguous
        assert not parameter.data.any()
    with parameter.edit() as w:
        w[0, 1] = 2
    np.testing.assert_array_equal(parameter.data, [[0, 2, 0], [0, 0, 0]])


def test_a_parameter_keeps_its_array_c_ordered():
    values = np.arange(6.0).reshape(2, 3).T
    parameter = Parameter(values)
    assert parameter.data.flags.c_contiguous
    np.testing.assert_array_equal(parameter.data, values)


def test_what_is_derived_from_a_parameter_is_made_once_a_version():
    parameter, calls = Parameter(np.zeros(3)), []

    def plus(data, value):
        calls.append(value)
        return data + value

    assert parameter.derived(plus, 1)[0] == 1
    assert parameter.derived(plus, 2)[0] == 2
    assert parameter.derived(plus, 1)[0] == 1
    assert calls == [1, 2]
    with parameter.edit() as w:
        w[0] = 5
    assert parameter.derived(plus, 1)[0] == 6


def test_a_copied_network_is_one_of_its_own():
    network = Sequential(("fc", Linear(2, 2, np.random.default_rng(0))))
    twin = copy.deepcopy(network)
    with twin.parameters()["fc.weight"].edit() as w:
        w += 1
    difference = twin.parameters()["fc.weight"].data - network.parameters()["fc.weight"].data
    np.testing.assert_allclose(difference, 1, rtol=1e-6)


@pytest.fixture
def network():
    rng = np.random.default_rng(0)
    return Sequential(
        ("conv", Conv2D(3, 4, 3, rng, pad=1)),
        ("conv.relu", ReLU()),
        ("pool", MaxPool(3, 2, 1)),
        ("fc", Linear(4 * 4 * 3, 10, rng)),
        ("fc.maxout", Maxout(2)),
    )


def test_a_network_says_what_it_is_made_of(network):
    assert repr(network).splitlines() == [
        "Sequential(",
        "  conv       Conv2D(3 -> 4, 3x3/1, pad 1)",
        "  conv.relu  ReLU()",
        "  pool       MaxPool(3x3/2, pad 1)",
        "  fc         Linear(48 -> 10)",
        "  fc.maxout  Maxout(2 pieces)",
        ")",
    ]
    assert repr(Sequential()) == "Sequential()"


def test_branches_stand_further_in():
    network = Sequential(("mixed", Concat(("pool", L2Pool(3, 1, 1)), ("same", Sequential()))))
    assert repr(network).splitlines() == [
        "Sequential(",
        "  mixed  Concat(",
        "    pool  L2Pool(3x3/1, pad 1)",
        "    same  Sequential()",
        "  )",
        ")",
    ]


def test_what_joins_says_how():
    joined = Concat(("pool", AvgPool(2, 2)), ("same", ReLU()), pad=True)
    assert repr(joined).splitlines() == [
        "Concat(padded",
        "  pool  AvgPool(2x2/2)",
        "  same  ReLU()",
        ")",
    ]
    assert repr(Residual(joined, ReLU(), 0.5)).splitlines() == [
        "Residual(scale 0.5",
        "  body      Concat(padded",
        "    pool  AvgPool(2x2/2)",
        "    same  ReLU()",
        "  )",
        "  shortcut  ReLU()",
        ")",
    ]
    assert repr(Residual(ReLU())) == "Residual(\n  body  ReLU()\n)"


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (Parameter(np.zeros((3, 3, 64, 192), np.float32)), "Parameter(3x3x64x192, float32)"),
        (Conv2D(3, 64, 7, None, 2, 3), "Conv2D(3 -> 64, 7x7/2, pad 3)"),
        (Conv2D(3, 64, 7, None, bias=False), "Conv2D(3 -> 64, 7x7/1, no bias)"),
        (Linear(4, 2, None), "Linear(4 -> 2)"),
        (Linear(4, 2, None, bias=False), "Linear(4 -> 2, no bias)"),
        (MaxPool(3, 2, ceil_mode=True), "MaxPool(3x3/2, ceil_mode)"),
        (L2Pool((3, 2), (1, 3), ((0, 1), (1, 0))), "L2Pool(3x2/1x3, pad ((0, 1), (1, 0)))"),
        (AvgPool(7, 1), "AvgPool(7x7/1)"),
        (AvgPool(3, 1, 1, count_include_pad=False), "AvgPool(3x3/1, pad 1, of the image alone)"),
        (LRN(), "LRN(n 5, alpha 0.0001, beta 0.75, k 1.0)"),
        (PReLU(32), "PReLU(32)"),
        (BatchNorm(64), "BatchNorm(64)"),
        (Affine(64), "Affine(64)"),
        (L2Norm(), "L2Norm(eps 1e-10)"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_layer_and_a_parameter_say_what_they_are(made, text):
    assert repr(made) == text


def test_a_layer_is_found_by_its_name_and_by_its_place(network):
    assert len(network) == 5
    assert network["pool"] is network[2] is network.layers["pool"]
    assert network[-1] is network["fc.maxout"]
    assert [type(layer) for layer in network] == [Conv2D, ReLU, MaxPool, Linear, Maxout]
    with pytest.raises(KeyError, match=r"no layer is called 'conv2'; there are conv, conv\.relu, "):
        network["conv2"]
    with pytest.raises(IndexError):
        network[5]


def test_the_table_gathers_a_stage_and_counts(network):
    rows = network.table((7, 5, 3))
    assert [row.name for row in rows] == ["conv", "pool", "fc"]
    assert [row.output for row in rows] == [(7, 5, 4), (4, 3, 4), (5,)]
    assert [row.parameters for row in rows] == [3 * 9 * 4 + 4, 0, 48 * 10 + 10]
    assert rows[0].multiply_adds == 7 * 5 * (27 * 4 + 4)
    assert network.multiply_adds((7, 5, 3)) == sum(row.multiply_adds for row in rows)


def test_the_table_tells_the_shapes_that_forward_gives(network):
    x = np.zeros((2, 7, 5, 3), np.float32)
    for layer in network.layers.values():
        expected = layer.output_shape(x.shape[1:])
        x = layer.forward(x)
        assert x.shape[1:] == expected


def test_the_layer_where_a_nan_arises_is_named(network):
    x = np.ones((1, 7, 5, 3), np.float32)
    assert network.first_not_finite(x) is None
    with network.parameters()["fc.bias"].edit() as b:
        b[3] = np.inf
    assert network.first_not_finite(x) == "fc"


def test_parameters_are_named_after_their_layers(network):
    assert list(network.parameters()) == ["conv.weight", "conv.bias", "fc.weight", "fc.bias"]


def test_the_seed_decides_the_weights():
    a, b, c = (Linear(3, 2, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(a.weight.data, b.weight.data)
    assert (a.weight.data != c.weight.data).any()


def test_equal_names_are_refused():
    with pytest.raises(ValueError, match=r"'a', 'a'"):
        Sequential(("a", ReLU()), ("a", ReLU()))


def test_a_layer_without_a_forward_says_so():
    with pytest.raises(TypeError, match="Layer defines no forward"):
        Layer().forward(np.ones(1))


def test_a_batch_of_the_wrong_shape_is_named(network):
    with pytest.raises(ValueError, match=r"\(N, H, W, 3\).*\(2, 7, 5, 1\)"):
        network.forward(np.zeros((2, 7, 5, 1), np.float32))
    with pytest.raises(ValueError, match=r"48 values.*\(2, 5, 5, 4\)"):
        network.forward(np.zeros((2, 9, 9, 3), np.float32))


def test_walk_meets_every_layer_within():
    inner = Sequential(("conv", Conv2D(3, 3, 1, None)), ("relu", ReLU()))
    network = Sequential(
        ("side by side", Concat(("a", inner), ("b", Sequential(("pool", MaxPool(1, 1)))))),
        ("sum", Residual(Sequential(("norm", BatchNorm(6))), AvgPool(1, 1))),
    )
    kinds = [type(layer).__name__ for layer in network.walk()]
    assert kinds == [
        "Sequential", "Concat", "Sequential", "Conv2D", "ReLU", "Sequential", "MaxPool",
        "Residual", "Sequential", "BatchNorm", "AvgPool",
    ]  # fmt: skip
