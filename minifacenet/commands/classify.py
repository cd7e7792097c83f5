"""Whose face is this? Enrol people, name photos."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer

from ..console.screen import say
from ..console.terminal import progress
from .inputs import (
    AnyFaces,
    Cache,
    Memory,
    Model,
    PhotosPath,
    Seed,
    Threshold,
    embedded,
    names_of,
    open_model,
    read,
)
from .options import FacesPath, Force, Threads, use_threads
from .outputs import folder_for_results, place_for_files

if TYPE_CHECKING:
    from ..classification.classifier import Answers
    from ..classification.people import People
    from ..preprocessing.faces import Faces

app = typer.Typer()
classify = typer.Typer(no_args_is_help=True, help="Name the people on photos.")
app.add_typer(classify, name="classify")


@classify.command("fit")
def classify_fit(
    context: typer.Context,
    faces: FacesPath,
    model: Model,
    out: Annotated[Path, typer.Option(help="Folder for the people, with a copy of the model.")],
    threshold: Threshold = None,
    strangers: Annotated[
        Path | None, typer.Option(help="Photos of other people: the gate keeps them out.")
    ] = None,
    far: Annotated[
        float, typer.Option(min=0, max=1, help="Share of strangers' faces that may get a name.")
    ] = 0.05,
    seed: Seed = 0,
    any_faces: AnyFaces = False,
    cache: Cache = None,
    memory: Memory = None,
    threads: Threads = None,
    force: Force = False,
) -> None:
    """Enrol people by their photos, and measure how well they are told apart."""
    from ..classification.enrolment import enrol_embeddings
    from ..classification.people import FILE, holds_another_model
    from ..console.names import tell_enrolment
    from ..preprocessing.read_folder import read_faces, read_photos

    context.with_resource(folder_for_results(out, faces))
    if (out / FILE).exists() and not force:
        raise ValueError(f"{out} holds people already: choose another --out, or say --force")
    if threshold is not None and strangers is not None:
        raise ValueError("--threshold and --strangers both set the gate: leave one out")
    if not force and holds_another_model(out, model):
        raise ValueError(f"{out} holds another model: choose another --out, or say --force")
    embedder = open_model(model, threads)
    data = read(read_faces, faces, embedder, model, any_faces, cache, memory=memory)
    vectors, names = embedded(embedder, data, cache), names_of(data)
    others = None
    if strangers is not None:
        theirs = read(read_photos, strangers, embedder, model, any_faces, cache, memory=memory)
        others = embedded(embedder, theirs, cache)
    result = enrol_embeddings(
        embedder, vectors, names, model, threshold, others, far, seed, progress
    )
    tell_enrolment(result.people, result.checked, result.strangers_named)
    result.people.save(out, model)
    say(f"In {out}: {FILE}, model.safetensors")


@classify.command("predict")
def classify_predict(
    context: typer.Context,
    photos: PhotosPath,
    people: Annotated[Path, typer.Option(help="Folder that `classify fit` made.")],
    out: Annotated[Path | None, typer.Option(help="CSV file for all answers.")] = None,
    any_faces: AnyFaces = False,
    cache: Cache = None,
    memory: Memory = None,
    threads: Threads = None,
    force: Force = False,
) -> None:
    """Name the people in photos, or say 'unknown'.

    Of whole photos all faces are named: 'party.jpg (face 2)' is the second one from the left.

    In OUT such a face has its number, and its box in pixels of the upright photo.
    """
    from ..classification.classifier import UNKNOWN
    from ..classification.people import People
    from ..console.names import tell_names, tell_right
    from ..preprocessing.read_folder import read_photos

    if out is not None:
        context.with_resource(place_for_files(out, force=force))
    use_threads(threads)
    enrolled = People.load(people)
    embedder = enrolled.embedder
    of_people = f"the model in {people}"
    data = read(
        read_photos, photos, embedder, of_people, any_faces, cache, every=True, memory=memory
    )
    answers = enrolled.classifier.answers(embedded(embedder, data, cache))
    classes = enrolled.classifier.classes_
    names = np.where(answers.known, classes[answers.person], UNKNOWN)
    if out is not None:
        _write_answers(out, data, enrolled, answers, names)
    tell_names(enrolled, data, answers, out)
    several = len(data.largest) < len(data)
    tell_right(names[data.largest], names_of(data)[data.largest], classes, several)
    if out is not None:
        say(f"In {out}: one row per {'face' if data.boxes else 'photo'}")


def _write_answers(
    out: Path, data: Faces, people: People, answers: Answers, names: np.ndarray
) -> None:
    """Write one row per face; where it was found in a whole photo, its number and box, too."""
    from ..files.atomic import write_csv
    from ..files.spreadsheets import name_cell, path_cell
    from ..preprocessing.faces import BOX_COLUMNS

    classes = people.classifier.classes_
    second = np.where(answers.runner_up >= 0, classes[answers.runner_up], "")
    header = ("photo", "name", "nearest", "distance", "threshold", "runner_up", "its_distance")
    columns = (
        map(path_cell, data.paths),
        map(name_cell, names),
        map(name_cell, classes[answers.person]),
        answers.distance,
        answers.threshold,
        map(name_cell, second),
        answers.runner_up_distance,
    )
    rows = zip(*columns, strict=True)
    if not data.boxes:
        write_csv(out, header, rows)
        return
    both = zip(rows, data.box_rows, strict=True)
    write_csv(out, (*header, *BOX_COLUMNS), ((*row, *box) for row, box in both))
