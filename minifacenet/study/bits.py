"""Embeddings of fewer bits: the paper says that one byte an entry costs no accuracy.

8 bits are the paper's 128 bytes, by `embedding.quantise` with one scale for all vectors. For fewer
bits that scale would waste its codes on the few largest entries, so the 2^b levels lie at

    (k + 1/2) step,      k = -2^(b-1) ... 2^(b-1) - 1

and the step is the one with the least squared error over these vectors: what is beyond the last
level is cut off. With one bit only the signs are left, and a distance is 'step² times the number of
signs that differ'.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ..embedding.quantise import quantise

BITS = (1, 2, 4, 8)
STEPS = 64  # that are tried, each 4.5 % above the one before


def with_fewer_bits(vectors: np.ndarray, bits: int) -> np.ndarray:
    """Round the entries of vectors to 2^bits values.

    Parameters
    ----------
    vectors : ndarray of shape (N, D), float32
    bits : int
        1 to 8, per entry.

    Returns
    -------
    ndarray of shape (N, D), float32
        The rounded vectors. They are not brought back to the sphere.
    """
    if bits == 8:
        return quantise(vectors, "global").vectors
    half = 2 ** (bits - 1)
    widest = 2 * float(np.abs(vectors).max(initial=1e-30)) / half
    rounded = (
        ((np.clip(np.floor(vectors / step), -half, half - 1) + 0.5) * step).astype(np.float32)
        for step in np.geomspace(widest / 16, widest, STEPS)
    )
    return min(rounded, key=lambda candidate: float(np.square(candidate - vectors).sum()))


def check_bits(bits: Iterable[int]) -> None:
    """Raise ValueError for a number of bits that makes no sense."""
    if wrong := [number for number in bits if not 1 <= number <= 8]:
        raise ValueError(f"an entry has 1 to 8 bits, got {wrong[0]}")
