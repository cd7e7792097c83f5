"""Verification on a list of pairs in folds, as the LFW protocol does it (Huang et al., 2007).

`verify` takes its best threshold from the very pairs that it scores. That is a fair picture of the
distances, but not of a system that must fix its threshold before it meets a new face. LFW's list
comes in 10 folds of disjoint people. Each fold k in turn is the test:

    d_k    = the threshold with the best accuracy on the nine other folds
    p_k    = share of the pairs of fold k that d_k gets right

    accuracy        m  = 1/K sum_k p_k
    spread          s  = sqrt(sum_k (p_k - m)² / (K - 1))          (`std`)
    standard error  s / sqrt(K)                                     what papers print after ±

FaceNet reports 0.9963 ± 0.0009 in this way (section 5.6), with thresholds of 1.242 on all folds but
one. It falls under LFW's rules for "unrestricted, labelled outside data": the network is trained
on other photos, and only the threshold comes from LFW. VAL at a FAR target gets the same treatment:
the largest threshold that keeps FAR within the target on the other folds, and then VAL **and FAR**
as they come out on fold k. That FAR may miss the target. Mind the numbers: 2,700 different pairs in
nine folds allow 2 false accepts at a FAR of 0.001, and a fold's own FAR moves in steps of 1/300.

LFW's View 1 is for choosing a model: one fold for training and one for testing. There the threshold
comes from the training pairs, `verify(...).accuracy_threshold`, and is passed in.
"""

import warnings
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from .verification import val_far
from .verification_scores import FAR_TARGETS, ValAtFar, Verification, flat, verify


@dataclass(frozen=True)
class FoldScore:
    """The scores of one fold, by thresholds that were chosen without it."""

    fold: int
    pairs_same: int
    pairs_different: int
    threshold: float  # squared L2; the best accuracy on the other folds, or what was passed
    accuracy: float
    val: float  # at that threshold, like far
    far: float
    # The keys are target FARs. val and far are those of this fold; threshold and
    # false_accepts_allowed belong to the other folds. It is empty where the threshold was passed.
    val_at_far: dict[float, ValAtFar]

    def as_dict(self) -> dict[str, int | float]:
        """Return a flat row of a table, as `Verification.as_dict` does."""
        return flat(self)


@dataclass(frozen=True)
class FoldedValAtFar:
    """The VAL and FAR at one target, as means over the folds."""

    val: float
    val_standard_error: float | None  # None, as std: a single fold says nothing about it
    val_std: float | None
    far: float
    pairs_different: int  # in all folds: the far is counted on these
    false_accepts_allowed: int  # when choosing a threshold; the fewest of all folds


@dataclass(frozen=True)
class FoldedVerification:
    """The means over the folds, and how far they can be trusted.

    The standard error takes the folds for independent, although any two of them chose their
    thresholds on eight folds in common: it is too small rather than too large.
    """

    folds: tuple[FoldScore, ...]
    accuracy: float
    accuracy_standard_error: float | None  # None, as std: a single fold says nothing about it
    accuracy_std: float | None  # of the folds, not of their mean
    val_at_far: dict[float, FoldedValAtFar]
    overall: Verification  # over all pairs at once, with thresholds from these very pairs

    def as_dict(self) -> dict[str, int | float | None]:
        """Return flat keys for metrics.json; those of `overall` start with 'overall_'."""
        means: dict[str, int | float | None] = {**flat(self), "folds": len(self.folds)}
        del means["overall"]
        return means | {f"overall_{key}": value for key, value in self.overall.as_dict().items()}


