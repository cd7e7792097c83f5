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

N photos make N (N - 1) / 2 pairs, 200 million of 20,000. A distance and its flag are 9 bytes; to
judge them takes a sorted copy of both kinds and no more, since the curve comes in blocks.

`verification_scores.py` sums a curve up in single figures.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.distance import pdist

BYTES_A_PAIR = 20
"""Of memory, for the distances of all pairs and what is done with them."""
BLOCK = 2**17  # pairs of a kind whose steps are in memory at once


def pair_distances(embeddings: ArrayLike, labels: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Return squared distances of all pairs of photos, and which pairs are the same person.

    Parameters
    ----------
    embeddings : ndarray of shape (N, D)
        One vector per photo, usually of length 1.
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
        If the shapes do not fit, if there are fewer than two photos, or if a value is not finite.
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
    same, start = np.empty(len(distances), bool), 0
    for i in range(len(labels) - 1):
        end = start + len(labels) - 1 - i
        same[start:end] = labels[i] == labels[i + 1 :]
        start = end
    return distances, same


def val_far(
    distances: ArrayLike, same: ArrayLike, thresholds: ArrayLike
) -> tuple[np.ndarray, np.ndarray]:
    """Return VAL(d) and FAR(d) at chosen thresholds d. A pair is accepted at D <= d.

    `distances`, `same` and the errors are as in :func:`verify`; `thresholds` may have any shape.

    Returns
    -------
    val, far : ndarray of the shape of `thresholds`, float64
    """
    pairs = SortedPairs.of(distances, same)
    thresholds = np.asarray(thresholds, dtype=np.float64)
    if np.isnan(thresholds).any():
        raise ValueError(f"thresholds must be numbers, got {thresholds}")
    val, far = (
        np.searchsorted(kind, thresholds, side="right") / len(kind)
        for kind in (pairs.same, pairs.different)
    )
    return val, far


def roc(distances: ArrayLike, same: ArrayLike) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the whole ROC curve: one step per distinct distance (K of them), ties in one step.

    `distances`, `same` and the errors are as in :func:`verify`.

    Returns
    -------
    far, val : ndarray of shape (K + 1,), float64
        From (0, 0), nothing accepted, to (1, 1), everything accepted.
    thresholds : ndarray of shape (K + 1,), float64
        A rising threshold for each point, with which :func:`val_far` gives the same curve: the
        middles between neighbouring distances, and at the end the largest distance.
    """
    pairs = SortedPairs.of(distances, same)
    blocks = [tuple(column[bool(i) :] for column in block) for i, block in enumerate(pairs.steps())]
    true_accepts, false_accepts, thresholds = map(np.concatenate, zip(*blocks, strict=True))
    return false_accepts / len(pairs.different), true_accepts / len(pairs.same), thresholds


def drawn_roc(distances: ArrayLike, same: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Return far and val of the points of :func:`roc` that a drawing needs: those about each rise
    of VAL, of which there are few among millions of different pairs."""
    pairs = SortedPairs.of(distances, same)
    points = []
    for true_accepts, false_accepts, _ in pairs.steps():
        rises = np.diff(true_accepts) > 0
        kept = np.append(True, rises) | np.append(rises, True)
        kept[1:] |= (false_accepts[:-1] == 0) & (false_accepts[1:] > 0)  # the smallest FAR
        points.append((false_accepts[kept], true_accepts[kept]))
    false_accepts, true_accepts = map(np.concatenate, zip(*points, strict=True))
    return false_accepts / len(pairs.different), true_accepts / len(pairs.same)


@dataclass(frozen=True)
class SortedPairs:
    """The distances of pairs, float64, each kind sorted by itself, rising."""

    same: np.ndarray
    different: np.ndarray

    @classmethod
    def of(cls, distances: ArrayLike, same: ArrayLike) -> SortedPairs:
        """Sort labelled pairs; arguments and errors are as in :func:`verify`."""
        distances, same = checked_pairs(distances, same)
        kinds = distances[same], distances[~same]
        for kind in kinds:
            kind.sort()  # in place: no third copy
        return cls(*kinds)

    def steps(self) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Yield the curve in blocks, one step per distinct distance.

        Yields
        ------
        true_accepts, false_accepts : ndarray of int64
            The first block begins with (0, 0), each other one with the last step of the one before.
        thresholds : ndarray of float64
            Rising, one for each step, as in :func:`roc`.
        """
        smallest = min(self.same[0], self.different[0])
        # Half of the smallest distance accepts nothing, or -1 where that is 0.
        below_all = smallest / 2 if smallest > 0 else -1.0
        block = np.zeros(1, np.int64), np.zeros(1, np.int64), np.array([below_all])
        true = false = 0
        for end in self._ends():
            start = true, false
            true, false = (
                int(np.searchsorted(kind, end, side="right"))
                for kind in (self.same, self.different)
            )
            same, different = self.same[start[0] : true], self.different[start[1] : false]
            distinct = np.unique(np.concatenate([same, different]))
            upper = np.append(distinct[1:], self._next(true, false, distinct[-1]))
            middle = distinct + (upper - distinct) / 2
            # Between two adjacent floats there is no middle, and rounding up would accept `upper`.
            steps = (
                start[0] + np.searchsorted(same, distinct, side="right"),
                start[1] + np.searchsorted(different, distinct, side="right"),
                np.where(middle < upper, middle, distinct),
            )
            first, second, third = (
                np.concatenate([before[-1:], new]) for before, new in zip(block, steps, strict=True)
            )
            block = first, second, third
            yield block

    def _ends(self) -> np.ndarray:
        """Return the last distance of each block."""
        last = max(self.same[-1], self.different[-1])
        kinds = (kind[BLOCK - 1 :: BLOCK] for kind in (self.same, self.different))
        return np.unique(np.concatenate([*kinds, [last]]))

    def _next(self, true: int, false: int, last: float) -> float:
        """Return the smallest distance after the first `true` and `false`, or else `last`."""
        beyond = *self.same[true : true + 1], *self.different[false : false + 1]
        return min(beyond, default=last)


def checked_pairs(distances: ArrayLike, same: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Return both as arrays of shape (M,), float64 and bool, or raise ValueError with the fault."""
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
    if not (distances.min() >= 0 and distances.max() < np.inf):  # a NaN is the smallest of all
        bad = np.flatnonzero(~(np.isfinite(distances) & (distances >= 0)))
        raise ValueError(
            "squared distances are finite and at least 0, "
            f"got {distances[bad[0]]} for pair {bad[0]} ({bad.size} such of {len(distances)})"
        )
    return distances, same
