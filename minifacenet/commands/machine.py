"""Commands about this machine."""

from __future__ import annotations

import typer
from rich.markup import escape
from rich.table import Table

from ..terminal import console, progress, say

app = typer.Typer()


@app.command()
def warmup() -> None:
    """Compile all kernels now: otherwise each is compiled when it is first used."""
    from time import monotonic

    from ..warmup import warm_up

    start = monotonic()
    with progress("compiling kernels") as tell:
        warm_up(tell)
    say(f"All kernels are compiled ({monotonic() - start:.1f} s); later runs load them from disk.")


@app.command()
def doctor() -> None:
    """Say what this machine has, try it, and name the remedy for what does not work."""
    from ..doctor import BAD, NOTE, examine

    marks = {BAD: "[red]✗[/red]", NOTE: "[yellow]○[/yellow]"}
    table = Table.grid(padding=(0, 1))
    table.add_column()
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")  # a path is shown whole
    problems = []
    for finding in examine():
        mark = marks.get(finding.verdict, "[green]✓[/green]")
        table.add_row(mark, finding.name, escape(finding.text))
        if finding.remedy:
            table.add_row("", "", f"[dim]{escape(finding.remedy)}[/dim]")
        problems += [finding.name] * (finding.verdict == BAD)
    console.print(table, highlight=False)
    if problems:
        raise ValueError(f"{', '.join(problems)}: see the remedy above")
