"""A gallery of templates: photos go in, and are asked for by other photos."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..console.screen import say
from ..console.terminal import progress
from .inputs import (
    AnyFaces,
    Cache,
    Memory,
    Model,
    PhotosPath,
    Threshold,
    embedded,
    know_cut,
    names_of,
    open_model,
    read,
)
from .options import Force, Threads
from .outputs import place_for_files

if TYPE_CHECKING:
    import numpy as np

    from ..classification.gallery import Gallery
    from ..embedding.embedder import Embedder
    from ..preprocessing.faces import Faces

app = typer.Typer()
gallery_app = typer.Typer(
    no_args_is_help=True, help="Keep all photos of many people, and find the nearest to a face."
)
app.add_typer(gallery_app, name="gallery")

GalleryFile = Annotated[
    Path, typer.Option("--gallery", help="The gallery's file, such as people.safetensors.")
]


@gallery_app.command("add")
def gallery_add(
    context: typer.Context,
    photos: PhotosPath,
    gallery: GalleryFile,
    model: Model,
    quantised: Annotated[
        bool, typer.Option("--quantised", help="A new gallery takes 128 bytes a face, not 512.")
    ] = False,
    any_faces: AnyFaces = False,
    cache: Cache = None,
    memory: Memory = None,
    threads: Threads = None,
) -> None:
    """Put photos into a gallery, which is made if it is missing; those that are in it stay.

    Photos in a folder per person get its name. Of whole photos all faces are taken.
    """
    from ..classification.gallery import Gallery
    from ..classification.gallery_growth import add_to
    from ..files.locks import locked

    context.with_resource(locked(gallery.absolute().parent))
    context.with_resource(place_for_files(gallery, force=True))
    before = None
    if gallery.exists():
        before = Gallery.load(gallery)
        if quantised and before.scale is None:
            raise ValueError(
                f"{gallery} holds float32: leave --quantised out, or choose another --gallery"
            )
    embedder = open_model(model, threads)
    _check_network(before, gallery, embedder, model)
    data, vectors = _faces(photos, embedder, model, any_faces, cache, memory)
    new = Gallery(
        vectors, tuple(names_of(data)), data.captions, embedder.digest, embedder.preprocessing
    )
    whole, added = add_to(gallery, new.quantised() if quantised else new)
    known = len(new) - added
    say(
        f"In {gallery}: {len(whole):,} faces, {added:,} of them new"
        + f"; {known:,} were there already" * (known > 0)
    )


@gallery_app.command("search")
def gallery_search(
    context: typer.Context,
    photos: PhotosPath,
    gallery: GalleryFile,
    model: Model,
    nearest: Annotated[int, typer.Option(min=1, help="How many to find for each face.")] = 3,
    threshold: Threshold = None,
    far: Annotated[
        float, typer.Option(min=0, max=1, help="Share of strangers' faces that may get a name.")
    ] = 0.05,
    out: Annotated[Path | None, typer.Option(help="CSV file for all answers.")] = None,
    any_faces: AnyFaces = False,
    cache: Cache = None,
    memory: Memory = None,
    threads: Threads = None,
    force: Force = False,
) -> None:
    """Find the faces of a gallery that are nearest to those in photos, with squared distances.

    One within the gate, which is the model's or --threshold, is taken for the same person.
    """
    from ..classification.gallery import Gallery
    from ..console.gallery import tell_nearest

    if out is not None:
        context.with_resource(place_for_files(out, force=force))
    asked = Gallery.load(gallery)
    embedder = open_model(model, threads)
    _check_network(asked, gallery, embedder, model)
    gate, source = _gate(model, threshold, far, len(asked))
    data, vectors = _faces(photos, embedder, model, any_faces, cache, memory)
    if asked.preprocessing != embedder.preprocessing:
        raise ValueError(
            f"{gallery} holds photos as {asked.preprocessing!r}, and {photos} gives "
            f"{embedder.preprocessing!r}: prepare both in one way"
        )
    with progress("searching") as tell:
        rows, distances = asked.nearest(vectors, min(nearest, len(asked)), tell)
    if out is not None:
        _write(out, data, asked, rows, distances, gate)
    tell_nearest(data, asked, rows, distances, gate, source, out)


def _faces(
    photos: Path,
    embedder: Embedder,
    model: Path,
    any_faces: bool,
    cache: Path | None,
    memory: float | None,
) -> tuple[Faces, np.ndarray]:
    """Return the faces of photos and their embeddings; the embedder learns how they are cut."""
    from ..preprocessing.read_folder import read_photos

    data = read(read_photos, photos, embedder, model, any_faces, cache, True, memory)
    know_cut(embedder, data)
    return data, embedded(embedder, data, cache)


def _check_network(gallery: Gallery | None, path: Path, embedder: Embedder, model: Path) -> None:
    """Refuse another network before thousands of photos have gone through it."""
    if gallery is not None and gallery.model != embedder.digest:
        raise ValueError(
            f"{path} holds faces of network {gallery.model}, and {model} is {embedder.digest}: "
            "their distances do not compare; choose that network, or another gallery"
        )


def _gate(
    model: Path, threshold: float | None, far: float, templates: int
) -> tuple[float | None, str]:
    """Return the largest distance at which two are one, and its source; None if nobody knows.

    Among templates the nearest is that of a gallery of as many people with one photo each.
    """
    from ..classification.thresholds import Thresholds

    if threshold is not None:
        return threshold, "--threshold"
    stored = Thresholds.of_model(model)
    found = None if stored is None else stored.gate_for(templates, 1, far)
    if stored is None or found is None:
        return None, ""
    return found[0], (
        f"{stored.source}; of strangers a share of {far:g} may get a name among {found[1]}"
    )


def _write(
    out: Path,
    data: Faces,
    gallery: Gallery,
    rows: np.ndarray,
    distances: np.ndarray,
    gate: float | None,
) -> None:
    """Write a row for each of the nearest; of faces that were found, with their number and box."""
    from ..files.atomic import write_csv
    from ..files.spreadsheets import name_cell, path_cell
    from ..preprocessing.faces import BOX_COLUMNS

    header = ("photo", "rank", "person", "path", "distance", "threshold")
    boxes = data.box_rows if data.boxes else [()] * len(data)

    def lines():
        for photo, own, gaps, box in zip(data.paths, rows.tolist(), distances, boxes, strict=True):
            for rank, (row, gap) in enumerate(zip(own, gaps.tolist(), strict=True), start=1):
                limit = "" if gate is None else gate
                person, path = name_cell(gallery.people[row]), path_cell(gallery.paths[row])
                yield path_cell(photo), rank, person, path, gap, limit, *box

    write_csv(out, (*header, *(BOX_COLUMNS if data.boxes else ())), lines())
