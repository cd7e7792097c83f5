"""The matrices A, B and G of Winograd's convolution, from points, in exact fractions.

Multiplying polynomials by their values. The product of g(x) = g_0 + g_1 x + ... (r coefficients)
and h(x) = h_0 + h_1 x + ... (m of them) has n = m + r - 1 coefficients s_0, s_1, ... A polynomial
with n coefficients is known by its values at n points, and the values of a product are products of
values. Let E_k be the matrix whose row for the point p is (1, p, p², ..., p^(k-1)): E_k times
coefficients are values. So, ⊙ being the product element by element,

    E_n s = (E_r g) ⊙ (E_m h)          s = E_n^-1 [(E_r g) ⊙ (E_m h)]

with n multiplications instead of the r m of multiplying out. (Multiplying by E is not counted: it
is done once for many products, and its numbers are simple.) One of the points may be "infinity":
the value of a polynomial there is its highest coefficient, and the row of E_k is (0, ..., 0, 1).

From products to convolutions: transpose. For a fixed g, s is a linear function of h, and its matrix
T = E_n^-1 diag(E_r g) E_m is known from multiplying out, too: column p of T is g, moved down by p.
Row p of the transposed matrix is g moved to the right by p, and that is what a layer computes:

    y_p = sum over i of g_i d_(p+i)  =  (T^T d)_p          y = E_m^T [(E_r g) ⊙ (E_n^-T d)]

Compare with y = A^T [(G g) ⊙ (B^T d)]: A = E_m, G = E_r, B = E_n^-1.

The inverse. Column p of E_n^-1 holds the coefficients of the polynomial that is 1 at the point p
and 0 at all others: the product of (x - q) over the other finite points q, divided by

    N_p = product of (p - q) over the other finite points q          (N = 1 for infinity)

We leave the division to G, whose row p becomes E_r's divided by N_p: y is the same, weights are
transformed less often than images, and B is free of fractions that have to be rounded, as are A and
the points.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import prod

import numpy as np

INFINITY = None  # as a point


def winograd_matrices(points: Sequence, taps: int = 3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return A (n, m), B (n, n) and G (n, taps), arrays of Fractions, with m = n - taps + 1.

    Parameters
    ----------
    points : n different numbers, exact ones (int or Fraction); one may be INFINITY
    taps : int
        Length of g.
    """
    rows_of_b, g = [], []
    for p, powers in zip(points, _powers(points, taps), strict=True):
        others = [q for q in points if q not in (p, INFINITY)]
        scale = 1 if p is INFINITY else prod(p - q for q in others)
        rows_of_b.append(_with_roots(others, len(points)))
        g.append([power / scale for power in powers])
    return _powers(points, len(points) - taps + 1), np.array(rows_of_b).T, np.array(g)


def _powers(points, count: int) -> np.ndarray:
    """Return one row (1, p, ..., p^(count-1)) per point, (0, ..., 0, 1) for infinity."""
    highest = [Fraction(k == count - 1) for k in range(count)]
    rows = [highest if p is INFINITY else [Fraction(p) ** k for k in range(count)] for p in points]
    return np.array(rows)


def _with_roots(roots, count: int) -> list[Fraction]:
    """Return the coefficients of the product of (x - root), lowest first, padded with zeros."""
    coefficients = [Fraction(k == 0) for k in range(count)]
    for root in roots:
        times_x = [Fraction(0), *coefficients[:-1]]
        coefficients = [t - root * c for t, c in zip(times_x, coefficients, strict=True)]
    return coefficients