def evaluate(
    distances: ArrayLike,
    same: ArrayLike,
    folds: ArrayLike,
    far_targets: Iterable[float] = FAR_TARGETS,
    threshold: float | None = None,
) -> FoldedVerification:
    """Score pairs fold by fold, each with thresholds from the other folds.

    Parameters
    ----------
    distances, same : ndarray of shape (M,), float and bool
        Squared L2 distances of M pairs, and which pairs are one person.
    folds : ndarray of shape (M,), int
        The fold of each pair; any numbers will do.
    far_targets : iterable of float
        The false accept rates, 0 to 1, at which to report VAL.
    threshold : float, optional
        Replaces the thresholds from other folds; then a single fold is enough, and VAL at the
        targets is reported in `overall` only.

    Raises
    ------
    ValueError
        As :func:`verification.verify`; if a fold lacks pairs of a kind; or if there are fewer than
        two folds and no threshold.

    Warns
    -----
    UserWarning
        If AUC < 0.5 over all pairs, as in :func:`verification.verify`.
    """
    far_targets = tuple(far_targets)
    overall = verify(distances, same, far_targets)
    # float64, as in verify: a float32 distance would be compared with a rounded threshold.
    distances, same, folds = np.asarray(distances, np.float64), np.asarray(same), np.asarray(folds)
    numbers = _fold_numbers(same, folds, threshold)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "AUC .* is below 0.5")  # it is given once, over all pairs
        scores = tuple(
            _score_fold(distances, same, folds == number, int(number), far_targets, threshold)
            for number in numbers
        )
    accuracy, error, std = _mean([score.accuracy for score in scores])
    return FoldedVerification(
        folds=scores,
        accuracy=accuracy,
        accuracy_standard_error=error,
        accuracy_std=std,
        val_at_far={target: _folded(scores, target) for target in scores[0].val_at_far},
        overall=overall,
    )


def _fold_numbers(same: np.ndarray, folds: np.ndarray, threshold: float | None) -> np.ndarray:
    """Return the folds in order; raise ValueError if one lacks pairs of a kind."""
    if folds.shape != same.shape or not np.issubdtype(folds.dtype, np.integer):
        raise ValueError(
            f"folds holds an integer for each of {len(same)} pairs, got {folds.dtype} of shape "
            f"{folds.shape}"
        )
    numbers = np.unique(folds)
    for number in numbers:
        own = same[folds == number]
        if own.all() or not own.any():
            raise ValueError(
                f"fold {number} has {own.sum()} same and {(~own).sum()} different pairs, but each "
                "fold needs both: leave out the pairs of this fold, or find its missing photos"
            )
    if threshold is None and len(numbers) < 2:
        raise ValueError(
            f"all {len(same)} pairs are in fold {numbers[0]}: a threshold for a fold is chosen on "
            "the others, so give at least two folds, or pass a threshold from other pairs"
        )
    return numbers


def _score_fold(
    distances: np.ndarray,
    same: np.ndarray,
    own: np.ndarray,
    number: int,
    far_targets: tuple[float, ...],
    threshold: float | None,
) -> FoldScore:
    chosen: dict[float, ValAtFar] = {}
    if threshold is None:
        others = verify(distances[~own], same[~own], far_targets)
        threshold, chosen = others.accuracy_threshold, others.val_at_far
    distances, same = distances[own], same[own]
    val, far = val_far(distances, same, [threshold, *(p.threshold for p in chosen.values())])
    return FoldScore(
        fold=number,
        pairs_same=int(same.sum()),
        pairs_different=int((~same).sum()),
        threshold=float(threshold),
        accuracy=float(np.mean((distances <= threshold) == same)),
        val=float(val[0]),
        far=float(far[0]),
        val_at_far={
            target: replace(point, val=float(val[i]), far=float(far[i]))
            for i, (target, point) in enumerate(chosen.items(), start=1)
        },
    )


def _folded(scores: tuple[FoldScore, ...], target: float) -> FoldedValAtFar:
    points = [score.val_at_far[target] for score in scores]
    val, error, std = _mean([point.val for point in points])
    return FoldedValAtFar(
        val=val,
        val_standard_error=error,
        val_std=std,
        far=_mean([point.far for point in points])[0],
        pairs_different=sum(score.pairs_different for score in scores),
        false_accepts_allowed=min(point.false_accepts_allowed for point in points),
    )


def _mean(values: list[float]) -> tuple[float, float | None, float | None]:
    """Return mean, its standard error, and standard deviation; one value has only a mean."""
    mean = float(np.mean(values))
    if len(values) < 2:
        return mean, None, None
    std = float(np.std(values, ddof=1))
    return mean, std / np.sqrt(len(values)).item(), std
