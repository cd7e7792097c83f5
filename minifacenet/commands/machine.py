"""Commands about this machine."""

from __future__ import annotations

import typer
from rich.text import Text

from ..console.screen import Table, say, show
from ..console.terminal import progress
from ..files.words import printable

app = typer.Typer()


@app.command()
def warmup() -> None:
    """Compile all kernels now; otherwise each is compiled at its first use."""
    from time import monotonic

    from ..doctor.warmup import warm_up

    start = monotonic()
    with progress("compiling kernels") as tell:
        warm_up(tell)
    say(f"All kernels are compiled ({monotonic() - start:.1f} s); later runs load them from disk.")


@app.command()
def doctor() -> None:
    """Report what this machine has, try it, and name the remedy for what does not work."""
    from ..doctor.examination import BAD, NOTE, examine

    marks = {BAD: Text("✗", "red"), NOTE: Text("○", "yellow")}
    table = Table.grid(padding=(0, 1))
    table.add_column()
    table.add_column(no_wrap=True)
    table.add_column()
    problems = []
    for finding in examine():
        mark = marks.get(finding.verdict, Text("✓", "green"))
        table.add_row(mark, finding.name, finding.text)
        if finding.remedy:
            table.add_row("", "", Text(printable(finding.remedy), "dim"))
        problems += [finding.name] * (finding.verdict == BAD)
    show(table)
    if problems:
        raise ValueError(f"{', '.join(problems)}: see the remedy above")
