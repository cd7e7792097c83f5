"""Arrays that know who touched them: a race is found whether or not it shows."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from copy import copy
from unittest.mock import patch

import numpy as np
from numba import prange
from numpy.lib.mixins import NDArrayOperatorsMixin

from .core import Wrong

PLAIN = ("shape", "dtype", "ndim", "size")  # what may be asked without reading a number
MAKERS = ("zeros", "empty", "ones", "full", "zeros_like", "empty_like", "ones_like", "full_like")


class Watched(NDArrayOperatorsMixin):
    """An array that remembers who wrote and who read each of its numbers, and tells of a race.

    A race: one writes a number that another one writes or reads, and nothing makes either of them
    wait. `worker()` says who is at work, in words; '' where nobody else is at work. `told`, if
    given, is told of each access: 'reads' or 'writes', the array's name, and the places.
    """

    def __init__(
        self, array: np.ndarray, name: str, worker: Callable[[], str], told: Callable | None = None
    ):
        self.array, self.name, self.worker, self.told = array, name, worker, told
        self.whole = self  # a part, such as a row, keeps its book in the whole
        self.places = np.arange(array.size).reshape(array.shape)
        self.reads = 0
        self.forget()

    def forget(self) -> None:
        """All have waited for each other: what was done before is no race with what comes."""
        self.writer, self.reader = {}, {}

    # -- Reading and writing ---------------------------------------------------------------------

    def __getitem__(self, key):
        self._inside(key)
        places = self.places[key]
        if np.ndim(places) == 0:
            self.whole.note_read([int(places)])
            return self.array[key]
        part = copy(self)
        part.array, part.places = self.array[key], places
        if not np.shares_memory(part.array, self.array):  # chosen by a mask or by a list: a copy
            self.whole.note_read(places.ravel().tolist())
            return part.array
        return part

    def __setitem__(self, key, value):
        self._inside(key)
        value = np.asarray(value)
        places = np.ravel(self.places[key]).tolist()
        if self.told:
            self.told("writes", self.name, places)
        self.whole.note_write(places)
        self.array[key] = value

    def __array__(self, dtype=None, copy=None):
        self.whole.note_read(self.places.ravel().tolist())
        return np.array(self.array, dtype)

    def __array_ufunc__(self, ufunc, method, *inputs, out=(), **keywords):
        inputs = [np.asarray(one) if isinstance(one, Watched) else one for one in inputs]
        result = getattr(ufunc, method)(*inputs, **keywords)
        for target in out:
            target[...] = result
        return out[0] if out else result

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        if name in PLAIN:
            return getattr(self.array, name)
        numbers = np.asarray(self)  # a sum, a transpose, ...: of a copy, which nobody writes to
        numbers.flags.writeable = False
        return getattr(numbers, name)

    def __len__(self):
        return len(self.array)

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def fill(self, value):
        self[...] = value

    # -- The book --------------------------------------------------------------------------------

    def note_read(self, places) -> None:
        self.reads += len(places)
        if self.told:
            self.told("reads", self.name, places)
        worker = self.worker()
        if worker:
            for place in places:
                if self.writer.get(place, worker) != worker:
                    self._race(place, "written", self.writer[place], "read", worker)
                if self.reader.setdefault(place, worker) != worker:
                    self.reader[place] = "several"

    def note_write(self, places) -> None:
        worker = self.worker()
        if worker:
            for place in places:
                if self.writer.setdefault(place, worker) != worker:
                    self._race(place, "written", self.writer[place], "written", worker)
                if self.reader.get(place, worker) != worker:
                    self._race(place, "read", self.reader[place], "written", worker)

    def _race(self, place, did, one, does, other):
        index = ", ".join(map(str, np.unravel_index(place, self.array.shape)))
        raise Wrong(
            f"a race: {self.name}[{index}] is {did} by {one} and {does} by {other}, and nothing "
            "makes either of them wait for the other"
        )

    def _inside(self, key):
        """`Wrong` if an index lies outside."""
        keys = key if isinstance(key, tuple) else (key,)
        for size, one in zip(self.array.shape, keys, strict=False):
            if isinstance(one, int | np.integer) and not -size <= one < size:
                index = ", ".join(":" if isinstance(k, slice) else str(k) for k in keys)
                raise Wrong(
                    f"{self.worker() or 'your code'} touches {self.name}[{index}], outside of its "
                    f"shape {self.array.shape}. A compiled kernel does not notice, and computes "
                    "on with whatever lies there: guard the edge"
                )


def follow_prange(function: Callable, *arguments, watch: int, name: str) -> int:
    """Run a function in plain Python, its `prange` loops one iteration after another, and watch
    the argument number `watch`, and all arrays that the function makes: `Wrong` if two iterations
    of one loop race for a number.

    An inner `prange` is a plain loop, as for Numba. Returns how many iterations were watched.
    """
    state = {"at": "", "count": 0}
    watched = [Watched(arguments[watch], name, lambda: state["at"])]
    replaced = [watched[0] if i == watch else value for i, value in enumerate(arguments)]

    def iterations(kind, *bounds):
        if state["at"]:
            yield from range(*bounds)
            return
        for array in watched:
            array.forget()
        for i in range(*bounds):
            state["at"] = f"iteration {i} of the prange"
            state["count"] += 1
            yield i
        state["at"] = ""

    def watching(maker):
        def make(*arguments, **keywords):
            array = make_plain(*arguments, **keywords)
            watched.append(Watched(array, f"the array of np.{maker}", lambda: state["at"]))
            return watched[-1]

        make_plain = getattr(np, maker)
        return make

    with ExitStack() as patches:
        patches.enter_context(patch.object(prange, "__new__", iterations))
        for maker in MAKERS:
            patches.enter_context(patch.object(np, maker, watching(maker)))
        getattr(function, "py_func", function)(*replaced)
    return state["count"]
