"""What commands of stage 3 begin with: a model, photos, and their embeddings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer

from ..terminal import progress, say, tell_data
from .options import use_threads

if TYPE_CHECKING:
    from ..embedding.architectures import Architecture
    from ..embedding.embedder import Embedder
    from ..preprocessing.faces import Faces

PhotosPath = Annotated[Path, typer.Argument(help="A photo, or a folder of photos at any depth.")]
Model = Annotated[Path, typer.Option(help="A run's folder, or a model.safetensors.")]
Cache = Annotated[
    Path | None, typer.Option(help="Folder that keeps embeddings, so that each is made once.")
]
Threshold = Annotated[
    float | None, typer.Option(min=0, max=4, help="Squared L2 distance up to which two are one.")
]
Seed = Annotated[int, typer.Option(min=0, help="Draws what is held out to measure.")]


def open_model(model: Path, threads: int | None) -> tuple[Embedder, Architecture]:
    """The embedder of a model, photo and mirror image together, and what it takes."""
    from ..embedding.checkpoint import load_model, model_file
    from ..embedding.embedder import Embedder

    use_threads(threads)
    network = load_model(model_file(model))
    return Embedder(network, flip=True), network.architecture


def read(reader, path: Path, architecture: Architecture) -> Faces:
    with progress("reading photos") as tell:
        data = reader(path, architecture.size, architecture.channels, tell)
    tell_data(path, data)
    return data


def names_of(data: Faces) -> np.ndarray:
    return np.array(data.people)[data.labels]


def embedded(embedder: Embedder, data: Faces, cache: Path | None) -> np.ndarray:
    from ..embedding.cache import EmbeddingCache

    with progress("embedding") as tell:
        embedder.progress = tell
        source = embedder if cache is None else EmbeddingCache(cache, embedder, warn=say)
        vectors = source.transform(data.images)
    embedder.progress = None
    return vectors
