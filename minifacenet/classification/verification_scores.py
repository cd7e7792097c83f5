"""The figures of a verification: AUC, EER, accuracy, and VAL at the FAR that one can afford.

`verification.py` defines VAL, FAR and the ROC curve.
"""

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .verification import SortedPairs, checked_pairs

FAR_TARGETS = (0.1, 0.01, 0.001)  # at which VAL is reported; the last is the paper's


@dataclass(frozen=True)
class ValAtFar:
    """The VAL at the largest threshold that keeps FAR at or below a target.

    Where only 0 or 1 false accepts are allowed, a single pair decides: read that VAL with care.
    """

    val: float
    far: float  # the FAR reached; with few pairs or with ties it is well below the target
    threshold: float  # squared L2
    false_accepts_allowed: int


@dataclass(frozen=True)
class Verification:
    """The scores of distances that tell 'same' from 'different'. Thresholds are squared L2.

    Plain accuracy misleads over all pairs of a photo collection: where 98 of 100 pairs are
    different, always saying 'different' scores 0.98. The balanced one, (VAL + 1 - FAR) / 2, gives
    that answer 0.5. Of equally good thresholds the smallest is kept: it accepts the fewest.
    """

    pairs_same: int
    pairs_different: int
    auc: float  # area under the ROC curve; a same and a different pair that tie count half
    eer: float  # equal error rate: where the curve crosses FAR = 1 - VAL
    eer_threshold: float  # the nearest to that crossing
    accuracy: float  # the best share of right answers
    accuracy_threshold: float
    balanced_accuracy: float  # the best
    balanced_accuracy_threshold: float
    val_at_far: dict[float, ValAtFar]  # by target FAR

    def as_dict(self) -> dict[str, int | float]:
        """Return flat keys for metrics.json, such as 'auc' and 'val_at_far_0.001'."""
        return flat(self)


def flat(scores: Any) -> dict[str, int | float]:
    """Return a result's fields, with those of each target in `val_at_far` under their own names."""
    fields = {key: value for key, value in vars(scores).items() if key != "val_at_far"}
    for target, point in scores.val_at_far.items():
        name = np.format_float_positional(target, trim="-")  # 0.00001, not 1e-05
        fields |= {f"{key}_at_far_{name}": value for key, value in vars(point).items()}
    return fields


def verify(
    distances: ArrayLike, same: ArrayLike, far_targets: Iterable[float] = FAR_TARGETS
) -> Verification:
    """Score the distances of labelled pairs at every threshold there is (section 4).

    Parameters
    ----------
    distances, same : ndarray of shape (M,), float and bool
        Squared L2 distances of M pairs, and which pairs are one person.
    far_targets : iterable of float
        The false accept rates, 0 to 1, at which to report VAL.

    Raises
    ------
    ValueError
        If shapes or types do not fit, if a distance is negative or not finite, if there is no
        same or no different pair, or if a target is not between 0 and 1.

    Warns
    -----
    UserWarning
        If AUC < 0.5: larger values seem to mean 'same', as for a similarity.
    """
    pairs = SortedPairs.of(distances, same)
    pairs_same, pairs_different = len(pairs.same), len(pairs.different)
    allowed = {float(target): _allowed(float(target), pairs_different) for target in far_targets}
    reached: dict[float, tuple[int, int, float]] = {}
    twice_area, eer = 0, 0.0
    nearest, accuracy, balanced = _Best(), _Best(), _Best()
    for true_accepts, false_accepts, thresholds in pairs.steps():
        # All is in whole counts, so that ties stay ties. miss is FAR - (1 - VAL) times both numbers
        # of pairs, and rises at every step.
        right_different = pairs_different - false_accepts
        miss = false_accepts * pairs_same - (pairs_same - true_accepts) * pairs_different
        nearest.look(-np.abs(miss), thresholds)
        if miss[0] <= 0 < miss[-1]:
            eer = float(np.interp(0, miss, false_accepts / pairs_different))
        accuracy.look((true_accepts + right_different) / (pairs_same + pairs_different), thresholds)
        both = true_accepts * pairs_different + right_different * pairs_same
        balanced.look(both / (2 * pairs_same * pairs_different), thresholds)
        twice_area += _twice_area(true_accepts, false_accepts)
        for target, most in allowed.items():
            reached[target] = (
                _last(most, true_accepts, false_accepts, thresholds) or reached[target]
            )

    area = _share(twice_area, pairs)
    if area < 0.5:
        warnings.warn(
            f"AUC {area:.3f} is below 0.5: pairs of one person lie farther apart than others. "
            "Is the sign flipped? Pass distances (small means same), not similarities.",
            stacklevel=2,
        )
    return Verification(
        pairs_same=pairs_same,
        pairs_different=pairs_different,
        auc=area,
        eer=eer,
        eer_threshold=nearest.threshold,
        accuracy=accuracy.value,
        accuracy_threshold=accuracy.threshold,
        balanced_accuracy=balanced.value,
        balanced_accuracy_threshold=balanced.threshold,
        val_at_far={
            target: ValAtFar(true / pairs_same, false / pairs_different, threshold, allowed[target])
            for target, (true, false, threshold) in reached.items()
        },
    )


