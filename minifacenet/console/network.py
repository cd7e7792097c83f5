"""The output of `minifacenet summary`: a network's layers, beside the paper's figures."""

from __future__ import annotations

from collections.abc import Sequence

from ..nn.layer import Row
from .screen import Table


def summary_table(title: str, rows: Sequence[Row], paper: dict | None) -> Table:
    """Return a table of a network's rows and their sum, beside the paper's figures if any."""
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
