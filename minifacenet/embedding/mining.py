"""Mining: which triplets of a batch to learn from.

Most triplets are solved already and teach nothing. The hardest negatives, on the other hand, may be
wrong labels or bad photos, and from a fresh network they pull all embeddings to one point (the
paper, section 3.2). Between the two lie the *semi-hard* negatives: farther from the anchor than the
positive, but within the margin,

    D(a,p) < D(a,n) < D(a,p) + margin                     (both strict)

Example: D(a,p) = 0.5, margin 0.2, negatives at 0.3, 0.6, 0.65 and 0.9. The one at 0.3 is hard,
those at 0.6 and 0.65 are semi-hard, the one at 0.9 is easy; `semi_hard_closest` picks 0.6.

As in the paper, every anchor-positive pair is used, in both orders (each face is an anchor once
with each photo of the same person).
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from .triplet import Triplets


@njit(parallel=True, cache=True, fastmath={"reassoc", "contract"})
def _squared_distances(embeddings, out):
    # Differences, not 2 - 2 e.e': equal embeddings are exactly 0 apart, near ones lose no digits.
    # `reassoc` lets the sum vectorise; NaN keeps its meaning.
    n, d = embeddings.shape
    for i in prange(n):
        out[i, i] = 0
        for j in range(i):
            total = embeddings.dtype.type(0)
            for c in range(d):
                difference = embeddings[i, c] - embeddings[j, c]
                total += difference * difference
            out[i, j] = total
            out[j, i] = total


def squared_distances(embeddings) -> np.ndarray:
    """Squared L2 distances, ndarray of shape (N, N): symmetric, its diagonal exactly 0."""
    embeddings = np.ascontiguousarray(embeddings)
    if embeddings.dtype.kind != "f":
        embeddings = embeddings.astype(np.float64)  # the difference of two bytes wraps around
    out = np.empty((len(embeddings), len(embeddings)), embeddings.dtype)
    _squared_distances(embeddings, out)
    return out


@njit(parallel=True, cache=True)
def _closest_semi_hard(distances, labels, margin, chosen):
    n = len(labels)
    for a in prange(n):
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


def semi_hard_closest(distances, labels, margin: float) -> Triplets:
    """The closest semi-hard negative of every ordered anchor-positive pair that has one.

    Parameters
    ----------
    distances : ndarray of shape (N, N)
        Squared L2 distances.
    labels : ndarray of shape (N,)
        Person of each row, integers.
    margin : float

    Returns
    -------
    Triplets
        In the order of (anchor, positive); of equally close negatives the first. May be empty.
    """
    chosen = np.empty(distances.shape, np.int32)
    _closest_semi_hard(distances, np.asarray(labels), distances.dtype.type(margin), chosen)
    anchor, positive = np.nonzero(chosen >= 0)
    return Triplets(anchor, positive, chosen[anchor, positive].astype(np.int64))