def auc(distances: ArrayLike, same: ArrayLike) -> float:
    """Return only the area under the ROC curve; arguments and errors are as in :func:`verify`."""
    pairs = SortedPairs.of(distances, same)
    return _share(sum(_twice_area(true, false) for true, false, _ in pairs.steps()), pairs)


def val_at(distances: ArrayLike, same: ArrayLike, far: float) -> float:
    """Return VAL alone at the largest threshold with FAR <= `far`; arguments as in `verify`.

    Nothing is sorted: of k false accepts that are allowed, the nearest different pair beyond them
    must stay out, and with it every pair that is not nearer than it.
    """
    squared, is_same = checked_pairs(distances, same)
    different = squared[~is_same]
    allowed = _allowed(far, len(different))
    if allowed == len(different):
        return 1.0
    return float((squared[is_same] < np.partition(different, allowed)[allowed]).mean())


class _Best:
    """The largest value so far, and the smallest threshold that gives it."""

    value, threshold = -np.inf, np.nan

    def look(self, values: np.ndarray, thresholds: np.ndarray) -> None:
        at = values.argmax()
        if values[at] > self.value:
            self.value, self.threshold = float(values[at]), float(thresholds[at])


def allowed_false_accepts(far: float, pairs_different: int) -> int:
    """Return how many of `pairs_different` may be accepted for a share of at most `far`."""
    allowed = round(far * pairs_different)
    # k / n <= far decides: int(0.29 * 100) is 28, although 29 / 100 <= 0.29.
    return allowed - (allowed / pairs_different > far)


def _allowed(target: float, pairs_different: int) -> int:
    if not 0 <= target <= 1:
        raise ValueError(f"a target FAR is a rate from 0 to 1, got {target}")
    return allowed_false_accepts(target, pairs_different)


def _twice_area(true_accepts: np.ndarray, false_accepts: np.ndarray) -> int:
    """Return twice the area below steps of the curve, in counts; trapezoids count ties half."""
    return int((np.diff(false_accepts) * (true_accepts[1:] + true_accepts[:-1])).sum())


def _share(twice_area: int, pairs: SortedPairs) -> float:
    """Return the area's share of the whole, from whole numbers: a perfect AUC is exactly 1."""
    return twice_area / (2 * len(pairs.same) * len(pairs.different))


def _last(
    allowed: int, true_accepts: np.ndarray, false_accepts: np.ndarray, thresholds: np.ndarray
) -> tuple[int, int, float] | None:
    """Return the last of these steps with at most `allowed` false accepts, or else None."""
    last = np.searchsorted(false_accepts, allowed, side="right") - 1
    if last < 0:
        return None
    return int(true_accepts[last]), int(false_accepts[last]), float(thresholds[last])
