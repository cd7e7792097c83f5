"""What the commands print about pairs of photos: one person or two, and at which threshold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from ..classification.folds import FoldedVerification
from ..classification.pair_photos import FoundPairs
from ..classification.pair_scores import JudgedPairs
from ..classification.thresholds import Thresholds
from ..classification.verification import val_far
from ..classification.verification_scores import Verification, allowed_false_accepts
from ..files.words import count_text, with_error
from .screen import Table, say, show

EXPLANATION = """\
A pair of photos is accepted as one person if the squared distance of its two embeddings is at most
a threshold. VAL is the share of the pairs of one person that are accepted (high is good), FAR the
share of the pairs of two people (low is good). A larger threshold raises both, so a VAL is quoted
at a FAR. The threshold that fits these very pairs best flatters: it must be fixed before a new face
is met. So LFW's list comes in 10 folds of disjoint people: the threshold for a fold is the best one
of the nine others, and the mean over the folds is quoted with its standard error, std / sqrt(10).
"""


def threshold_rows(thresholds: Thresholds) -> list[tuple[str, float]]:
    return [
        ("best balanced accuracy", thresholds.accuracy),
        *((f"FAR {far:g} of pairs", value) for far, value in thresholds.far.items()),
    ]


def tell_comparison(distance: float, thresholds: Thresholds | None, given: float | None) -> None:
    """Print the distance of two photos, and the verdict of each known threshold."""
    table = _distance_table("")
    table.add_column("verdict")
    table.add_row("the two photos", *_three(distance), "")
    if given is not None:
        table.add_row("--threshold", *_three(given), _verdict(distance, given))
    for name, value in threshold_rows(thresholds) if thresholds else []:
        table.add_row(name, *_three(value), _verdict(distance, value))
    show(table)
    if thresholds:
        _tell_origin(thresholds)
    elif given is None:
        say("The model holds no thresholds, so there is no verdict: give one with --threshold.")


def verdict(
    distance: float, thresholds: Thresholds | None, given: float | None
) -> tuple[str, bool | None]:
    """Return the distance of two photos with a verdict in words, and whether they are one person.

    The threshold is the one that is given, or the model's for the best balanced accuracy.
    """
    text, threshold = f"Squared distance {distance:.4f}", given
    if threshold is None and thresholds is not None:
        threshold = thresholds.accuracy
    if threshold is None:
        return f"{text}, and no threshold", None
    return f"{text}: {_verdict(distance, threshold)} (threshold {threshold:.4f})", (
        distance <= threshold
    )


def _verdict(distance: float, threshold: float) -> str:
    return "the same person" if distance <= threshold else "two people"


def _distance_table(title: str) -> Table:
    table = Table()
    table.add_column(title)
    for column in ("squared distance", "distance", "cosine"):
        table.add_column(column, justify="right")
    return table


def _three(squared: float) -> tuple[str, str, str]:
    """Return squared L2, L2, and the cosine of the angle between two unit vectors."""
    return f"{squared:.4f}", f"{max(squared, 0) ** 0.5:.4f}", f"{1 - squared / 2:.4f}"


def tell_verification(result: Verification) -> None:
    """Print the scores of all pairs at once, with the thresholds that fit these pairs best."""
    say(
        f"{result.pairs_same:,} pairs of one person, {result.pairs_different:,} of two: "
        f"AUC {result.auc:.4f}, EER {result.eer:.4f}, best balanced accuracy "
        f"{result.balanced_accuracy:.4f}."
    )
    table = Table()
    for column in ("at FAR", "VAL", "FAR reached", "false accepts", "squared distance"):
        table.add_column(column, justify="right")
    for target, point in result.val_at_far.items():
        table.add_row(
            f"{target:g}",
            f"{point.val:.4f}",
            f"{point.far:.5f}",
            f"{round(point.far * result.pairs_different)} of {result.pairs_different:,}",
            f"{point.threshold:.4f}",
        )
    show(table)
    _tell_few(t for t, point in result.val_at_far.items() if point.false_accepts_allowed < 2)


def tell_own_thresholds(
    distances: np.ndarray, same: np.ndarray, thresholds: Thresholds | None
) -> None:
    """Print the thresholds stored with the model, and VAL and FAR of these pairs at each."""
    if thresholds is None:
        say("The model holds no thresholds: nobody was held out when it was trained.")
        return
    names, values = zip(*threshold_rows(thresholds), strict=True)
    table = _distance_table("at the model's threshold")
    for column in ("VAL", "FAR"):
        table.add_column(column, justify="right")
    for name, value, val, far in zip(names, values, *val_far(distances, same, values), strict=True):
        table.add_row(name, *_three(value), f"{val:.4f}", f"{far:.5f}")
    show(table)
    _tell_origin(thresholds)


def _tell_origin(thresholds: Thresholds) -> None:
    """Print whom the thresholds were measured on, and which of them that is too few people for."""
    say(
        f"Thresholds of the model, from {thresholds.source}: {thresholds.pairs_same:,} pairs of "
        f"one person, {thresholds.pairs_different:,} of two."
    )
    _tell_few(
        far for far in thresholds.far if allowed_false_accepts(far, thresholds.pairs_different) < 2
    )


def _tell_few(targets: Iterable[float]) -> None:
    """Warn of the targets at which a single pair decides the result."""
    if few := list(targets):
        say(
            f"A FAR of {max(few):g} and below allows at most one false accept among so few pairs: "
            "a single pair decides there."
        )


def tell_found(source: Path, found: FoundPairs, skipped: Sequence[tuple[str, str]]) -> None:
    """Print how many pairs of the list `source` are there, and why photos were skipped."""
    say(f"{source}: {found.summary()}")
    for path, reason in skipped[:5]:
        say(f"  {path}: {reason}")
    if len(skipped) > 5:
        say(f"  ... and {len(skipped) - 5:,} more")
    if found.incomplete:
        say(f"Left out: {len(found.incomplete)} folds without pairs of both kinds.")


def tell_folds(result: FoldedVerification) -> None:
    """Print one row per fold, and the means with their errors."""
    table = Table()
    for column in ("fold", "pairs", "threshold", "accuracy", "VAL", "FAR"):
        table.add_column(column, justify="right")
    for score in result.folds:
        table.add_row(
            str(score.fold), f"{score.pairs_same} + {score.pairs_different}",
            f"{score.threshold:.4f}", f"{score.accuracy:.4f}", f"{score.val:.4f}",
            f"{score.far:.4f}",
        )  # fmt: skip
    show(table)
    error = ""
    if result.accuracy_standard_error is not None:
        error = (
            f" ± {result.accuracy_standard_error:.4f} (standard error; std of the folds "
            f"{result.accuracy_std:.4f})"
        )
    say(f"Accuracy {result.accuracy:.4f}{error}")
    for target, point in result.val_at_far.items():
        allowed = count_text(point.false_accepts_allowed, "false accept")
        say(
            f"VAL {point.val:.4f} ± {point.val_standard_error:.4f} at FAR {point.far:.5f}, "
            f"aimed at {target:g} ({allowed} allowed in the "
            f"other folds, counted on {point.pairs_different:,} pairs of two people)"
        )


def tell_two_models(judged: Mapping[str, JudgedPairs]) -> None:
    """Print one row for each way to take a pair's vectors from two models: means over the folds."""
    table = Table()
    targets = [far for far in next(iter(judged.values())).result.val_at_far if far <= 0.01]
    for column in ("", "accuracy", "AUC", *(f"VAL at FAR {far:g}" for far in targets)):
        table.add_column(column, justify="right" if column else "left")
    for name, one in judged.items():
        result = one.result
        points = [result.val_at_far[far] for far in targets]
        table.add_row(
            name,
            _mean(result.accuracy, result.accuracy_standard_error),
            f"{result.overall.auc:.4f}",
            *(_mean(point.val, point.val_standard_error) for point in points),
        )
    show(table)


def _mean(value: float, error: float | None) -> str:
    return with_error(value, float("nan") if error is None else error)
