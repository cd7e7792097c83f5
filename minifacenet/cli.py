"""The command line: it parses, calls, and draws what it is told."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.console import Console, Group
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from . import __version__

if TYPE_CHECKING:
    from .embedding.train import StepRecord

_PLAIN = dict(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="FaceNet rebuilt by hand: train a network on your photos, name faces, verify people.",
)
console = Console()


def main() -> None:
    """The console command. Errors that a user can mend are one line; the rest keep a traceback."""
    try:
        app()
    except (ValueError, OSError, FloatingPointError) as error:
        Console(stderr=True).print(f"[red]error:[/red] {error}", highlight=False, soft_wrap=True)
        sys.exit(1)


def _version(wanted: bool) -> None:
    if wanted:
        print(__version__)
        raise typer.Exit


@app.callback()
def _global(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@app.command()
def run(
    faces: Annotated[Path, typer.Argument(help="Folder of people: FACES/person/photo.jpg")],
    out: Annotated[Path, typer.Option(help="Folder for the model, figures and numbers.")],
    steps: Annotated[
        int, typer.Option(min=1, help="Most training steps; held-out faces choose.")
    ] = 150,
    people: Annotated[int, typer.Option(min=2, help="People in a batch (P).")] = 32,
    photos: Annotated[int, typer.Option(min=2, help="Photos of each in a batch (K).")] = 5,
    rate: Annotated[float, typer.Option(help="Learning rate at the start.")] = 5e-4,
    optimizer: Annotated[str, typer.Option(help="adam, adagrad (the paper's) or sgd.")] = "adam",
    chunk: Annotated[
        int | None,
        typer.Option(min=1, help="Photos in memory at once; a larger batch goes in two passes."),
    ] = None,
    mining: Annotated[
        str,
        typer.Option(help="semi-hard, semi-hard-random, hardest or all; 'semi-hard, hardest@100'."),
    ] = "semi-hard",
    margin: Annotated[float, typer.Option(help="The triplet loss's alpha, in squared L2.")] = 0.2,
    size: Annotated[int, typer.Option(min=32, help="Side of the square faces in pixels.")] = 96,
    seed: Annotated[int, typer.Option(help="Draws the split, the weights and the batches.")] = 0,
    threads: Annotated[
        int | None, typer.Option(help="Threads to compute with; all if left out.")
    ] = None,
    credit: Annotated[
        str | None, typer.Option(help="Whose photos these are, for the figures.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Write into OUT though it holds a run.")
    ] = False,
) -> None:
    """Train nn1_mini on a folder of people, name the photos held back, verify strangers."""
    from .config import RunConfig
    from .embedding.train import TrainConfig
    from .nn.backend import set_threads
    from .pipeline import run as run_pipeline
    from .preprocessing.folder import read_faces

    training = TrainConfig(
        steps=steps, people=people, photos=photos, rate=rate, optimizer=optimizer, margin=margin,
        chunk=chunk, mining=mining, seed=seed,
    )  # fmt: skip
    if (out / "metrics.json").exists() and not force:
        raise ValueError(f"{out} holds a run already: choose another --out, or say --force")
    if threads is not None:
        set_threads(threads)
    data = read_faces(faces, size=size)
    _tell_data(faces, data)
    with _Bars() as bars:
        metrics = run_pipeline(data, out, RunConfig(training=training, credit=credit), bars)
    _tell_results(metrics)
    written = [out, out / "open"] if metrics["open"] else [out]  # an older run may have left more
    pictures = [path for folder in written for path in sorted(folder.glob("*.png"))]
    console.print(
        f"\nIn {out}: model.safetensors, metrics.json, names.csv, log.csv", highlight=False
    )
    names = (path.relative_to(out).as_posix() for path in pictures)
    console.print(f"Pictures: {', '.join(names)}", highlight=False)


@app.command()
def summary(
    network: Annotated[str, typer.Argument(help="nn1 or nn1_mini")] = "nn1",
    channels: Annotated[int, typer.Option(help="1 (grey) or 3 (RGB)")] = 3,
    size: Annotated[
        int | None, typer.Option(help="Side of the input; the network's own if left out.")
    ] = None,
    dim: Annotated[int, typer.Option(help="Length of an embedding.")] = 128,
) -> None:
    """Print a network's table: shapes, parameters and multiply-adds, beside the paper's figures."""
    from .embedding.architectures import NN1_PAPER, Architecture, FaceNet

    architecture = Architecture(network, size, channels, dim)
    rows = FaceNet.new(architecture).network.table(architecture.input_shape)
    console.print(_summary_table(network, rows, NN1_PAPER if network == "nn1" else None))


def _summary_table(title: str, rows, paper: dict | None) -> Table:
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


def _tell_data(folder: Path, faces) -> None:
    console.print(f"[bold]{folder}[/bold]: {faces.summary()}", highlight=False)
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


METHOD_NAMES = {"facenet": "nn1_mini (ours)", "eigenfaces": "eigenfaces", "pixels": "pixels"}


def _tell_results(metrics: dict) -> None:
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
    for method, name in METHOD_NAMES.items():
        table.add_row(name, *(f"{scores[method][key]:.4f}" for key in keys))
    console.print(table)


class _Bars(Progress):
    """One progress bar a training with the time left, and below them the last step in numbers."""

    def __init__(self):
        self._numbers = ""
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
        self.console.print(text, highlight=False)

    def start_training(self, title: str, steps: int) -> None:
        self._numbers = "compiling kernels (the first time only)"
        self._training = self.add_task(title, total=steps)

    def step(self, record: StepRecord) -> None:
        self._numbers = (
            f"loss {record.loss:.3f}  active {record.active:.0%}  "
            f"d(a,p) {record.positive_distance:.2f}  d(a,n) {record.negative_distance:.2f}  "
            f"spread {record.spread:.2f}  {record.images / record.seconds:.0f} images/s"
        )
        self.update(self._training, completed=record.step)

    def stop_training(self) -> None:
        self._numbers = ""
        self.stop_task(self._training)
