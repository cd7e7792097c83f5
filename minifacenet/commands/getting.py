"""The command that gets data and weights, in a clone or without one."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from ..console.screen import say, show
from ..files.words import nearest, shortened

if TYPE_CHECKING:
    from minifacenet.data_scripts.fetching import Item

app = typer.Typer()

# What can be got: each module in data_scripts/ has an ITEM that says what it is, and how.
ITEMS = {
    name: f"get_{name}"
    for name in ("mtcnn", "nn4_small2", "dlib_resnet", "inception_resnet_v1", "orl", "lfw")
}


def item(name: str) -> Item:
    """Return the entry of the table, with its code."""
    if name not in ITEMS:
        near = nearest(name, ITEMS)
        meant = f"is {near!r} meant?" if near else f"there are {', '.join(ITEMS)}"
        raise ValueError(f"there is no {shortened(name)} to get: {meant} (`minifacenet get`)")
    return import_module(f"minifacenet.data_scripts.{ITEMS[name]}").ITEM


@app.command()
def get(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Of the list that `get` alone prints.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Where to write it; where commands look for it if left out.")
    ] = None,
    source: Annotated[
        Path | None, typer.Option("--from", help="A file that you have already: no network needed.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Write it anew over what is there.")
    ] = False,
) -> None:
    """Get weights or photos, after saying what they are and under which licence."""
    from minifacenet.data_scripts.fetching import fetch

    from ..machine.places import where

    if name is None:
        if out or source or force:
            raise ValueError(f"say what to get: {', '.join(ITEMS)}")
        _list_items()
        return
    wanted = item(name)
    fetch(wanted, (out or where(wanted.file)).absolute(), source, force, say)


@app.command()
def models() -> None:
    """List the networks: their size, what they reach on LFW, and where their weights lie."""
    from ..console.network import models_table
    from ..embedding.published import PUBLISHED
    from ..machine.places import where

    show(models_table())
    say("")
    for name, known in PUBLISHED.items():
        path = where(known.file)
        say(f"{name}: {path if path.exists() else f'not here: minifacenet get {name}'}")
    say("--model takes one of these names, or what `train` and `run` make of the others.")


def _list_items() -> None:
    from ..machine.places import user_folder, where

    table = Table.grid(padding=(0, 2))
    for name in ITEMS:
        entry = item(name)
        path = where(entry.file)
        state = f"in {path}" if path.exists() else f"not here: minifacenet get {name}"
        table.add_row(f"[bold]{name}[/bold]", escape(entry.what))
        for line in (f"{entry.size}; {entry.licence}", state):
            table.add_row("", f"[dim]{escape(line)}[/dim]")
    show(table)
    say(f"They go to {user_folder()}, or where MINIFACENET_HOME or --out says.")
