"""Measure the whole of `recognise`, from a folder to an album, beside the package face_recognition.

    python data_scripts/measure_recognise.py IMAGES PEOPLE SEVERAL --peer PYTHON [--peer PYTHON ...]

IMAGES, PEOPLE and PYTHON are those of `compare_recognition.py`, as is the draw: 20 people with 3
photos each are enrolled, and 280 photos asked for, half of them of 20 strangers. SEVERAL is a
folder of photos with several faces, none of these people's.

Each side is a process with one thread, which names all faces of a folder: ours as `minifacenet
recognise PHOTOS --known KNOWN --out OUT` does, theirs as `face_recognition KNOWN PHOTOS`, but that
it says one name at most, the nearest. Sides take turns for some rounds, after a run over SEVERAL,
which compiles. Time is processor time: what other programs do meanwhile does not count,
nor does waiting for the disk. Networks are loaded and people enrolled before a photo is looked at;
that is in the table (`enrolling_ms`, for each photo of KNOWN), and not in `photos_per_second`. Ours
writes crops, tables and an album, theirs a line per face.

A ratio is ours over that of the first peer: the median of the rounds' ratios, with the lowest and
the highest. The face nearest the middle of one of LFW's photos is taken for the person it is of.
`lessons/results/recognise.csv` has the figures, the picture of where the time goes lies beside it.
`--draw-only` draws it anew.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from shutil import copyfile
from tempfile import TemporaryDirectory

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from minifacenet.data_scripts.compare_recognition import ROOT, SIDES, Side, draw
from minifacenet.data_scripts.stage_bars import stage_bars
from minifacenet.files.atomic import write_csv
from minifacenet.plots.style import BOLD, new_axes, save
from minifacenet.speed.machine import processor

RESULTS = ROOT / "lessons" / "results" / "recognise.csv"
STAGES = (
    "reading", "detection", "cutting", "embedding", "encoding", "naming", "writing",
    "reading crops", "album", "the rest",
)  # fmt: skip
OURS = {
    "ours, dlib_resnet": ("dlib_resnet", "20"),
    "ours, dlib_resnet, faces from 40 pixels": ("dlib_resnet", "40"),
    "ours, nn4_small2": ("nn4_small2", "20"),
}
ONE_FACE, SEVERAL = "LFW, 250 x 250", "several faces"
HEADER = (
    "photos_of", "side", "photos", "photos_per_second", "ratio", "lowest", "highest",
    *(f"{stage}_ms" for stage in STAGES), "enrolling_ms", "rounds", "faces", "photos_with_a_face",
    "named_correctly", "named_wrongly", "strangers_accepted", "versions", "processor",
)  # fmt: skip


@dataclass
class Task:
    """A folder of photos, and whom each shows: '' for a stranger. Without that, they show several
    strangers each."""

    title: str
    photos: Path
    known: Path
    truth: dict[str, str] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        return sorted(path.name for path in self.photos.iterdir())


@dataclass
class Runs:
    """What a side said of a folder, and the seconds of its stages, round by round."""

    side: Side
    faces: list[tuple[str, list[float], str]] = field(default_factory=list)
    seconds: list[dict[str, float]] = field(default_factory=list)

    def named(self) -> list[float]:
        """The seconds of each round, without loading and enrolling."""
        return [sum(one.get(stage, 0.0) for stage in STAGES) for one in self.seconds]

    def stage(self, name: str) -> float:
        return statistics.median(one.get(name, 0.0) for one in self.seconds)


def tasks(folder: Path, images: Path, people: Path, several: Path, seed: int) -> list[Task]:
    """Copy the photos that were drawn, so that each folder holds what it should and no more."""
    enrolled, turns = draw(images, people, seed)
    known, one = folder / "known", folder / "one"
    for name, photo in enrolled:
        _copy(Path(photo), known / name)
    truth = {}
    for name, photo in (shown for turn in turns for shown in turn):
        truth[_copy(Path(photo), one)] = name
    for path in sorted(several.iterdir()):
        _copy(path, folder / "several")
    return [Task(ONE_FACE, one, known, truth), Task(SEVERAL, folder / "several", known)]


def _copy(photo: Path, folder: Path) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    copyfile(photo, folder / photo.name)
    return photo.name


def measure(task: Task, sides: Sequence[Side], rounds: int) -> list[Runs]:
    """Let the sides take turns, each second time in the opposite order."""
    every = [Runs(side) for side in sides]
    for number in range(rounds):
        for runs in every[:: -1 if number % 2 else 1]:
            answer = name(task, runs.side)
            runs.faces = answer["faces"]
            runs.seconds.append(answer["seconds"])
        print(f"{task.title}: round {number + 1} of {rounds}", flush=True)
    return every


def name(task: Task, side: Side) -> dict:
    """Return what a side says of a folder: a `FolderAnswer`."""
    with TemporaryDirectory() as out:
        return side.tell({"folder": [str(task.photos), str(task.known), out]})


def row(task: Task, runs: Runs, yardstick: Runs) -> dict[str, str]:
    """Return a side's figures."""
    count = len(task.names)
    seconds = sum(runs.stage(stage) for stage in STAGES)
    ratios = [t / o for o, t in zip(runs.named(), yardstick.named(), strict=True)]
    known = len(list(task.known.glob("*/*")))
    return {
        "photos_of": task.title,
        "side": runs.side.title,
        "photos": str(count),
        "photos_per_second": f"{count / seconds:.2f}",
        "ratio": f"{statistics.median(ratios):.2f}",
        "lowest": f"{min(ratios):.2f}",
        "highest": f"{max(ratios):.2f}",
        **{f"{stage}_ms": f"{1000 * runs.stage(stage) / count:.2f}" for stage in STAGES},
        "enrolling_ms": f"{1000 * runs.stage('enrolling') / known:.2f}",
        "rounds": str(len(runs.seconds)),
        "faces": str(len(runs.faces)),
        "photos_with_a_face": str(len({photo for photo, _, _ in runs.faces})),
        **_shares(task, runs.faces),
        "versions": runs.side.tell({"about": True})["versions"],
        "processor": processor(),
    }


