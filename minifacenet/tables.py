"""The tables of figures that the commands print: a network's layers, scores, costs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .config import METHODS
from .screen import Table, say, show
from .terminal import size_text, with_error

if TYPE_CHECKING:
    from .benchmark import Benchmark


def summary_table(title: str, rows, paper: dict | None) -> Table:
    """The rows of a network and their sum; the paper's figures beside them where there are any."""
    table = Table(title=title, title_style="bold", title_justify="left")
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
        if "gate_threshold" in opened["facenet"]:
            title = (
                f"Asked by name: {opened['facenet']['enrolled_faces']} photos trained on, of "
                f"{opened['train_people']} people, and {opened['facenet']['stranger_faces']} of "
                "strangers"
            )
            _print_scores(title, opened, _NAMING)


_VERIFICATION = ("auc", "eer", "val_at_far_0.01", "val_at_far_0.001")
_NAMING = ("correct_name_rate", "false_accept_rate", "dir_at_far_0.05", "bcubed_f1")
_HEADINGS = {
    "svm_accuracy": "named right",
    "auc": "AUC",
    "eer": "EER",
    "val_at_far_0.01": "VAL at FAR 0.01",
    "val_at_far_0.001": "VAL at FAR 0.001",
    "correct_name_rate": "named right",
    "false_accept_rate": "strangers named",
    "dir_at_far_0.05": "DIR at FAR 0.05",
    "bcubed_f1": "B-cubed F1",
}


def _print_scores(title: str, scores: dict, keys) -> None:
    say("")
    say(title, style="bold")
    table = Table()
    table.add_column("")
    for key in keys:
        table.add_column(_HEADINGS[key], justify="right")
    for method, name in METHODS.items():
        table.add_row(name, *(f"{scores[method][key]:.4f}" for key in keys))
    show(table)


def tell_benchmark(out: Path, result: Benchmark) -> None:
    """Mean and standard error over the seeds, a table a protocol."""
    count = len(result.seeds)
    pairs = ("svm_accuracy", "auc", "eer", "val_at_far_0.001")
    for protocol, title, shown in (
        ("closed", "Known people: photos held back", pairs),
        ("open", "Strangers: people never seen in training", pairs),
        ("open", "Asked by name; strangers grouped", _NAMING),
    ):
        measures = [name for name in shown if (protocol, "facenet", name) in result.values]
        if not measures:
            continue
        say("")
        say(f"; mean ± standard error of {count} seeds", lead=title)
        table = Table()
        table.add_column("")
        for measure in measures:
            table.add_column(_HEADINGS[measure], justify="right")
        timed = ["time"] if shown is pairs else []  # once is enough, and a line has 80 columns
        for column in timed:
            table.add_column(column, justify="right")
        for method, name in METHODS.items():
            cells = [
                with_error(*result.mean_error(protocol, method, measure)).replace(" ", "")
                for measure in measures
            ]
            table.add_row(name, *cells, *(f"{result.cost[method]:.2g}" for _ in timed))
        show(table)
    say(
        "",
        "Time: from a face to its name on one thread, as a multiple of that of 'pixels'.",
        f"In {out}: benchmark.csv, benchmark.png, and a whole run a seed.",
    )


def tell_mining(people: int, photos: int, costs: list, other: float) -> None:
    """What every mining rule takes for a batch."""
    count = people * photos
    say(", one thread, medians", lead=f"{count:,} embeddings of {people} people")
    table = Table()
    table.add_column("rule")
    for column in ("processor time", "memory", "active triplets"):
        table.add_column(column, justify="right")
    for cost in costs:
        table.add_row(
            cost.rule, f"{cost.seconds:.3f} s", f"{cost.memory:.1f} N²", f"{cost.active:,}"
        )
    table.add_row("distances, gradient", f"{other:.3f} s", "", "")
    show(table)
    say(f"Memory: of a rule alone; N² is one matrix of float32, {size_text(4 * count**2)}.")


def tell_recognition(costs: list) -> None:
    """What naming, verification and clustering take."""
    say(", one thread", lead="Embeddings of 128 dimensions")
    table = Table()
    table.add_column("task")
    for column in ("processor time", "memory"):
        table.add_column(column, justify="right")
    for cost in costs:
        memory = "" if cost.memory is None else size_text(cost.memory)
        table.add_row(cost.task, f"{cost.seconds:.2f} s", memory)
    show(table)
    say("Memory: the most that the process has taken so far, Python and libraries too.")
