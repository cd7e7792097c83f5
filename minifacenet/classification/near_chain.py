"""Average linkage up to a limit: the chain of clustering.py that looks at near clusters only.

Two clusters that are joined at a mean distance of at most t hold clusters of any earlier moment
that are at most t apart, since a mean is never below all its parts. So the joins up to t can be
found among the pairs up to t: each cluster keeps a list of those that were near, a joined cluster
gets both lists, and the chain steps to the nearest of its tip's list. It makes the joins of the
whole search, and takes the time of the pairs instead of N² D.

Of a million faces, too many pairs are near: at a false accept rate of 0.001 each face has a
thousand strangers within the threshold. So the limit rises in **levels**. At the first one only so
many pairs are near as fit into memory, and most of them are joined; what is left are fewer clusters
with a scatter, which needs their means to be nearer, so that the next limit may be higher. Each
level is exact for its limit, hence the last one for t.

Where a limit cannot rise because too many pairs lie just above it, as among points that are nearly
one or all equally far apart, the chain of all clusters does the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ..nn.device.cpu_target import cpu_function
from .clustering_kernels import absorb, join_all, mark_sharing, mean_of_two, squared_distance
from .near_pairs import Neighbours, Space

PAIRS = 40  # in memory for each face, at 24 bytes
FEWEST = 2**18  # pairs that are always in memory
SHARES = (0.8, 0.2, 0.05)  # of these that are asked for, as a sample only guesses their number


class Level(NamedTuple):
    """What a level begins with."""

    limit: float
    clusters: int
    pairs: int


class Forest:
    """Clusters under way. A cluster is named after its lowest face, and has a row of `means`.

    Attributes
    ----------
    means : ndarray of shape (M, D), float64
    scatter : ndarray of shape (M,), float64
        The mean squared distance of a cluster's faces to their mean.
    names : ndarray of shape (M,), int64
        They rise.
    sizes, top : ndarray of shape (N,), int64 and float64
        By name: the number of faces, and the height of the last join.
    owner, member, same_photo : ndarray of shape (N,), int64
        By face: its cluster's name, the next face of the cluster and of the photo, in a circle.
    """

    def __init__(self, points: np.ndarray, same_photo: np.ndarray):
        count = len(points)
        self.means, self.scatter, self.names = points, np.zeros(count), np.arange(count)
        self.sizes, self.top = np.ones(count, np.int64), np.zeros(count)
        self.owner, self.member, self.same_photo = np.arange(count), np.arange(count), same_photo
        self.joins: list[np.ndarray] = []
        self.heights: list[np.ndarray] = []

    def join_all(self) -> None:
        """Make all joins, whatever their height: N² D steps. Nothing else can be done after it."""
        self._keep(join_all(self.means, self.scatter, self.names, *self._by_face()))

    def join_near(self, neighbours: tuple[np.ndarray, np.ndarray], limit: float) -> None:
        """Make the joins up to a limit, of which all pairs are given (`near_pairs.Neighbours`)."""
        self._keep(
            join_near(
                self.means, self.scatter, self.names, *self._by_face(), *neighbours,
                np.nextafter(limit, np.inf),
            )
        )  # fmt: skip
        left = _close_up(self.means, self.scatter, self.names, self.owner)
        self.means, self.scatter = self.means[:left], self.scatter[:left]
        self.names = self.names[:left]

    def made(self) -> tuple[np.ndarray, np.ndarray]:
        """Return all joins so far, (K, 2), children first, and their heights."""
        return np.concatenate(self.joins), np.concatenate(self.heights)

    def _by_face(self) -> tuple[np.ndarray, ...]:
        return self.sizes, self.top, self.owner, self.member, self.same_photo

    def _keep(self, made: tuple[np.ndarray, np.ndarray]) -> None:
        self.joins.append(made[0])
        self.heights.append(made[1])


def joins_within(
    points: np.ndarray,
    same_photo: np.ndarray,
    limit: float,
    progress: Callable[[int, int], None] | None = None,
    tell_level: Callable[[Level], None] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the joins of `join_all` up to a height of `limit`, and their heights.

    Parameters
    ----------
    points : ndarray of shape (N, D), float64
        Overwritten.
    same_photo : ndarray of shape (N,), int64
        For each face the next one of its photo, in a circle.
    limit : float
        Finite, at least 0.
    progress : callable(done, total), optional
        Called while near pairs are looked for, at each level from 0.
    tell_level : callable(Level), optional
        Called before the joins of a level; its limit is infinity if all clusters are searched.
    """
    forest, height = Forest(points, same_photo), -np.inf
    most = max(PAIRS * len(points), FEWEST)
    while height < limit:
        height, near = _next_level(forest, height, limit, most, progress)
        if tell_level is not None:
            pairs = 0 if near is None else len(near.others) // 2
            tell_level(Level(height, len(forest.means), pairs))
        if near is None:
            forest.join_all()
        else:
            forest.join_near(near, height)
    joins, heights = forest.made()
    within = heights <= limit
    return joins[within], heights[within]


def _next_level(
    forest: Forest,
    before: float,
    limit: float,
    most: int,
    progress: Callable[[int, int], None] | None,
) -> tuple[float, Neighbours | None]:
    """Return the next limit and its pairs; infinity and None if all clusters must be searched."""
    if limit < np.inf:
        space = Space(forest.means, forest.scatter)
        for share in SHARES:
            height = space.limit_for(limit, int(share * most))
            if height is None or height <= before:
                break
            near = space.neighbours(height, most, progress)
            if near is not None:
                return height, near
    return np.inf, None


