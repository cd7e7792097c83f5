"""Clustering: which faces belong together? Nobody has to know the people, or how many there are.

Agglomerative clustering starts with every face in a cluster of its own and joins the two nearest
clusters, again and again. How far two clusters are apart is the *average linkage*: the mean of all
|A| |B| squared distances between a face of A and a face of B. No such table of distances is needed.
With the mean mu of a cluster and its scatter s, the mean of ||a - mu_A||² over its faces,

    d(A, B) = ||mu_A - mu_B||² + s_A + s_B            (for unit vectors this is 2 - 2 mu_A·mu_B)

because the cross terms of ||(a - mu_A) - (b - mu_B) + (mu_A - mu_B)||² have mean 0. Of a joined
cluster, with the shares p = |A| / (|A| + |B|) and q = 1 - p,

    mu = p mu_A + q mu_B,        s = p s_A + q s_B + p q ||mu_A - mu_B||²

so a cluster is D + 1 numbers: O(N D) memory. Differences, not 2 - 2 mu·mu: equal faces are exactly
0 apart. All in float64, since thousands of roundings pile up in the mean of a large cluster.

**The nearest-neighbour chain** (Benzécri 1982; Murtagh 1983) saves the search for the nearest pair.
From any cluster step to its nearest one, from there to the nearest of that, ...: the steps get
shorter, so the chain ends in two clusters that are each other's nearest. Join them, go on from what
is left of the chain, and sort all joins by their distance at the end. There are at most 3 N steps
of O(N D). It is exact when the distance is *reducible*, i.e. when joining two clusters brings them
no nearer to any third:

    d(A ∪ B, C) >= min(d(A, C), d(B, C))              for average linkage d(A ∪ B, C) is
    d(A ∪ B, C) = p d(A, C) + q d(B, C)               a mean of the two, so never below both

**Cannot-link.** Two faces in one photo are two people: say that they are infinitely far apart. The
mean of values of which one is infinite is infinite, so d(A, B) = ∞ exactly when A and B share a
photo. As p, q > 0, the mean above holds with infinite values too (it is ∞ when one of them is), and
an infinite mean is not below any value: average linkage stays reducible, and the chain exact. A
cluster with d = ∞ to all others keeps that through all later joins: it is finished.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from .clustering_kernels import spreads
from .near_chain import Level, joins_within


def average_linkage(
    embeddings: ArrayLike,
    photos: ArrayLike | None = None,
    limit: float = np.inf,
    progress: Callable[[int, int], None] | None = None,
    tell_level: Callable[[Level], None] | None = None,
) -> np.ndarray:
    """Return the tree of all joins by average linkage of squared L2 distances.

    The whole tree takes N² steps of D numbers each, one after the other. Who wants only its joins
    up to a `limit` gets them faster: see `near_chain.py`. Where distances tie, to the last digit,
    that tree may be another one, as good.

    Parameters
    ----------
    embeddings : ndarray of shape (N, D)
        One vector per face, usually of length 1.
    photos : ndarray of shape (N,), integers or strings, or None
        From which photo each face was cut: faces of one photo are never joined.
    limit : float
        Joins above this height are not looked for.
    progress : callable(done, total), optional
        Called while near pairs are looked for.
    tell_level : callable(Level), optional
        Called before the joins of each level; see `near_chain.joins_within`.

    Returns
    -------
    ndarray of shape (N - 1, 4), float64
        As `scipy.cluster.hierarchy.linkage`: row i joins the clusters [i, 0] < [i, 1] at the height
        [i, 2] into cluster N + i of [i, 3] faces; numbers below N are faces. Heights never fall.
        Clusters that may not be joined, or lie farther apart than `limit`, end the tree at height
        infinity, where no cut reaches.
        Of equally near clusters the one with the lowest face is taken: equal input gives an equal
        tree. One face, or none, gives shape (0, 4).

    Raises
    ------
    ValueError
        If the shapes or types do not fit, if a value is not finite, or if `limit` is negative.
    """
    if not limit >= 0:
        raise ValueError(f"limit is a squared L2 distance, at least 0, got {limit}")
    points = _checked(embeddings)
    same_photo = _next_in_photo(photos, len(points))
    if len(points) < 2:
        return np.empty((0, 4))
    joins, heights = joins_within(points, same_photo, limit, progress, tell_level)
    # Clusters that no other absorbed are left: one, or several that share photos.
    left = np.setdiff1d(np.arange(len(points)), joins[:, 1])
    apart = np.stack([np.full(len(left) - 1, left[0]), left[1:]], axis=1)
    heights = np.concatenate([heights, np.full(len(apart), np.inf)])
    return _numbered(np.concatenate([joins, apart]), heights)


def cut(tree: np.ndarray, distance: float) -> np.ndarray:
    """Return the groups after all joins at heights <= `distance`.

    Returns
    -------
    ndarray of shape (N,), int64
        The group of each face: 0 is the largest; of equal sizes the one with the lowest face
        comes first. An empty tree stands for one face.

    Raises
    ------
    ValueError
        If `tree` is not of shape (N - 1, 4), or `distance` is negative or not finite.
    """
    if tree.ndim != 2 or tree.shape[1] != 4:
        raise ValueError(f"expected a tree of shape (N - 1, 4), got {tree.shape}")
    _check_distance(distance)
    faces = len(tree) + 1
    joins = int(np.searchsorted(tree[:, 2], distance, side="right"))
    child = tree[:joins, :2].astype(np.int64).ravel()
    parent = np.repeat(faces + np.arange(joins), 2)
    nodes = faces + joins
    graph = coo_array((np.ones(len(child), np.int8), (child, parent)), shape=(nodes, nodes))
    group = connected_components(graph, directed=False)[1][:faces]
    _, first, sizes = np.unique(group, return_index=True, return_counts=True)  # from 0, no gaps
    rank = np.empty(len(sizes), np.int64)
    rank[np.lexsort((first, -sizes))] = np.arange(len(sizes))
    return rank[group]


class SweepRow(NamedTuple):
    """The counts that a cut at one distance gives."""

    distance: float
    groups: int
    largest: int  # faces in the largest group
    singletons: int  # groups of one face


def sweep(tree: np.ndarray, distances: Iterable[float]) -> list[SweepRow]:
    """Cut the tree at several distances, to choose one; errors are those of :func:`cut`."""
    rows = []
    for distance in distances:
        sizes = np.bincount(cut(tree, distance))
        singletons = int((sizes == 1).sum())
        rows.append(SweepRow(float(distance), len(sizes), int(sizes.max()), singletons))
    return rows


@dataclass(frozen=True, eq=False)
class Clustering:
    """A grouping of faces into G groups. Distances are squared L2; a single face has spread 0."""

    labels: np.ndarray  # (N,) int64: 0 is the largest group, -1 is noise (in too small a group)
    sizes: np.ndarray  # (G,) int64, falling
    cohesion: np.ndarray  # (G,) float64: the mean distance of the pairs of faces in each group
    diameter: np.ndarray  # (G,) float64: the largest
    distance: float  # where the tree was cut

    def warning(self) -> str | None:
        """Say which way to change a distance that separates nobody or everybody; else None."""
        faces = len(self.labels)
        if faces < 2:
            return None
        if not len(self.sizes):
            return (
                f"no group of the {faces} faces is large enough at distance {self.distance:g}: "
                "raise the distance, or lower min_size"
            )
        if self.sizes[0] == 1:
            return (
                f"each of the {faces} faces is alone at distance {self.distance:g}: raise the "
                "distance (faces of one photo stay apart at any)"
            )
        if self.sizes[0] == faces:
            return (
                f"all {faces} faces are one group at distance {self.distance:g}: lower the "
                "distance, unless they are all one person"
            )
        return None


def cluster(
    embeddings: ArrayLike, distance: float, photos: ArrayLike | None = None, min_size: int = 1
) -> Clustering:
    """Group faces by `average_linkage`, then `clusters_at`: see these for arguments and errors."""
    _check_distance(distance)
    tree = average_linkage(embeddings, photos, limit=distance)
    return clusters_at(tree, embeddings, distance, min_size)


def clusters_at(
    tree: np.ndarray, embeddings: ArrayLike, distance: float, min_size: int = 1
) -> Clustering:
    """Cut an existing tree, and measure the groups.

    Parameters
    ----------
    tree : ndarray of shape (N - 1, 4)
        The result of `average_linkage` for the embeddings.
    embeddings : ndarray of shape (N, D)
    distance : float
        Clusters are joined while their average squared distance is at most this.
    min_size : int
        Faces in smaller groups are noise.

    Raises
    ------
    ValueError
        As `average_linkage` and `cut`, if the tree has another number of faces, or if
        `min_size` is below 1.
    """
    points = _checked(embeddings)
    if len(tree) != max(len(points) - 1, 0):
        raise ValueError(f"a tree of {len(tree) + 1} faces does not fit {len(points)} embeddings")
    if not min_size >= 1:
        raise ValueError(f"min_size must be at least 1, got {min_size}")
    labels = cut(tree, distance)[: len(points)]  # no faces, no labels
    sizes = np.bincount(labels)
    sizes = sizes[sizes >= min_size]
    labels[labels >= len(sizes)] = -1
    members = np.argsort(labels, kind="stable")[np.count_nonzero(labels < 0) :]
    cohesion, diameter = spreads(points, members, sizes)
    return Clustering(labels, sizes, cohesion, diameter, float(distance))


def _numbered(joins: np.ndarray, heights: np.ndarray) -> np.ndarray:
    """Return SciPy's tree of the joins (name kept, name absorbed), which list children first."""
    faces = len(joins) + 1
    node, sizes = np.arange(faces), np.ones(faces, np.int64)  # indexed by a cluster's name
    order = np.argsort(heights, kind="stable")  # stable: a child stays before its parent
    tree = np.empty((len(joins), 4))
    for step, (kept, absorbed) in enumerate(joins[order]):
        sizes[kept] += sizes[absorbed]
        tree[step, :2] = sorted((node[kept], node[absorbed]))
        tree[step, 2:] = heights[order[step]], sizes[kept]
        node[kept] = faces + step
    return tree


