"""The place of each face on a map of embeddings, and its frame.

t-SNE places the faces so that near embeddings lie near each other (fewer than ten: two principal
components); then each takes a free cell of a grid near by, so that none covers another. Who is next
to whom means something; how far apart they are does not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from threadpoolctl import threadpool_limits


@dataclass(frozen=True)
class MapLayout:
    """The faces of a map, as arrays of M rows.

    Attributes
    ----------
    chosen : ndarray of shape (M,), int64
        Which faces are shown.
    cells : ndarray of shape (M, 2), int64
        Column and row of each face, from (0, 0) at the upper left.
    turns : ndarray of shape (M,), int64
        The number of each face's person, counted from left to right: people whose numbers are close
        stand close, and should differ in their frames.
    """

    chosen: np.ndarray
    cells: np.ndarray
    turns: np.ndarray


def lay_out(embeddings: ArrayLike, labels: ArrayLike, seed: int = 0, most: int = 300) -> MapLayout:
    """Return a map of at most `most` faces.

    Parameters
    ----------
    embeddings : ndarray of shape (N, D)
    labels : ndarray of shape (N,)
    seed : int
        Seed of t-SNE, and of the choice of people where there are more than `most` faces.
    most : int
    """
    embeddings, labels = np.asarray(embeddings, dtype=np.float64), np.asarray(labels)
    people, codes = np.unique(labels, return_inverse=True)
    order = np.random.default_rng(seed).permutation(len(people))[codes]
    chosen = np.argsort(order, kind="stable")[:most]  # whole people, except perhaps the last
    cells = _seats(_flatten(embeddings[chosen], seed))
    people, codes = np.unique(labels[chosen], return_inverse=True)
    middles = [cells[codes == code, 0].mean() for code in range(len(people))]
    rank = np.argsort(np.argsort(middles))
    return MapLayout(chosen, cells, rank[codes])


def _flatten(embeddings: np.ndarray, seed: int) -> np.ndarray:
    """Return a place in the plane for each embedding: (N, D) -> (N, 2)."""
    u, s, _ = np.linalg.svd(embeddings - embeddings.mean(axis=0), full_matrices=False)
    components = np.pad(u * s, [(0, 0), (0, 2)])[:, :2]
    n = len(embeddings)
    if n < 10:
        return components
    from sklearn.manifold import TSNE  # takes a second to load, and only this figure needs it

    start = (1e-4 * components / max(components.std(), 1e-12)).astype(np.float32)
    # The default perplexity, 30, asks for more neighbours than a person has photos.
    method = TSNE(perplexity=min(15, (n - 1) / 3), init=start, random_state=seed)
    # Its threads wait for each other where other programs keep the cores busy: 24 faces once took
    # 88 s that way, and take under one second in a single thread.
    with threadpool_limits(1):
        return method.fit_transform(embeddings)


def _seats(places: np.ndarray) -> np.ndarray:
    """Return one cell (column, row) per face, of twice as many: nearest to the places in sum."""
    rows = int(np.ceil(np.sqrt(2 * len(places) / 1.5)))
    columns = int(np.ceil(1.5 * rows))
    cells = np.array([(column, row) for row in range(rows) for column in range(columns)])
    span = np.maximum(np.ptp(places, axis=0), 1e-12)
    wanted = (places - places.min(axis=0)) / span * [columns - 1, rows - 1]
    _, seat = linear_sum_assignment(cdist(wanted, cells, "sqeuclidean"))
    return cells[seat] - cells[seat].min(axis=0)
