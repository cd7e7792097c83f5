"""Other numbers for the checks than those that a learner has seen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

import numpy as np


@contextmanager
def drawn_anew(seed: int) -> Iterator[None]:
    """Let checks draw other numbers: each seed that they name is joined by this one."""
    make = np.random.default_rng

    def joined(one=None):
        return make([one, seed] if isinstance(one, int | np.integer) else one)

    with patch.object(np.random, "default_rng", joined):
        yield
