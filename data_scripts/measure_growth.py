"""Measure the first use of a network, and what a photo costs as the batch grows.

    python data_scripts/measure_growth.py [--out OUT.csv] [--networks NAME ...]

**First use**: a process imports the package, makes the network and embeds one photo. It runs with
an empty folder for compiled kernels, as after an install, and then once more with what that left
there: how many kernels were compiled, and the seconds on the wall of both. Processor time stands
beside it, which a busy machine hardly changes.

**Growth**: milliseconds of processor time for a photo, on one thread, in batches from 8 to 1,800
photos (the paper's), which go through the network at once; medians of rounds in turns.

The table is `lessons/results/growth.csv`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from minifacenet import __version__
from minifacenet.embedding.architectures import Architecture, FaceNet
from minifacenet.embedding.batches import to_input
from minifacenet.files.atomic import write_csv
from minifacenet.nn.device.backend import set_threads
from minifacenet.speed.clock import Call, medians
from minifacenet.speed.engines import random_faces
from minifacenet.speed.machine import processor

RESULTS = Path(__file__).resolve().parents[1] / "lessons" / "results" / "growth.csv"
NETWORKS = ("dlib_resnet", "nn4_small2")
BATCHES, ROUNDS = (8, 32, 128, 512, 1800), 3
HEADER = (
    "network", "measured", "batch", "value", "unit", "repeats", "minifacenet", "processor",
)  # fmt: skip
FIRST_USE = """
import json, sys, time
start = time.perf_counter()
import numpy as np
from minifacenet.embedding.architectures import Architecture, FaceNet
from minifacenet.embedding.embedder import Embedder

architecture = Architecture(sys.argv[1])
photo = np.zeros((1, *architecture.input_shape), np.uint8)
Embedder(FaceNet.new(architecture)).transform(photo)
print(json.dumps([time.perf_counter() - start, time.process_time()]))
"""


def first_uses(network: str) -> Iterator[tuple[str, float, str]]:
    """Yield what was measured of a first and a second use, with the unit."""
    with TemporaryDirectory() as folder:
        for which in ("first use", "second use"):
            done = subprocess.run(
                [sys.executable, "-c", FIRST_USE, network],
                env={**os.environ, "NUMBA_CACHE_DIR": folder},
                check=True,
                capture_output=True,
                text=True,
            )
            wall, processor_time = json.loads(done.stdout)
            yield which, wall, "s on the wall"
            yield which, processor_time, "s of processor time"
            if which == "first use":
                # A kernel's index is a file, its machine code one for each kind of arguments.
                yield "kernels compiled", len(list(Path(folder).rglob("*.nbc"))), "kernels"


def costs(network: str) -> Iterator[tuple[int, float]]:
    """Yield a batch and the milliseconds of a photo in it."""
    model = FaceNet.new(Architecture(network))
    inference = model.for_inference()
    inputs = {batch: to_input(random_faces(model, batch)) for batch in BATCHES}
    # The small ones are repeated, so that all are timed for about as long.
    repeated = {batch: max(1, 128 // batch) for batch in BATCHES}

    def run(batch: int) -> None:
        for _ in range(repeated[batch]):
            inference.forward(inputs[batch])

    calls = {batch: Call(lambda batch=batch: run(batch)) for batch in BATCHES}
    for batch, seconds in medians(calls, ROUNDS).items():
        yield batch, 1000 * seconds / (batch * repeated[batch])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--networks", nargs="*", default=list(NETWORKS))
    options = parser.parse_args()
    set_threads(1)
    rows: list[list[str]] = []

    def add(network: str, measured: str, batch: int, value: float, unit: str, rounds: int) -> None:
        shown = f"{value:.4g}"
        rows.append(
            [network, measured, str(batch), shown, unit, str(rounds), __version__, processor()]
        )
        print(f"{network}, {measured}, batch {batch}: {shown} {unit}", flush=True)
        write_csv(options.out, HEADER, rows)

    for network in options.networks:
        for measured, value, unit in first_uses(network):
            add(network, measured, 1, value, unit, 1)
        for batch, milliseconds in costs(network):
            add(network, "a photo", batch, milliseconds, "ms of processor time", ROUNDS)


if __name__ == "__main__":
    main()
