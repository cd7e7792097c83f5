"""Mining: which triplets of a batch to learn from.

Most triplets are solved already and teach nothing. The hardest negatives, on the other hand, may be
wrong labels or bad photos, and from a fresh network they pull all embeddings to one point (the
paper, section 3.2). Between the two lie the *semi-hard* negatives: farther from the anchor than the
positive, but within the margin,

    D(a,p) < D(a,n) < D(a,p) + margin                     (both strict)

As in the paper, every anchor-positive pair is used, in both orders (each face is an anchor once
with each photo of the same person); the rules differ in the negatives that they choose for it.

Example: D(a,p) = 0.5, margin 0.2, negatives at 0.3, 0.6, 0.65 and 0.9. The one at 0.3 is hard,
those at 0.6 and 0.65 are semi-hard, and the one at 0.9 is easy.

    rule                chosen                     why
    semi-hard           0.6                        the closest semi-hard one (the default)
    semi-hard-random    0.6 or 0.65                any semi-hard one, each as likely
    hardest             0.3                        the closest of all, whether it violates or not
    all                 0.3, 0.6 and 0.65          every one with D(a,p) - D(a,n) + margin > 0
"""

from __future__ import annotations

import numpy as np
from numba import prange

from ..nn.device.cpu_target import cpu_kernel
from .triplet import Triplets, as_distances, triplet_loss

LISTED_RULES = ("semi-hard", "semi-hard-random", "hardest")  # these return a list of triplets
RULES = (*LISTED_RULES, "all")

# -- One negative per pair: kernels write it to chosen (A, N) at [anchor, positive], -1 for none ---


@cpu_kernel
def _closest_semi_hard(distances, labels, margin, chosen):
    n = len(labels)
    for a in prange(len(distances)):
        for p in range(n):
            chosen[a, p] = -1
            if a == p or labels[a] != labels[p]:
                continue
            lower = distances[a, p]
            best = lower + margin
            for candidate in range(n):
                d = distances[a, candidate]
                if lower < d < best and labels[candidate] != labels[a]:
                    best = d
                    chosen[a, p] = candidate


@cpu_kernel
def _random_semi_hard(distances, labels, margin, draws, chosen):
    """Choose by `draws` (A, N) in [0, 1) which of a pair's semi-hard negatives to take."""
    n = len(labels)
    for a in prange(len(distances)):
        for p in range(n):
            chosen[a, p] = -1
            if a == p or labels[a] != labels[p]:
                continue
            lower, upper = distances[a, p], distances[a, p] + margin
            count = 0
            for candidate in range(n):
                if lower < distances[a, candidate] < upper and labels[candidate] != labels[a]:
                    count += 1
            turn = int(draws[a, p] * count)
            for candidate in range(n):
                if lower < distances[a, candidate] < upper and labels[candidate] != labels[a]:
                    if turn == 0:
                        chosen[a, p] = candidate
                    turn -= 1


@cpu_kernel
def _hardest(distances, labels, chosen):
    n = len(labels)
    for a in prange(len(distances)):
        closest = -1
        for candidate in range(n):
            if labels[candidate] != labels[a] and (
                closest < 0 or distances[a, candidate] < distances[a, closest]
            ):
                closest = candidate
        for p in range(n):
            chosen[a, p] = closest if a != p and labels[a] == labels[p] else -1


def _checked(distances, labels) -> tuple[np.ndarray, np.ndarray]:
    """Return both checked, since the kernels would read beyond arrays that do not fit."""
    distances, labels = as_distances(distances), np.asarray(labels)
    if labels.shape != distances.shape[1:]:
        raise ValueError(
            f"a label is needed for each column of distances {distances.shape}, got shape "
            f"{labels.shape}"
        )
    if labels.size and labels.dtype.kind not in "iu":
        raise TypeError(
            f"labels are whole numbers, one per person, got {labels.dtype}: "
            "np.unique(names, return_inverse=True)[1] makes them of names"
        )
    return distances, labels


def semi_hard_closest(distances: np.ndarray, labels: np.ndarray, margin: float) -> Triplets:
    """Choose the closest semi-hard negative of every ordered anchor-positive pair that has one.

    Parameters
    ----------
    distances : ndarray of shape (N, N), or (A, N) for the first A as anchors
        Squared L2 distances; whole numbers count as float64.
    labels : ndarray of shape (N,)
        Person of each column, integers.
    margin : float

    Returns
    -------
    Triplets
        They are in the order of (anchor, positive), perhaps none; the first of equally close
        negatives is taken.

    Raises
    ------
    ValueError
        The distances have more rows than columns, or the number of labels differs.
    TypeError
        The labels are not integers.
    """
    distances, labels = _checked(distances, labels)
    chosen = np.empty(distances.shape, np.int32)
    _closest_semi_hard(distances, labels, distances.dtype.type(margin), chosen)
    return _listed(chosen)


