"""The output of `minifacenet summary` and `minifacenet models`: networks in figures."""

from __future__ import annotations

from collections.abc import Sequence

from ..embedding.architectures import NETWORKS, Architecture, FaceNet
from ..embedding.published import PUBLISHED
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


def models_table() -> Table:
    """Return a table of all networks, the published ones first."""
    table = Table()
    for column in ("network", "faces"):
        table.add_column(column, no_wrap=True)
    for column in ("parameters", "multiply-adds", "embedding"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("accuracy on LFW", no_wrap=True)
    table.add_column("licence", no_wrap=True)
    published = {name: known.architecture for name, known in PUBLISHED.items()}
    ours = {name: Architecture(name) for name in NETWORKS if name not in PUBLISHED}
    for name, architecture in (published | ours).items():
        rows = FaceNet.blank(architecture).network.table(architecture.input_shape)
        known = PUBLISHED.get(name)
        table.add_row(
            name,
            _by(architecture.input_shape[:2]),
            f"{sum(row.parameters for row in rows):,}",
            f"{sum(row.multiply_adds for row in rows) / 1e6:,.0f} M",
            str(architecture.dim),
            (known.lfw or "not measured here") if known else "as you train it",
            known.licence if known else "",
        )
    return table


def _by(shape) -> str:
    return "x".join(map(str, shape))
