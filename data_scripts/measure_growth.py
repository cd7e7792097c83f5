"""Measure the first use of a network, and what a photo costs as the batch grows.

    python data_scripts/measure_growth.py [--out OUT.csv] [--networks NAME ...]

**First use**: a process imports the package, makes the network and embeds one photo. It runs with
an empty folder for compiled kernels, as after an install, and then once more with what that left
there: how many kernels were compiled, and the seconds on the wall of both. Processor time stands
beside it, which a busy machine hardly changes; it is of one thread, as is all compilation. A last
run with the package's import alone says how much of either that is.

**Growth**: milliseconds of processor time for a photo, on one thread, in batches from 8 to 1,800
photos (the paper's), which go through the network at once; medians of rounds in turns. For the
large networks it ends at 128 photos: of NN1's first layer alone, 1,800 take 5.6 GB. The system's
part of it is given, too: glibc asks for arrays above 32 MB anew each time, and the system fills
them with zeros. (`Embedder` takes 32 photos at once, however many there are.)

The table is `lessons/results/growth.csv`, its picture lies beside it; `--draw-only` draws it anew.
Networks that are not measured this time keep their rows.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numba
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from minifacenet import __version__
from minifacenet.embedding.architectures import Architecture, FaceNet
from minifacenet.embedding.batches import to_input
from minifacenet.embedding.published import PUBLISHED
from minifacenet.files.atomic import write_csv
from minifacenet.nn.device.backend import set_threads
from minifacenet.plots.style import BOLD, DASHES, DIFFERENT, HUES, SAME, new_axes, save
from minifacenet.speed.clock import Call, medians
from minifacenet.speed.engines import random_faces
from minifacenet.speed.machine import processor

RESULTS = Path(__file__).resolve().parents[1] / "lessons" / "results" / "growth.csv"
BATCHES, ROUNDS = (8, 32, 128, 512, 1800), 3
LARGEST = {"dlib_resnet": 1800, "nn4_small2": 1800, "nn1": 128, "inception_resnet_v1": 128}
IMPORT, FIRST, SECOND = "import alone", "first use", "second use"
COMPILED, PHOTO, SYSTEM = "kernels compiled", "a photo", "the system's part of a photo"
WALL, PROCESSOR_TIME = "s on the wall", "s of processor time"
HEADER = (
    "network", "measured", "batch", "value", "unit", "repeats", "versions", "processor",
)  # fmt: skip
FIRST_USE = """
import json, sys, time
start = time.perf_counter()
import numpy as np
from minifacenet.embedding.architectures import Architecture, FaceNet
from minifacenet.embedding.embedder import Embedder

if len(sys.argv) > 1:
    architecture = Architecture(sys.argv[1], dim=int(sys.argv[2]))
    photo = np.zeros((1, *architecture.input_shape), np.uint8)
    Embedder(FaceNet.new(architecture)).transform(photo)