def semi_hard_random(
    distances: np.ndarray, labels: np.ndarray, margin: float, rng: np.random.Generator
) -> Triplets:
    """Choose a random semi-hard negative of every pair that has one, as in `semi_hard_closest`."""
    distances, labels = _checked(distances, labels)
    chosen = np.empty(distances.shape, np.int32)
    draws = rng.random(distances.shape)
    _random_semi_hard(distances, labels, distances.dtype.type(margin), draws, chosen)
    return _listed(chosen)


def hardest(distances: np.ndarray, labels: np.ndarray) -> Triplets:
    """Choose the closest negative of every anchor, for each of its positives; the first of equals.

    It need not violate the margin: `triplet_loss` counts it as active only if it does.
    """
    distances, labels = _checked(distances, labels)
    chosen = np.empty(distances.shape, np.int32)
    _hardest(distances, labels, chosen)
    return _listed(chosen)


def _listed(chosen) -> Triplets:
    anchor, positive = np.nonzero(chosen >= 0)
    return Triplets(anchor, positive, chosen[anchor, positive].astype(np.int64))


# -- All negatives: too many triplets to list, so loss and dL/dD come straight from the distances --


@cpu_kernel
def _all_violations(distances, labels, margin, sums, counts, weights):
    """Row a of `weights` holds how often anchor a's distances enter the loss, with their signs."""
    n = len(labels)
    zero, one = distances.dtype.type(0), distances.dtype.type(1)
    for a in prange(len(distances)):
        weights[a] = zero
        sums[a] = 0
        counts[a] = 0
        for p in range(n):
            if a == p or labels[a] != labels[p]:
                continue
            active = 0
            for candidate in range(n):
                violation = distances[a, p] - distances[a, candidate] + margin
                if violation > zero and labels[candidate] != labels[a]:
                    sums[a] += violation
                    weights[a, candidate] -= one
                    active += 1
            weights[a, p] += distances.dtype.type(active)
            counts[a] += active


def all_violations_loss(
    distances: np.ndarray, labels: np.ndarray, margin: float
) -> tuple[float, int, np.ndarray]:
    """Return the mean loss over all active triplets of the batch, and dL/dD, in O(N^2) memory.

    Parameters and errors are as in `semi_hard_closest`, results as in `triplet_loss`.

    At 1,800 images of 45 people there are 123.6 million triplets: as a list, 3 GB.
    """
    distances, labels = _checked(distances, labels)
    sums, counts = np.empty(len(distances)), np.empty(len(distances), np.int64)
    weights = np.empty_like(distances)
    margin = distances.dtype.type(margin)
    _all_violations(distances, labels, margin, sums, counts, weights)
    active = int(counts.sum())
    if active:
        weights /= distances.dtype.type(active)
    return float(sums.sum() / max(active, 1)), active, weights


# -- By name -------------------------------------------------------------------------------------


def mine(
    distances: np.ndarray, labels: np.ndarray, margin: float, rule: str, rng: np.random.Generator
) -> Triplets:
    """Choose triplets by one of `LISTED_RULES`; only 'semi-hard-random' draws from `rng`."""
    if rule == "semi-hard":
        return semi_hard_closest(distances, labels, margin)
    if rule == "semi-hard-random":
        return semi_hard_random(distances, labels, margin, rng)
    if rule == "hardest":
        return hardest(distances, labels)
    raise ValueError(
        f"mining rule {rule!r} is none of {', '.join(LISTED_RULES)}, or (without a list) all"
    )


def mined_loss(
    distances: np.ndarray, labels: np.ndarray, margin: float, rule: str, rng: np.random.Generator
) -> tuple[float, int, np.ndarray]:
    """Return loss, number of active triplets and dL/dD of a batch under one of `RULES`.

    Parameters and errors are as in `semi_hard_closest`, results as in `triplet_loss`, `rng` as in
    `mine`.
    """
    if rule == "all":
        return all_violations_loss(distances, labels, margin)
    return triplet_loss(distances, mine(distances, labels, margin, rule, rng), margin)