def _next_in_photo(photos: ArrayLike | None, faces: int) -> np.ndarray:
    """Return each face's next one in its photo, in a circle; a lone face is its own next."""
    if photos is None:
        return np.arange(faces)
    photos = np.asarray(photos)
    if photos.shape != (faces,):
        raise ValueError(f"photos needs shape ({faces},), one a face, got {photos.shape}")
    if faces and photos.dtype.kind not in "iuUST":
        raise ValueError(f"photos holds whole numbers or strings, got dtype {photos.dtype}")
    sizes = np.unique(photos, return_counts=True)[1]
    order = np.argsort(photos, kind="stable")
    ends = np.cumsum(sizes)
    following = np.empty(faces, np.int64)
    following[order[:-1]] = order[1:]
    following[order[ends - 1]] = order[ends - sizes]
    return following


def _check_distance(distance: float) -> None:
    if not 0 <= distance < np.inf:
        raise ValueError(f"distance is squared L2, finite and at least 0, got {distance}")


def _checked(embeddings: ArrayLike) -> np.ndarray:
    """Return a float64, C-ordered copy, or raise ValueError."""
    points = np.array(embeddings, dtype=np.float64, order="C")
    if points.ndim != 2:
        raise ValueError(f"expected embeddings of shape (N, D), got {points.shape}")
    broken = np.flatnonzero(~np.isfinite(points).all(axis=1))
    if broken.size:
        raise ValueError(f"NaN or infinity in {broken.size} embeddings, first in row {broken[0]}")
    return points
