"""A person as one direction: that of the mean of their embeddings."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

TINY = 1e-10  # of a mean: embeddings that cancel each other out have no direction


def mean_directions(
    vectors: np.ndarray, person: np.ndarray, dtype: DTypeLike | None = None
) -> np.ndarray:
    """Return the unit vectors m_p = mean / |mean|, shape (P, D).

    Parameters
    ----------
    vectors : ndarray of shape (N, D)
    person : ndarray of shape (N,), int
        0 to P - 1, and each of them.
    dtype : dtype, optional
        To sum in; that of the vectors if left out.

    Raises
    ------
    ValueError
        A mean is too long for its dtype: it would seem to have no direction.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # told below, with a remedy
        means = np.stack([vectors[rows].mean(axis=0, dtype=dtype) for rows in rows_of(person)])
        lengths = np.linalg.norm(means, axis=1, keepdims=True)
    if not np.isfinite(lengths).all():
        raise ValueError(
            f"vectors of up to {np.abs(vectors).max():.3g} are too long for a mean in "
            f"{means.dtype}: divide each by its length"
        )
    return means / np.maximum(lengths, TINY)


def rows_of(person: np.ndarray) -> list[np.ndarray]:
    """Return the rows of each person, in order: a sort, and not a search for each of many."""
    ends = np.cumsum(np.bincount(person))
    return np.split(np.argsort(person, kind="stable"), ends[:-1])
