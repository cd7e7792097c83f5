"""A figure with its standard error, and the ratio of two that were measured on the same pairs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Figure:
    """A figure, and the parts that tell how far it can be trusted.

    Attributes
    ----------
    value : float
    parts : ndarray of shape (R,), float64
        The figure in each fold, or of each seed; or, `left_out`, without each group of people.
    left_out : bool
        The parts are those of a jackknife.
    """

    value: float
    parts: np.ndarray
    left_out: bool = False

    @property
    def error(self) -> float:
        """Return the standard error; NaN with fewer than two parts."""
        if len(self.parts) < 2:
            return float("nan")
        if self.left_out:
            return float(np.std(self.parts) * np.sqrt(len(self.parts) - 1))
        return float(np.std(self.parts, ddof=1) / np.sqrt(len(self.parts)))

    def over(self, other: Figure) -> Figure:
        """Return the ratio to another figure of the same pairs.

        Both move together from part to part, so the error of the ratio is far below that of either:
        r = a / b moves by (da - r db) / b, to first order.
        """
        if not other.value:
            return Figure(float("nan"), np.empty(0), self.left_out)
        ratio = self.value / other.value
        moved = (self.parts - ratio * other.parts) / other.value
        return Figure(ratio, moved, self.left_out)
