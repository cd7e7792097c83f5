"""How time is taken: on which clock, in which order, and which of many values is reported.

On one thread the clock is the **processor time** of the process: what other programs do meanwhile
does not count. It is the process's and not the thread's, because a library may do its work on a
pool's thread while ours waits, as Numba does on its layer "workqueue", and then the thread's own
clock would miss most of it. Where the work stays in the calling thread the two agree. On several
threads processor times add up, though nobody waits for the sum: there the wall clock is read.

On a **GPU** a launch returns before its kernel has run: the processor leaves work in a queue and
goes on. A clock that is read then has timed the queueing alone. So the wall clock is read only when
the GPU has done all that it was given, before a run and after it (`synchronize` waits for all
queues of the process's context, and PyTorch's work is in the same one). The figure is the
time that a user waits. It includes the launches, ours and PyTorch's, which Python makes one by
one: a row of tiny kernels is bound by its launches, and says little about the kernels.

Two programs are compared **interleaved**: one run of each in turn, over and over, so that a
processor that gets warm, or busy, does so for both. Each runs once beforehand, which compiles and
takes memory. The **median** of the rounds is reported: an interruption hits few of them.

The ratio is the yardstick's time divided by ours: above 1 we are faster.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numba

from ..nn.device.backend import blas_threads
from ..nn.device.cuda_target import numba_cuda

PAUSE = 0.005  # seconds in which another library's threads stop spinning, looking for work
SHORTEST = 1e-5  # below this many seconds the call and the clock cost as much as the work


def _nothing() -> None:
    pass


@dataclass(frozen=True)
class Call:
    """A call to time, and the setup before each call, which is not timed."""

    run: Callable[[], object]
    before: Callable[[], None] = _nothing


Calls = Mapping[str, Call]  # of one row, by pass: 'forward', 'forward+backward'


@dataclass(frozen=True)
class Timing:
    """One row of a comparison; every mapping has the row's passes as keys.

    `operations` are floating-point operations, 0 where none are counted. `theirs` has one mapping
    per memory layout that the yardstick was measured in, or one by its own name if it has only one,
    and none without a yardstick. `traffic` is the bytes that have to move (see `traffic.py`),
    counted on a GPU only. `peer` is the yardstick's name in `sides.PEERS`.
    """

    name: str
    operations: Mapping[str, int]
    ours: Mapping[str, float]
    theirs: Mapping[str, Mapping[str, float]]
    traffic: Mapping[str, int] = field(default_factory=dict)
    peer: str = "torch"

    def best(self, which: str) -> tuple[str, float]:
        """Return the yardstick's better layout for a pass, and its seconds."""
        layout = min(self.theirs, key=lambda layout: self.theirs[layout][which])
        return layout, self.theirs[layout][which]

    def ratio(self, which: str) -> float | None:
        """Return their seconds divided by ours; None without a yardstick, or for times near 0."""
        if not self.theirs:
            return None
        ours, (_, theirs) = self.ours[which], self.best(which)
        return theirs / ours if min(ours, theirs) >= SHORTEST else None

    def gflops(self, which: str) -> float | None:
        """Return our 10^9 floating-point operations per second; None where none are counted."""
        count, seconds = self.operations[which], self.ours[which]
        return count / seconds / 1e9 if count and seconds > 0 else None

    def bandwidth(self, which: str) -> float | None:
        """Return our 10^9 bytes per second; None where none are counted."""
        count, seconds = self.traffic.get(which), self.ours[which]
        return count / seconds / 1e9 if count and seconds > 0 else None


def clock_name(device: str = "cpu") -> str:
    """Return the name of the clock that `medians` reads."""
    if device == "cuda":
        return "time on the wall, with the GPU's work done before and after"
    return "processor time" if numba.get_num_threads() == 1 else "time on the wall"


def _gpu_time() -> float:
    """Read the wall clock once the GPU has done all that it was given."""
    numba_cuda().synchronize()
    return time.perf_counter()


def _clock(device: str, threads: int) -> Callable[[], float]:
    if device == "cuda":
        return _gpu_time
    return time.process_time if threads == 1 else time.perf_counter


def medians(calls: Mapping, rounds: int, device: str = "cpu") -> dict:
    """Return the median seconds of each call over `rounds`, on Numba's number of threads.

    `device` is where the calls compute; 'cuda' waits for the GPU around each of them.

    Raises
    ------
    ValueError
        `rounds` is below 1.
    """
    if rounds < 1:
        raise ValueError(f"a median needs at least 1 round, got {rounds}")
    threads = numba.get_num_threads()
    clock = _clock(device, threads)
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    with blas_threads(threads):
        for number in range(rounds + 1):
            for name, call in calls.items():
                call.before()
                if threads > 1 and device == "cpu":
                    time.sleep(PAUSE)
                start = clock()
                call.run()
                elapsed = clock() - start
                if number:  # the first round compiles
                    seconds[name].append(elapsed)
    return {name: statistics.median(values) for name, values in seconds.items()}


def time_row(
    name: str,
    operations: Mapping[str, int],
    ours: Calls,
    theirs: Mapping[str, Calls],
    rounds: int,
    device: str = "cpu",
    traffic: Mapping[str, int] | None = None,
    peer: str = "torch",
) -> Timing:
    """Time both sides of a row, pass by pass: ours, each of their layouts, then ours again."""
    sides = {"": ours, **theirs}
    seconds: dict[str, dict[str, float]] = {side: {} for side in sides}
    for which in ours:
        taken = medians({side: calls[which] for side, calls in sides.items()}, rounds, device)
        for side, value in taken.items():
            seconds[side][which] = value
    return Timing(name, operations, seconds.pop(""), seconds, traffic or {}, peer)
