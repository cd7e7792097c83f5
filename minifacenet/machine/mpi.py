"""MPI: ranks that `mpiexec -n 4 minifacenet train ...` starts, on one machine or on many.

Sums are formed here, in the order of the ranks, and not by MPI, which may choose another order: for
a number of ranks the bits are the same each time, and the same on every rank. An array is cut into
one piece per rank; each rank gets its piece from all others, adds, and sends the sum to all. So
each sends and receives 2 (n - 1) / n of the array, as in the usual ring. A short one goes whole
from each to all, once, since there the time is that of the messages and not of their bytes.

What one rank alone runs into, the others cannot know: they wait for it. So it says what it was and
ends all. What all run into alike, such as photos that cannot be read, is said by the first.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import numpy as np

from ..files.words import printable
from .launcher import PATIENCE, launched
from .ranks import ALONE, Ranks

# Numbers that are under way at once: so many per rank, which stay in the cache where these are few,
# and at most so many in all, in memory that is taken twice.
PIECE, BUCKET = 2**17, 2**22
SHORT = 2**14  # bytes of a rank that go whole: about 20 us, a message's latency, at 5 Gbit/s
SPINNING, NAP = 1e-4, 2e-5  # seconds of a wait without sleep, and of a sleep


@contextmanager
def all_ranks() -> Iterator[Ranks]:
    """Give the ranks that a launcher has started with this process; without one, `ALONE`.

    None leaves the block before all have come to its end. An exception that all raise goes on on
    the first, and ends the others in silence. One that some raise is printed, and ends all.

    Raises
    ------
    ValueError
        A launcher has started several, and MPI is not there, or belongs to another launcher.
    """
    if launched() == 1:
        yield ALONE
        return
    world = _world()
    if world.size == 1:
        yield ALONE
        return
    ranks = MpiRanks(world)
    try:
        yield ranks
        ranks.meet()
    except BaseException as error:
        ranks.leave(error)
        raise


def _world() -> Any:
    started = launched()
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        many = f"{started} processes" if started else "several processes"
        missing = isinstance(error, ModuleNotFoundError)
        raise ValueError(
            f"mpiexec has started {many}, and to train together they need mpi4py"
            + (": pip install 'minifacenet[mpi]'" if missing else f", which cannot load: {error}")
        ) from None
    if started > 1 and MPI.COMM_WORLD.size == 1:
        library = MPI.Get_library_version().split("\n")[0].split(",")[0]
        raise ValueError(
            f"mpiexec has started {started} processes, and each finds itself alone, since mpi4py "
            f"is made for {printable(library)}: take the mpiexec of that one"
        )
    return MPI.COMM_WORLD


class MpiRanks(Ranks):
    """The ranks of an MPI communicator. Every method is called by all of them, in one order."""

    def __init__(self, world: Any):
        self._world = world
        self._farewell = world.Dup()
        self._spaces: dict[tuple[str, np.dtype], np.ndarray] = {}
        self.rank, self.size = world.rank, world.size

    def meet(self) -> None:
        """Wait until all ranks are here: every exchange begins with it.

        MPI's own waiting spins. Where other programs run, too, the one core on which a rank waits
        may be what the last rank waits for; so this one sleeps, as Numba's threads do.
        """
        request, begun = self._world.Ibarrier(), time.perf_counter()
        while not request.Test():
            if time.perf_counter() > begun + SPINNING:
                time.sleep(NAP)

    def gather(self, rows: np.ndarray, count: int) -> np.ndarray:
        ends = np.array(self.bounds(count)) * int(np.prod(rows.shape[1:]))
        out = np.empty((count, *rows.shape[1:]), rows.dtype)
        self.meet()
        self._all_get(np.ascontiguousarray(rows).reshape(-1), out.reshape(-1), ends)
        return out

    def add(self, arrays: Sequence[np.ndarray]) -> None:
        if not all(array.flags.c_contiguous for array in arrays):
            raise ValueError("arrays that are added in place are in C order")
        most = min(PIECE * self.size, BUCKET)
        for parts in _buckets([array.reshape(-1) for array in arrays], most):
            if len(parts) == 1:
                self._add_flat(parts[0])
                continue
            ends = np.cumsum([part.size for part in parts])
            bucket = self._space("bucket", ends[-1], parts[0].dtype)
            self._add_flat(np.concatenate(parts, out=bucket))
            for part, sums in zip(parts, np.split(bucket, ends[:-1]), strict=True):
                part[:] = sums

    def _add_flat(self, own):
        """Add to an array (n,), in place, those of the other ranks."""
        self.meet()
        if own.nbytes <= SHORT:
            every = self._space("every", self.size * own.size, own.dtype)
            self._world.Allgather(own, every)
            _sum_rows(every.reshape(self.size, -1), own)
            return
        ends = np.array(self.bounds(own.size))
        starts, counts = ends[:-1], np.diff(ends)
        mine, kind = own[ends[self.rank] : ends[self.rank + 1]], own.dtype.char
        every = self._space("every", self.size * mine.size, own.dtype)
        self._world.Alltoallv(
            [own, counts, starts, kind],
            [every, np.full(self.size, mine.size), np.arange(self.size) * mine.size, kind],
        )
        _sum_rows(every.reshape(self.size, -1), mine)
        self._world.Allgatherv(mine.copy(), [own, counts, starts, kind])

    def _space(self, name, count, dtype):
        """Return an array (count,) that is used again: fresh memory costs more than the sums."""
        if (name, dtype) not in self._spaces or self._spaces[name, dtype].size < count:
            self._spaces[name, dtype] = np.empty(count, dtype)
        return self._spaces[name, dtype][:count]

    def _all_get(self, own, out, ends):
        self._world.Allgatherv(own, [out, np.diff(ends), ends[:-1], out.dtype.char])

    def texts(self, text: str) -> list[str]:
        encoded = np.frombuffer(text.encode(errors="surrogateescape"), np.uint8)
        sizes = np.empty(self.size, np.int64)
        self.meet()
        self._world.Allgather(np.array([encoded.size], np.int64), sizes)
        ends = np.cumsum([0, *sizes])
        every = np.empty(ends[-1], np.uint8)
        self._all_get(encoded, every, ends)
        return [
            every[start:end].tobytes().decode(errors="surrogateescape")
            for start, end in pairwise(ends)
        ]

    def any(self, flag: bool) -> bool:
        flags = np.empty(self.size, np.uint8)
        self.meet()
        self._world.Allgather(np.array([flag], np.uint8), flags)
        return bool(flags.any())

    def refuse_difference(self, what: str, value: object) -> None:
        texts = self.texts(str(value))
        other = next((rank for rank, text in enumerate(texts) if text != texts[0]), None)
        if other is not None:
            raise ValueError(
                f"rank {other} of {self.size} has other {what} than rank 0 "
                f"({printable(texts[other])[:200]}, not {printable(texts[0])[:200]}): all ranks "
                "need the same command, files and versions, and processors of one kind"
            )

    def on_first(self, work: Callable[[], object]) -> None:
        def nothing() -> np.ndarray:
            work()
            return np.empty(0)

        self.array_of_first(nothing)

    def array_of_first(self, work: Callable[[], np.ndarray]) -> np.ndarray:
        array, failed, said = np.empty(0), None, ""
        if self.rank == 0:
            try:
                array = np.ascontiguousarray(work())
                said = json.dumps([array.dtype.char, array.shape])
            except Exception as error:  # the others wait for it
                failed, said = error, f"!{error}"
        said = self.texts(said)[0]
        if failed is not None:
            raise failed
        if said.startswith("!"):
            raise ValueError(said[1:])
        if self.rank:
            kind, shape = json.loads(said)
            array = np.empty(shape, kind)
        self._world.Bcast([array, array.size, array.dtype.char])
        return array

    def threads(self) -> int:
        from mpi4py import MPI

        here = self._world.Split_type(MPI.COMM_TYPE_SHARED)
        cores = _cores()
        others = MpiRanks(here).texts(json.dumps(cores))
        return max(1, len(cores) // sum(not {*cores}.isdisjoint(json.loads(o)) for o in others))

    def leave(self, error: BaseException) -> None:
        """End this rank with an exception: return on the first if all have one, else end all."""
        if not isinstance(error, Exception):  # Ctrl-C, a second time: at once
            self._world.Abort(130)
        if self._all_arrive():
            if self.rank:
                raise SystemExit(0) from None  # what there is to say, the first one says
            return
        if isinstance(error, (ValueError, OSError, FloatingPointError, MemoryError)):
            text = printable(" ".join(str(error).split("\n")) or type(error).__name__)
        else:
            text = "".join(traceback.format_exception(error)).rstrip()
        out = sys.__stderr__
        if out is not None:
            who = f"rank {self.rank} of {self.size} ({socket.gethostname()})"
            print(f"error: {who}: {text}", file=out, flush=True)
            time.sleep(0.2)  # the launcher passes it on
        self._world.Abort(1)

    def _all_arrive(self) -> bool:
        """Return whether all ranks end with an exception within seconds; lower ones wait less."""
        request = self._farewell.Ibarrier()
        until = time.monotonic() + PATIENCE + 0.5 * self.rank
        while time.monotonic() < until:
            if request.Test():
                return True
            time.sleep(0.01)
        return False


def _cores() -> list[int]:
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def _buckets(arrays: Sequence[np.ndarray], most: int) -> Iterator[list[np.ndarray]]:
    """Cut flat arrays into parts, and group these: of a group, at most `most` numbers."""
    group: list[np.ndarray] = []
    room = most
    for left in arrays:
        while left.size:
            part, left = left[:room], left[room:]
            group.append(part)
            room -= part.size
            if not room:
                yield group
                group, room = [], most
    if group:
        yield group


def _sum_rows(rows: np.ndarray, out: np.ndarray) -> None:
    """Add two rows or more: the second to the first, the third to their sum, and so on."""
    np.add(rows[0], rows[1], out=out)
    for row in rows[2:]:
        out += row
