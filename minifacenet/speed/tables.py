"""What `bench` prints and writes: tables for people, csv for programs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..console.screen import Table, say, show
from ..files.atomic import write_csv
from ..files.words import size_text
from .card import Card, Rate, arithmetic, memory, rate
from .clock import Timing, clock_name
from .detection import DETECT
from .machine import describe
from .scaling import Cost
from .sides import BOTH, FORWARD, PEERS, PRODUCT, UPDATE, WHOLE
from .step import PASS

# Headings of a pass: one for its times, one for its ratios.
HEADS = {
    FORWARD: ("\nforward", "fwd"),
    BOTH: ("forward+\nbackward", "f+b"),
    PASS: ("\nstep", "step"),
    UPDATE: ("\nupdate", "update"),
    PRODUCT: ("\nproduct", "product"),
    DETECT: ("\ndetection", "detection"),
}
MARKS = {"channels_last": "c", "contiguous": "n"}
CARD_COLUMNS = ("GB", "GFLOP/s", "of fp32 peak", "GB/s", "of copy")
LAYOUTS_NOTE = "PyTorch in its better layout: c channels_last (NHWC), n contiguous (NCHW)"
APART = "Rows are timed apart: they need not add up to the total."
CARD_NOTES = (
    "GFLOP/s, and their share of the fp32 peak, where a layer multiplies; else GB/s,",
    "each array in or out once, and their share of what a copy moves (of arrays that",
    "stay in a cache it can be more). Times in ms.",
)


def tell_machine(
    title: str, rounds: int, about: str | None = None, card: Card | None = None
) -> None:
    """Print what was timed, where and how; `card` is given where a GPU computed."""
    say(title, style="bold")
    for line in (*(card.about if card else ()), *describe(), *([about] if about else [])):
        say(line)
    clock = clock_name("cuda" if card else "cpu")
    say(f"{clock[0].upper()}{clock[1:]}, median of {rounds} round{'s' * (rounds > 1)}")
    for note in CARD_NOTES if card else ():
        say(note)


def tell_timings(timings: Sequence[Timing], card: Card | None = None) -> None:
    """Print one line per row, the ratios at its end; nothing comes after the last row.

    With a card its rates come first and then, with a yardstick, the times side by side.
    """
    passes, compared = list(timings[0].ours), bool(timings[0].theirs)
    if card:
        if timings[-1].name in WHOLE:
            say(APART)
        _tell_rates(timings, card)
        if not compared:
            return
        say("")
    peer = PEERS[timings[0].peer]
    if compared and set(timings[0].theirs) & set(MARKS):
        say(LAYOUTS_NOTE)
    ratio = f"Ratio: {peer}'s time by ours; above 1 we are faster. "
    say(ratio * compared + "Times in ms" + "." * compared)
    if card is None and len(timings) > 1:
        say(APART)
    table = Table()
    table.add_column("\nlayer", no_wrap=True)
    for which in passes:
        heads = [HEADS[which][0]] + ["\nGFLOP/s"] * (card is None) + [f"\n{peer}"] * compared
        for head in heads:
            table.add_column(head, justify="right", no_wrap=True)
    for which in passes if compared else []:
        table.add_column(f"ratio\n{HEADS[which][1]}", justify="right", no_wrap=True)
    for timing in timings:
        if timing.name in WHOLE:
            table.add_section()
        table.add_row(timing.name, *_cells(timing, passes, compared, card))
    show(table)


def _tell_rates(timings: Sequence[Timing], card: Card) -> None:
    """Print our times and rates on a GPU, and their shares of the card's limits."""
    table = Table()
    table.add_column("\nlayer", no_wrap=True)
    for which in timings[0].ours:
        for head in (HEADS[which][0], "\nrate", "\nshare"):
            table.add_column(head, justify="right", no_wrap=True)
    for timing in timings:
        if timing.name in WHOLE:
            table.add_section()
        cells = []
        for which in timing.ours:
            found = rate(timing, which, card)
            cells += [_ms(timing.ours[which], 3), *(_rate_cells(found) if found else "--")]
        table.add_row(timing.name, *cells)
    show(table)


def _rate_cells(found: Rate) -> list[str]:
    return [str(found), _or_dash(found.share, ".0%")]


def _cells(timing: Timing, passes, compared: bool, card: Card | None) -> list[str]:
    cells, digits = [], 3 if card else 2
    for which in passes:
        cells.append(_ms(timing.ours[which], digits))
        if card is None:
            cells.append(_or_dash(timing.gflops(which), ".0f"))
        if compared:
            layout, seconds = timing.best(which)
            cells.append(f"{_ms(seconds, digits)} {MARKS.get(layout, '')}".rstrip())
    return cells + [_or_dash(timing.ratio(which), ".2f") for which in passes if compared]


def _ms(seconds: float, digits: int = 2) -> str:
    """Write milliseconds, short ones with `digits` after the point."""
    ms = 1000 * seconds
    return f"{ms:.{0 if ms >= 1000 else 1 if ms >= 10 else digits}f}"


def _or_dash(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def write_timings(path: Path, timings: Sequence[Timing], card: Card | None = None) -> None:
    """Write every median: one row per layer, its times in ms by side and pass; empty where none.

    A card adds both rates of each pass, and their shares of the card's limits.
    """
    passes, layouts = list(timings[0].ours), list(timings[0].theirs)
    header = ["layer", *(f"{which} GFLOP" for which in passes)]
    header += [f"ours {which} ms" for which in passes]
    peer = timings[0].peer
    names = [peer if layout == peer else f"{peer} {layout}" for layout in layouts]
    header += [f"{name} {which} ms" for name in names for which in passes]
    header += [f"ratio {which}" for which in passes if layouts]
    header += [f"{which} {what}" for which in passes if card for what in CARD_COLUMNS]
    rows = []
    for timing in timings:
        row = [timing.name, *(f"{timing.operations[which] / 1e9:.6g}" for which in passes)]
        sides = [timing.ours, *(timing.theirs.get(layout, {}) for layout in layouts)]
        seconds = [side.get(which) for side in sides for which in passes]
        row += ["" if value is None else f"{1000 * value:.6g}" for value in seconds]
        ratios = [timing.ratio(which) for which in passes if layouts]
        row += ["" if value is None else f"{value:.4g}" for value in ratios]
        rows.append(row + [cell for which in passes if card for cell in _both(timing, which, card)])
    write_csv(path, header, rows)


def _both(timing: Timing, which: str, card: Card) -> list[str]:
    """Return the cells of `CARD_COLUMNS`."""
    moved, cells = timing.traffic.get(which), []
    for found in (arithmetic(timing, which, card), memory(timing, which, card)):
        values = (found.value, found.share) if found else (None, None)
        cells += ["" if value is None else f"{value:.4g}" for value in values]
    return [f"{moved / 1e9:.6g}" if moved else "", *cells]


def tell_costs(costs: Sequence[Cost]) -> None:
    """Print one section each for batch, width and size."""
    table = Table()
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
    show(table)


def write_costs(path: Path, costs: Sequence[Cost]) -> None:
    """Write the same figures, times in ms per image and memory in bytes."""
    header = ["varied", "value", "parameters", "forward ms", "step ms"]
    header += ["forward bytes", "step bytes"]
    rows = [
        (c.varied, f"{c.value:g}", c.parameters, f"{1000 * c.forward:.6g}", f"{1000 * c.step:.6g}",
         c.forward_memory, c.step_memory)
        for c in costs
    ]  # fmt: skip
    write_csv(path, header, rows)
