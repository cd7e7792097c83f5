"""Which clusters are near each other? All pairs up to a limit, in the memory of these pairs.

The distances of a million faces would fill four terabytes. They are made a block at a time: with
the mean mu of a cluster and its scatter s (0 for one face),

    d(A, B) = ||mu_A - mu_B||² + s_A + s_B <= limit
    where   mu_A·mu_B >= (||mu_A||² + s_A + ||mu_B||² + s_B - limit) / 2

as a matrix product in float32, of which only the pairs on the right side are looked at. Rounding
moves a product by at most (D + 4) 2^-24 |mu_A| |mu_B|, about; the bound is widened by four times as
much, so no pair is missed. Some are found that lie a hair beyond the limit: who takes them up
measures them. N² D / 2 multiply-adds, at the speed of a matrix product.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numba import prange

from ..nn.device.backend import blas_threads
from ..nn.device.cpu_target import cpu_function, cpu_kernel, thread_count
from ..nn.products.in_kernels import empty_panels, multiply, pack

BLOCK = 256  # rows of a block: its product of 256 kB stays in the cache while it is looked through
ROUNDING = 2.0**-24  # of float32
ROOM = 2**14  # pairs that a block of rows may give at first
SAMPLE = 512  # clusters whose neighbours are counted, to guess how many pairs there are
STEPS, OCTAVE = 960, 32  # limits to choose from, so many of them until half of one


class Neighbours(NamedTuple):
    """Row i's neighbours are the rows `others[first[i] : first[i + 1]]`; each pair stands twice."""

    first: np.ndarray  # (M + 1,) int64
    others: np.ndarray  # (2 pairs,) int32


@cpu_function
def how_many_reach(products, less, bound):
    """Count the products that reach a bound, each less a number of its own.

    A sum of whole numbers vectorises, where the largest of the differences does not: 0.07 ns for
    each product instead of 0.57.
    """
    count = np.int32(0)
    for i in range(len(less)):
        count = np.int32(count + np.int32(products[i] - less[i] >= bound))
    return count


@cpu_function
def _look_through(products, row_bounds, column_bounds, row, column, pairs, count):
    """Write the near pairs of a block behind `count` others; return their number, -1 if too many.

    `products[i, j]` is that of vectors column + i and row + j.
    """
    for i in range(len(column_bounds)):
        if not how_many_reach(products[i], row_bounds, column_bounds[i]):
            continue
        for j in range(max(0, column + i + 1 - row), len(row_bounds)):
            if products[i, j] - row_bounds[j] >= column_bounds[i]:
                if count == len(pairs):
                    return -1
                pairs[count, 0], pairs[count, 1] = row + j, column + i
                count += 1
    return count


@cpu_kernel
def _collect(vectors, bounds, first, size, panels, pairs, counts):
    """Write the pairs of some blocks of rows with all rows before them, each to its own `pairs`.

    The blocks, of `size` rows, begin with row `first`; `counts` gets the number of pairs of each,
    -1 if they are too many.
    """
    for task in prange(len(counts)):
        row = first + task * size
        own = bounds[row : row + size]
        block = np.zeros((size, vectors.shape[1]), vectors.dtype)  # the last one is not full
        block[: len(own)] = vectors[row : row + size]
        pack(block.T, panels[task])
        products, count = np.empty((size, size), vectors.dtype), 0
        for column in range(0, row + 1, size):
            others = vectors[column : column + size]
            part = products[: len(others)]
            multiply(others, block.T, panels[task], part, False)
            theirs = bounds[column : column + size]
            count = _look_through(part, own, theirs, row, column, pairs[task], count)
            if count < 0:
                break
        counts[task] = count


