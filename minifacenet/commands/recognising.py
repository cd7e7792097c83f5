"""The command for a library of photos: names go in with a few known faces, and come out for all."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated

import typer

from ..console.screen import say
from ..console.terminal import progress
from .inputs import Threshold
from .options import Force, Scheduler, Threads, given, use_threads, workers_of
from .outputs import folder_for_results
from .preparing import interruptible

app = typer.Typer()


@app.command()
def recognise(
    context: typer.Context,
    photos: Annotated[
        Path, typer.Argument(metavar="PHOTOS", help="Folder of photos, at any depth.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for names.csv, album.html and what they need.")],
    known: Annotated[
        Path | None,
        typer.Option(help="A folder per known person, or photos named after the person."),
    ] = None,
    model: Annotated[
        Path, typer.Option(help="A run's folder, a model file, or a published network.")
    ] = Path("dlib_resnet"),
    rename: Annotated[
        Path | None, typer.Option(help="Names given by hand, as the album writes them.")
    ] = None,
    draw: Annotated[
        bool, typer.Option("--draw", help="Draw boxes and names into each photo: OUT/drawn.")
    ] = False,
    single_file: Annotated[
        bool, typer.Option("--single-file", help="Put all pictures into album.html itself.")
    ] = False,
    far: Annotated[
        float, typer.Option(min=0, max=1, help="Share of strangers' faces that may get a name.")
    ] = 0.01,
    threshold: Threshold = None,
    distance: Annotated[
        float | None,
        typer.Option(min=0, max=4, help="Mean distance up to which strangers are a group."),
    ] = None,
    min_size: Annotated[
        float, typer.Option(min=12, help="Smallest face, in pixels of the photo.")
    ] = 20,
    try_rotations: Annotated[
        bool, typer.Option("--try-rotations", help="Turn photos in which there is no face.")
    ] = False,
    detector: Annotated[
        Path | None, typer.Option(help="Weights that `minifacenet get mtcnn` wrote elsewhere.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, and write nothing.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse known photos with several faces or none.")
    ] = False,
    threads: Threads = None,
    scheduler: Scheduler = None,
    force: Force = False,
) -> None:
    """Name the people in a folder of photos, group the others, and make an album of all faces."""
    from ..classification.library import RecognitionSettings
    from ..classification.recognition_plan import planned
    from ..console.recognition import tell_plan

    if threshold is not None and "far" in given(context):
        raise ValueError("--far would change nothing beside --threshold: leave one of them out")
    settings = RecognitionSettings(model, far, threshold, distance, min_size, try_rotations)
    if dry_run:
        tell_plan(planned(photos, known, out, settings, rename, force), known, out)
        return
    use_threads(threads)
    context.with_resource(folder_for_results(out, photos))
    wanted = {
        "rename": rename, "strict": strict, "force": force, "detector": detector,
        "workers": workers_of(context, scheduler),
    }  # fmt: skip
    with interruptible(force) as asked:
        left = _recognise(photos, known, out, settings, (draw, single_file), asked, wanted)
    if left:
        say(f"Interrupted: {left} left. Go on with the same command{', without --force' * force}.")
        raise typer.Exit(130)


def _recognise(photos, known, out, settings, look, stop, wanted) -> str:
    """Do the work, tell of it, and return in words what an interruption has left over."""
    from ..album import write_album, write_drawn
    from ..classification.recognition import recognition
    from ..console.recognition import tell_recognition, tell_written
    from ..preprocessing.boxes import compiled

    first = " (the first time kernels are compiled)" * (not compiled())

    def titled(title: str) -> AbstractContextManager:
        return progress(title + first * title.startswith("finding"))

    found = recognition(photos, known, out, settings, progress=titled, stop=stop, **wanted)
    tell_recognition(found)
    if found.left:
        return found.left
    draw, single = look
    with progress("album") as tell:
        left = write_album(out, photos, found, single, tell, stop)
    if draw and not left:
        with progress("drawing") as tell:
            left = write_drawn(out, photos, found, tell, stop)
    if not left:
        tell_written(out, draw, single)
    return left
