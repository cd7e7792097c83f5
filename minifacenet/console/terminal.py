"""What the commands print while they work: progress bars, and lines about data and files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Group
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from ..files.words import printable, with_error
from ..preprocessing.person_names import hard_to_tell_apart, in_several_forms
from ..training.health import StepRecord
from ..training.observer import Observer
from .screen import say, screen

if TYPE_CHECKING:
    from ..preprocessing.faces import Faces


def tell_data(folder: Path, faces: Faces) -> None:
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


def tell_written(out: Path, metrics: dict) -> None:
    """Print the files of a run."""
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
    """Show a bar with the time left; the work calls the function it gets as tell(done, total)."""
    # Without a terminal, a bar that goes away leaves an empty line; in Rich 13 even one
    # that is disabled does.
    if not screen.is_terminal:
        yield lambda done, total: None
        return
    with Progress(*_columns(), console=screen, transient=True) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


class Bars(Progress, Observer):
    """One progress bar per training with the time left; below them the last step in numbers."""

    def __init__(self) -> None:
        self._numbers = self._check = ""
        super().__init__(*_columns(), console=screen)

    def get_renderable(self) -> Group:
        numbers = [Text(self._numbers, style="dim")] if self._numbers else []
        return Group(*super().get_renderables(), *numbers)

    def say(self, text: str) -> None:
        say(text)

    def embedded(self, name: str, done: int, total: int) -> None:
        if done == 0:
            self._embedding = self.add_task(printable(f"vectors of {name}"), total=total)
        self.update(self._embedding, completed=done)

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
