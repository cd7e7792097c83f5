"""The listener of a training: a silent base class, for `console`, a notebook or a test."""

from __future__ import annotations

from .health import StepRecord


class Observer:
    """Hears what a run does while it works. This base class keeps silent; the CLI draws."""

    def say(self, text: str) -> None:
        """Take a line worth reading."""

    def embedded(self, name: str, done: int, total: int) -> None:
        """The model of this name has embedded `done` faces of `total`."""

    def start_training(self, title: str, steps: int, done: int = 0) -> None:
        """A training of `steps` steps begins, or goes on after `done` of them."""

    def step(self, record: StepRecord) -> None:
        """One step of the training is done."""

    def check(self, step: int, score: float, error: float) -> None:
        """The network was judged on held-out faces: a score with its standard error."""

    def stop_training(self) -> None:
        """The training is over."""
