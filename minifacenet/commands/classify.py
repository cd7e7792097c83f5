"""Whose face is this: enrol people, name photos."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from ..console.screen import say
from ..console.terminal import progress
from .inputs import (
    AnyFaces,
    Cache,
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

app = typer.Typer()
classify = typer.Typer(no_args_is_help=True, help="Name the people on photos.")
app.add_typer(classify, name="classify")


THEMSELVES = "these very people, each asked for where not enrolled; too wide if trained on them"
MANY = 0.1  # a share of one's own photos beyond the model's gate: its network has not seen them
ENOUGH_PEOPLE = 5  # to set a gate by each other


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
    threads: Threads = None,
    force: Force = False,
) -> None:
    """Enrol people by their photos; says how well they are told apart."""
    from ..classification.classifier import UNKNOWN, FaceClassifier
    from ..classification.identification import cross_validate, gate_threshold, stranger_distances
    from ..classification.people import FILE, People, holds_another_model
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
    data = read(read_faces, faces, embedder, model, any_faces)
    vectors, names = embedded(embedder, data, cache), names_of(data)
    others = None
    if strangers is not None:
        theirs = read(read_photos, strangers, embedder, model, any_faces)
        others = embedded(embedder, theirs, cache)
    gate, source = _given_gate(model, threshold, far, vectors, names, others)
    count, rng, distances = len(np.unique(names)), np.random.default_rng(seed), None
    if count > 1:
        with progress("as if not enrolled") as tell:
            distances = stranger_distances(vectors, names, rng, progress=tell)
    by_model = gate is not None and threshold is None and others is None
    if gate is not None:
        with progress("cross-validation") as tell:
            checked = cross_validate(vectors, names, gate, rng, progress=tell)
    # A person who is alone has a gate of the user or the model: `_given_gate` sees to it.
    own = gate_threshold(distances, far) if gate is None or count >= ENOUGH_PEOPLE else None
    refused = by_model and checked.rejected > MANY and own is not None and own > gate
    by_themselves = gate is None or refused
    if refused:
        source = (
            f"{THEMSELVES}. The model's own gate, {gate:.4f}, was measured among people of its "
            f"training and would call {checked.rejected:.0%} of these photos '{UNKNOWN}'"
        )
    if by_themselves:
        gate = own
        with progress("cross-validation") as tell:
            checked = cross_validate(vectors, names, gate, rng, progress=tell)
    classifier = FaceClassifier(threshold=gate).fit(vectors, names)
    photos = tuple(int((names == person).sum()) for person in classifier.classes_)
    people = People(embedder, classifier, photos, source)
    # Where these photos have set the gate, the share would only be what was asked for.
    share = None if distances is None or by_themselves else float((distances <= gate).mean())
    tell_enrolment(people, checked, share)
    people.save(out, model)
    say(f"In {out}: {FILE}, model.safetensors")


def _given_gate(model, threshold, far, vectors, names, others) -> tuple[float | None, str]:
    """The gate that the user or the model gives, and where it comes from; None if they do not."""
    from ..classification.classifier import FaceClassifier
    from ..classification.identification import gate_threshold
    from ..classification.thresholds import Thresholds

    if threshold is not None:
        return threshold, "--threshold"
    if others is not None:
        asked = FaceClassifier(threshold=4.0).fit(vectors, names).answers(others)
        return gate_threshold(asked.distance, far), (
            f"{len(others)} photos of strangers, of whom a share of {far:g} may get a name"
        )
    stored = Thresholds.of_model(model)
    if stored is not None and far in stored.gate:
        return stored.gate[far], (
            f"{stored.source}; of strangers a share of {far:g} may get a name among "
            f"{stored.enrolled_people} people"
        )
    if stored is not None:
        offered = ", ".join(f"{value:g}" for value in stored.gate)
        raise ValueError(
            f"--far {far:g}: the model holds gates for {offered}; for others give --strangers, "
            "photos of people who are not enrolled"
        )
    if len(np.unique(names)) == 1:
        raise ValueError(
            f"only {names[0]} is enrolled and the model holds no thresholds: give --threshold, or "
            "--strangers with photos of other people"
        )
    return None, THEMSELVES


@classify.command("predict")
def classify_predict(
    context: typer.Context,
    photos: PhotosPath,
    people: Annotated[Path, typer.Option(help="Folder that `classify fit` made.")],
    out: Annotated[Path | None, typer.Option(help="CSV file for all answers.")] = None,
    any_faces: AnyFaces = False,
    cache: Cache = None,
    threads: Threads = None,
    force: Force = False,
) -> None:
    """Name the people on photos, or say 'unknown'."""
    from ..classification.classifier import UNKNOWN
    from ..classification.people import People
    from ..console.names import tell_names, tell_right
    from ..files.atomic import write_csv
    from ..preprocessing.read_folder import read_photos

    if out is not None:
        context.with_resource(place_for_files(out, force=force))
    use_threads(threads)
    enrolled = People.load(people)
    embedder = enrolled.embedder
    data = read(read_photos, photos, embedder, f"the model in {people}", any_faces)
    answers = enrolled.classifier.answers(embedded(embedder, data, cache))
    classes = enrolled.classifier.classes_
    names = np.where(answers.known, classes[answers.person], UNKNOWN)
    if out is not None:
        second = np.where(answers.runner_up >= 0, classes[answers.runner_up], "")
        write_csv(
            out,
            ("photo", "name", "nearest", "distance", "threshold", "runner_up", "its_distance"),
            zip(
                data.paths,
                names,
                classes[answers.person],
                answers.distance,
                [enrolled.classifier.threshold] * len(data),
                second,
                answers.runner_up_distance,
                strict=True,
            ),
        )
    tell_names(enrolled, data.paths, answers, out)
    tell_right(names, names_of(data), classes)
    if out is not None:
        say(f"In {out}: a row a photo")
