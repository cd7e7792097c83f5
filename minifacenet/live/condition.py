"""How a training is doing, in a word and a sentence, from its last steps."""

from __future__ import annotations

from collections.abc import Sequence

from ..training.health import COLLAPSE_REMEDY, COLLAPSED, StepRecord, collapsed_for
from ..training.settings import TrainConfig

SHORT = 10  # collapsed steps in a row that a fresh network may grow out of
NEAR = 10 * COLLAPSED  # a spread that has fallen below this is on its way to a collapse


def condition(
    recent: Sequence[StepRecord], config: TrainConfig, by_vectors: bool = False
) -> tuple[str, str]:
    """Return how it goes: 'healthy', 'collapsing', 'collapsed', 'solved' or 'stuck', and a reason.

    Parameters
    ----------
    recent : sequence of StepRecord
        The last steps, the present one last; at least one.
    config : TrainConfig
    by_vectors : bool
        Whether it is a harmonic training without triplets.
    """
    remedy = "a lower --rate, or more photos a batch" if by_vectors else COLLAPSE_REMEDY
    last, first, stuck_together = recent[-1], recent[0], collapsed_for(list(recent))
    if stuck_together:
        steps = "step" if stuck_together == 1 else f"{stuck_together} steps"
        word = "collapsed" if stuck_together >= SHORT else "collapsing"
        return word, (
            f"For the last {steps} all embeddings have been nearly one point (spread "
            f"{last.spread:.2g}). A fresh network may begin there and grow out of it; if this one "
            f"does not, try {remedy}."
        )
    if last.spread < NEAR and last.spread < first.spread / 2:
        return "collapsing", (
            f"The embeddings move together: since step {first.step} the spread has fallen from "
            f"{first.spread:.2g} to {last.spread:.2g}. If it goes on falling, try "
            f"{remedy}."
        )
    if by_vectors:
        return "healthy", (
            f"In the last {_steps(len(recent))} all photos were learned from: each asks for its "
            "own vector of the older model."
        )
    idle = sum(not record.triplets for record in recent)
    if idle < len(recent):
        active = [record.active for record in recent if record.triplets]
        words = (
            f"In the last {_steps(len(recent))} {100 * sum(active) / len(active):.0f} % of the "
            f"{_share_of(config, last.step)} were active: these are what it learns from."
        )
        if idle:
            words += f" {idle} of these steps found no triplet and changed nothing."
        return "healthy", words
    if last.state == "solved":
        return "solved", (
            f"The last {_steps(idle)} found no triplet: every negative lies beyond its positive by "
            "the margin, or there is no semi-hard one, and nothing was learned. Larger batches "
            "hold harder negatives."
        )
    return "stuck", (
        f"The last {_steps(idle)} found no triplet, although negatives are no farther than "
        "positives: none is semi-hard. Larger batches hold more to choose from."
    )


def _steps(number: int) -> str:
    return "step" if number == 1 else f"{number} steps"


def _share_of(config: TrainConfig, step: int) -> str:
    """Say what `StepRecord.active` is a share of."""
    if config.mine_every:
        return "triplets mined offline"
    return "triplets" if config.rule_at(step) == "all" else "anchor-positive pairs"
