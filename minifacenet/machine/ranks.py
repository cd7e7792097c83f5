"""Ranks: processes, perhaps on several machines, that do one piece of work together.

All of them run the same program. What they do alike needs no word between them; what one does for
all, it sends. This file has the seam, and its simplest side: one process, which is alone. `mpi.py`
has the other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np


class Ranks:
    """A process that is alone: it is the first of one, and has everything already.

    Attributes
    ----------
    rank, size : int
        Which this process is, from 0, and how many there are.
    """

    rank, size = 0, 1

    def bounds(self, count: int) -> list[int]:
        """Return where the shares of `count` items begin, one per rank, and where the last ends.

        They differ by one item at most, and are empty where there are fewer items than ranks.
        """
        return [count * rank // self.size for rank in range(self.size + 1)]

    def share(self, count: int) -> slice:
        """Return this rank's items of `count`."""
        return slice(*self.bounds(count)[self.rank : self.rank + 2])

    def gather(self, rows: np.ndarray, count: int) -> np.ndarray:
        """Return all `count` rows on every rank, each of which hands in those of its share.

        Parameters
        ----------
        rows : ndarray of shape (n, ...)
            Alike on all ranks but for n.
        """
        return rows

    def add(self, arrays: Sequence[np.ndarray]) -> None:
        """Add the arrays of all ranks, in place, in the order of the ranks: on all the same bits.

        They are in C order, and of one dtype.
        """

    def texts(self, text: str) -> list[str]:
        """Return the texts of all ranks, in their order."""
        return [text]

    def any(self, flag: bool) -> bool:
        """Return whether the flag is set on any rank."""
        return flag

    def refuse_difference(self, what: str, value: object) -> None:
        """Raise ValueError on all ranks if this value, printed, differs between them.

        `what` names it for the message: 'photos', 'weights after step 50'.
        """

    def threads(self) -> int | None:
        """Return how many threads this rank takes, so that those of one machine share its cores.

        None: it is alone, and takes them all.
        """
        return None

    def on_first(self, work: Callable[[], object]) -> None:
        """Do work on the first rank while the others wait; its errors are raised on all."""
        work()

    def array_of_first(self, work: Callable[[], np.ndarray]) -> np.ndarray:
        """Return on all ranks the array that `work()` returns on the first; errors as above."""
        return work()


ALONE = Ranks()
