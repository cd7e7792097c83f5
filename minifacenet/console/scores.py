"""What a run and a benchmark print: the scores of every method."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..classification.methods import OURS, Method, methods_with
from ..files.words import with_error
from .screen import Table, say, show

if TYPE_CHECKING:
    from ..experiment.seeds import SeedScores


def tell_results(metrics: dict) -> None:
    closed, opened = metrics["closed"], metrics["open"]
    methods = methods_with(metrics["config"]["network"])
    title = (
        f"Known people: {closed['test_photos']} photos named among {closed['people']} people, "
        f"after training on {closed['train_photos']} others"
    )
    verified = _VERIFICATION if "auc" in closed[OURS.key] else ()
    _print_scores(title, methods, closed, ("svm_accuracy", *verified))
    if opened:
        title = (
            f"Strangers: pairs of {opened['test_photos']} photos of {opened['test_people']} people "
            "never seen in training"
        )
        _print_scores(title, methods, opened, _VERIFICATION)
        if "gate_threshold" in opened[OURS.key]:
            title = (
                f"Asked by name: {opened['facenet']['enrolled_faces']} photos trained on, of "
                f"{opened['train_people']} people, and {opened['facenet']['stranger_faces']} of "
                "strangers"
            )
            _print_scores(title, methods, opened, _NAMING)


_VERIFICATION = ("auc", "eer", "val_at_far_0.01", "val_at_far_0.001")
_NAMING = ("correct_name_rate", "false_accept_rate", "dir_at_far_0.05", "bcubed_f1")
_HEADINGS = {
    "svm_accuracy": "accuracy",
    "auc": "AUC",
    "eer": "EER",
    "val_at_far_0.01": "VAL at FAR 0.01",
    "val_at_far_0.001": "VAL at FAR 0.001",
    "correct_name_rate": "accuracy",
    "false_accept_rate": "strangers accepted",
    "dir_at_far_0.05": "DIR at FAR 0.05",
    "bcubed_f1": "B-cubed F1",
}


def _print_scores(title: str, methods: tuple[Method, ...], scores: dict, keys) -> None:
    say("")
    say(title, style="bold")
    table = Table()
    table.add_column("")
    for key in keys:
        table.add_column(_HEADINGS[key], justify="right")
    for method in methods:
        table.add_row(method.title, *(f"{scores[method.key][key]:.4f}" for key in keys))
    show(table)


def tell_seeds(out: Path, result: SeedScores) -> None:
    """Print mean and standard error over the seeds, one table per protocol."""
    count = len(result.seeds)
    pairs = ("svm_accuracy", "auc", "eer", "val_at_far_0.001")
    for protocol, title, shown in (
        ("closed", "Known people: photos held back", pairs),
        ("open", "Strangers: people never seen in training", pairs),
        ("open", "Asked by name; strangers grouped", _NAMING),
    ):
        measures = [name for name in shown if (protocol, OURS.key, name) in result.values]
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
        for method in result.methods:
            cells = [
                with_error(*result.mean_error(protocol, method.key, measure)).replace(" ", "")
                for measure in measures
            ]
            table.add_row(method.title, *cells, *(f"{result.cost[method.key]:.2g}" for _ in timed))
        show(table)
    say(
        "",
        "Time: from a face to its name on one thread, as a multiple of that of 'pixels'.",
        f"In {out}: benchmark.csv, benchmark.png, and a whole run per seed.",
    )
