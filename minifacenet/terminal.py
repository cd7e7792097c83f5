"""What the commands print: tables, progress bars, and lines about data and results."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from rich import box
from rich.console import Console, Group
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from .config import METHODS
from .embedding.health import StepRecord, collapse_message, diagnosis

if TYPE_CHECKING:
    from .benchmark import Benchmark
    from .preprocessing.folder import Faces
    from .training_run import Outcome, TrainingRunConfig

_PLAIN = dict(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))

console = Console()


def summary_table(title: str, rows, paper: dict | None) -> Table:
    """The rows of a network and their sum; the paper's figures beside them where there are any."""
    table = Table(title=title, title_style="bold", title_justify="left", **_PLAIN)
    for column in ("layer", "input", "output", "kernel"):
        table.add_column(column, no_wrap=True)
    for column in ("parameters", "multiply-adds"):
        table.add_column(column, justify="right", no_wrap=True)
        if paper:
            table.add_column("paper", justify="right", style="dim")

    def counts(name: str, *numbers: int) -> list[str]:
        cells = []
        for number, printed in zip(numbers, (paper or {}).get(name, ("", "")), strict=True):
            cells += [f"{number:,}" if number else "", printed] if paper else [f"{number:,}"]
        return cells

    for row in rows:
        kernel = ""
        if row.window:
            kernel = f"{_by(row.window.kernel)}/{row.window.stride[0]}"
        numbers = counts(row.name, row.parameters, row.multiply_adds)
        table.add_row(row.name, _by(row.input), _by(row.output), kernel, *numbers)
    table.add_section()
    sums = sum(row.parameters for row in rows), sum(row.multiply_adds for row in rows)
    table.add_row("total", f"{len(rows)} rows", "", "", *counts("total", *sums))
    return table


def _by(shape) -> str:
    return "x".join(map(str, shape))


def tell_data(folder: Path, faces) -> None:
    console.print(f"[bold]{escape(str(folder))}[/bold]: {faces.summary()}", highlight=False)
    for title, lines in (
        ("skipped", [f"{path}: {reason}" for path, reason in faces.skipped]),
        ("people without a usable photo", faces.dropped),
        ("not photos", faces.ignored),
        (
            "the same file more than once (one may train, the other be asked for)",
            [" = ".join(paths) for paths in faces.duplicates],
        ),
    ):
        if lines:
            more = f" ... and {len(lines) - 5} more" if len(lines) > 5 else ""
            text = f"  {title}: {'; '.join(lines[:5])}{more}"
            console.print(text, style="yellow", highlight=False, markup=False)


