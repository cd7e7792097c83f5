"""Verification: are two photos of one person? (FaceNet, section 4.)

Two faces count as the same person when their embeddings lie close together:

    D(i, j) = ||e_i - e_j||²  <=  d

All distances here are **squared** L2, 0 to 4 between unit vectors. Of the pairs that really are
the same person (P_same), the threshold d rightly accepts TA(d); of those that are different people
(P_diff) it falsely accepts FA(d). The paper judges an embedding by the two rates

    VAL(d) = |TA(d)| / |P_same|      validation rate: high is good
    FAR(d) = |FA(d)| / |P_diff|      false accept rate: low is good

A larger d raises both, so a VAL says something only next to its FAR: the paper quotes VAL at a
FAR of 0.001. VAL drawn against FAR for every d is the ROC curve, and the area under it (AUC) is
the chance that a random same pair lies closer than a random different pair.

Between two neighbouring observed distances nothing changes, so the middles of those gaps are all
the thresholds there are. We try every one: no grid, and no search that stops early.
"""

import warnings
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.distance import pdist

FAR_TARGETS = (0.1, 0.01, 0.001)  # at which VAL is reported; the paper's is the last


def pair_distances(embeddings: ArrayLike, labels: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Squared distances of all pairs of photos, and which pairs are the same person.

    Parameters
    ----------
    embeddings : ndarray of shape (N, D)
        One vector a photo, usually of length 1.
    labels : ndarray of shape (N,)
        The person on each photo, as strings or integers.

    Returns
    -------
    distances : ndarray of shape (N (N - 1) / 2,), float64
        Squared L2, never below 0, in the order (0, 1), (0, 2), ..., (N - 2, N - 1).
    same : ndarray of shape (N (N - 1) / 2,), bool
        True where both photos show one person.

    Raises
    ------
    ValueError
        If the shapes do not fit, with fewer than two photos, or if a value is not finite.
    """
    embeddings, labels = np.asarray(embeddings), np.asarray(labels)
    if embeddings.ndim != 2 or len(embeddings) < 2 or labels.shape != embeddings.shape[:1]:
        raise ValueError(
            "expected embeddings of shape (N, D) and labels of shape (N,) of two or more photos, "
            f"got {embeddings.shape} and {labels.shape}"
        )
    broken = np.flatnonzero(~np.isfinite(embeddings).all(axis=1))
    if broken.size:
        raise ValueError(f"NaN or infinity in {broken.size} embeddings, first in row {broken[0]}")
    # pdist subtracts before it squares. The shorter 2 - 2 e_i·e_j rounds to values below 0.
    distances = pdist(embeddings, "sqeuclidean")
    same = np.concatenate([labels[i] == labels[i + 1 :] for i in range(len(labels))])
    return distances, same


def val_far(
    distances: ArrayLike, same: ArrayLike, thresholds: ArrayLike
) -> tuple[np.ndarray, np.ndarray]:
    """VAL(d) and FAR(d) at chosen thresholds d. A pair is accepted at D <= d, as in the paper.

    `distances` and `same` and the errors as in :func:`verify`; `thresholds` may have any shape.

    Returns
    -------
    val, far : ndarray of the shape of `thresholds`, float64
    """
    distances, same = _checked(distances, same)
    thresholds = np.asarray(thresholds, dtype=np.float64)
    if np.isnan(thresholds).any():
        raise ValueError(f"thresholds must be numbers, got {thresholds}")
    val, far = (
        np.searchsorted(np.sort(pairs), thresholds, side="right") / len(pairs)
        for pairs in (distances[same], distances[~same])
    )
    return val, far


def roc(distances: ArrayLike, same: ArrayLike) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The whole ROC curve: one step at each of the K distinct distances, ties in one step.

    `distances` and `same` and the errors as in :func:`verify`.

    Returns
    -------
    far, val : ndarray of shape (K + 1,), float64
        From (0, 0), nothing accepted, to (1, 1), everything accepted.
    thresholds : ndarray of shape (K + 1,), float64
        Rising, a threshold for each point, with which :func:`val_far` gives the same curve: the
        middles between neighbouring distances, and at the end the largest distance.
    """
    true_accepts, false_accepts, thresholds = _count_accepts(*_checked(distances, same))
    return false_accepts / false_accepts[-1], true_accepts / true_accepts[-1], thresholds


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
    true_accepts, false_accepts, thresholds = _count_accepts(*_checked(distances, same))
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
    return _area(*_count_accepts(*_checked(distances, same))[:2])


def val_at(distances: ArrayLike, same: ArrayLike, far: float) -> float:
    """VAL at the largest threshold with FAR <= `far`, alone; arguments as in :func:`verify`."""
    true_accepts, false_accepts, thresholds = _count_accepts(*_checked(distances, same))
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


def _count_accepts(
    distances: np.ndarray, same: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """True accepts, false accepts (int64) and thresholds, each of shape (K + 1,)."""
    distinct, step = np.unique(distances, return_inverse=True)
    true_accepts, false_accepts = (
        np.concatenate([[0], np.cumsum(np.bincount(step[pairs], minlength=len(distinct)))])
        for pairs in (same, ~same)
    )
    # Accepting nothing: half of the smallest distance, or -1 where that is 0.
    below_all = distinct[0] / 2 if distinct[0] > 0 else -1.0
    lower, upper = distinct[:-1], distinct[1:]
    middle = lower + (upper - lower) / 2
    # Between two adjacent floats there is no middle, and rounding up would accept `upper`.
    middle = np.where(middle < upper, middle, lower)
    return true_accepts, false_accepts, np.concatenate([[below_all], middle, distinct[-1:]])


def _checked(distances: ArrayLike, same: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Both as arrays of shape (M,), float64 and bool, or a ValueError that says what is wrong."""
    distances, same = np.asarray(distances, dtype=np.float64), np.asarray(same)
    if distances.ndim != 1 or distances.shape != same.shape:
        raise ValueError(
            f"distances and same need one shape (M,), got {distances.shape} and {same.shape}"
        )
    if same.dtype != bool:
        raise ValueError(f"same holds True or False for each pair, got dtype {same.dtype}")
    if not same.any():
        raise ValueError(f"no same pair among {len(same)}: someone needs two photos")
    if same.all():
        raise ValueError(f"no different pair among {len(same)}: photos of two people are needed")
    bad = np.flatnonzero(~(np.isfinite(distances) & (distances >= 0)))
    if bad.size:
        raise ValueError(
            "squared distances are finite and at least 0, "
            f"got {distances[bad[0]]} for pair {bad[0]} ({bad.size} such of {len(distances)})"
        )
    return distances, same
