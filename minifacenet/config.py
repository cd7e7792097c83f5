"""What a run does, and whom it tells about it."""

from __future__ import annotations

from dataclasses import dataclass, field

from .embedding.health import StepRecord
from .embedding.train import TrainConfig

# What a run compares, by the keys of metrics.json, as they are called in tables and pictures.
METHODS = {
    "facenet": "nn1_mini (ours)",
    "fisherfaces": "Fisherfaces",
    "eigenfaces": "eigenfaces",
    "lbp": "LBP histograms",
    "pixels": "pixels",
}


@dataclass(frozen=True)
class RunConfig:
    """What a run does.

    `training.steps` is the most that may be trained: every `check_every` steps the AUC on held-out
    faces is taken, and the network is trained anew, on all training faces, for the best count.
    """

    network: str = "nn1_mini"
    dim: int = 128
    training: TrainConfig = field(default_factory=TrainConfig)
    check_every: int = 25
    save_every: int = 100
    flip: bool = True  # embed each photo together with its mirror image
    credit: str | None = None  # whose photos these are: a line below every picture of faces


class Observer:
    """What a run tells while it works. This base class keeps silent; the CLI draws."""

    def say(self, text: str) -> None:
        """A line worth reading."""

    def start_training(self, title: str, steps: int, done: int = 0) -> None:
        """A training of `steps` steps begins, or goes on after `done` of them."""

    def step(self, record: StepRecord) -> None:
        """One of its steps is done."""

    def check(self, step: int, score: float, error: float) -> None:
        """Its network was judged on held-out faces: a score with its standard error."""

    def stop_training(self) -> None:
        """It is over."""
