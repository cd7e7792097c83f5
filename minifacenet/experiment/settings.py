"""What a run does."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..files.stored import check_types
from ..training.settings import TrainConfig


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
