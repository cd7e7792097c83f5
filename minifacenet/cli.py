"""The command line: what all commands share. They stand in `commands/`."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup

from . import __version__
from .commands import classify as naming
from .commands import (
    embeddings,
    evaluating,
    exporting,
    galleries,
    getting,
    machine,
    pairs,
    preparing,
    recognising,
    studying,
    training,
)
from .commands import speed_stages as timing
from .console.screen import complain, make_streams_patient
from .files.words import printable


class _Group(TyperGroup):
    """Quotes what it was given as `printable` text, where it cannot be understood."""

    def parse_args(self, ctx, args):
        with _printable_usage_errors():
            return super().parse_args(ctx, args)

    def invoke(self, ctx):
        with _printable_usage_errors():
            return super().invoke(ctx)


@contextmanager
def _printable_usage_errors() -> Iterator[None]:
    """Typer prints them: a shell's * may stand for names that a terminal would obey."""
    try:
        yield
    except Exception as error:
        usage: Any = error  # of Typer's errors, which it does not export, those that hold a message
        if isinstance(getattr(error, "message", None), str):
            usage.message = printable(usage.message)
        raise


class _Command(TyperCommand):
    """Its usage line names what it takes as the guide does: PHOTOS, where Typer says {PHOTOS}."""

    def collect_usage_pieces(self, ctx):
        return [piece.strip("{}") for piece in super().collect_usage_pieces(ctx)]


def _with_plain_usage(group: typer.Typer) -> None:
    for command in group.registered_commands:
        command.cls = _Command
    for below in group.registered_groups:
        if below.typer_instance is not None:
            _with_plain_usage(below.typer_instance)


app = typer.Typer(
    cls=_Group,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="FaceNet rebuilt by hand: train a network on your photos, name faces, verify people.",
)
for commands in (
    preparing, recognising, training, naming, pairs, evaluating, studying, embeddings,
    galleries, exporting, timing, machine, getting,
):  # fmt: skip
    app.add_typer(commands.app)
_with_plain_usage(app)


def main() -> None:
    """The console command. Errors that a user can mend are one line; the rest keep a traceback."""
    make_streams_patient()
    if sys.argv[1:2] == ["train"]:  # the one command that several processes do together
        from .machine.launcher import only_first_speaks

        with only_first_speaks():
            _run()
    else:
        _run()


def _run() -> None:
    try:
        with warnings.catch_warnings(), _drawing_into_files():
            warnings.showwarning = _warn  # type: ignore[assignment]  # only the text is read
            app()
    except (ValueError, OSError, FloatingPointError, MemoryError) as error:
        _fail(_text(error))
    except Exception as error:
        from .machine import gpu

        if not gpu.is_cuda_error(error):
            raise
        if gpu.is_lost(error):  # what is on the GPU cannot be freed: no traceback for each array
            sys.excepthook = lambda *_: None
        _fail(gpu.in_one_line(error))


def _text(error: Exception) -> str:
    """What an error says; some say nothing, as those of memory in C code."""
    unsaid = "out of memory" if isinstance(error, MemoryError) else type(error).__name__
    return str(error) or unsaid


# Jupyter exports a backend to all that it starts, a command where that is not installed among them.
# And a user's style, such as TeX for all texts, is for figures that they draw themselves.
FOR_FILES = {"MPLBACKEND": "agg", "MATPLOTLIBRC": os.devnull}


@contextmanager
def _drawing_into_files() -> Iterator[None]:
    """What Matplotlib reads when it is first imported: no window is opened here."""
    before = {name: os.environ.get(name) for name in FOR_FILES}
    os.environ.update(FOR_FILES)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            os.environ.update({} if value is None else {name: value})


def _fail(text: str) -> NoReturn:
    complain(f" {text}", "error:", "red")
    sys.exit(1)


def _warn(message, *_) -> None:
    """What a library warns of, as a line for people: where in the code it stands is no help."""
    complain(" " + " ".join(str(message).split("\n")), "warning:", "yellow")


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
