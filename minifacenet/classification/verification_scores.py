"""The figures of a verification: AUC, EER, accuracy, and VAL at the FAR that one can afford.

What VAL, FAR and the ROC curve are: `verification.py`.
"""

import warnings
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .verification import checked, count_accepts

FAR_TARGETS = (0.1, 0.01, 0.001)  # at which VAL is reported; the paper's is the last


@dataclass(frozen=True)
class ValAtFar:
    """VAL at the largest threshold that keeps FAR at or below a target.

    Where only 0 or 1 false accepts are allowed, a single pair decides: read that VAL with care.
    """

    val: float
    far: float  # what was reached; with few pairs or with ties well below the target
    threshold: float  # squared L2
    false_accepts_allowed: int


@dataclass(frozen=True)
class Verification:
    """How well distances tell 'same' from 'different'. Thresholds are squared L2 distances.

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
        """Flat keys for metrics.json, such as 'auc' and 'val_at_far_0.001'."""
        return flat(self)


def flat(scores) -> dict[str, int | float]:
    """The fields of a result, those at each target of its `val_at_far` under names of their own."""
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
    true_accepts, false_accepts, thresholds = count_accepts(*checked(distances, same))
    pairs_same, pairs_different = int(true_accepts[-1]), int(false_accepts[-1])
    val, far = true_accepts / pairs_same, false_accepts / pairs_different
    right_same, right_different = true_accepts, pairs_different - false_accepts

    area = _area(true_accepts, false_accepts)
    if area < 0.5:
        warnings.warn(
            f"AUC {area:.3f} is below 0.5: pairs of one person lie farther apart than others. "
            "Is the sign flipped? Pass distances (small means same), not similarities.",
            stacklevel=2,
        )

    # In whole counts, so that ties stay ties. miss is FAR - (1 - VAL) times both numbers of pairs.
    miss = false_accepts * pairs_same - (pairs_same - true_accepts) * pairs_different
    accuracy = (right_same + right_different) / (pairs_same + pairs_different)
    both = right_same * pairs_different + right_different * pairs_same
    balanced = both / (2 * pairs_same * pairs_different)
    return Verification(
        pairs_same=pairs_same,
        pairs_different=pairs_different,
        auc=area,
        eer=float(np.interp(0, miss, far)),  # miss rises at every step
        eer_threshold=float(thresholds[np.abs(miss).argmin()]),
        accuracy=float(accuracy.max()),
        accuracy_threshold=float(thresholds[accuracy.argmax()]),
        balanced_accuracy=float(balanced.max()),
        balanced_accuracy_threshold=float(thresholds[balanced.argmax()]),
        val_at_far={
            float(target): _val_at_far(val, false_accepts, thresholds, float(target))
            for target in far_targets
        },
    )


def auc(distances: ArrayLike, same: ArrayLike) -> float:
    """Area under the ROC curve alone; arguments and errors as in :func:`verify`."""
    return _area(*count_accepts(*checked(distances, same))[:2])


def val_at(distances: ArrayLike, same: ArrayLike, far: float) -> float:
    """VAL at the largest threshold with FAR <= `far`, alone; arguments as in :func:`verify`."""
    true_accepts, false_accepts, thresholds = count_accepts(*checked(distances, same))
    val = true_accepts / true_accepts[-1]
    return _val_at_far(val, false_accepts, thresholds, far).val


def allowed_false_accepts(far: float, pairs_different: int) -> int:
    """The most accepted pairs of two people, of so many, with a share of `far` or below."""
    allowed = round(far * pairs_different)
    # k / n <= far decides: int(0.29 * 100) is 28, although 29 / 100 <= 0.29.
    return allowed - (allowed / pairs_different > far)


def _area(true_accepts: np.ndarray, false_accepts: np.ndarray) -> float:
    """Area under the ROC curve, by trapezoids: they count ties half."""
    area = np.trapezoid(true_accepts, false_accepts)  # of counts: a perfect AUC is exactly 1
    return float(area / (true_accepts[-1] * false_accepts[-1]))


def _val_at_far(
    val: np.ndarray, false_accepts: np.ndarray, thresholds: np.ndarray, target: float
) -> ValAtFar:
    """The last point of the curve with FAR <= `target`. There is one: the curve starts at 0."""
    if not 0 <= target <= 1:
        raise ValueError(f"a target FAR is a rate from 0 to 1, got {target}")
    pairs_different = int(false_accepts[-1])
    allowed = allowed_false_accepts(target, pairs_different)
    last = np.searchsorted(false_accepts, allowed, side="right") - 1
    return ValAtFar(
        val=float(val[last]),
        far=float(false_accepts[last] / pairs_different),
        threshold=float(thresholds[last]),
        false_accepts_allowed=allowed,
    )
