import numpy as np
import pytest

from minifacenet.nn import optim
from minifacenet.nn.layer import Parameter

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
