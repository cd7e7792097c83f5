"""How a training is doing, step by step: more than the loss alone can show.

A loss of 0 may mean that every person is apart from every other, or that all embeddings have become
one point (no negative is farther than the positive, so none is semi-hard). The *spread*, the mean
distance of all pairs in a batch, tells the two apart. The loss of a collapsed run also
stays at the margin: D(a,p) - D(a,n) + margin with both distances 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

COLLAPSED = 0.01  # a spread below this: all embeddings are one point, whatever the photo
COLLAPSE_REMEDY = (
    "a lower --rate, --mining semi-hard (the hardest negatives collapse a fresh network), or more "
    "photos a batch"
)


@dataclass(frozen=True)
class StepRecord:
    """One step in numbers; all distances are squared L2.

    `triplets` are the active ones; `active` is their share of the anchor-positive pairs, each of
    which gets one negative, of all triplets for the rule 'all', or of those mined offline;
    `spread` is the mean distance of all pairs in the batch (near 0: collapsed, all embeddings are
    one point; near 2: spread over the sphere).
    """

    step: int
    loss: float
    triplets: int
    active: float
    positive_distance: float
    negative_distance: float
    spread: float
    images: int
    seconds: float

    @property
    def state(self) -> str:
        """Return 'learning', 'collapsed', or without a triplet: 'solved' (negatives lie beyond
        positives) or 'stuck' (they do not, so none is semi-hard)."""
        if self.spread < COLLAPSED:
            return "collapsed"
        if self.triplets:
            return "learning"
        return "solved" if self.negative_distance > self.positive_distance else "stuck"


def not_finite(layer: str) -> FloatingPointError:
    """Return the error for a network whose embeddings are not finite from `layer` on."""
    return FloatingPointError(
        f"the embeddings are not finite any more, first in layer {layer}: start again with a "
        "lower learning rate"
    )


def collapsed_for(records: list[StepRecord]) -> int:
    """Count the collapsed steps in a row at the end.

    A fresh network may start there and grow out of it: one such step means nothing yet.
    """
    states = (record.state for record in reversed(records))  # no list: this runs at every step
    return next((i for i, state in enumerate(states) if state != "collapsed"), len(records))


def diagnosis(records: list[StepRecord]) -> str:
    """Return a line on how a training ended: state, spread, and steps that changed nothing."""
    last, idle = records[-1], sum(record.triplets == 0 for record in records)
    line = f"{last.state} (spread {last.spread:.2g}"
    line += f", {last.active:.0%} active)" if np.isfinite(last.active) else ")"
    if idle:
        line += f"; {idle} of {len(records)} steps found no triplet and changed nothing"
    if last.state == "collapsed":
        line += f". All embeddings are one point. Try {COLLAPSE_REMEDY}"
    return line


def collapse_message(records: list[StepRecord]) -> str:
    """Return the message for a training that stops because it has collapsed."""
    return (
        f"Stopped: collapsed for {collapsed_for(records)} steps, all embeddings are one point "
        f"(spread {records[-1].spread:.2g}). Try {COLLAPSE_REMEDY}."
    )
