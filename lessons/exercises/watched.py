"""Arrays that know who touched them: a race is found whether or not it shows."""

from __future__ import annotations

from collections.abc import Callable
from unittest.mock import patch

import numpy as np
from numba import prange

from .core import Wrong


class Watched:
    """An array that remembers who wrote and who read each of its numbers, and tells of a race.

    A race: one writes a number that another one writes or reads, and nothing makes either of them
    wait. `worker()` says who is at work, in words; '' where nobody else is at work.
    """

    def __init__(self, array: np.ndarray, name: str, worker: Callable[[], str]):
        self.array, self.name, self.worker = array, name, worker
        self.reads = 0
        self.forget()

    def forget(self) -> None:
        """All have waited for each other: what was done before is no race with what comes."""
        self._writer, self._reader = {}, {}

    def __getattr__(self, name):
        return getattr(self.array, name)  # shape, dtype, size, ...

    def __len__(self):
        return len(self.array)

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def __array__(self, dtype=None, copy=None):
        return np.array(self[...], dtype)

    def __getitem__(self, key):
        places = self._places(key)
        self.reads += len(places)
        worker = self.worker()
        if worker:
            for place in places:
                if self._writer.get(place, worker) != worker:
                    self._race(place, "written", self._writer[place], "read", worker)
                if self._reader.setdefault(place, worker) != worker:
                    self._reader[place] = "several"
        return self.array[key]

    def __setitem__(self, key, value):
        worker = self.worker()
        if worker:
            for place in self._places(key):
                if self._writer.setdefault(place, worker) != worker:
                    self._race(place, "written", self._writer[place], "written", worker)
                if self._reader.get(place, worker) != worker:
                    self._race(place, "read", self._reader[place], "written", worker)
        self.array[key] = value

    def __iadd__(self, other):
        self[...] = self[...] + other
        return self

    def _race(self, place, did, one, does, other):
        index = ", ".join(map(str, np.unravel_index(place, self.array.shape)))
        raise Wrong(
            f"a race: {self.name}[{index}] is {did} by {one} and {does} by {other}, and nothing "
            "makes either of them wait for the other"
        )

    def _places(self, key):
        """The flat indices of what a key selects; `Wrong` if it lies outside."""
        keys = key if isinstance(key, tuple) else (key,)
        for size, one in zip(self.array.shape, keys, strict=False):
            if isinstance(one, int | np.integer) and not -size <= one < size:
                index = ", ".join(map(str, keys))
                raise Wrong(
                    f"{self.worker() or 'your code'} touches {self.name}[{index}], outside of its "
                    f"shape {self.array.shape}. A compiled kernel does not notice, and computes "
                    "on with whatever lies there: guard the edge"
                )
        if len(keys) == self.array.ndim and all(isinstance(k, int | np.integer) for k in keys):
            place = 0
            for size, one in zip(self.array.shape, keys, strict=True):
                place = place * size + int(one) % size
            return [place]
        return np.arange(self.array.size).reshape(self.array.shape)[key].ravel().tolist()


def follow_prange(function: Callable, *arguments, watch: int, name: str) -> int:
    """Run a function in plain Python, its `prange` loops one iteration after another, and watch
    the argument number `watch`: `Wrong` if two iterations of one loop race for one of its numbers.

    An inner `prange` is a plain loop, as for Numba. Returns how many iterations were watched.
    """
    state = {"at": "", "count": 0}

    def iterations(kind, *bounds):
        if state["at"]:
            yield from range(*bounds)
            return
        watched.forget()
        for i in range(*bounds):
            state["at"] = f"iteration {i} of the prange"
            state["count"] += 1
            yield i
        state["at"] = ""

    watched = Watched(arguments[watch], name, lambda: state["at"])
    replaced = [watched if i == watch else value for i, value in enumerate(arguments)]
    with patch.object(prange, "__new__", iterations):
        getattr(function, "py_func", function)(*replaced)
    return state["count"]
