"""Rows that a training leaves as they are."""

from dataclasses import replace

import numpy as np
import pytest

from minifacenet.nn.batchnorm import BatchNorm
from minifacenet.nn.l2norm import L2Norm
from minifacenet.nn.layer import Sequential
from minifacenet.nn.linear import Linear
from minifacenet.preprocessing.faces import Faces
from minifacenet.training.freezing import freeze, frozen_rows, trained_parameters
from minifacenet.training.loop import TrainingState, train
from minifacenet.training.settings import TrainConfig

CONFIG = TrainConfig(steps=3, people=3, photos=2, augmentation=None, mining="all", margin=1.0)
RUNNING = ("running_mean", "running_variance")


def network(dtype=np.float32):
    rng = np.random.default_rng(0)
    layers = []
    for name, inputs, outputs in (("fc1", 12, 7), ("fc2", 7, 6), ("fc3", 6, 4)):
        layers += [(name, Linear(inputs, outputs, rng, dtype=dtype))]
        layers += [(f"{name}.bn", BatchNorm(outputs, dtype=dtype))]
    return Sequential(*layers, ("L2", L2Norm()))


@pytest.fixture
def faces():
    images = np.random.default_rng(0).integers(0, 256, (9, 2, 2, 3), np.uint8)
    return Faces(images, np.arange(9) // 3, tuple("abc"), tuple(f"{i}.png" for i in range(9)))


def values(network):
    return {name: p.data.copy() for name, p in network.parameters().items()}


def rows(names):
    return {name.partition(".")[0] for name in names}


@pytest.mark.parametrize("optimizer", ["sgd", "adagrad", "adam"])
@pytest.mark.parametrize(
    ("names", "frozen"),
    [
        ("", set()),
        ("fc1", {"fc1"}),
        ("fc2", {"fc2"}),
        ("fc1, fc3", {"fc1", "fc3"}),
        ("all-but fc3", {"fc1", "fc2", "L2"}),
        ("all-but fc1,fc3", {"fc2", "L2"}),
    ],
)
def test_frozen_rows_stay_and_the_others_learn(faces, names, frozen, optimizer):
    net = network()
    assert frozen_rows(net, names) == frozen
    config = replace(CONFIG, freeze=names, optimizer=optimizer, weight_decay=0.1)
    before, state = values(net), TrainingState(net, config)
    list(train(net, faces, config, state))
    changed = {name for name, array in values(net).items() if (array != before[name]).any()}
    assert rows(changed) == {"fc1", "fc2", "fc3"} - frozen
    learned = {name for name in before if name.partition(".")[0] not in frozen}
    assert learned - changed <= {f"fc{i}.bias" for i in (1, 2, 3)}  # batch norm takes these away
    assert not rows(state.optimizer.state()) & frozen


@pytest.mark.parametrize("names", ["fc1", "fc2", "all-but fc3"])
def test_gradients_of_the_rest_equal_finite_differences(names):
    """In float64, of a network whose frozen batch norms are functions of their input alone."""
    net, rng = network(np.float64), np.random.default_rng(1)
    for parameter in net.parameters().values():
        with parameter.edit() as w:
            w += rng.uniform(0.1, 0.5, w.shape)
    freeze(net, names)
    x, dout = rng.standard_normal((5, 12)), rng.standard_normal((5, 4))
    net.zero_grad()
    net.forward(x, train=True)
    dx = net.backward(dout)
    assert (dx is None) == (names != "fc2")
    found = {name: p.grad.copy() for name, p in net.parameters().items()}
    for name, parameter in trained_parameters(net, names).items():
        if name.endswith(RUNNING):
            continue
        at = (0,) * parameter.data.ndim
        sums = []
        for change in (1e-5, -2e-5):
            with parameter.edit() as w:
                w[at] += change
            sums.append((net.forward(x, train=True) * dout).sum())
        with parameter.edit() as w:
            w[at] += 1e-5
        slope = (sums[0] - sums[1]) / 2e-5
        assert found[name][at] == pytest.approx(slope, rel=1e-5, abs=1e-8), name


def test_a_frozen_batch_norm_does_in_training_what_it_does_after_it():
    rng = np.random.default_rng(0)
    layer = BatchNorm(3, dtype=np.float64)
    for _ in range(3):
        layer.forward(2 + rng.standard_normal((8, 3)), train=True)
    layer.frozen = True
    before = {name: p.data.copy() for name, p in layer.parameters().items()}
    x, dout = rng.standard_normal((4, 3)), rng.standard_normal((4, 3))
    np.testing.assert_array_equal(layer.forward(x, train=True), layer.forward(x))
    layer.forward(x, train=True)
    scale = before["gamma"] / np.sqrt(before["running_variance"] + layer.eps)
    np.testing.assert_allclose(layer.backward(dout), scale * dout, rtol=1e-14)
    for name, parameter in layer.parameters().items():
        np.testing.assert_array_equal(parameter.data, before[name])
        assert not parameter.grad.any()
    layer.frozen = False
    assert (layer.forward(x, train=True) != layer.forward(x)).any()


def test_a_training_without_it_frees_what_one_before_has_frozen(faces):
    net, twin = network(), network()
    freeze(net, "all-but fc3")
    for one in (net, twin):
        list(train(one, faces, CONFIG))
    for name, array in values(net).items():
        np.testing.assert_array_equal(array, values(twin)[name])


def test_frozen_batch_norms_may_learn_in_chunks(faces):
    net = network()
    del net.layers["fc3.bn"]
    config = replace(CONFIG, freeze="all-but fc3", chunk=2)
    whole = network()
    del whole.layers["fc3.bn"]
    for one, settings in ((net, config), (whole, replace(config, chunk=None))):
        list(train(one, faces, settings))
    np.testing.assert_allclose(
        net["fc3"].weight.data, whole["fc3"].weight.data, rtol=1e-3, atol=1e-5
    )
    with pytest.raises(ValueError, match="sees its batch as a whole"):
        next(train(network(), faces, config))


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("fc1,fc22", "no row 'fc22' to freeze: is fc2 meant"),
        ("all-but conv9", "no row 'conv9' to freeze: there are fc1, fc2, fc3, L2"),
        ("fc1,", "no row '' to freeze"),
        ("all-but L2", "leaves nothing to train"),
        ("fc1,fc2,fc3", "'fc1,fc2,fc3' leaves nothing to train"),
    ],
)
def test_rows_that_cannot_be_frozen_are_refused(faces, names, message):
    with pytest.raises(ValueError, match=message):
        TrainingState(network(), replace(CONFIG, freeze=names))
