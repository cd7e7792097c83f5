"""The settings of a run say what it does."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..embedding.architectures import NETWORK_NAMES, Architecture
from ..files.stored import check_fields, option
from ..training.settings import TrainConfig


@dataclass(frozen=True)
class RunConfig:
    """These settings say what a run does.

    `training.steps` is the most that may be trained: every `check_every` steps the AUC on held-out
    faces is taken, and the network is trained anew, on all training faces, for the best count.
    """

    network: str = option(Architecture.name, NETWORK_NAMES)
    dim: int = option(Architecture.dim, "Length of an embedding.", min=1)
    training: TrainConfig = field(default_factory=TrainConfig)
    check_every: int = 25
    save_every: int = 100
    flip: bool = True  # embed each photo together with its mirror image
    # It stands as a line below every picture of faces.
    credit: str | None = option(None, "Whose photos these are, for the figures.")

    def __post_init__(self) -> None:
        check_fields(self)