def _shares(task: Task, faces: Sequence[tuple[str, list[float], str]]) -> dict[str, str]:
    """Return how many of the known were named so, and how many strangers got a name.

    Where a photo shows several strangers, all of its faces count; else the one in the middle.
    """
    if not task.truth:
        accepted = np.mean([name != "" for *_, name in faces])
        return {"named_correctly": "", "named_wrongly": "", "strangers_accepted": f"{accepted:.4f}"}
    said = dict.fromkeys(task.truth, "")
    nearest = dict.fromkeys(task.truth, np.inf)
    for photo, (x0, y0, x1, y1), name in faces:
        with Image.open(task.photos / photo) as image:
            off = float(np.hypot(x0 + x1 - image.width, y0 + y1 - image.height))
        if off < nearest[photo]:
            said[photo], nearest[photo] = name, off
    pairs = [(said[photo], name) for photo, name in task.truth.items()]
    known = [(one, name) for one, name in pairs if name]
    strangers = [one for one, name in pairs if not name]
    return {
        "named_correctly": f"{np.mean([one == name for one, name in known]):.4f}",
        "named_wrongly": f"{np.mean([one not in ('', name) for one, name in known]):.4f}",
        "strangers_accepted": f"{np.mean([one != '' for one in strangers]):.4f}",
    }


def picture(rows: Sequence[dict[str, str]]) -> np.ndarray:
    """Draw a panel per folder, and in it a bar per side, by stage."""
    kinds = list(dict.fromkeys(one["photos_of"] for one in rows))
    figure = Figure(figsize=(9, 1.5 + 0.62 * len(rows) + 0.5 * len(kinds)), layout="constrained")
    axes = figure.subplots(len(kinds), 1, squeeze=False)
    for ax, kind in zip(axes[:, 0], kinds, strict=True):
        own = [one for one in rows if one["photos_of"] == kind]
        stage_bars(new_axes(ax, 0, 0), own, STAGES)
        ax.set_title(f"{kind}: {own[0]['photos']} photos", **BOLD)
    for ax in axes[:-1, 0]:
        ax.set_xlabel("")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False, fontsize=8)
    return axes


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("images", type=Path, nargs="?", help="folder of LFW's photos")
    parser.add_argument("people", type=Path, nargs="?", help="people with ten photos or more")
    parser.add_argument("several", type=Path, nargs="?", help="folder of photos of several people")
    parser.add_argument("--peer", action="append", default=[], help="Python with the other side")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--draw-only", action="store_true")
    options = parser.parse_args()
    if not options.draw_only:
        if options.several is None or not options.peer:
            parser.error("IMAGES, PEOPLE, SEVERAL and a --peer are needed")
        script = str(SIDES / "ours_folder.py")
        sides = [Side(title, [sys.executable, script, *how]) for title, how in OURS.items()]
        for python in options.peer:
            side = Side(python, [python, str(SIDES / "theirs.py")])
            side.title = side.tell({"about": True})["title"]
            sides.append(side)
        rows = []
        with TemporaryDirectory() as folder:
            places = (path.resolve() for path in (options.images, options.people, options.several))
            both = tasks(Path(folder), *places, options.seed)
            for side in sides:
                name(both[-1], side)  # compiles
            for task in both:
                every = measure(task, sides, options.rounds)
                rows += [row(task, runs, every[len(OURS)]) for runs in every]
                write_csv(options.out, HEADER, [[one[name] for name in HEADER] for one in rows])
    with options.out.open(encoding="utf-8", newline="") as file:
        save(picture(list(csv.DictReader(file))), options.out.with_suffix(".png"))


if __name__ == "__main__":
    main()
