"""Whole runs on CUDA, with a network as small as can be: `train` and `run`."""

import json
from dataclasses import replace

import numpy as np
import pytest

from minifacenet.embedding.architectures import Architecture
from minifacenet.experiment.run import run
from minifacenet.experiment.settings import RunConfig
from minifacenet.machine import gpu
from minifacenet.nn.device.device_memory import GpuMemory
from minifacenet.nn.layer import Sequential
from minifacenet.nn.linear import Linear
from minifacenet.nn.maxpool import MaxPool
from minifacenet.preprocessing.faces import Faces
from minifacenet.training import loop
from minifacenet.training.observer import Observer
from minifacenet.training.run import run_training
from minifacenet.training.settings import TrainConfig, TrainingRunConfig

pytestmark = pytest.mark.full

SIZE, DIM = 32, 3
TRAINING = TrainConfig(steps=3, people=2, photos=2, mining="all", augmentation=None)


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    def build(architecture, rng, dtype=np.float32):  # without L2Norm, which takes seconds here
        return Sequential(("pool", MaxPool(16, 16)), ("fc", Linear(4, DIM, rng, dtype=dtype)))

    monkeypatch.setattr(Architecture, "build", build)


@pytest.fixture
def faces():
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(8), 3)
    images = rng.integers(0, 256, (24, SIZE, SIZE, 1), np.uint8)
    return Faces(images, labels, tuple("abcdefgh"), tuple(f"{i}.png" for i in range(24)))


class Listener(Observer):
    def __init__(self, break_at=None):
        self.said, self.break_at = [], break_at

    def say(self, text):
        self.said.append(text)

    def step(self, record):
        if record.step == self.break_at:
            raise RuntimeError("killed")


def test_a_training_may_change_its_device(faces, tmp_path, monkeypatch):
    sizes = (size * 2**30 for size in (1.25, 1.5, 0.25, 77.2, 79.1))
    memory = GpuMemory(*sizes)
    monkeypatch.setattr(gpu.backend, "gpu_memory", lambda: memory)
    config = TrainingRunConfig(
        Architecture(size=SIZE, channels=1, dim=DIM), TRAINING, held_out=0.4, check_every=9,
        save_every=1, average=0.5,
    )  # fmt: skip
    listener = Listener(break_at=3)
    with pytest.raises(RuntimeError, match="killed"):
        run_training(faces, tmp_path, config, listener, device="cuda")
    assert listener.said == [
        "GPU memory: the first step took up to 1.5 GiB of 79.1 GiB, 77.2 GiB are left to other "
        "programs"
    ]
    began = (tmp_path / "config.json").read_text()
    listener = Listener()
    outcome = run_training(faces, tmp_path, config, listener, resume=True, device="cpu")
    assert [record.step for record in outcome.records] == [1, 2, 3]
    assert not listener.said
    assert (tmp_path / "config.json").read_text() == began
    assert "cuda" not in began


def test_a_run_on_cuda_is_a_run_on_the_cpu(faces, tmp_path, monkeypatch):
    devices, real = [], loop.train

    def train(network, *arguments):
        devices.append(network.device)
        return real(network, *arguments)

    monkeypatch.setattr(loop, "train", train)
    config = RunConfig(dim=DIM, training=replace(TRAINING, steps=1), flip=False)
    metrics = {}
    for device in ("cpu", "cuda"):
        run(faces, tmp_path / device, config, device=device)
        metrics[device] = json.loads((tmp_path / device / "metrics.json").read_text())
    half = len(devices) // 2
    assert devices == ["cpu"] * half + ["cuda"] * half
    assert half >= 4  # to choose steps and to train, known people and strangers
    assert metrics["cuda"]["config"] == metrics["cpu"]["config"]
    for protocol in ("closed", "open"):
        cpu, cuda = (metrics[device][protocol]["facenet"] for device in ("cpu", "cuda"))
        assert cuda == pytest.approx(cpu, abs=1e-3)
