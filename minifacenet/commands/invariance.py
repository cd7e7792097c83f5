"""The paper's Fig. 1, of anybody's photos: `minifacenet study invariance`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..console.screen import say
from ..files.words import count_text
from .inputs import AnyFaces, Cache, Model, Threshold, embedded, open_model, read
from .options import Credit, FacesPath, Force, Threads
from .outputs import place_for_files


def invariance(
    context: typer.Context,
    faces: FacesPath,
    person: Annotated[str, typer.Option(help="Whose photos: a folder in FACES.")],
    model: Model,
    out: Annotated[Path, typer.Option(help="PNG file.")],
    beside: Annotated[
        str | None, typer.Option(help="Whose photos stand below; the next folder's if left out.")
    ] = None,
    photos: Annotated[int, typer.Option(min=2, help="Photos of the person, at most.")] = 8,
    threshold: Threshold = None,
    credit: Credit = None,
    any_faces: AnyFaces = False,
    cache: Cache = None,
    threads: Threads = None,
    force: Force = False,
) -> None:
    """Draw the paper's Fig. 1: one person's most different photos, and how far apart they lie."""
    from ..classification.thresholds import Thresholds
    from ..preprocessing.read_folder import read_photos
    from ..study.drawing import draw_invariance
    from ..study.invariance import COLUMNS, alone, folders_for, most_different

    context.with_resource(place_for_files(out, force=force))
    folders = folders_for(faces, person, beside)
    embedder = open_model(model, threads)
    people = []
    for folder, most in zip(folders, (photos, COLUMNS), strict=False):
        faces_of = read(read_photos, folder, embedder, model, any_faces, cache, every=True)
        own = alone(faces_of)
        if left := len(set(faces_of.paths)) - len(own):
            say(f"  {count_text(left, 'photo')} left out, with several faces")
        people.append(own.subset(most_different(own.pixels, most)))
    if len(people[0]) < 2:
        raise ValueError(f"{folders[0]} gives one face, and the picture takes two or more")
    vectors = [embedded(embedder, own, cache) for own in people]
    if threshold is None and (known := Thresholds.of_model(model)) is not None:
        threshold = known.accuracy
        say(f"Threshold {threshold:.4f}: the model's, best balanced accuracy, {known.source}")
    names = [folder.name for folder in folders]
    right, drawn = draw_invariance(people, vectors, names, out, threshold, COLUMNS, credit)
    judged = f": {right} of {drawn} distances are on the right side" if drawn else ""
    say(f"In {out}{judged}")
