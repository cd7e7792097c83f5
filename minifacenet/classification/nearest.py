"""Which vectors are nearest to a query? All of them are looked at, and the answer is exact.

    d(v, q) = ||v - q||² = sum over c of (v_c - q_c)²              in float64, c in order

This is the definition, and far too slow for a million vectors. But nearly all of them are far away,
and float32 is enough to see that:

    ||v - q||² = ||v||² + ||q||² - 2 v·q,   so   d < d_k   where   v·q - ||v||²/2 > (||q||² - d_k)/2

with d_k the k-th smallest distance so far. The products v·q of a block of vectors with all queries
are one matrix product, in float32, which stays in the cache while it is looked through. A block in
which nobody reaches the bound of a query is passed over in a loop that vectorises; whoever reaches
it is measured by the definition, and takes the place of the farthest of the query's k. The N x Q
distances are never there, and a query measures some k ln(N / k) vectors.

**Rounding.** With u = 2^-24, a product is off by at most (D + 2) u |v||q|, about, and the half
square and the difference by less than 2 u (|v|² + |q|²); and |v||q| <= (|v|² + |q|²) / 2. The bound
is lowered by twice all that,

    share (|v|² + |q|²) / 2,      share = 2 (D + 8) u,

one half of it with the vector's square and the other with the query's. So none of the nearest is
missed, whatever multiplies, on however many threads: the answer is the definition's to the last
bit. Bytes (int8, as `quantise` gives them) are whole numbers, and float32 holds sums of up to 1,040
products of them exactly. (Sums in int32, as Numba compiles them, take twice as long.)

Equally near vectors come in the order of their indices. The work is N Q D multiply-adds, at the
speed of a matrix product: see the guide for what that takes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from numbers import Integral

import numpy as np
from numba import prange

from ..nn.device.backend import blas_threads
from ..nn.device.cpu_target import cpu_function, cpu_kernel, thread_count
from ..nn.products.in_kernels import empty_panels, multiply, pack
from .near_pairs import ROUNDING, how_many_reach

BLOCK = 256  # vectors whose products with the queries are in the cache at a time
QUERIES = 256  # that pass a block together
SAFE = 40  # values of up to 2**40, and no fewer than 2**-40, have squares that float32 holds
TINY = 1e-36  # what a product may lose below the smallest numbers of float32, for each dimension
MOST = 500  # no values above 2**500, whose squares float64 would not hold
TYPES = (np.float32, np.float64, np.int8)


@cpu_function
def _distance(vectors, index, queries, query):
    total = 0.0
    for c in range(vectors.shape[1]):
        difference = np.float64(vectors[index, c]) - np.float64(queries[query, c])
        total += difference * difference
    return total


@cpu_kernel
def _half_squares(vectors, scale, factor, out):
    for i in prange(len(vectors)):
        total = 0.0
        for c in range(vectors.shape[1]):
            value = np.float64(vectors[i, c]) * scale
            total += value * value
        out[i] = np.float32(total * factor)


@cpu_function
def _as_float32(vectors, scale, out):
    for i in range(len(vectors)):
        if scale == 1:
            for c in range(vectors.shape[1]):
                out[i, c] = np.float32(vectors[i, c])
        else:  # which float32 may not hold
            for c in range(vectors.shape[1]):
                out[i, c] = np.float32(np.float64(vectors[i, c]) * scale)


@cpu_function
def _replace_farthest(distances, indices, distance, index):
    """Put a nearer vector in the place of the farthest, which is first: the k are a heap."""
    place, last = 0, len(distances)
    while True:
        child = 2 * place + 1
        if child >= last:
            break
        other = child + 1
        if other < last and (
            distances[other] > distances[child]
            or (distances[other] == distances[child] and indices[other] > indices[child])
        ):
            child = other
        if distances[child] < distance or (distances[child] == distance and indices[child] < index):
            break
        distances[place], indices[place] = distances[child], indices[child]
        place = child
    distances[place], indices[place] = distance, index


@cpu_kernel
def _search(vectors, halves, scale, queries, scaled, roof, panels, distances, indices):
    """Find the k nearest among the vectors of each task, in the order of a heap.

    `scaled` are the queries in float32; a vector is looked at where its product with one less its
    half square reaches roof[query] - scale² d_k / 2. The outputs are of shape (tasks, Q, k).
    """
    tasks, q_count, _ = distances.shape
    n, dim = vectors.shape
    blocks = -(-n // BLOCK)
    square = scale * scale / 2 * (1 + 2.0**-22)  # a little more, as the bound is rounded
    for task in prange(tasks):
        block = np.zeros((BLOCK, dim), np.float32)
        products = np.empty((q_count, BLOCK), np.float32)
        bounds = np.full(q_count, -np.inf, np.float32)
        for number in range(task * blocks // tasks, (task + 1) * blocks // tasks):
            start = number * BLOCK
            own = halves[start : start + BLOCK]
            _as_float32(vectors[start : start + BLOCK], scale, block)
            pack(block.T, panels[task])
            multiply(scaled, block.T, panels[task], products, False)
            for query in range(q_count):
                if not how_many_reach(products[query], own, bounds[query]):
                    continue
                far, who = distances[task, query], indices[task, query]
                for column in range(len(own)):
                    if products[query, column] - own[column] >= bounds[query]:
                        distance = _distance(vectors, start + column, queries, query)
                        if distance < far[0]:
                            _replace_farthest(far, who, distance, start + column)
                            bounds[query] = np.float32(roof[query] - square * far[0])


class Nearest:
    """Vectors to search, exactly, for those that are nearest to a query.

        indices, distances = Nearest(vectors).search(queries, k=10)

    Parameters
    ----------
    vectors : ndarray of shape (N, D), float32, float64 or int8
        They are kept, not copied; do not change them. A float32 for each comes on top.

    Raises
    ------
    ValueError
        They are of another type or shape, there are none, or a value is NaN or infinite.
    """

    def __init__(self, vectors: np.ndarray):
        self.vectors = checked(vectors, "vectors")
        if not len(vectors):
            raise ValueError("there is nobody to search: give one vector or more")
        self._largest = _largest(vectors)
        self._halves: tuple[float, np.ndarray] = 0.0, np.empty(0, np.float32)

    def search(
        self,
        queries: np.ndarray,
        k: int = 1,
        progress: Callable[[int, int], None] | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the k nearest vectors to each query, the nearest first.

        It takes 16 bytes for each of the k of 256 queries, on each thread.

        Parameters
        ----------
        queries : ndarray of shape (Q, D)
            Of a float type, or int8 where the vectors are.
        k : int
            1 to N.
        progress : callable(done, total), optional
            Called after some hundreds of queries each.

        Returns
        -------
        indices : ndarray of shape (Q, k), int64
            Of equally near vectors, the lower comes first.
        distances : ndarray of shape (Q, k), float64
            Squared L2.

        Raises
        ------
        ValueError
            The queries do not fit the vectors, hold NaN or infinity, or there is no such k.
        """
        queries, n = checked(queries, "queries"), len(self.vectors)
        if queries.shape[1] != self.vectors.shape[1]:
            raise ValueError(
                f"vectors of {self.vectors.shape[1]} and of {queries.shape[1]} dimensions do not "
                "compare"
            )
        if isinstance(k, bool) or not isinstance(k, Integral) or not 1 <= k <= n:
            raise ValueError(f"k is a whole number from 1 to {n}, that of the vectors, got {k}")
        indices = np.empty((len(queries), k), np.int64)
        distances = np.empty((len(queries), k))
        for start in range(0, len(queries), QUERIES):
            part = slice(start, start + QUERIES)
            indices[part], distances[part] = self._nearest(queries[part], k)
            if progress is not None:
                progress(min(start + QUERIES, len(queries)), len(queries))
        return indices, distances

    def _nearest(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        dim = queries.shape[1]
        scale = _scale(max(self._largest, _largest(queries)))
        share = 2 * (dim + 8) * ROUNDING
        scaled = queries.astype(np.float64) * scale
        roof = np.square(scaled).sum(axis=1) * ((1 - share) / 2) - TINY * (dim + 8)
        tasks = min(thread_count(), -(-len(self.vectors) // BLOCK))
        panels = empty_panels((tasks,), dim, BLOCK, np.float32)
        distances = np.full((tasks, len(queries), k), np.inf)
        indices = np.full(distances.shape, np.iinfo(np.int64).max)
        with blas_threads(1):
            _search(
                self.vectors, self._half_squares(scale, (1 - share) / 2), scale,
                queries, scaled.astype(np.float32), roof, panels, distances, indices,
            )  # fmt: skip
        # (tasks, Q, k) to (Q, tasks k): a vector of one task may be among no k of all.
        flat = (len(queries), tasks * k)
        distances = distances.transpose(1, 0, 2).reshape(flat)
        indices = indices.transpose(1, 0, 2).reshape(flat)
        order = np.lexsort((indices, distances), axis=1)[:, :k]
        return np.take_along_axis(indices, order, 1), np.take_along_axis(distances, order, 1)

    def _half_squares(self, scale: float, factor: float) -> np.ndarray:
        """Return the vectors' squares times the factor, kept for the next queries."""
        kept, halves = self._halves
        if kept != scale:
            halves = np.empty(len(self.vectors), np.float32)
            _half_squares(self.vectors, scale, factor, halves)
            self._halves = scale, halves
        return halves


def nearest_reference(
    vectors: np.ndarray, queries: np.ndarray, k: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Return what `Nearest.search` does, by the definition: slow, and N x Q distances at once."""
    distances = np.zeros((len(queries), len(vectors)))
    for c in range(vectors.shape[1]):
        column, own = vectors[:, c].astype(np.float64), queries[:, c].astype(np.float64)
        distances += np.square(column - own[:, None])
    order = np.argsort(distances, axis=1, kind="stable")[:, :k]
    return order, np.take_along_axis(distances, order, axis=1)


def checked(vectors: np.ndarray, what: str) -> np.ndarray:
    """Return vectors as the kernels take them: C-ordered, finite, of one of three types."""
    vectors = np.asarray(vectors)
    if vectors.ndim != 2 or not vectors.shape[1] or vectors.dtype not in TYPES:
        raise ValueError(
            f"{what} are float32, float64 or int8 of shape (N, D), got {vectors.dtype} "
            f"{vectors.shape}"
        )
    if not _largest(vectors) <= 2.0**MOST:
        bad = np.flatnonzero(~(np.abs(vectors, dtype=np.float64) <= 2.0**MOST).all(axis=1))
        raise ValueError(
            f"{what} hold NaN, infinity or values above 2**{MOST} in {len(bad)} rows, first in row "
            f"{bad[0]}: leave these out"
        )
    return np.ascontiguousarray(vectors)


def _largest(vectors: np.ndarray) -> float:
    """Return the largest absolute value, NaN if there is one; without an array of their size."""
    low, high = vectors.min(initial=0), vectors.max(initial=0)
    return float(np.maximum(-float(low), float(high)))


def _scale(largest: float) -> float:
    """Return the power of two by which values are multiplied so that no square overflows."""
    exponent = max(math.frexp(largest)[1], -MOST)
    return 1.0 if not largest or abs(exponent) <= SAFE else 2.0**-exponent