def tell_plan(data: Faces, others: Faces | None, config: TrainingRunConfig) -> None:
    """What a training on `data` will take, with the faces `others` to judge it."""
    from .plan import plan as make_plan

    training = config.training
    _, counts = np.unique(data.labels, return_counts=True)
    held_out = 0 if others is None else len(others)
    checks = training.steps // config.check_every
    plan = make_plan(data.labels, config.architecture, training, checks, held_out)
    each = " to ".join(dict.fromkeys(str(count) for count in (counts.min(), counts.max())))
    lines = [("training on", f"{len(data)} photos of {len(counts)} people, {each} each")]
    if (counts < training.photos).any():
        few, single = int((counts < training.photos).sum()), int((counts == 1).sum())
        text = f"{few} people have fewer than {training.photos} photos and give all of them"
        lines.append(("", text + f"; {single} with one photo are negatives only" * (single > 0)))
    lines.append(
        ("held out", f"{held_out} photos, asked every {config.check_every} steps")
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
        text = f"up to {plan.people} people x {training.photos} photos = {plan.batch} photos"
        lines.append(("a batch", text + f", {plan.pairs:,} anchor-positive pairs"))
    if plan.chunks > 1:
        lines.append(("in chunks", f"{plan.chunks} of {training.chunk} photos, each twice a step"))
    lines += [
        ("steps", f"{training.steps}; a photo is seen about {plan.batch_per_photo:.3g} times"),
        (
            "memory",
            f"about {_size(plan.memory)} beside Python itself, of which weights, gradients and "
            f"{training.optimizer} take {_size(plan.weights_memory)}",
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
    console.print(grid, highlight=False)


def _size(size: float) -> str:
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{size / 2**20:.0f} MiB"


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.2g} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def tell_outcome(out: Path, faces: Path, config: TrainingRunConfig, outcome: Outcome) -> None:
    """How a training ended, what its model is worth, and how to go on."""
    last = outcome.records[-1]
    lines = {
        None: f"Trained {last.step} steps: {diagnosis(outcome.records)}.",
        "interrupted": f"Interrupted after step {last.step} of {config.training.steps}; saved. "
        f"Go on with: minifacenet train {shlex.quote(str(faces))} --out {shlex.quote(str(out))} "
        "--resume",
        "collapsed": collapse_message(outcome.records),
        "no better": f"Stopped after step {last.step}: {config.patience} checks without a VAL "
        "within a standard error of the best.",
    }
    console.print(lines[outcome.stopped], highlight=False, soft_wrap=True, markup=False)
    if outcome.checks:
        score, error = next((v, e) for step, v, e in outcome.checks if step == outcome.kept)
        console.print(
            f"Kept the model of step {outcome.kept}: VAL {score:.3f} ± {error:.3f} at FAR "
            f"{config.far:g} on the held-out people.",
            highlight=False,
        )
    names = ["model.safetensors", "state.safetensors", "log.csv", "training.png"]
    names += ["checks.csv"] * bool(outcome.checks)
    console.print(f"In {out}: {', '.join(names)}", highlight=False, markup=False)


def tell_results(metrics: dict) -> None:
    closed, opened = metrics["closed"], metrics["open"]
    title = (
        f"Known people: {closed['test_photos']} photos named among {closed['people']} people, "
        f"after training on {closed['train_photos']} others"
    )
    verified = _VERIFICATION if "auc" in closed["facenet"] else ()
    _print_scores(title, closed, ("svm_accuracy", *verified))
    if opened:
        title = (
            f"Strangers: pairs of {opened['test_photos']} photos of {opened['test_people']} people "
            "never seen in training"
        )
        _print_scores(title, opened, _VERIFICATION)


_VERIFICATION = ("auc", "eer", "val_at_far_0.01", "val_at_far_0.001")
_HEADINGS = {
    "svm_accuracy": "named right",
    "auc": "AUC",
    "eer": "EER",
    "val_at_far_0.01": "VAL at FAR 0.01",
    "val_at_far_0.001": "VAL at FAR 0.001",
}


def _print_scores(title: str, scores: dict, keys) -> None:
    console.print(f"\n[bold]{title}[/bold]")
    table = Table(**_PLAIN)
    table.add_column("")
    for key in keys:
        table.add_column(_HEADINGS[key], justify="right")
    for method, name in METHODS.items():
        table.add_row(name, *(f"{scores[method][key]:.4f}" for key in keys))
    console.print(table)


def tell_benchmark(out: Path, result: Benchmark) -> None:
    """Mean and standard error over the seeds, a table a protocol."""
    count = len(result.seeds)
    for protocol, title in (
        ("closed", "Known people: photos held back"),
        ("open", "Strangers: people never seen in training"),
    ):
        shown = ("svm_accuracy", "auc", "eer", "val_at_far_0.001")
        measures = [name for name in shown if (protocol, "facenet", name) in result.values]
        if not measures:
            continue
        console.print(f"\n[bold]{title}[/bold]; mean ± standard error of {count} seeds")
        table = Table(**_PLAIN)
        table.add_column("")
        for measure in measures:
            table.add_column(_HEADINGS[measure], justify="right")
        table.add_column("time", justify="right")
        for method, name in METHODS.items():
            cells = [
                "{:.3f}±{:.3f}".format(*result.mean_error(protocol, method, measure))
                for measure in measures
            ]
            table.add_row(name, *cells, f"{result.cost[method]:.2g}")
        console.print(table)
    console.print(
        "\nTime: from a face to its name on one thread, as a multiple of that of 'pixels'.\n"
        f"In {out}: benchmark.csv, benchmark.png, and a whole run a seed.",
        highlight=False,
        markup=False,
    )


def tell_mining(people: int, photos: int, costs: list, other: float) -> None:
    """What every mining rule takes for a batch."""
    count = people * photos
    console.print(
        f"[bold]{count:,} embeddings of {people} people[/bold], one thread, medians",
        highlight=False,
    )
    table = Table(**_PLAIN)
    table.add_column("rule")
    for column in ("processor time", "memory", "active triplets"):
        table.add_column(column, justify="right")
    for cost in costs:
        table.add_row(
            cost.rule, f"{cost.seconds:.3f} s", f"{cost.memory:.1f} N²", f"{cost.active:,}"
        )
    table.add_row("distances, gradient", f"{other:.3f} s", "", "")
    console.print(table)
    console.print(f"Memory: of a rule alone; N² is one matrix of float32, {_size(4 * count**2)}.")


def tell_written(out: Path, metrics: dict) -> None:
    """The files of a run."""
    written = [out, out / "open"] if metrics["open"] else [out]  # an older run may have left more
    pictures = [path for folder in written for path in sorted(folder.glob("*.png"))]
    console.print(
        f"\nIn {out}: model.safetensors, metrics.json, names.csv, log.csv",
        highlight=False,
        markup=False,
    )
    names = (path.relative_to(out).as_posix() for path in pictures)
    console.print(f"Pictures: {', '.join(names)}", highlight=False)


class Bars(Progress):
    """One progress bar a training with the time left, and below them the last step in numbers."""

    def __init__(self):
        self._numbers = self._check = ""
        super().__init__(
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=console,
        )

    def get_renderable(self) -> Group:
        return Group(*super().get_renderables(), Text(self._numbers, style="dim"))

    def say(self, text: str) -> None:
        self.console.print(text, highlight=False, markup=False)

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
        self._check = f"\nheld-out score at step {step}: {score:.3f} ± {error:.3f}"

    def stop_training(self) -> None:
        self._numbers = ""
        self.stop_task(self._training)
