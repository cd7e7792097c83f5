import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from minifacenet.embedding.architectures import Architecture
from minifacenet.nn.device.device_memory import GpuMemory
from minifacenet.training import plan as plan_module
from minifacenet.training.plan import plan
from minifacenet.training.settings import TrainConfig

SMALL = Architecture(size=32, channels=1)
LABELS = np.repeat(np.arange(6), [10, 10, 4, 3, 2, 1])


@pytest.fixture
def measured(monkeypatch):
    """Weights 1000 bytes, 100 a photo; 3 s a photo's step, 1 s its forward."""
    monkeypatch.setattr(plan_module, "_measure", lambda *arguments: (1000, 100, 3.0, 1.0))


def test_a_batch_counts_the_photos_that_there_are(measured):
    it = plan(LABELS, SMALL, TrainConfig(steps=10, people=4, photos=5))
    assert (it.people, it.batch, it.chunks) == (4, 5 + 5 + 4 + 3, 1)
    assert it.pairs == 20 + 20 + 12 + 6
    assert it.seconds == 10 * 17 * 3
    assert it.batch_per_photo == pytest.approx(170 / 30)


def test_extra_negatives_are_other_people(measured):
    it = plan(LABELS, SMALL, TrainConfig(people=4, photos=5, extra_negatives=9))
    assert it.batch == 17 + 2


def test_chunks_cost_a_second_forward_and_save_memory(measured):
    config = TrainConfig(steps=10, people=4, photos=5)
    whole, parts = plan(LABELS, SMALL, config), plan(LABELS, SMALL, replace(config, chunk=5))
    assert parts.chunks == 4
    assert parts.step_seconds == 17 * (3 + 1)
    assert whole.memory - parts.memory == (17 - 5) * 100


def test_checks_and_offline_mining_take_their_time(measured):
    config = TrainConfig(steps=10, people=4, photos=2)
    plain = plan(LABELS, SMALL, config)
    assert plan(LABELS, SMALL, config, checks=2, checked=7).seconds == plain.seconds + 14
    offline = plan(LABELS, SMALL, replace(config, mine_every=5, mine_over=20))
    assert (offline.batch, offline.seconds) == (8, 10 * 8 * 3 + 2 * 20)


def test_an_old_model_embeds_all_photos_once_and_its_vectors_are_positives(measured, monkeypatch):
    monkeypatch.setattr(plan_module, "_forward_seconds", lambda old: 7.0)
    config = TrainConfig(steps=10, people=4, photos=2)
    plain, it = plan(LABELS, SMALL, config), plan(LABELS, SMALL, config, old=SMALL)
    assert it.seconds == plain.seconds + 30 * 7 == plain.seconds + it.old_seconds
    assert (plain.pairs, it.pairs) == (4 * 2, 4 * 2 * 3)
    assert plan(LABELS, SMALL, config, done=5, old=SMALL).old_seconds == 0
    by_photos = plan(np.arange(30), SMALL, config, old=SMALL, harmonic_by="photos")
    assert (by_photos.batch, by_photos.pairs) == (8, 8)


def test_without_a_triplet_there_is_nothing_to_plan():
    with pytest.raises(ValueError, match=r"two photos of one person.*got 3 photos of 3 people"):
        plan(np.arange(3), SMALL, TrainConfig())


def test_what_compiling_takes_is_not_counted(monkeypatch):
    kept, real = [], plan_module.train

    def cold(*arguments):
        if not kept:  # as with an empty cache: the first step compiles, and keeps what it compiled
            kept.append(bytearray(50 << 20))
        yield from real(*arguments)

    monkeypatch.setattr(plan_module, "train", cold)
    config = TrainConfig(people=2, photos=2)
    first, second = (plan(LABELS, SMALL, config) for _ in range(2))
    assert first.memory == pytest.approx(second.memory, rel=0.1)
    assert first.weights_memory == pytest.approx(second.weights_memory, rel=0.1)


