"""A training of 10,000 steps: numbers stay numbers, and the process does not grow."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from minifacenet.embedding.architectures import Architecture
from minifacenet.preprocessing.faces import Faces
from minifacenet.training.observer import Observer
from minifacenet.training.run import run_training
from minifacenet.training.settings import TrainConfig, TrainingRunConfig

from .attack import attack

STEPS = 100  # of a case
WARM = 200  # steps after which the memory is measured first: by then all kernels are there
GROWTH = 0.02


def resident() -> int:
    """Return the bytes of memory that this process occupies."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


class Watch(Observer):
    """Looks at each step, and at the memory after every hundred."""

    def __init__(self):
        self.warm, self.failures, self.wrong = None, [], ""

    def step(self, record):
        values = (record.loss, record.positive_distance, record.negative_distance, record.spread)
        if not self.wrong and not np.isfinite(values).all():
            self.wrong = f"step {record.step}: {record}"
        if record.step == WARM:
            self.warm = resident()
        if record.step > WARM and record.step % STEPS == 0:
            grown = resident() / self.warm - 1
            if not self.wrong and grown > GROWTH:
                self.wrong = f"step {record.step}: {self.warm:,} bytes have grown by {grown:.1%}"
            self.failures.append(self.wrong or None)
            self.wrong = ""


def noisy_people(rng: np.random.Generator, people: int, photos: int, side: int = 32) -> Faces:
    """Return faces of people who can be told apart: a pattern each, in noise."""
    patterns = np.repeat(rng.integers(60, 196, (people, 1, side, side, 1)), photos, axis=1)
    images = patterns + rng.integers(-50, 50, patterns.shape)
    labels = np.repeat(np.arange(people), photos)
    paths = tuple(f"{label}/{number}.png" for number, label in enumerate(labels))
    names = tuple(f"person {label}" for label in range(people))
    images = images.reshape(-1, side, side, 1).astype(np.uint8)
    return Faces(images, labels, names, paths)


@attack(
    "numbers", "long-training",
    "10,000 steps of a training that saves and checks itself: no NaN, and the memory stays within "
    "2 % of what it was after 200",
    cases=100,
)  # fmt: skip
def long_training(cases: int, seed: int, place: Path) -> Iterator[str | None]:
    faces = noisy_people(np.random.default_rng(seed), people=8, photos=4)
    training = TrainConfig(steps=WARM + STEPS * cases, people=4, photos=2, seed=seed)
    network = Architecture("nn1_mini", size=32, channels=1, dim=8)
    watch = Watch()
    run_training(faces, place / "run", TrainingRunConfig(network, training, held_out=0.25), watch)
    yield from watch.failures
