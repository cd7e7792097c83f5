"""Where commands write: before the work, they find what would be lost or cannot be written.

A command passes these contexts to `typer.Context.with_resource`: they last until it has ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from ..files.atomic import WriteError, sweep, try_to_write
from ..files.locks import locked, locked_name, made
from ..preprocessing.results import refuse_among


@contextmanager
def folder_for_results(out: Path, photos: Path | None = None) -> Iterator[None]:
    """Keep the folder `out` for this block alone, without leftovers, after a trial write.

    Raises
    ------
    ValueError
        It lies among the `photos`, it is a file, or another process is at work in it.
    OSError
        It cannot be written to.
    """
    if photos is not None:
        refuse_among(out, photos)
    with locked(out):
        sweep(out)
        try:
            try_to_write(out / "results")
        except WriteError as error:
            raise OSError(f"{out}: cannot be written to ({error.reason})") from None
        yield


@contextmanager
def place_for_files(*paths: Path, force: bool, out: str = "--out") -> Iterator[None]:
    """Prepare files in a folder that others use, too: they are locked, and not the folder.

    `out` is what the command calls the place, for its error message.

    Raises
    ------
    ValueError
        Such a file exists and there is no `force`, or a folder has that name; or another process
        writes there.
    OSError
        It cannot be written.
    """
    with made(paths[0].parent), locked_name(paths[0]):
        for path in paths:
            sweep(path.parent, name=path.name)
        for path in paths:
            if path.is_dir():
                raise ValueError(f"{path} is a folder: choose the name of a file")
            if path.exists() and not force:
                raise ValueError(f"{path} is there already: choose another {out}, or say --force")
        for path in paths:
            try_to_write(path)
        yield


@contextmanager
def place_for_groups(out: Path, photos: Path) -> Iterator[None]:
    """Prepare a folder that appears whole at the end: as `place_for_files`, outside the `photos`.

    Raises
    ------
    ValueError
        It holds something, or lies among the photos; or another process writes it.
    OSError
        It cannot be written.
    """
    refuse_among(out, photos)
    with made(out.parent), locked_name(out):
        sweep(out.parent, name=out.name)
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise ValueError(f"{out} is not empty: choose a new folder for the groups")
        try_to_write(out)
        yield


def refuse_loss(out: Path, names: Iterable[str], force: bool) -> None:
    """Refuse to replace or remove files of these names in `out`, unless the user says `--force`.

    Raises
    ------
    ValueError
    """
    there = [name for name in names if (out / name).exists()]
    if there and not force:
        run = {"metrics.json", "state.safetensors"} & set(there)
        what = "a run" if run else there[0]
        raise ValueError(f"{out} holds {what} already: choose another --out, or say --force")


def use_folder(context: typer.Context, out: Path | None, force: bool, *stems: str) -> None:
    """Check `out`, if there is one, in both ways for tables and charts that begin with `stems`."""
    if out:
        context.with_resource(folder_for_results(out))
        endings = (".csv", ".png", "_share.png")
        refuse_loss(out, (stem + ending for stem in stems for ending in endings), force)
