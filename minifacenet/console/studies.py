"""What the commands print about studies: their tables, beside the paper's figures."""

from __future__ import annotations

import math

from ..classification.verification_scores import FAR_TARGETS
from ..files.words import count_text, duration_text
from ..study.drawing import measure_title
from ..study.figure import Figure
from ..study.pairs import StudyPairs, pairs_for
from ..study.paper import PAPER
from ..study.spoiling import StudyResult
from .screen import Table, say, show

SPOILT = {
    "jpeg": "What goes through JPEG is the crop that the network sees, in both photos of a pair.",
    "pixels": "What is reduced, and enlarged again, is the crop that the network sees, in both "
    "photos of a pair.",
    "quantise": "What is rounded are the entries of both vectors of a pair. 8 bits: as `embed "
    "--quantised global`.",
}


def tell_spoilt(name: str, pairs: StudyPairs) -> None:
    """Print what is judged, before the work, and which FARs the pairs cannot support."""
    same, different = pairs.counts
    say(f"{same:,} pairs of one person, {different:,} of two. {SPOILT[name]}")
    for far in FAR_TARGETS:
        if far not in pairs.targets:
            others = " outside of a fold" * pairs.in_folds
            say(
                f"  no VAL at FAR {far:g}: it takes {pairs_for(far):,} pairs of two people"
                f"{others}, and there are {pairs.deciding:,}"
            )


def tell_trainings(left: int, done: int, steps: int, seconds: float) -> None:
    """Print how much there is to do before it begins."""
    also = f", {done} are done" if done else ""
    say(
        f"{count_text(left, 'training')} of {steps} steps{also}: about {duration_text(seconds)} on "
        "this machine as it is now"
    )


def tell_study(result: StudyResult, error_from: str) -> None:
    """Print a row for each setting, with the paper's figure where it has one."""
    table = Table()
    table.add_column(result.heading, justify="right")
    if result.detail_heading:
        table.add_column(result.detail_heading, justify="right")
    for name in result.measures:
        table.add_column(_heading(name), justify="right")
    beside = result.name != "people"
    for heading in ("of its best", "paper's")[: 1 + beside]:
        table.add_column(heading, justify="right")
    for row in result.rows:
        paper = result.paper_share(row)
        table.add_row(
            row.label,
            *[row.detail] * bool(result.detail_heading),
            *map(_cell, row.figures.values()),
            _cell(result.share(row)),
            *["" if paper is None else f"{paper:.3f}"] * beside,
        )
    show(table)
    known = not math.isnan(result.rows[0].figures["auc"].error)
    say(f"± standard error: {error_from}." if known else f"No standard errors: {error_from}.")
    say(
        f"'Of its best': {measure_title(result.compared)} as a share of the best row's (its error "
        f"is that of the ratio). The paper's: VAL at FAR 0.001 ({PAPER[result.name].source})."
    )
    if not beside:
        shares = PAPER[result.name].shares.items()
        text = ", ".join(f"{share:.3f} with {photos:g} million" for photos, share in shares)
        say(f"The paper, by photos in the training: {text}.")


def _heading(name: str) -> str:
    title = measure_title(name)
    return {"balanced accuracy": "bal. accuracy"}.get(title, title.replace("VAL at FAR", "VAL at"))


def _cell(figure: Figure) -> str:
    error = "" if math.isnan(figure.error) else f"±{figure.error:.3f}"
    return f"{figure.value:.3f}{error}"
