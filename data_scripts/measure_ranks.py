"""Measure training on several ranks beside one process with as many threads: the guide's table.

    mpiexec -n 2 --bind-to none python data_scripts/measure_ranks.py nn1_mini nn1_mini_bn

Both sides are in the same processes, and take turns step by step: the first rank alone, with one
thread per rank, while the others sleep; then all ranks, with one thread each. Made-up photos, the
batch and the settings are `minifacenet train`'s. Clock: the wall's, for the ranks wait for each
other; so other programs count, too, and hit both sides alike. Printed are medians, their ratio, and
how long the first rank was within sums, gathering and waiting for the others.
"""

from __future__ import annotations

import sys
import time
from itertools import islice

import numpy as np

from minifacenet.embedding.architectures import Architecture
from minifacenet.machine.mpi import MpiRanks, all_ranks
from minifacenet.machine.ranks import ALONE
from minifacenet.nn.device.backend import set_threads
from minifacenet.preprocessing.faces import Faces
from minifacenet.training.loop import train
from minifacenet.training.settings import TrainConfig

ROUNDS = 15
CONFIG = TrainConfig(steps=1000)
PEOPLE, PHOTOS = 40, 8


class Timed(MpiRanks):
    """Ranks that sum up the seconds within them, and the bytes of the gradients' sums."""

    seconds = 0.0

    def gather(self, rows, count):
        return self._timed(super().gather, rows, count)

    def add(self, arrays):
        return self._timed(super().add, arrays)

    def texts(self, text):
        return self._timed(super().texts, text)

    def _timed(self, work, *arguments):
        start = time.perf_counter()
        try:
            return work(*arguments)
        finally:
            self.seconds += time.perf_counter() - start

    def rest_until_all_come(self) -> None:
        """Wait without spinning, as MPI's own waiting does: the core is another's meanwhile."""
        request = self._world.Ibarrier()
        while not request.Test():
            time.sleep(0.001)


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


def measure(name: str, ranks: Timed, rounds: int) -> None:
    architecture = Architecture(name, channels=1)
    faces = made_up(architecture.input_shape[0])
    sides = [
        train(architecture.build(np.random.default_rng(0)), faces, CONFIG, ranks=side)
        for side in (ALONE, ranks)
    ]
    alone, together, within = [], [], []
    for number in range(rounds + 1):
        ranks.rest_until_all_come()
        if ranks.rank == 0:
            set_threads(ranks.size)
            alone += islice(sides[0], 1)
        ranks.rest_until_all_come()
        set_threads(1)
        ranks.seconds = 0.0
        together += islice(sides[1], 1)
        within.append(ranks.seconds)
        if number == 0:  # it compiles and takes memory
            alone, together, within = [], [], []
    if ranks.rank == 0:
        threads, shared = (
            np.array([record.images / record.seconds for record in records])
            for records in (alone, together)
        )
        ratios = shared / threads
        share = np.median(np.array(within) / [record.seconds for record in together])
        print(
            f"{name:12} 1 x {ranks.size} threads {np.median(threads):6.1f} images/s   "
            f"{ranks.size} x 1 {np.median(shared):6.1f}   ratio of medians "
            f"{np.median(shared) / np.median(threads):.3f}, of the fastest "
            f"{shared.max() / threads.max():.3f}, quartiles of {rounds} ratios "
            f"{np.quantile(ratios, 0.25):.3f} to {np.quantile(ratios, 0.75):.3f}   "
            f"within sums and waiting {share:.1%}",
            flush=True,
        )


def main() -> None:
    with all_ranks() as ranks:
        if not isinstance(ranks, MpiRanks):
            raise ValueError("start it with mpiexec -n 2 --bind-to none")
        for name in sys.argv[1:]:
            measure(name, Timed(ranks._world), ROUNDS)


if __name__ == "__main__":
    main()
