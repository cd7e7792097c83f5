"""Commands about this machine."""

from __future__ import annotations

import typer

from ..terminal import progress, say

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
