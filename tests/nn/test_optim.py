import numpy as np
import pytest

from minifacenet.nn import optim
from minifacenet.nn.batchnorm import BatchNorm
from minifacenet.nn.conv import Conv2D
from minifacenet.nn.layer import Parameter, Sequential
from minifacenet.nn.linear import Linear
from minifacenet.nn.prelu import PReLU

STEPS = 4


def run(make, dtype=np.float64):
    """The weights after some steps with random gradients, and the gradients."""
    rng = np.random.default_rng(0)
    parameter = Parameter(rng.standard_normal((3, 5)).astype(dtype))
    start = parameter.data.copy()
    optimizer = make({"w": parameter})
    gradients = rng.standard_normal((STEPS, 3, 5)).astype(dtype)
    for gradient in gradients:
        parameter.zero_grad()
        parameter.grad[:] = gradient
        optimizer.step()
    return start, parameter, gradients, optimizer


def test_sgd_with_momentum():
    w, parameter, gradients, _ = run(lambda p: optim.SGD(p, rate=0.1, momentum=0.8))
    v = 0
    for g in gradients:
        w, v = optim.sgd_step(w, g, v, 0.1, 0.8)
    np.testing.assert_allclose(parameter.data, w, rtol=0, atol=1e-14)


def test_adagrad():
    w, parameter, gradients, _ = run(lambda p: optim.AdaGrad(p, rate=0.1, eps=1e-8, start=0.2))
    a = 0.2
    for g in gradients:
        w, a = optim.adagrad_step(w, g, a, 0.1, 1e-8)
    np.testing.assert_allclose(parameter.data, w, rtol=0, atol=1e-14)


def test_adam():
    w, parameter, gradients, _ = run(lambda p: optim.Adam(p, rate=0.1))
    m = v = 0
    for t, g in enumerate(gradients, start=1):
        w, m, v = optim.adam_step(w, g, m, v, t, 0.1, 0.9, 0.999, 1e-8)
    np.testing.assert_allclose(parameter.data, w, rtol=0, atol=1e-12)


STEPPED = {  # one step of each by its reference, from (w, g, state, t) to (w, state)
    "sgd": lambda w, g, v, t: optim.sgd_step(w, g, 0 if v is None else v, 0.1, 0.9),
    "adagrad": lambda w, g, a, t: optim.adagrad_step(w, g, 0.1 if a is None else a, 0.1, 1e-10),
    "adam": lambda w, g, mv, t: (
        (found := optim.adam_step(w, g, *(mv or (0, 0)), t, 0.1, 0.9, 0.999, 1e-8))[0],
        found[1:],
    ),
}


@pytest.mark.parametrize("name", optim.OPTIMIZERS)
def test_weights_decay_before_the_step_and_biases_do_not(name):
    rng = np.random.default_rng(0)
    start = rng.standard_normal((3, 5))
    parameters = {f"fc.{own}": Parameter(start.copy()) for own in ("weight", "bias")}
    optimizer = optim.OPTIMIZERS[name](parameters, rate=0.1, weight_decay=0.3)
    expected = {"fc.weight": (start, None), "fc.bias": (start, None)}
    for t in range(1, STEPS + 1):
        gradient = rng.standard_normal((3, 5))
        for own, (w, state) in expected.items():
            if own == "fc.weight":
                w = optim.decay_step(w, 0.1, 0.3)
            expected[own] = STEPPED[name](w, gradient, state, t)
            parameters[own].zero_grad()
            parameters[own].grad[:] = gradient
        optimizer.step()
    for own, (w, _) in expected.items():
        np.testing.assert_allclose(parameters[own].data, w, rtol=0, atol=1e-12, err_msg=own)


