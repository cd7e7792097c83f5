"""What a run does, and whom it tells about it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

import numpy as np

from .embedding.architectures import Architecture
from .embedding.health import StepRecord
from .embedding.train_config import TrainConfig
from .embedding.training_state import FREE
from .preprocessing.faces import Faces
from .stored import check_types, settings_of

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

    def __post_init__(self):
        check_types(self)


HABITS = ("save_every", "patience", "stop_collapsed")  # these change no weight


@dataclass(frozen=True)
class TrainingRunConfig:
    """A training and how it watches itself.

    Parameters
    ----------
    architecture : Architecture
    training : TrainConfig
    held_out : float
        Share of the people that are kept out of the training to judge it; 0: nobody.
    far : float
        The false accept rate at which VAL is taken.
    check_every, save_every : int
        Steps between two checks, and at most between two saves.
    patience : int
        Stop after so many checks without a VAL within a standard error of the best; 0: never.
    stop_collapsed : int
        Stop after so many collapsed steps in a row; 0: never.
    """

    architecture: Architecture = field(default_factory=Architecture)
    training: TrainConfig = field(default_factory=TrainConfig)
    held_out: float = 0.2
    far: float = 0.01
    check_every: int = 25
    save_every: int = 50
    patience: int = 0
    stop_collapsed: int = 0

    def __post_init__(self):
        check_types(self)
        if not 0 <= self.held_out < 1:
            raise ValueError(f"held_out is a share of the people, 0 to 1, got {self.held_out}")
        if not 0 < self.far <= 1:
            raise ValueError(f"far is a false accept rate above 0, got {self.far}")
        at_least = (self.check_every - 1, self.save_every - 1, self.patience, self.stop_collapsed)
        if min(at_least) < 0:
            raise ValueError(
                "check_every and save_every are at least 1, patience and stop_collapsed at least "
                f"0, got {self.check_every}, {self.save_every}, {self.patience} and "
                f"{self.stop_collapsed}"
            )

    def settings(self, faces: Faces) -> dict:
        """What decides about the weights, JSON-able: a resumed training must agree in it."""
        of_faces = {
            "photos": len(faces),
            "people": len(np.unique(faces.labels)),
            "content": faces.content,
        }
        own = asdict(self)
        free = {name: own.pop(name) for name in HABITS}
        return {**own, "faces": of_faces, FREE: free}

    @classmethod
    def of(cls, settings: dict) -> TrainingRunConfig:
        """The configuration whose `settings` these are, perhaps of an older version.

        What that version did not know yet has its default, which is what it did.

        Raises
        ------
        ValueError, TypeError, KeyError
            They are not what `settings` gives, or of a newer version.
        """
        own = {**settings, **settings.get(FREE, {})}
        del own["faces"]
        own.pop(FREE, None)
        return settings_of(cls, own)

    @classmethod
    def completed(cls, settings: dict) -> dict:
        """`settings` of an older version, with what it did not know yet; errors as in `of`."""
        own = asdict(cls.of(settings))
        return {**settings, **{name: own[name] for name in own if name not in HABITS}}


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
