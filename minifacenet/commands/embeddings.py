"""Embeddings of photos: as files, and in groups."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .inputs import (
    Cache,
    Model,
    PhotosPath,
    embedded,
    names_of,
    open_model,
    read,
)
from .options import Force, Threads

app = typer.Typer()


@app.command()
def embed(
    photos: PhotosPath,
    model: Model,
    out: Annotated[Path, typer.Option(help="Writes OUT.npy and OUT.csv.")],
    quantised: Annotated[
        str | None, typer.Option(help="128 bytes a face: 'global' or 'vector' scale.")
    ] = None,
    cache: Cache = None,
    threads: Threads = None,
    force: Force = False,
) -> None:
    """Write the embeddings of photos: OUT.npy, and OUT.csv with what each row is."""
    from ..answers import say
    from ..embedding.store import Embeddings
    from ..preprocessing.folder import read_photos

    files = [out.with_name(out.name + ending) for ending in (".npy", ".csv")]
    if any(path.exists() for path in files) and not force:
        raise ValueError(f"{out} holds embeddings already: choose another --out, or say --force")
    embedder, architecture = open_model(model, threads)
    data = read(read_photos, photos, architecture)
    vectors = embedded(embedder, data, cache)
    Embeddings(
        vectors, data.paths, tuple(names_of(data)), embedder.digest, embedder.preprocessing
    ).save(out, quantised)
    say(f"In {files[0]} and {files[1]}: {len(data)} embeddings of network {embedder.digest}")
