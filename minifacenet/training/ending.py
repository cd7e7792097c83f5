"""How a training ended, in words: for the terminal and for its page."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from ..files.words import with_error
from .health import collapse_message, diagnosis

if TYPE_CHECKING:
    from .run import Outcome
    from .settings import TrainingRunConfig


def how_it_ended(config: TrainingRunConfig, outcome: Outcome) -> str:
    """Return the sentence for an outcome: trained to the end, or why not."""
    last = outcome.records[-1].step
    lines = {
        None: f"Trained {last} steps: {diagnosis(outcome.records)}.",
        "interrupted": f"Interrupted after step {last} of {config.training.steps}; saved.",
        "collapsed": collapse_message(outcome.records),
        "no better": f"Stopped after step {last}: {config.patience} checks without a VAL "
        "within a standard error of the best.",
    }
    return lines[outcome.stopped]


def what_was_kept(config: TrainingRunConfig, outcome: Outcome) -> str:
    """Return the sentence on the model that a training with checks has kept."""
    score, error = next((v, e) for step, v, e in outcome.checks if step == outcome.kept)
    return (
        f"Kept the model of step {outcome.kept}: VAL {with_error(score, error)} at FAR "
        f"{config.far:g} on the held-out people."
    )


def command_to_go_on(faces: Path, out: Path) -> str:
    """Return the command that goes on with the training in `out`, for a shell."""
    return f"minifacenet train {shlex.quote(str(faces))} --out {shlex.quote(str(out))} --resume"
