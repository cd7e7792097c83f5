"""Harmonic embedding: vectors of a new network, v2, that compare with those of an older one, v1.

A gallery of v1's vectors need not be embedded anew when v2 arrives, if v2's vectors fall where v1's
of the same person lie (the paper, appendix "Harmonic Embedding"). v1 is fixed. A batch of N faces
gives E, v2's vectors, and V, v1's; they are stacked, and so are the labels:

    X = [E; V]   of shape (2N, d)        labels = [y; y]        D_ij = ||x_i - x_j||^2

**By people.** Triplets are mined over X by the usual rule, with the rows of E as anchors, and the
positives and negatives from both halves: the first N rows of D are all that mining reads. So
anchor i has its own v1 vector, x_(N+i), among its positives. Where nobody is known, each photo may
count as a person of its own: that vector is then its only positive.

    L = mean over the active triplets (a <= N; p, n <= 2N) of [ D(a,p) - D(a,n) + margin ]+

**By vectors**: each face asks for its own v1 vector, and for nothing else.

    L = 1/N sum over i of D(i, N+i) = mean of ||e_i - v_i||^2

Gradient. Both are functions of D, so that `triplet.embedding_gradient` takes W = dL/dD, of shape
(2N, 2N), to dL/dX = 2 (diag(r) - S) X with S = W + W^T. V is fixed: of dL/dX only the first N rows
are used. By vectors W holds 1/N at (i, N+i), and they are 2/N (e_i - v_i).
"""

from __future__ import annotations

import numpy as np

from .mining import mined_loss


def harmonic_loss(
    distances: np.ndarray, labels: np.ndarray, margin: float, rule: str, rng: np.random.Generator
) -> tuple[float, int, np.ndarray]:
    """Return loss, number of active triplets and dL/dD by people; see the file's top.

    Parameters
    ----------
    distances : ndarray of shape (2N, 2N), float32 or float64
        Squared L2 distances of v2's N vectors and, below them, v1's.
    labels : ndarray of shape (N,)
        Person of each face, integers.
    margin, rule, rng
        As in `mining.mined_loss`, whose errors these are.
    """
    anchors = len(labels)
    weights = np.zeros_like(distances)
    loss, active, weights[:anchors] = mined_loss(
        distances[:anchors], np.tile(labels, 2), margin, rule, rng
    )
    return loss, active, weights


def own_vector_loss(distances: np.ndarray) -> tuple[float, int, np.ndarray]:
    """Return loss, number of faces and dL/dD by vectors; `distances` are as in `harmonic_loss`."""
    faces = len(distances) // 2
    own = np.arange(faces), np.arange(faces) + faces
    weights = np.zeros_like(distances)
    weights[own] = 1 / faces
    return float(distances[own].mean()), faces, weights