@cpu_function
def _row_of(parent, row):
    while parent[row] != row:
        parent[row] = parent[parent[row]]  # each path is halved on the way
        row = parent[row]
    return row


@cpu_function
def _united(pool, begin, length, end, a, b, parent, seen, search):
    """Write the lists of rows a and b as one from `end` on, each row once; return its length."""
    start = end
    for one in (a, b):
        for place in range(begin[one], begin[one] + length[one]):
            row = _row_of(parent, pool[place])
            if row != a and row != b and seen[row] != search:
                seen[row] = search
                pool[end] = row
                end += 1
    return end - start


@cpu_function
def _packed(pool, begin, length, parent, room):
    """Return the lists of the rows that are left in new memory, with room for more, and its end."""
    total = 0
    for row in range(len(begin)):
        if parent[row] == row:
            total += length[row]
    fresh, end = np.empty(total + max(total // 2, room), np.int32), 0
    for row in range(len(begin)):
        if parent[row] == row:
            start, begin[row] = begin[row], end
            for place in range(start, start + length[row]):
                fresh[end] = pool[place]
                end += 1
    return fresh, end


@cpu_function
def _nearest_listed(
    means, scatter, names, pool, begin, length, parent, seen, in_chain, shares, search, tip, bound
):
    """Return the nearest row of the tip's list below `bound`, or -1, and its distance; of ties the
    lowest name. The list is shortened to rows that are left, each once."""
    nearest, end = -1, begin[tip]
    for place in range(begin[tip], begin[tip] + length[tip]):
        row = _row_of(parent, pool[place])
        if seen[row] == search or row == tip:
            continue
        seen[row] = search
        pool[end] = row
        end += 1
        if in_chain[row] or shares[names[row]] == search:
            continue
        distance = scatter[tip] + scatter[row] + squared_distance(means[tip], means[row])
        if distance < bound or (nearest >= 0 and distance == bound and names[row] < names[nearest]):
            nearest, bound = row, distance
    length[tip] = end - begin[tip]
    return nearest, bound


@cpu_function
def join_near(means, scatter, names, sizes, top, owner, member, same_photo, first, others, limit):
    """Join clusters whose distance is below `limit`, as `join_all` does.

    Parameters
    ----------
    means ... same_photo
        As in `join_all`. Rows that are joined lie in that of the lower name afterwards.
    first, others
        All pairs of rows at such a distance: see `near_pairs.Neighbours`.

    Returns
    -------
    joins, heights
        As `join_all`.
    """
    count = len(means)
    parent, seen = np.arange(count), np.zeros(count, np.int64)
    begin, length = first[:-1].copy(), first[1:] - first[:-1]
    pool, end = others, len(others)
    shares, in_chain = np.zeros(len(owner), np.int64), np.zeros(count, np.bool_)
    chain, to_previous = np.empty(count, np.int64), np.empty(count)
    joins, heights = np.empty((count, 2), np.int64), np.empty(count)
    search = made = 0
    for seed in range(count):
        depth = 0
        if parent[seed] == seed:
            chain[0], to_previous[0], depth = seed, limit, 1
        while depth > 0:
            tip = chain[depth - 1]
            in_chain[tip] = True
            search += 1
            mark_sharing(names[tip], member, same_photo, owner, shares, search)
            nearest, step = _nearest_listed(
                means, scatter, names, pool, begin, length, parent, seen, in_chain, shares, search,
                tip, to_previous[depth - 1],
            )  # fmt: skip
            if nearest >= 0:
                chain[depth], to_previous[depth] = nearest, step
                depth += 1
                continue
            in_chain[tip] = False
            if depth == 1:
                break  # all others are beyond the limit
            a, b = min(tip, chain[depth - 2]), max(tip, chain[depth - 2])
            in_chain[chain[depth - 2]] = False
            room = length[a] + length[b]
            if end + room > len(pool):
                pool, end = _packed(pool, begin, length, parent, room)
            search += 1
            length[a] = _united(pool, begin, length, end, a, b, parent, seen, search)
            begin[a], parent[b] = end, a
            end += length[a]
            kept, absorbed = names[a], names[b]
            mean_of_two(means, scatter, a, b, sizes[absorbed] / (sizes[kept] + sizes[absorbed]), a)
            absorb(kept, absorbed, sizes, member, owner)
            # Equal heights can differ in the last digit: a parent must not sort before its child.
            top[kept] = max(to_previous[depth - 1], top[kept], top[absorbed])
            joins[made], heights[made] = (kept, absorbed), top[kept]
            made += 1
            depth -= 2
            if depth == 0:  # the joined cluster begins a new chain
                chain[0], depth = a, 1
    return joins[:made].copy(), heights[:made].copy()


@cpu_function
def _close_up(means, scatter, names, owner):
    """Move the rows of clusters that are left to the front, in order; return their number."""
    left = 0
    for row in range(len(names)):
        if owner[names[row]] == names[row]:
            names[left], scatter[left] = names[row], scatter[row]
            for c in range(means.shape[1]):
                means[left, c] = means[row, c]
            left += 1
    return left
