"""The people whom a classifier is fitted on, as its y."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np


def with_room_for_strangers(y: np.ndarray) -> np.ndarray:
    """Return the people in a dtype that has room for a stranger's name, -1 or a string."""
    if y.dtype.kind == "u":
        if y.size and y.max() > np.iinfo(np.int64).max:
            raise ValueError(f"people are numbered up to 2**63 - 1, got {y.max()}")
        return y.astype(np.int64)
    if y.dtype.kind not in "ifUSO":  # scikit-learn checks S and O itself
        raise ValueError(
            f"people are strings or whole numbers, got dtype {y.dtype}: nothing in it could stand "
            "for a stranger. Take y.astype(int), or names"
        )
    return y


@contextmanager
def one_photo_each_is_enough() -> Iterator[None]:
    """Silence scikit-learn's warning that names nearly all different could be measurements."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)
        yield