@cpu_function
def _listed(pairs, count):
    """Return pairs of rows below `count` as `Neighbours`."""
    first = np.zeros(count + 1, np.int64)
    for pair in range(len(pairs)):
        first[pairs[pair, 0] + 1] += 1
        first[pairs[pair, 1] + 1] += 1
    for row in range(count):
        first[row + 1] += first[row]
    place, others = first[:-1].copy(), np.empty(2 * len(pairs), np.int32)
    for pair in range(len(pairs)):
        one, other = pairs[pair, 0], pairs[pair, 1]
        others[place[one]], others[place[other]] = other, one
        place[one] += 1
        place[other] += 1
    return first, others


class Space:
    """The clusters in float32, scaled so that no square overflows.

    Parameters
    ----------
    means : ndarray of shape (M, D), float64, finite
    scatter : ndarray of shape (M,), float64
    """

    def __init__(self, means: np.ndarray, scatter: np.ndarray):
        self.unit = max(-means.min(initial=0), means.max(initial=0)) or 1.0
        self.scaled: np.ndarray = np.empty(means.shape, np.float32)
        np.divide(means, self.unit, out=self.scaled, casting="same_kind")
        squares = np.einsum("nd,nd->n", self.scaled, self.scaled, dtype=np.float64)
        self.squares = squares + scatter / self.unit / self.unit
        self.slack = 4 * (means.shape[1] + 4) * ROUNDING * self.squares.max(initial=0)

    def neighbours(
        self, limit: float, most: int, progress: Callable[[int, int], None] | None = None
    ) -> Neighbours | None:
        """Return all pairs at a distance of at most `limit`; None if they are more than `most`.

        `progress` is called as progress(done, total) after some rows of blocks, with blocks.
        """
        # Half of limit and slack stands in each of the two bounds of a pair.
        limit = limit / self.unit / self.unit
        bounds = (self.squares - limit / 2 - self.slack - 4 * ROUNDING * limit) / 2
        bounds = np.maximum(bounds, -1e30).astype(np.float32)
        found, total = [np.empty((0, 2), np.int32)], 0
        blocks, tasks, room = -(-len(bounds) // BLOCK), thread_count(), ROOM
        panels = empty_panels((tasks,), self.scaled.shape[1], BLOCK, np.float32)
        for number in range(0, blocks, tasks):
            counts = np.empty(min(tasks, blocks - number), np.int64)
            while True:
                pairs = np.empty((len(counts), room, 2), np.int32)
                with blas_threads(1):
                    _collect(self.scaled, bounds, number * BLOCK, BLOCK, panels, pairs, counts)
                if counts.min() >= 0:
                    break
                if room > most:
                    return None
                room *= 2
            found += [own[:count].copy() for own, count in zip(pairs, counts, strict=True)]
            total += counts.sum()
            if total > most:
                return None
            if progress is not None:
                done = number + len(counts)
                progress(done * (done + 1) // 2, blocks * (blocks + 1) // 2)
        return Neighbours(*_listed(np.concatenate(found), len(bounds)))

    def limit_for(self, limit: float, most: int) -> float | None:
        """Return the largest limit, at most `limit`, that seems to give at most `most` pairs.

        It is guessed from the neighbours of a sample. None: even the smallest gives more, since
        the clusters are nearly one point.
        """
        count = len(self.squares)
        if count * (count - 1) // 2 <= most:
            return limit
        rng = np.random.default_rng(0)
        sample = np.sort(rng.choice(count, min(SAMPLE, count), replace=False))
        limits = limit * 2.0 ** (np.arange(1 - STEPS, 1) / OCTAVE)
        edges = np.concatenate([[-np.inf], limits / self.unit / self.unit + self.slack])
        within = np.zeros(STEPS, np.int64)
        for start in range(0, count, BLOCK):
            columns = slice(start, start + BLOCK)
            distances = self.scaled[sample] @ self.scaled[columns].T
            distances = self.squares[sample, None] + self.squares[columns] - 2 * distances
            within += np.histogram(distances[distances <= edges[-1]], edges)[0]
        pairs = (np.cumsum(within) - len(sample)) * count / len(sample) / 2
        fit = np.flatnonzero(pairs <= most)
        return float(limits[fit[-1]]) if len(fit) else None
