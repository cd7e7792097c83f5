"""A training on CUDA: the losses of the CPU, and a state that both can go on with."""

import numpy as np
import pytest
from numba import config

from minifacenet.embedding.architectures import Architecture, FaceNet
from minifacenet.embedding.checkpoint import save_model
from minifacenet.embedding.distances import squared_distances
from minifacenet.embedding.mining import mined_loss
from minifacenet.embedding.triplet import embedding_gradient
from minifacenet.files.arrays import load_arrays
from minifacenet.nn.concat import Concat
from minifacenet.nn.conv import Conv2D
from minifacenet.nn.device.backend import to_device
from minifacenet.nn.l2norm import L2Norm
from minifacenet.nn.layer import Sequential
from minifacenet.nn.linear import Linear
from minifacenet.nn.lrn import LRN
from minifacenet.nn.maxout import Maxout
from minifacenet.nn.maxpool import MaxPool
from minifacenet.nn.optim import AdaGrad
from minifacenet.nn.relu import ReLU
from minifacenet.preprocessing.faces import Faces
from minifacenet.training.loop import TrainingState, train
from minifacenet.training.settings import TrainConfig
from minifacenet.training.state import load_state, save_state

STEPS = 2 if config.ENABLE_CUDASIM else 10  # the simulator is slow
LABELS = np.array([0, 0, 1, 1])


def network(dtype=np.float64):
    """All layers of NN1, as small as can be."""
    rng = np.random.default_rng(0)
    return Sequential(
        ("conv1", Conv2D(1, 2, 3, rng, stride=2, pad=1, input_gradient=False, dtype=dtype)),
        ("conv1.relu", ReLU()),
        ("rnorm1", LRN()),
        ("pool1", MaxPool(3, 2, 1)),
        ("concat", Concat()),
        ("fc1", Linear(8, 6, rng, dtype=dtype)),
        ("fc1.maxout", Maxout(2)),
        ("fc7128", Linear(3, 3, rng, dtype=dtype)),
        ("L2", L2Norm()),
    )


def nn1_mini():
    return Architecture(size=32, channels=1).build(np.random.default_rng(0), np.float64)


# The whole nn1_mini would take the simulator an hour.
NETWORKS = {network: (8, 0.01)} | ({} if config.ENABLE_CUDASIM else {nn1_mini: (32, 0.003)})


def losses(make, device):
    """Of a loop like that of `train`, in float64."""
    size, rate = NETWORKS[make]
    net = make().to(device)
    updates = AdaGrad(net.parameters(), rate)
    x = to_device(np.random.default_rng(1).standard_normal((4, size, size, 1)), device)
    for _ in range(STEPS):
        embeddings = to_device(net.forward(x, train=True), "cpu")
        rng = np.random.default_rng(0)
        loss, _, weights = mined_loss(squared_distances(embeddings), LABELS, 1.0, "all", rng)
        yield loss
        net.zero_grad()
        net.backward(to_device(embedding_gradient(weights, embeddings), device))
        updates.step()


@pytest.mark.full
@pytest.mark.parametrize("make", NETWORKS)
def test_the_same_losses_in_float64(make):
    cpu, cuda = list(losses(make, "cpu")), list(losses(make, "cuda"))
    np.testing.assert_allclose(cuda, cpu, rtol=0, atol=1e-9)
    assert len(set(cpu)) == STEPS  # it learned something


@pytest.fixture
def faces():
    images = np.random.default_rng(2).integers(0, 256, (4, 8, 8, 1)).astype(np.uint8)
    return Faces(images, LABELS, ("A", "B"), tuple("abcd"))


@pytest.mark.parametrize("chunk", [None, pytest.param(3, marks=pytest.mark.full)])
def test_the_first_step_in_float32(faces, chunk):
    settings = TrainConfig(steps=1, people=2, photos=2, margin=1.0, mining="all", chunk=chunk)
    (cpu,) = train(network(np.float32), faces, settings)
    (cuda,) = train(network(np.float32).to("cuda"), faces, settings)
    np.testing.assert_allclose(cuda.loss, cpu.loss, rtol=1e-5)
    assert cuda.triplets == cpu.triplets > 0


@pytest.mark.full
def test_what_a_training_leaves(faces, tmp_path):
    settings = TrainConfig(steps=1, people=2, photos=2, margin=1.0, mining="all")
    model = FaceNet(Architecture(), network(np.float32).to("cuda"))
    state = TrainingState(model.network, settings)
    list(train(model.network, faces, settings, state))
    save_model(tmp_path / "model.safetensors", model)
    save_state(tmp_path / "state.safetensors", model, state, {})
    arrays, _ = load_arrays(tmp_path / "model.safetensors")
    for device in ("cpu", "cuda"):
        other = FaceNet(Architecture(), network(np.float32).to(device))
        load_state(
            tmp_path / "state.safetensors", other, TrainingState(other.network, settings), {}
        )
        for name, parameter in other.network.parameters().items():
            np.testing.assert_array_equal(to_device(parameter.data, "cpu"), arrays[name])
        assert other.digest == model.digest
