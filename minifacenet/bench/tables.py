"""What `bench` prints and writes: tables for people, csv for programs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from ..files import write_csv
from ..tables import PLAIN
from ..terminal import console, say, size_text
from .clock import Timing, clock_name
from .machine import describe
from .scaling import Cost
from .sides import BOTH, FORWARD, WHOLE
from .step import PASS

# Headings of a pass: of its times, of its ratios.
HEADS = {
    FORWARD: ("\nforward", "fwd"),
    BOTH: ("forward+\nbackward", "f+b"),
    PASS: ("\nstep", "step"),
}
MARKS = {"channels_last": "c", "contiguous": "n"}
NOTES = (
    "PyTorch in its better layout: c channels_last (NHWC), n contiguous (NCHW)",
    "Ratio: PyTorch's time by ours; above 1 we are faster. Times in ms.",
)


def tell_machine(title: str, rounds: int, about: str | None = None) -> None:
    """What was timed, on what, how."""
    console.print(f"[bold]{title}[/bold]", highlight=False)
    for line in (*describe(), *([about] if about else [])):
        say(line)
    say(f"{clock_name().capitalize()}, median of {rounds} round{'s' * (rounds > 1)}")


def tell_timings(timings: Sequence[Timing]) -> None:
    """A line a row, the ratios at its end; nothing comes after the last row."""
    passes, compared = list(timings[0].ours), bool(timings[0].theirs)
    for note in NOTES if compared else ["Times in ms"]:
        say(note)
    say("Rows are timed apart: they need not add up to the total.")
    table = Table(**PLAIN)
    table.add_column("\nlayer", no_wrap=True)
    for which in passes:
        for head in [HEADS[which][0], "\nGFLOP/s"] + ["\nPyTorch"] * compared:
            table.add_column(head, justify="right", no_wrap=True)
    for which in passes if compared else []:
        table.add_column(f"ratio\n{HEADS[which][1]}", justify="right", no_wrap=True)
    for timing in timings:
        if timing.name in WHOLE:
            table.add_section()
        table.add_row(timing.name, *_cells(timing, passes, compared))
    console.print(table, highlight=False)


def _cells(timing: Timing, passes, compared: bool) -> list[str]:
    cells = []
    for which in passes:
        cells += [_ms(timing.ours[which]), _or_dash(timing.gflops(which), ".0f")]
        if compared:
            layout, seconds = timing.best(which)
            cells.append(f"{_ms(seconds)} {MARKS.get(layout, layout)}")
    return cells + [_or_dash(timing.ratio(which), ".2f") for which in passes if compared]


def _ms(seconds: float) -> str:
    ms = 1000 * seconds
    return f"{ms:.{0 if ms >= 1000 else 1 if ms >= 10 else 2}f}"


def _or_dash(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def write_timings(path: Path, timings: Sequence[Timing]) -> None:
    """Every median: a row a layer, its times in ms by side and pass; empty where none."""
    passes, layouts = list(timings[0].ours), list(timings[0].theirs)
    header = ["layer", *(f"{which} GFLOP" for which in passes)]
    header += [f"ours {which} ms" for which in passes]
    header += [f"torch {layout} {which} ms" for layout in layouts for which in passes]
    header += [f"ratio {which}" for which in passes if layouts]
    rows = []
    for timing in timings:
        row = [timing.name, *(f"{timing.operations[which] / 1e9:.6g}" for which in passes)]
        sides = [timing.ours, *(timing.theirs.get(layout, {}) for layout in layouts)]
        seconds = [side.get(which) for side in sides for which in passes]
        row += ["" if value is None else f"{1000 * value:.6g}" for value in seconds]
        ratios = [timing.ratio(which) for which in passes if layouts]
        rows.append(row + ["" if value is None else f"{value:.4g}" for value in ratios])
    write_csv(path, header, rows)


def tell_costs(costs: Sequence[Cost]) -> None:
    """A section each for batch, width and size."""
    table = Table(**PLAIN)
    table.add_column("\nvaried", no_wrap=True)
    heads = (
        "\nparameters",
        "forward\nms/image",
        "step\nms/image",
        "forward\nmemory",
        "step\nmemory",
    )
    for head in heads:
        table.add_column(head, justify="right", no_wrap=True)
    for before, cost in zip([None, *costs], costs, strict=False):
        if before and before.varied != cost.varied:
            table.add_section()
        table.add_row(
            f"{cost.varied} {cost.value:g}",
            f"{cost.parameters:,}",
            _ms(cost.forward),
            _ms(cost.step),
            size_text(cost.forward_memory),
            size_text(cost.step_memory),
        )
    console.print(table, highlight=False)


def write_costs(path: Path, costs: Sequence[Cost]) -> None:
    """The same figures, times in ms an image and memory in bytes."""
    header = ["varied", "value", "parameters", "forward ms", "step ms"]
    header += ["forward bytes", "step bytes"]
    rows = [
        (c.varied, f"{c.value:g}", c.parameters, f"{1000 * c.forward:.6g}", f"{1000 * c.step:.6g}",
         c.forward_memory, c.step_memory)
        for c in costs
    ]  # fmt: skip
    write_csv(path, header, rows)