print(json.dumps([time.perf_counter() - start, time.process_time()]))
"""
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")


def architecture(network: str) -> Architecture:
    return PUBLISHED[network].architecture if network in PUBLISHED else Architecture(network)


def first_uses(network: str) -> Iterator[tuple[str, float, str]]:
    """Yield what was measured of a first and a second use, with the unit."""
    embeds = [network, str(architecture(network).dim)]
    with TemporaryDirectory() as folder:
        for which, arguments in ((FIRST, embeds), (SECOND, embeds), (IMPORT, [])):
            done = subprocess.run(
                [sys.executable, "-c", FIRST_USE, *arguments],
                env={**os.environ, **ONE_THREAD, "NUMBA_CACHE_DIR": folder},
                check=True,
                capture_output=True,
                text=True,
            )
            wall, processor_time = json.loads(done.stdout)
            yield which, wall, WALL
            yield which, processor_time, PROCESSOR_TIME
            if which == FIRST:
                # A kernel's index is a file, its machine code one for each kind of arguments.
                yield COMPILED, len(list(Path(folder).rglob("*.nbc"))), "kernels"


def costs(network: str) -> Iterator[tuple[str, int, float]]:
    """Yield what was measured, the batch, and the milliseconds of a photo in it."""
    model = FaceNet.new(architecture(network))
    inference = model.for_inference()
    batches = [batch for batch in BATCHES if batch <= LARGEST.get(network, BATCHES[-1])]
    photos = to_input(random_faces(model, batches[-1]))
    # The small ones are repeated, so that all are timed for about as long.
    repeated = {batch: max(1, 64 // batch) for batch in batches}
    system: dict[int, list[float]] = {batch: [] for batch in batches}

    def run(batch: int) -> None:
        before = os.times().system
        for _ in range(repeated[batch]):
            inference.forward(photos[:batch])
        system[batch].append(os.times().system - before)

    calls = {batch: Call(lambda batch=batch: run(batch)) for batch in batches}
    for batch, seconds in medians(calls, ROUNDS).items():
        count = batch * repeated[batch]
        yield PHOTO, batch, 1000 * seconds / count
        yield SYSTEM, batch, 1000 * statistics.median(system[batch][-ROUNDS:]) / count


# -- The picture ---------------------------------------------------------------------------------


def picture(rows: Sequence[dict[str, str]]) -> np.ndarray:
    """Draw the first and second use as bars (left), and the cost of a photo by batch (right)."""
    networks = list(dict.fromkeys(row["network"] for row in rows))
    figure = Figure(figsize=(9, 1.8 + 0.55 * len(networks)), layout="constrained")
    axes = figure.subplots(1, 2, squeeze=False)
    _first_bars(new_axes(axes[0, 0], 0, 0), networks, rows)
    _growth_lines(new_axes(axes[0, 1], 0, 0), networks, rows)
    return axes


def _first_bars(ax: Axes, networks: Sequence[str], rows: Sequence[dict[str, str]]) -> None:
    found = {(row["network"], row["measured"], row["unit"]): float(row["value"]) for row in rows}
    looks = {FIRST: {"color": SAME}, SECOND: {"color": DIFFERENT, "hatch": "////"}}
    for which, shift in ((FIRST, -0.2), (SECOND, 0.2)):
        places = np.arange(len(networks)) + shift
        values = [found[name, which, PROCESSOR_TIME] for name in networks]
        bars = ax.barh(places, values, 0.38, label=which, edgecolor="white", **looks[which])
        kernels = [found[name, COMPILED, "kernels"] for name in networks]
        texts = [
            f"{value:.1f} s" + f", {count:.0f} kernels" * (which == FIRST)
            for value, count in zip(values, kernels, strict=True)
        ]
        ax.bar_label(bars, texts, padding=3, fontsize=8)
    ax.set_yticks(range(len(networks)), networks)
    ax.set_ylim(len(networks) - 0.5, -0.5)
    ax.set_xlim(0, 1.6 * ax.dataLim.xmax)
    ax.grid(axis="y", visible=False)
    ax.set_xlabel("seconds of processor time")
    ax.set_title("From the import to the first vector", **BOLD)
    ax.legend(loc="lower right", frameon=False, fontsize=8)


def _growth_lines(ax: Axes, networks: Sequence[str], rows: Sequence[dict[str, str]]) -> None:
    for number, name in enumerate(networks):
        own = [row for row in rows if row["network"] == name]
        batches, values = _by_batch(own, PHOTO)
        label = f"{name}: {values[0]:.3g} ms in batches of {batches[0]}"
        look = {"color": HUES[number], "linestyle": DASHES[number % len(DASHES)]}
        look["marker"] = "osD^"[number % 4]
        ax.plot(batches, values / values[0], label=label, **look)
        without = values - _by_batch(own, SYSTEM)[1]
        ax.plot(batches, without / values[0], alpha=0.35, **look)
    ax.set_xscale("log", base=2)
    ax.set_xticks(BATCHES, [f"{batch:,}" for batch in BATCHES])
    ax.minorticks_off()
    ax.set_ylim(0, max(1.3, 1.1 * ax.dataLim.ymax))
    ax.set_xlabel("photos in a batch; pale: without the system's part")
    ax.set_ylabel(f"times that of {BATCHES[0]} in a batch")
    ax.set_title("Cost of a photo by batch", **BOLD)
    ax.legend(loc="lower left", frameon=False, fontsize=8)


def _by_batch(rows: Sequence[dict[str, str]], measured: str) -> tuple[list[int], np.ndarray]:
    own = [row for row in rows if row["measured"] == measured]
    return [int(row["batch"]) for row in own], np.array([float(row["value"]) for row in own])


def draw(table: Path) -> None:
    """Draw the picture of a table beside it."""
    save(picture(read(table)), table.with_suffix(".png"))


def read(table: Path) -> list[dict[str, str]]:
    with table.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--networks", nargs="*", default=list(LARGEST))
    parser.add_argument("--draw-only", action="store_true")
    options = parser.parse_args()
    set_threads(1)
    rows: list[list[str]] = []
    if options.out.is_file():
        others = (row for row in read(options.out) if row["network"] not in options.networks)
        rows = [[row[name] for name in HEADER] for row in others]
    versions = f"minifacenet {__version__}, numba {numba.__version__}, numpy {np.__version__}"

    def add(network: str, measured: str, batch: int, value: float, unit: str, rounds: int) -> None:
        shown = f"{value:.4g}"
        cells = [network, measured, str(batch), shown, unit, str(rounds), versions, processor()]
        rows.append(cells)
        print(f"{network}, {measured}, batch {batch}: {shown} {unit}", flush=True)
        write_csv(options.out, HEADER, rows)

    for network in () if options.draw_only else options.networks:
        for measured, value, unit in first_uses(network):
            add(network, measured, 1, value, unit, 1)
        for measured, batch, milliseconds in costs(network):
            add(network, measured, batch, milliseconds, "ms of processor time", ROUNDS)
    draw(options.out)


if __name__ == "__main__":
    main()
