"""What a page shows: a training at one moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..preprocessing.faces import Faces
from ..training.health import StepRecord
from ..training.settings import TrainingRunConfig
from .curves import Curve
from .triplets import Trio


@dataclass(frozen=True)
class Ending:
    """How a training ended.

    Attributes
    ----------
    word : str
        'Finished', 'Interrupted', 'Collapsed', 'Stopped: no better' or 'Failed'.
    lines : sequence of str
        What there is to say about it.
    can_go_on : bool
        Whether `--resume` would go on with it.
    """

    word: str
    lines: Sequence[str]
    can_go_on: bool = False


@dataclass(frozen=True)
class Moment:
    """A training at one moment.

    Attributes
    ----------
    folder, out : Path
        Of the faces, and of the training, as they were given.
    config : TrainingRunConfig
    known : Faces
        The photos that are trained on.
    held_out : (photos, people)
        How many judge it.
    step : int
        Steps done, those before a resume among them.
    saved : bool
        Whether there is a state to go on with.
    curves : mapping of str to Curve
        The fields of `StepRecord` that are drawn, by name, and 'val'.
    recent : sequence of StepRecord
        The last steps, the present one last; empty before the first.
    checks : sequence of (step, VAL, standard error)
    trios : sequence of Trio
        The hardest triplets of the last batch; none in a harmonic training that knows no people.
    spent : float
        Seconds since the training began, without those between an interruption and a resume.
    left : float or None
        Seconds that are probably left; None while nobody can know.
    written : float
        The time now, in seconds since 1970.
    due : float
        Seconds until the next page at the usual pace; the browser asks for it then.
    late : float
        Seconds without a new page after which the training is not running any more, probably.
    closing : bool
        All steps are done, and the thresholds of the model are being measured.
    ending : Ending or None
        None while it runs.
    """

    folder: Path
    out: Path
    config: TrainingRunConfig
    known: Faces
    held_out: tuple[int, int]
    step: int
    saved: bool
    curves: Mapping[str, Curve]
    recent: Sequence[StepRecord]
    checks: Sequence[tuple[int, float, float]]
    trios: Sequence[Trio]
    spent: float
    left: float | None
    written: float
    due: float
    late: float
    closing: bool = False
    ending: Ending | None = None
