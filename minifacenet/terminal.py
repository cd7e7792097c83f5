"""What the commands print while they work: progress bars, and lines about data and files."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Group
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from .embedding.health import StepRecord, collapse_message, diagnosis
from .preprocessing.person_names import hard_to_tell_apart, in_several_forms
from .screen import Table, say, screen, show

if TYPE_CHECKING:
    from .config import TrainingRunConfig
    from .preprocessing.faces import Faces
    from .training_run import Outcome


def tell_data(folder: Path, faces) -> None:
    say(f": {faces.summary()}", lead=str(folder))
    forms = [" = ".join(map(ascii, names)) for names in in_several_forms(faces.paths)]
    near = () if faces.anonymous else hard_to_tell_apart(faces.people)
    for title, lines in (
        ("one person, whose name stands there in several Unicode forms", forms),
        (
            "two people or one? Names that differ in case or in blanks at the ends only",
            [" and ".join(f"'{name}'" for name in names) for names in near],
        ),
        ("skipped", [f"{path}: {reason}" for path, reason in faces.skipped]),
        ("people without a usable photo", faces.dropped),
        ("ignored", faces.ignored),
        (
            "the same file more than once"
            + " (one may train, the other be asked for)" * (not faces.anonymous),
            [" = ".join(paths) for paths in faces.duplicates],
        ),
    ):
        if lines:
            more = f" ... and {len(lines) - 5} more" if len(lines) > 5 else ""
            say(f"  {title}: {'; '.join(lines[:5])}{more}", style="yellow")


def tell_plan(data: Faces, others: Faces | None, config: TrainingRunConfig, done: int = 0) -> None:
    """What a training on `data` will take after `done` steps, with `others` to judge it."""
    from .plan import plan as make_plan

    training = config.training
    _, counts = np.unique(data.labels, return_counts=True)
    held_out = 0 if others is None else len(others)
    every, odd = config.check_every, training.steps % config.check_every > 0
    checks = training.steps // every - done // every + (odd and done < training.steps)
    say("  a few steps are tried; kernels are compiled before, which takes a minute the first time")
    plan = make_plan(data.labels, config.architecture, training, checks, held_out, done)
    each = " to ".join(dict.fromkeys(str(count) for count in (counts.min(), counts.max())))
    lines = [("training on", f"{len(data)} photos of {len(counts)} people, {each} each")]
    if (counts < training.photos).any():
        few, single = int((counts < training.photos).sum()), int((counts == 1).sum())
        text = f"{few} people have fewer than {training.photos} photos and give all of them"
        lines.append(("", text + f"; {single} with one photo are negatives only" * (single > 0)))
    asked = [f"every {every} steps"] * (every < training.steps)
    asked += ["at the end"] * (odd or not asked)
    lines.append(
        ("held out", f"{held_out} photos, asked " + " and ".join(asked))
        if held_out
        else ("held out", "nobody: nothing will judge the training")
    )
    if training.mine_every:
        text = (
            f"{training.mining} over {min(training.mine_over, len(data))} photos every "
            f"{training.mine_every} steps; up to {plan.batch} photos a batch"
        )
        lines.append(("offline", text))
    else:
        text = f"{plan.people} people with up to {plan.photos} photos"
        text += f" + {training.extra_negatives} of others" * bool(training.extra_negatives)
        text += f": up to {plan.batch} photos"
        lines.append(("a batch", text + f", {plan.pairs:,} anchor-positive pairs"))
    if plan.chunks > 1:
        lines.append(("in chunks", f"{plan.chunks} of {training.chunk} photos, each twice a step"))
    lines += [
        (
            "steps",
            f"{training.steps - done}; a photo is seen about {plan.batch_per_photo:.3g} times",
        ),
        (
            "memory",
            f"about {size_text(plan.memory)} beside Python itself, of which weights, gradients and "
            f"{training.optimizer} take {size_text(plan.weights_memory)}",
        ),
        (
            "time",
            f"about {_duration(plan.seconds)} on this machine as it is now, "
            f"{_duration(plan.step_seconds)} a step",
        ),
    ]
    grid = Table.grid(padding=(0, 2))
    for name, text in lines:
        grid.add_row(f"  {name}", text)
    show(grid)


def with_error(value: float, error: float) -> str:
    """A figure and its standard error, where that is known."""
    return f"{value:.3f}" if np.isnan(error) else f"{value:.3f} ± {error:.3f}"


def size_text(size: float) -> str:
    """Bytes, to be read."""
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{size / 2**20:.0f} MiB"


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.2g} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def tell_outcome(out: Path, faces: Path, config: TrainingRunConfig, outcome: Outcome) -> None:
    """How a training ended, what its model is worth, and how to go on."""
    last = outcome.records[-1]
    if last.step == outcome.began:
        say("This training was finished before: nothing was left to do.")
    lines = {
        None: f"Trained {last.step} steps: {diagnosis(outcome.records)}.",
        "interrupted": f"Interrupted after step {last.step} of {config.training.steps}; saved. "
        f"Go on with: minifacenet train {shlex.quote(str(faces))} --out {shlex.quote(str(out))} "
        "--resume",
        "collapsed": collapse_message(outcome.records),
        "no better": f"Stopped after step {last.step}: {config.patience} checks without a VAL "
        "within a standard error of the best.",
    }
    say(lines[outcome.stopped])
    if outcome.checks:
        score, error = next((v, e) for step, v, e in outcome.checks if step == outcome.kept)
        say(
            f"Kept the model of step {outcome.kept}: VAL {with_error(score, error)} at FAR "
            f"{config.far:g} on the held-out people."
        )
    names = ["model.safetensors", "state.safetensors", "config.json", "log.csv", "training.png"]
    names += ["checks.csv"] * bool(outcome.checks)
    say(f"In {out}: {', '.join(names)}")


def tell_written(out: Path, metrics: dict) -> None:
    """The files of a run."""
    written = [out, out / "open"] if metrics["open"] else [out]  # an older run may have left more
    pictures = [path for folder in written for path in sorted(folder.glob("*.png"))]
    names = (path.relative_to(out).as_posix() for path in pictures)
    say(
        "",
        f"All on one page: {out / 'report.html'}",
        "Beside it: model.safetensors, metrics.json, names.csv, log.csv",
        f"Pictures: {', '.join(names)}",
    )


def _columns() -> tuple:
    return (
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )


@contextmanager
def progress(title: str) -> Iterator[Callable[[int, int], None]]:
    """A bar with the time left, for work that calls what it gets as tell(done, total)."""
    # Where there is no terminal, a bar that goes away leaves an empty line.
    shown = screen.is_terminal
    with Progress(*_columns(), console=screen, transient=True, disable=not shown) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


class Bars(Progress):
    """One progress bar a training with the time left, and below them the last step in numbers."""

    def __init__(self):
        self._numbers = self._check = ""
        super().__init__(*_columns(), console=screen)

    def get_renderable(self) -> Group:
        numbers = [Text(self._numbers, style="dim")] if self._numbers else []
        return Group(*super().get_renderables(), *numbers)

    def say(self, text: str) -> None:
        say(text)

    def start_training(self, title: str, steps: int, done: int = 0) -> None:
        self._numbers, self._check = "compiling kernels (the first time only)", ""
        self._training = self.add_task(title, total=steps, completed=done)

    def step(self, record: StepRecord) -> None:
        self._numbers = (
            f"loss {record.loss:.3f}  active {record.active:.0%}  "
            f"d(a,p) {record.positive_distance:.2f}  d(a,n) {record.negative_distance:.2f}  "
            f"spread {record.spread:.2f}  {record.images / record.seconds:.0f} images/s"
        ) + self._check
        self.update(self._training, completed=record.step)

    def check(self, step: int, score: float, error: float) -> None:
        self._check = f"\nheld-out score at step {step}: {with_error(score, error)}"

    def stop_training(self) -> None:
        self._numbers = ""
        self.stop_task(self._training)
