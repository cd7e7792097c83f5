"""A page of a training that never was: a clock that is turned by hand, and hostile names."""

from pathlib import Path

import numpy as np

from minifacenet.embedding.architectures import Architecture
from minifacenet.live import TrainingPage
from minifacenet.preprocessing.faces import Faces
from minifacenet.training.health import StepRecord
from minifacenet.training.run import Outcome
from minifacenet.training.settings import TrainConfig, TrainingRunConfig

HOSTILE = "</script><img src=x onerror=alert(1)>"
NAMES = (HOSTILE, '"\' onload="alert(1)', "a\u202egnp.exe", "two\nlines", "日本 😀", "x" * 180)
FACES = Path("<b>faces</b> & 'more'")


def make_faces(names=NAMES, photos=3):
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(len(names)), photos)
    images = rng.integers(0, 256, (len(labels), 24, 24, 1), dtype=np.uint8)
    paths = tuple(f"{name}/{number}.png" for name in names for number in range(photos))
    return Faces(images, labels, tuple(names), paths)


def record(step, loss=0.1, triplets=5, active=0.5, near=0.4, far=1.2, spread=1.0, seconds=1.0):
    return StepRecord(step, loss, triplets, active, near, far, spread, 18, seconds)


class Told:
    """A page in a folder, and what it says; `tick` lets time pass."""

    def __init__(self, out, steps=60, faces=None, judges=True, **config):
        self.faces = faces or make_faces()
        training = TrainConfig(steps=steps)
        architecture = Architecture(size=32, channels=1)
        self.config = TrainingRunConfig(architecture, training, **config)
        self.out, self.said, self.time = out, [], 0.0
        self.page = TrainingPage(
            FACES, out, self.config, self.faces, self.faces if judges else None, self.said.append,
            clock=lambda: self.time, now=lambda: 1_700_000_000 + self.time,
        )  # fmt: skip

    def text(self):
        return (self.out / "training.html").read_text(encoding="utf-8")

    def tick(self, seconds):
        self.time += seconds

    def batch(self):
        """A batch of all faces: distances on a line, so that the hardest are known."""
        rng = np.random.default_rng(1)
        vectors = rng.normal(size=(len(self.faces), 8))
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return np.arange(len(self.faces)), (2 - 2 * vectors @ vectors.T).astype(np.float32)

    def steps(self, first, last, seconds=1.0, check_every=25):
        for step in range(first, last + 1):
            self.tick(seconds)
            self.page.batch(*self.batch())
            self.page.step(record(step, loss=0.2 - step / 1000, far=1 + step / 100))
            if step % check_every == 0:
                self.page.check(step, 0.5 + step / 1000, 0.05)

    def outcome(self, stopped=None, step=60):
        checks = [(25, 0.525, 0.05), (50, 0.55, 0.05)]
        return Outcome([record(step)], checks, 50, stopped)