PROGRAM = """
import numpy as np
from types import SimpleNamespace
from minifacenet.embedding.architectures import Architecture, FaceNet
from minifacenet.training.loop import train
from minifacenet.training.settings import TrainConfig
from minifacenet.training.plan import plan

def peak():  # of this process: getrusage's counts what came before exec
    lines = open("/proc/self/status").read().splitlines()
    return 1024 * int(next(line.split()[1] for line in lines if line.startswith("VmHWM")))

labels = np.arange(240) // 10
architecture = Architecture(channels=1)
next(train(FaceNet.new(architecture).network, SimpleNamespace(
    images=np.zeros((4, 96, 96, 1), np.uint8), labels=np.arange(4) // 2), TrainConfig()))
before = peak()
config = TrainConfig(steps=2, people=24, photos=10)
faces = SimpleNamespace(
    images=np.random.default_rng(0).integers(0, 256, (240, 96, 96, 1), np.uint8), labels=labels)
list(train(FaceNet.new(architecture).network, faces, config))
used = peak() - before
print(used / plan(labels, architecture, config).memory)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_the_memory_that_a_plan_names_is_the_memory_that_a_training_takes():
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    )
    assert 0.5 < float(done.stdout) < 1.2, done.stdout


# -- A chunk that fits ---------------------------------------------------------------------------


class Gpu:
    """One with memory for `total` bytes; a step takes 100 of them and 10 a photo."""

    def __init__(self, monkeypatch, total):
        self.total, self.peak = total, 0
        for name in ("gpu_memory", "reset_peak"):
            monkeypatch.setattr(plan_module, name, getattr(self, name))
        monkeypatch.setattr(plan_module, "_trial", lambda *arguments: (None, self.step))

    def step(self, photos):
        if 100 + 10 * photos > self.total:
            raise MemoryError
        self.peak = max(self.peak, 100 + 10 * photos)

    def gpu_memory(self):
        return GpuMemory(60, self.peak, 30, self.total - 90, 10**9)

    def reset_peak(self):
        self.peak = 0


@pytest.mark.parametrize(
    ("total", "chunk", "expected"),
    [
        (1000, None, 32 * 1000 // 420),  # 76 of 100 photos; 90 would just fit
        (1000, 80, 76),
        (1000, 60, 30),  # it fitted, so something else did not
        (400, None, 16),  # not even 32 photos fit
        (400, 20, 10),
    ],
)
def test_a_chunk_that_fits_on_a_gpu(monkeypatch, total, chunk, expected):
    Gpu(monkeypatch, total)
    config = TrainConfig(people=20, photos=5, chunk=chunk)
    assert plan_module.smaller_chunk(SMALL, config, "cuda") == expected
    assert 100 + 10 * expected <= total


@pytest.mark.parametrize(("chunk", "half"), [(None, 51), (1000, 51), (7, 3), (1, 1)])
def test_where_memory_is_not_known_a_chunk_is_half(chunk, half):
    config = TrainConfig(people=20, photos=5, extra_negatives=2, chunk=chunk)
    assert plan_module.smaller_chunk(SMALL, config, "cpu") == half


def test_the_trial_of_a_chunk_is_a_step_of_this_training(monkeypatch):
    monkeypatch.setattr(plan_module, "TRIAL", 4)
    told = []
    monkeypatch.setattr(plan_module, "reset_peak", lambda: told.append("reset"))
    monkeypatch.setattr(
        plan_module, "gpu_memory", lambda: told.append("asked") or GpuMemory(0, 50, 0, 100, 100)
    )
    real = plan_module.train

    def train(network, faces, config, state):
        told.append((faces.images.shape, config.optimizer, config.chunk))
        return real(network, faces, config, state)

    monkeypatch.setattr(plan_module, "train", train)
    monkeypatch.setattr(plan_module.FaceNet, "new", lambda architecture: NetOnCpu(architecture))
    config = TrainConfig(people=20, photos=5, optimizer="sgd", chunk=9)
    assert plan_module.smaller_chunk(SMALL, config, "cuda") == 8
    step = ((4, 32, 32, 1), "sgd", None)
    assert told == ["asked", step, "reset", step, "asked"]


class NetOnCpu:
    def __init__(self, architecture):
        self.network = architecture.build(np.random.default_rng(0))
        self.network.to = lambda device: None
