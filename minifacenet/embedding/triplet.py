"""The triplet loss: an anchor shall be closer to every positive than to any negative, by a margin.

    L = mean over triplets (a, p, n) of  [ D(a,p) - D(a,n) + margin ]+        D = ||e_a - e_p||^2

a and p show one person, n another; D is the squared L2 distance; a triplet whose bracket is
positive is *active*. The paper (section 3.1, eq. 3) sums over the triplets; we take the mean over
the active ones, so that the learning rate does not depend on how many there are.

Gradient. Collect dL/dD in a matrix W: an active triplet adds 1/T to W[a,p] and -1/T to W[a,n],
T being the number of active triplets. Since D_ij = ||e_i||^2 + ||e_j||^2 - 2 e_i . e_j,

    dL/de_i = sum over j of (W_ij + W_ji) * 2 (e_i - e_j)

or, with S = W + W^T and r = the sums of its rows:

    dL/dE = 2 (diag(r) - S) E

One matrix product, however many triplets there are, and O(N^2) memory.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Triplets(NamedTuple):
    """Indices into a batch: three ndarrays of shape (T,), int64."""

    anchor: np.ndarray
    positive: np.ndarray
    negative: np.ndarray

    def __len__(self) -> int:  # the number of triplets, not of index arrays
        return len(self.anchor)


def triplet_loss(distances, triplets: Triplets, margin: float):
    """Mean loss over the active triplets and dL/dD.

    Parameters
    ----------
    distances : ndarray of shape (N, N)
        Squared L2 distances within the batch.
    triplets : Triplets
    margin : float
        The paper's alpha, 0.2.

    Returns
    -------
    loss : float
        0 if no triplet is active.
    active : int
        Triplets with a positive bracket.
    weights : ndarray of shape (N, N)
        dL/dD: W of this file's derivation.
    """
    a, p, n = triplets
    violation = distances[a, p] - distances[a, n] + distances.dtype.type(margin)
    hinge = violation > 0
    active = int(hinge.sum())
    weights = np.zeros_like(distances)
    if active == 0:
        return 0.0, 0, weights
    share = distances.dtype.type(1 / active)
    np.add.at(weights, (a[hinge], p[hinge]), share)
    np.subtract.at(weights, (a[hinge], n[hinge]), share)
    return float(violation[hinge].mean()), active, weights


def embedding_gradient(weights, embeddings):
    """dL/dE, ndarray of shape (N, d), from dL/dD (N, N) and the embeddings E (N, d)."""
    symmetric = weights + weights.T
    return 2 * (symmetric.sum(axis=1, keepdims=True) * embeddings - symmetric @ embeddings)
