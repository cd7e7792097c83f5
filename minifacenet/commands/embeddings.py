"""Embeddings of photos: as files, and in groups."""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from ..console.screen import say
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
from .options import Force, Scheduler, Threads, refuse_threads, workers_of
from .outputs import place_for_files, place_for_groups

app = typer.Typer()


class Scale(StrEnum):
    one = "global"
    each = "vector"


@app.command()
def embed(
    context: typer.Context,
    photos: PhotosPath,
    model: Model,
    out: Annotated[Path, typer.Option(help="Writes OUT.npy and OUT.csv.")],
    quantised: Annotated[
        Scale | None, typer.Option(help="128 bytes a face, with one scale or one a face.")
    ] = None,
    any_faces: AnyFaces = False,
    cache: Cache = None,
    memory: Memory = None,
    threads: Threads = None,
    scheduler: Scheduler = None,
    force: Force = False,
) -> None:
    """Write the embeddings of photos to OUT.npy, and what each row is to OUT.csv.

    Whole photos give a row for each face: 'party.jpg (face 2)' is the second one from the left.

    OUT-faces.csv has the photo of each row then, and its box in pixels of the upright photo.
    """
    from ..embedding.distributed import on_workers
    from ..embedding.store import Embeddings, file_pair
    from ..files.atomic import write_csv
    from ..preprocessing.crop_note import align_options
    from ..preprocessing.faces import BOX_COLUMNS
    from ..preprocessing.read_folder import read_photos

    refuse_threads(threads, scheduler)
    out = out.absolute()
    files = file_pair(out)
    faces = files[1].with_name(f"{files[1].stem}-faces.csv")
    context.with_resource(place_for_files(*files, force=force))
    embedder = open_model(model, threads)
    workers = workers_of(context, scheduler)
    finds = align_options(embedder.cut) is not None and not any_faces
    if finds:
        context.with_resource(place_for_files(faces, force=force))
    data = read(
        read_photos, photos, embedder, model, any_faces, cache, every=True, memory=memory,
        workers=workers,
    )  # fmt: skip
    know_cut(embedder, data)
    vectors = embedded(on_workers(workers, embedder, model), data, cache)
    Embeddings(
        vectors, data.captions, tuple(names_of(data)), embedder.digest, embedder.preprocessing
    ).save(out, quantised)
    say(f"In {files[0]} and {files[1]}: {len(data)} embeddings of network {embedder.digest}")
    if finds and not data.boxes:
        faces.unlink(missing_ok=True)  # of other photos
    elif data.boxes:
        rows = zip(data.captions, data.paths, data.box_rows, strict=True)
        header = ("index", "path", "photo", *BOX_COLUMNS)
        write_csv(faces, header, ((i, *row[:2], *row[2]) for i, row in enumerate(rows)))
        say(f"In {faces}: the photo of each row, and the box of its face")


@app.command()
def cluster(
    context: typer.Context,
    photos: PhotosPath,
    model: Model,
    distance: Threshold = None,
    scale: Annotated[
        float | None,
        typer.Option(min=0, help="The distance as a share of the mean distance of two photos."),
    ] = None,
    min_size: Annotated[int, typer.Option(min=1, help="Smaller groups go to 'others'.")] = 1,
    out: Annotated[Path | None, typer.Option(help="New folder: one folder per group.")] = None,
    link: Annotated[bool, typer.Option("--link", help="Link to the photos, copy none.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be written, and write nothing.")
    ] = False,
    any_faces: AnyFaces = False,
    cache: Cache = None,
    memory: Memory = None,
    threads: Threads = None,
) -> None:
    """Group photos by person, without enrolling anybody.

    Of whole photos all faces are grouped, and those of one photo are kept apart.

    Each folder of OUT gets the photos that its person is on, and groups.csv says where on them.
    """
    from ..classification.clustering import average_linkage, clusters_at
    from ..classification.group_folders import folder_names, write_groups
    from ..console.groups import (
        farthest_look,
        tell_group_scores,
        tell_groups,
        tell_level,
        tell_sweep,
    )
    from ..console.terminal import progress
    from ..files.words import count_text
    from ..preprocessing.read_folder import read_photos

    if out is not None:
        out = out.absolute()
        context.with_resource(place_for_groups(out, photos))
    embedder = open_model(model, threads)
    data = read(read_photos, photos, embedder, model, any_faces, cache, every=True, memory=memory)
    vectors = embedded(embedder, data, cache)
    distance, source = _cut(model, distance, scale, vectors)
    several = sum(faces > 1 for faces in Counter(data.origins).values())
    counts = data.largest  # of a photo that lies in somebody's folder, only this face is theirs
    if several:
        say(f"{count_text(several, 'photo')} gave several faces, which are kept apart.")
    most = farthest_look(len(vectors))
    with progress("Near pairs") as tell:
        tree = average_linkage(
            vectors, data.origins if several else None, most * distance, tell, tell_level
        )
    in_folders = "" not in data.people and len(data.people) > 1
    truth = data.labels if in_folders else None
    tell_sweep(tree, distance, source, truth, counts, most)
    groups = clusters_at(tree, vectors, distance, min_size)
    folders = folder_names(groups.labels)
    tell_groups(groups, folders, data)
    if truth is not None:
        tell_group_scores(groups.labels[counts], truth[counts])
    if out is not None and dry_run:
        verb = "linked" if link else "copied"
        files = len({*zip(data.paths, folders, strict=True)})
        say(f"{files} photos would be {verb} into {len(set(folders))} folders of {out}")
    elif out is not None:
        root = photos if photos.is_dir() else photos.parent
        write_groups(
            out, root, data.paths, groups.labels, link, data.box_rows if data.boxes else None
        )
        say(f"In {out}: {len(set(folders))} folders, and groups.csv")


def _cut(model, distance, scale, vectors) -> tuple[float, str]:
    """Return where to cut the tree, and where that distance comes from."""
    from ..classification.thresholds import Thresholds

    if distance is not None and scale is not None:
        raise ValueError("--distance and --scale are two ways to say one thing: leave one out")
    if distance is not None:
        return distance, "--distance"
    stored = Thresholds.of_model(model)
    if scale is None and stored is not None:
        return stored.cut, stored.source
    mean, count = vectors.astype(np.float64).mean(axis=0), len(vectors)
    # First over all pairs of unit vectors, each with itself too, then without these.
    spread = 2 * max(0.0, 1 - mean @ mean) * count / max(count - 1, 1)
    share = 0.5 if scale is None else scale
    return float(share * spread), f"{share:g} of the mean distance of two photos"
