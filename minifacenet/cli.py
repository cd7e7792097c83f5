"""The command line: what all commands share. They stand in `commands/`."""

from __future__ import annotations

import sys
import warnings
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from typer.core import TyperCommand

from . import __version__
from .commands import embeddings, getting, machine, naming, pairs, preparing, timing, training

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="FaceNet rebuilt by hand: train a network on your photos, name faces, verify people.",
)


class _Command(TyperCommand):
    """Its usage line names what it takes as the README does: PHOTOS, where Typer says {PHOTOS}."""

    def collect_usage_pieces(self, ctx):
        return [piece.strip("{}") for piece in super().collect_usage_pieces(ctx)]


def _with_plain_usage(group: typer.Typer) -> None:
    for command in group.registered_commands:
        command.cls = _Command
    for below in group.registered_groups:
        _with_plain_usage(below.typer_instance)


for commands in (preparing, training, naming, pairs, embeddings, timing, machine, getting):
    app.add_typer(commands.app)
_with_plain_usage(app)


def main() -> None:
    """The console command. Errors that a user can mend are one line; the rest keep a traceback."""
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _warn
            app()
    except (ValueError, OSError, FloatingPointError, MemoryError) as error:
        _fail(_text(error))
    except Exception as error:
        from . import gpu

        if not gpu.is_cuda_error(error):
            raise
        if gpu.is_lost(error):  # what is on the GPU cannot be freed: no traceback for each array
            sys.excepthook = lambda *_: None
        _fail(gpu.in_one_line(error))


def _text(error: Exception) -> str:
    """What an error says; some say nothing, as those of memory in C code."""
    unsaid = "out of memory" if isinstance(error, MemoryError) else type(error).__name__
    return str(error) or unsaid


def _fail(text: str) -> NoReturn:
    text = f"[red]error:[/red] {escape(text)}"
    Console(stderr=True, emoji=False).print(text, highlight=False, soft_wrap=True)
    sys.exit(1)


def _warn(message, *_) -> None:
    """What a library warns of, as a line for people: where in the code it stands is no help."""
    text = f"[yellow]warning:[/yellow] {escape(str(message))}"
    Console(stderr=True, emoji=False).print(text, highlight=False, soft_wrap=True)


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
