"""Measure training on several ranks beside one process with as many threads: the guide's table.

    mpiexec -n 2 --bind-to none python data_scripts/measure_ranks.py nn1_mini nn1_mini_bn

Both sides are in the same processes, and take turns step by step: the first rank alone, with one
thread per rank, while the others sleep; then all ranks, with one thread each. Made-up photos, the
batch and the settings are `minifacenet train`'s.

Ranks wait for each other, so the clock is the wall's, on which other programs count, too. Beside it
stands what they cannot change: the processor time that a step takes in the thread that leads it, of
the one process and of the busiest rank. For the ranks it has no sums, gathering and waiting in it;
the least that these took in a round is printed, too, for there nobody was late.
"""

from __future__ import annotations

import sys
import time

import numpy as np

from minifacenet.embedding.architectures import Architecture
from minifacenet.machine.mpi import MpiRanks, all_ranks
from minifacenet.machine.ranks import ALONE
from minifacenet.nn.device.backend import blas_threads, set_threads
from minifacenet.preprocessing.faces import Faces
from minifacenet.training.loop import train
from minifacenet.training.settings import TrainConfig

ROUNDS = 7
CONFIG = TrainConfig(steps=1000)
PEOPLE, PHOTOS = 40, 8


class Timed(MpiRanks):
    """Ranks that sum up what they take: `within` is (wall, processor) seconds of a step."""

    within = 0.0, 0.0

    def gather(self, rows, count):
        return self._timed(super().gather, rows, count)

    def add(self, arrays):
        return self._timed(super().add, arrays)

    def texts(self, text):
        return self._timed(super().texts, text)

    def _timed(self, work, *arguments):
        before = clocks()
        try:
            return work(*arguments)
        finally:
            self.within = tuple(self.within + clocks() - before)

    def rest_until_all_come(self) -> None:
        """Wait without spinning, as MPI's own waiting does: the core is another's meanwhile."""
        request = self._world.Ibarrier()
        while not request.Test():
            time.sleep(0.001)


def clocks() -> np.ndarray:
    return np.array([time.perf_counter(), time.thread_time()])


def made_up(size: int) -> Faces:
    """People with a pattern of their own each, in noise: photos of `size` pixels, one channel."""
    rng = np.random.default_rng(0)
    images = rng.integers(60, 196, (PEOPLE, 1, size, size, 1), np.int16)
    images = images + rng.integers(-40, 40, (PEOPLE, PHOTOS, size, size, 1), np.int16)
    count = PEOPLE * PHOTOS
    return Faces(
        images.reshape(count, size, size, 1).astype(np.uint8),
        np.repeat(np.arange(PEOPLE), PHOTOS),
        tuple(map(str, range(PEOPLE))),
        tuple(map(str, range(count))),
    )


def measure(name: str, ranks: Timed) -> None:
    architecture = Architecture(name, channels=1)
    faces = made_up(architecture.input_shape[0])
    sides = [
        train(architecture.build(np.random.default_rng(0)), faces, CONFIG, ranks=side)
        for side in (ALONE, ranks)
    ]
    alone, together = [], []  # per round (wall, processor), and (wall, processor beside sums, sums)
    for _ in range(ROUNDS + 1):  # the first one compiles and takes memory
        ranks.rest_until_all_come()
        if ranks.rank == 0:
            set_threads(ranks.size)
            with blas_threads(ranks.size):
                before = clocks()
                record = next(sides[0])
                alone.append(clocks() - before)
        ranks.rest_until_all_come()
        set_threads(1)
        ranks.within = 0.0, 0.0
        with blas_threads(1):
            before = clocks()
            record = next(sides[1])
            wall, processor = clocks() - before
        own = np.array([[wall, processor - ranks.within[1], ranks.within[0]]])
        together.append(ranks.gather(own, ranks.size).max(axis=0))
    if ranks.rank == 0:
        tell(name, ranks.size, record.images, np.array(alone[1:]), np.array(together[1:]))


def tell(name, size, images, alone, together) -> None:
    rates = images / alone[:, 0], images / together[:, 0]
    threads, shared = map(np.median, rates)
    low, high = np.quantile(rates[1] / rates[0], [0.25, 0.75])
    thread, rank = np.median(alone[:, 1]), np.median(together[:, 1])
    print(
        f"{name}: images/s by the wall, medians of {len(alone)} rounds: 1 x {size} threads "
        f"{threads:.0f}, {size} x 1 {shared:.0f}, ratio {shared / threads:.2f} (quartiles of the "
        f"rounds {low:.2f} to {high:.2f}). Processor ms a step: the one process's first thread "
        f"{1000 * thread:.0f}, the busiest rank {1000 * rank:.0f}; sums and waiting at least "
        f"{1000 * together[:, 2].min():.1f}",
        flush=True,
    )


def main() -> None:
    with all_ranks() as ranks:
        if not isinstance(ranks, MpiRanks):
            raise ValueError("start it with mpiexec -n 2 --bind-to none")
        for name in sys.argv[1:]:
            measure(name, Timed(ranks._world))


if __name__ == "__main__":
    main()
