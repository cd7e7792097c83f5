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

What a curve comes to in single figures: `verification_scores.py`.
"""

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.distance import pdist


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
    distances, same = checked(distances, same)
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
    true_accepts, false_accepts, thresholds = count_accepts(*checked(distances, same))
    return false_accepts / false_accepts[-1], true_accepts / true_accepts[-1], thresholds


def count_accepts(
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


def checked(distances: ArrayLike, same: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
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
