"""The command of stage 1: it turns photos into square faces."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ..console.alignment import counted, tell_alignment, tell_files
from ..console.screen import say
from ..console.terminal import progress, tell_data
from .options import (
    Credit,
    FacesPath,
    Force,
    Scheduler,
    Size,
    Threads,
    given,
    refuse_threads,
    use_threads,
    workers_of,
)
from .outputs import folder_for_results

app = typer.Typer()

# Options that mean nothing where no detector runs.
FOR_DETECTOR = (
    "crop", "template", "margin", "select", "min_size", "min_score", "try_rotations", "detector",
)  # fmt: skip


class Select(StrEnum):
    largest = "largest"
    center = "center"  # type: ignore[assignment]  # shadows a method of str that nobody calls
    all = "all"


class Crop(StrEnum):
    aligned = "aligned"
    box = "box"


@app.command()
def align(
    context: typer.Context,
    photos: Annotated[
        Path, typer.Argument(metavar="PHOTOS", help="Folder of photos, at any depth.")
    ],
    out: Annotated[
        Path, typer.Argument(metavar="OUT", help="Folder for the faces and manifest.csv.")
    ],
    size: Size = 96,
    select: Annotated[Select, typer.Option(help="Which face of a photo is kept.")] = (
        Select.largest
    ),
    crop: Annotated[
        Crop, typer.Option(help="Aligned by landmarks, or the paper's plain square box.")
    ] = Crop.aligned,
    template: Annotated[
        str, typer.Option(help="portrait: the whole head. openface: brows to chin. dlib: between.")
    ] = "portrait",
    margin: Annotated[
        float, typer.Option(min=0, help="More room all round, as a fraction of the face.")
    ] = 0.0,
    min_size: Annotated[
        float, typer.Option(min=12, help="Smallest face, in pixels of the photo.")
    ] = 20,
    min_score: Annotated[
        float, typer.Option(min=0, max=1, help="How certain the detector has to be.")
    ] = 0.9,
    try_rotations: Annotated[
        bool, typer.Option("--try-rotations", help="Turn photos in which there is no face.")
    ] = False,
    already_cropped: Annotated[
        bool, typer.Option("--already-cropped", help="Take the centre square; ask no detector.")
    ] = False,
    show: Annotated[
        bool, typer.Option("--show", help="Draw what was found into each photo: OUT/show.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with an error if a photo gave no face.")
    ] = False,
    detector: Annotated[
        Path | None, typer.Option(help="Weights that `minifacenet get mtcnn` wrote elsewhere.")
    ] = None,
    threads: Threads = None,
    scheduler: Scheduler = None,
    credit: Credit = None,
    force: Annotated[bool, typer.Option("--force", help="Do photos again that OUT has.")] = False,
) -> None:
    """Cut the faces out of a folder of photos, and report what happened to each photo."""
    from ..files.locks import locked
    from ..preprocessing.align_folder import align_folder
    from ..preprocessing.choose_and_cut import CropSettings
    from ..preprocessing.pictures import draw_sheets, draw_shows, remove_shows

    check_effect(given(context), already_cropped, crop)
    refuse_threads(threads, scheduler)
    use_threads(threads)
    workers = workers_of(context, scheduler)
    settings = CropSettings(
        size=size, crop="centre" if already_cropped else crop.value, template=template,
        margin=margin, select=select.value, min_size=min_size, min_score=min_score,
        try_rotations=try_rotations,
    )  # fmt: skip
    with interruptible(force) as asked, locked(out):
        with progress(detecting(settings.crop)) as tell:
            result = align_folder(
                photos, out, settings, detector, workers, force, tell, asked,
            )  # fmt: skip
        tell_alignment(result, select.value)
        draw_sheets(photos, out, result.entries, credit)
        remove_shows(out, result)
        left = 0
        if show:
            with progress("drawing") as tell:
                left = draw_shows(photos, out, result, tell, asked)
    tell_files(out, result, left, force)
    if asked():
        raise typer.Exit(130)
    lost = [entry for entry in result.entries if not entry.kept]
    if len(lost) == len(result.entries):
        raise ValueError(f"no face was cut out of the {counted(len(lost), 'photo')} of {photos}")
    if strict and lost:
        raise ValueError(
            f"--strict: {counted(len(lost), 'photo')} gave no face, such as {lost[0].photo}"
        )


@app.command()
def pack(
    context: typer.Context,
    faces: FacesPath,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder for the packed faces.")],
    size: Size = 96,
    channels: Annotated[
        int | None,
        typer.Option(help="1 (grey) or 3 (RGB); grey only if all photos are, if left out."),
    ] = None,
    force: Force = False,
) -> None:
    """Write a folder of people as one array, from which `train` reads its batches.

    Can be interrupted: the same command goes on. `run` takes it, too, and holds all pixels.
    """
    from ..files.words import size_text
    from ..preprocessing.packed import ARRAY
    from ..preprocessing.packing import pack_faces

    if channels not in (None, 1, 3):
        raise ValueError(f"--channels is 1 or 3, got {channels}")
    context.with_resource(folder_for_results(out, faces))

    def began(rows: int) -> None:
        if rows:
            say(f"Going on: {counted(rows, 'face')} may be there already.")

    try:
        with progress("packing") as tell:
            data = pack_faces(faces, out, size, channels, tell, began, force)
    except KeyboardInterrupt:
        say(f"Interrupted: the same command{', without --force,' * force} goes on.")
        raise
    tell_data(faces, data)
    size_and_colours = f"{size} x {size} pixels, {'grey' if data.images.shape[3] == 1 else 'RGB'}"
    say(f"In {out / ARRAY}: {size_and_colours}, {size_text(data.images.nbytes)}")


def detecting(crop: str) -> str:
    """Return the title of a bar for cutting faces out of photos."""
    from ..preprocessing.boxes import compiled

    first = crop != "centre" and not compiled()
    return "finding faces" + " (the first time kernels are compiled)" * first


@contextmanager
def interruptible(force: bool) -> Iterator[Callable[[], bool]]:
    """Let the first Ctrl-C in the block only be asked for: the function that it gets says so.

    A second one ends the command at once, with the words for how to go on.
    """
    from ..machine.interrupt import INTERRUPTED, postponed_interrupt

    try:
        with postponed_interrupt(lambda: say("Stopping after what is under way ...")) as asked:
            yield asked.is_set
    except KeyboardInterrupt:
        say(f"Interrupted at once. Go on with the same command{', without --force' * force}.")
        raise typer.Exit(INTERRUPTED) from None


def check_effect(options: set[str], already_cropped: bool, crop: Crop) -> None:
    """Refuse options that the user wrote but that have no effect beside the others."""
    if already_cropped:
        idle, beside = options & set(FOR_DETECTOR), "--already-cropped"
    else:
        idle, beside = options & ({"template"} if crop is Crop.box else set()), "--crop box"
    if idle:
        names = ", ".join(f"--{name.replace('_', '-')}" for name in sorted(idle))
        raise ValueError(f"{names} would change nothing beside {beside}: leave one of them out")
