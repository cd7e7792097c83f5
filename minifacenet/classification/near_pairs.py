"""Which faces hang together through near ones? The parts into which clustering falls.

Join every two faces whose squared distance is at most `limit`. Each connected part of that graph
can be clustered by itself, and nothing is lost up to that height: two clusters at a mean distance
of at most `limit` hold a pair that is no farther apart, so both lie in one part, and average
linkage joins in rising order. (Pairs that may not be joined only leave edges out: parts that are
too large cost time, and no more.)

The distances of a million faces would fill four terabytes. They are made a block at a time,

    ||a - b||² = ||a||² + ||b||² - 2 a·b <= limit   where   a·b >= (||a||² + ||b||² - limit) / 2

as a product of BLAS in float32, of which only the pairs on the right side are looked at. Rounding
moves a·b by at most (D + 4) 2^-24 |a| |b|, about; the bound is widened by four times as much, so no
pair is missed. Near pairs enter a forest of parents (union-find; Tarjan 1975). O(N) memory, N² D
multiply-adds, at the speed of BLAS.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..nn.device.cpu_target import cpu_function

BLOCK = 256  # rows of a block: its product of 256 kB stays in the cache while it is looked through
ROUNDING = 2.0**-24  # of float32


@cpu_function
def _root(parent, face):
    while parent[face] != face:
        parent[face] = parent[parent[face]]  # each path is halved on the way
        face = parent[face]
    return face


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
def _unite(products, row_bounds, column_bounds, first_row, first_column, parent):
    """Join the faces of a block's near pairs; the lower number becomes the parent."""
    for row in range(len(row_bounds)):
        if not how_many_reach(products[row], column_bounds, row_bounds[row]):
            continue
        for column in range(len(column_bounds)):
            if products[row, column] - column_bounds[column] >= row_bounds[row]:
                one = _root(parent, first_row + row)
                other = _root(parent, first_column + column)
                if one != other:
                    parent[max(one, other)] = min(one, other)


@cpu_function
def _roots(parent):
    """Return the lowest face of each face's part; a parent's number is never above its child's."""
    for face in range(len(parent)):
        parent[face] = parent[parent[face]]
    return parent


def parts_within(
    points: np.ndarray, limit: float, progress: Callable[[int, int], None] | None = None
) -> np.ndarray:
    """Return the part of each face: the lowest face that it hangs together with.

    Parameters
    ----------
    points : ndarray of shape (N, D), float64, finite
    limit : float
        The largest squared distance of a near pair.
    progress : callable(done, total), optional
        Called after each row of blocks, with blocks.

    Returns
    -------
    ndarray of shape (N,), int64
    """
    parent = np.arange(len(points))
    largest = np.abs(points).max(initial=0)
    if not largest:  # all faces are one point, or there are none
        return np.zeros_like(parent)
    scaled = (points / largest).astype(np.float32)  # so that no square overflows
    squares = np.einsum("nd,nd->n", scaled, scaled, dtype=np.float64)
    slack = 4 * (points.shape[1] + 4) * ROUNDING * squares.max()
    # Half of limit and slack stands in each of the two bounds of a pair.
    bounds = (squares - limit / largest / largest / 2 - slack) / 2
    bounds = np.maximum(bounds, -1e30).astype(np.float32)
    blocks = range(0, len(points), BLOCK)
    for start in blocks:
        rows = slice(start, start + BLOCK)
        for place in blocks:
            if place > start:
                break
            columns = slice(place, place + BLOCK)
            products = scaled[rows] @ scaled[columns].T
            _unite(products, bounds[rows], bounds[columns], start, place, parent)
        if progress is not None:
            row, last = start // BLOCK + 1, len(blocks)
            progress(row * (row + 1) // 2, last * (last + 1) // 2)
    return _roots(parent)
