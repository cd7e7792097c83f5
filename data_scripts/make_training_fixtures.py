"""Write tests/data/training: what a training, and people enrolled on it, leave on the disk.

A tiny network is trained on made-up photos and stopped half-way. The tests load its files and go on
with the training, so that no later version forgets how to read them:

    tests/data/training-without-digests    written at commit 44e5c83, before files had digests
    tests/data/training                    written by the version that brought them

Run this after a change of a file's format, into a new folder beside these two, which stay as they
are, and add its name to tests/training/test_stored_trainings.py:

    python data_scripts/make_training_fixtures.py tests/data/training-NAME
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from minifacenet.classification.classifier import FaceClassifier
from minifacenet.classification.people import People
from minifacenet.embedding.architectures import NETWORKS, Architecture, Network
from minifacenet.embedding.embedder import Embedder
from minifacenet.preprocessing.faces import Faces
from minifacenet.training.observer import Observer
from minifacenet.training.run import run_training
from minifacenet.training.settings import TrainConfig, TrainingRunConfig

TINY = Network(32, dict.fromkeys(NETWORKS["nn1"].widths, 2) | {"fc": 4})
STOP = 2  # steps done of the four


def faces() -> Faces:
    """Six people with four photos of 32 pixels each: stripes, the same on every machine."""
    y, x = np.mgrid[:32, :32]
    photos = [
        (37 * person * y + 11 * person * x + 29 * photo + x * y * photo) % 256
        for person in range(1, 7)
        for photo in range(4)
    ]
    return Faces(
        np.array(photos, np.uint8)[..., None],
        np.repeat(np.arange(6), 4),
        tuple("abcdef"),
        tuple(f"{i}.png" for i in range(24)),
    )


def config() -> TrainingRunConfig:
    return TrainingRunConfig(
        Architecture("tiny", size=32, channels=1, dim=4),
        TrainConfig(steps=4, people=3, photos=3),
        held_out=0.4,
        check_every=2,
        save_every=2,
    )


class Stop(Observer):
    """Ends the training as a kill would, with the files of the step before."""

    def step(self, record):
        if record.step > STOP:
            raise InterruptedError


def main(out: Path) -> None:
    NETWORKS["tiny"] = TINY
    try:
        run_training(faces(), out, config(), Stop())
    except InterruptedError:
        print(f"Stopped after {STOP} steps.")
    embedder, data = Embedder(out), faces()
    names = np.array(data.people)[data.labels]
    classifier = FaceClassifier(threshold=1.0).fit(embedder.transform(data.images), names)
    People(embedder, classifier, (4,) * 6, "made up").save(out, out)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
