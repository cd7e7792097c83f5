"""The listener of a training: a silent base class, for `console`, a notebook or a test."""

from __future__ import annotations

import numpy as np

from .health import StepRecord


class Observer:
    """Hears what a run does while it works. This base class keeps silent; the CLI draws."""

    def say(self, text: str) -> None:
        """Take a line worth reading."""

    def embedded(self, name: str, done: int, total: int) -> None:
        """The model of this name has embedded `done` faces of `total`."""

    def start_training(self, title: str, steps: int, done: int = 0) -> None:
        """A training of `steps` steps begins, or goes on after `done` of them."""

    def batch(self, photos: np.ndarray, distances: np.ndarray) -> None:
        """Look at the batch of the step that is told next; it must not be changed.

        `photos` (N,) are indices into the faces that are trained on, `distances` (N, N) what was
        squared L2 between their embeddings, before the step's update.
        """

    def step(self, record: StepRecord) -> None:
        """One step of the training is done."""

    def check(self, step: int, score: float, error: float) -> None:
        """The network was judged on held-out faces: a score with its standard error."""

    def stop_training(self) -> None:
        """The training is over."""


class Observers(Observer):
    """Several who listen: each is told everything, in the order given."""

    def __init__(self, *observers: Observer):
        self._all = observers

    def say(self, text: str) -> None:
        for observer in self._all:
            observer.say(text)

    def embedded(self, name: str, done: int, total: int) -> None:
        for observer in self._all:
            observer.embedded(name, done, total)

    def start_training(self, title: str, steps: int, done: int = 0) -> None:
        for observer in self._all:
            observer.start_training(title, steps, done)

    def batch(self, photos: np.ndarray, distances: np.ndarray) -> None:
        for observer in self._all:
            observer.batch(photos, distances)

    def step(self, record: StepRecord) -> None:
        for observer in self._all:
            observer.step(record)

    def check(self, step: int, score: float, error: float) -> None:
        for observer in self._all:
            observer.check(step, score, error)

    def stop_training(self) -> None:
        for observer in self._all:
            observer.stop_training()
