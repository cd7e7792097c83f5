"""An Embedder on the GPU: the network is folded for it there, and folded again when it moves."""

import numpy as np
import pytest

from minifacenet.embedding.architectures import Architecture, FaceNet
from minifacenet.embedding.batches import pixels_times
from minifacenet.embedding.embedder import Embedder
from minifacenet.nn.batchnorm import BatchNorm
from minifacenet.nn.concat import Concat
from minifacenet.nn.conv import Conv2D
from minifacenet.nn.device.backend import device_of
from minifacenet.nn.l2norm import L2Norm
from minifacenet.nn.layer import Sequential
from minifacenet.nn.linear import Linear
from minifacenet.nn.residual import Residual

ARCHITECTURE = Architecture(size=32, channels=1, dim=3)


def rescaled(layer):
    """A layer behind fixed numbers of its own, which have to move with it."""
    return Sequential(("input", pixels_times(1 / 255, 0.1, 2)), ("layer", layer))


@pytest.fixture
def model():
    rng = np.random.default_rng(0)
    network = Sequential(
        ("input", pixels_times(1 / 255, 0.1, 1)),
        ("conv", Conv2D(1, 2, 3, rng, 16)),
        ("conv.bn", BatchNorm(2)),
        ("fc", Linear(8, 3, rng)),
        ("L2", L2Norm()),
    )
    for name, parameter in network.parameters().items():
        if not name.endswith("weight"):
            with parameter.edit() as values:
                values[:] = rng.uniform(0.5, 1.5, values.shape)
    return FaceNet(ARCHITECTURE, network)


def test_an_embedder_notices_where_the_network_is_and_what_changed_there(model):
    photos = np.random.default_rng(1).integers(0, 256, (1, 32, 32, 1)).astype(np.uint8)
    embedder = Embedder(model)
    expected = embedder.transform(photos)
    model.network.to("cuda")
    np.testing.assert_allclose(embedder.transform(photos), expected, rtol=0, atol=1e-5)
    assert model.for_inference().device == "cuda"
    with model.network["conv.bn"].running_mean.edit() as values:
        values[:] = 0.1
    changed = embedder.transform(photos)
    assert np.abs(changed - expected).max() > 1e-4
    model.network.to("cpu")
    assert model.for_inference().device == "cpu"
    np.testing.assert_allclose(embedder.transform(photos), changed, rtol=0, atol=1e-5)


def test_fixed_numbers_move_with_the_network_however_deep_they_lie():
    parts = [rescaled(Sequential()) for _ in range(4)]
    network = Sequential(
        ("side", Concat(("a", parts[0]))),
        ("sum", Residual(parts[1], parts[2])),
        ("chain", parts[3]),
    )
    for device in ("cuda", "cpu"):
        network.to(device)
        fixed = [getattr(part["input"], which) for part in parts for which in ("gamma", "beta")]
        assert {device_of(parameter.data) for parameter in fixed} == {device}