def test_without_gradients_a_weight_loses_the_share_by_hand():
    parameter = Parameter(np.array([2.0, -4.0]))
    optimizer = optim.SGD({"weight": parameter}, rate=0.5, weight_decay=0.1)
    optimizer.step()
    np.testing.assert_allclose(parameter.data, [1.9, -3.8], rtol=1e-15)
    optimizer.rate = 1.0
    optimizer.step()
    np.testing.assert_allclose(parameter.data, [1.71, -3.42], rtol=1e-15)


def test_of_all_parameters_those_of_convolutions_and_linear_maps_decay():
    rng = np.random.default_rng(0)
    inner = Sequential(("conv", Conv2D(2, 2, 3, rng)), ("bn", BatchNorm(2)))
    network = Sequential(
        ("conv1", Conv2D(1, 2, 3, rng)), ("conv1.bn", BatchNorm(2)), ("prelu", PReLU(2)),
        ("inner", inner), ("fc", Linear(4, 3, rng)),
    )  # fmt: skip
    found = [name for name in network.parameters() if optim.decays(name)]
    assert found == ["conv1.weight", "inner.conv.weight", "fc.weight"]


@pytest.mark.parametrize("decay", [-0.1, float("nan")])
def test_a_decay_below_0_is_refused(decay):
    with pytest.raises(ValueError, match="weight_decay must be at least 0"):
        optim.Adam({}, weight_decay=decay)


@pytest.mark.parametrize("name", optim.OPTIMIZERS)
def test_float32_stays_float32_and_versions_rise(name):
    _, parameter, _, optimizer = run(optim.OPTIMIZERS[name], np.float32)
    assert parameter.data.dtype == np.float32
    assert parameter.version == STEPS
    assert {array.dtype for array in optimizer.state().values()} == {np.dtype(np.float32)}
    assert all(key.startswith("w.") for key in optimizer.state())


@pytest.mark.parametrize("name", optim.OPTIMIZERS)
def test_every_optimizer_walks_downhill(name):
    parameter = Parameter(np.array([3.0, -2.0]))
    optimizer = optim.OPTIMIZERS[name]({"w": parameter}, rate=0.05)
    for _ in range(50):
        parameter.grad[:] = 2 * parameter.data  # of |w|^2
        optimizer.step()
    assert np.abs(parameter.data).max() < 2.5


@pytest.mark.parametrize("rate", [0, -1, float("nan")])
def test_a_rate_must_be_positive(rate):
    with pytest.raises(ValueError, match="positive"):
        optim.SGD({}, rate=rate)


@pytest.mark.parametrize("make", optim.OPTIMIZERS.values())
def test_restored_it_goes_on_as_before(make):
    _, parameter, gradients, optimizer = run(make)
    twin = Parameter(parameter.data.copy())
    other = make({"w": twin})
    other.restore(optimizer.state(), optimizer.steps)
    for p, o in ((parameter, optimizer), (twin, other)):
        p.zero_grad()
        p.grad[:] = gradients[0]
        o.step()
    np.testing.assert_array_equal(twin.data, parameter.data)


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"w.velocity": np.zeros((5, 3))}, r"SGD.*w.velocity is \(5, 3\), expected \(3, 5\)"),
        ({}, r"w.velocity is missing, expected \(3, 5\)"),
        (
            {"w.velocity": np.zeros((3, 5)), "v.mean": np.zeros(2)},
            r"v.mean is \(2,\), expected nothing",
        ),
    ],
)
def test_a_state_of_another_network_is_refused(state, message):
    optimizer = optim.SGD({"w": Parameter(np.zeros((3, 5)))})
    with pytest.raises(ValueError, match=message):
        optimizer.restore(state, 1)


@pytest.mark.parametrize("kind", [optim.AdaGrad, optim.Adam])
def test_a_sum_of_squares_below_0_is_refused(kind):
    optimizer = kind({"w": Parameter(np.ones(3, np.float32))}, 0.1)
    state = {name: array - 1 for name, array in optimizer.state().items()}
    with pytest.raises(ValueError, match="is a sum of squares, and holds numbers below 0"):
        optimizer.restore(state, 1)
