"""The inputs of commands: photos, and in stage 3 a model and their embeddings."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer

from ..console.screen import say
from ..console.terminal import progress, tell_data
from ..preprocessing.crop_note import CENTRE_SQUARE, align_options
from .memory import smaller
from .options import use_threads

if TYPE_CHECKING:
    from ..embedding.embedder import Embedder
    from ..preprocessing.faces import Faces

PhotosPath = Annotated[
    Path, typer.Argument(metavar="PHOTOS", help="A photo, or a folder of photos at any depth.")
]
Model = Annotated[
    Path, typer.Option(help="A run's folder, a model file, or a name that `models` lists.")
]
Cache = Annotated[
    Path | None, typer.Option(help="Folder that keeps embeddings, so that each is made once.")
]
Threshold = Annotated[
    float | None, typer.Option(min=0, max=4, help="Squared L2 distance up to which two are one.")
]
AnyFaces = Annotated[
    bool, typer.Option("--any-faces", help="Go on with faces cut otherwise than the model's.")
]
Seed = Annotated[int, typer.Option(min=0, help="Draws what is held out to measure.")]


def read_people(faces: Path, size: int, channels: int | None = None) -> Faces:
    """Read a folder of people to train on."""
    from ..preprocessing.read_folder import read_faces

    with smaller(f"photos of {size}x{size} pixels", "take a smaller --size"):
        data = read_faces(faces, size=size, channels=channels)
    tell_data(faces, data)
    return data


def open_model(model: Path, threads: int | None) -> Embedder:
    """Return the embedder of a model, which averages a photo and its mirror image."""
    from ..embedding.checkpoint import load_model, model_file
    from ..embedding.embedder import Embedder

    use_threads(threads)
    return Embedder(load_model(model_file(model)), flip=True)


def read(
    reader: Callable[..., Faces], path: Path, embedder: Embedder, model: Path | str, any_faces: bool
) -> Faces:
    """Read photos as the network takes them; errors as in `check_cut`."""
    size, _, channels = embedder.architecture.input_shape
    with _fewer(f"the photos in {path}"), progress("reading photos") as tell:
        data = reader(path, size, channels, tell, mixed(any_faces))
    tell_data(path, data)
    check_cut(data, path, embedder, model, any_faces)
    return data


def mixed(any_faces: bool) -> Callable[[str], None]:
    """Return what handles faces cut in several ways: an error, or with `any_faces` a line."""

    def refuse(found: str) -> None:
        raise ValueError(
            f"{found}. Leave one kind there, cut all out of their photos anew (minifacenet align "
            "PHOTOS OUT), or say --any-faces"
        )

    return (lambda text: say(text, style="yellow")) if any_faces else refuse


def check_cut(
    data: Faces, path: Path, embedder: Embedder, model: Path | str, any_faces: bool
) -> None:
    """Refuse faces from `path` that were cut differently from those `model` was trained on.

    With `any_faces` print a warning instead.

    Raises
    ------
    ValueError
        They differ; the message has both ways of cutting, and what to do.
    """
    if data.cut == embedder.cut:
        return
    differ = f"{model} was trained on {_faces(embedder.cut)}, and {path} holds {_faces(data.cut)}"
    if not any_faces:
        raise ValueError(f"{differ}: {_remedy(data.cut, path, embedder.cut)}, or say --any-faces")
    say(f"{differ}: expect worse answers", style="yellow")


def _faces(cut: str) -> str:
    if cut == CENTRE_SQUARE:
        return "centre squares of photos"
    return f"faces {'in a ' * cut.startswith('box')}{cut}"


def _remedy(cut: str, path: Path, wanted: str) -> str:
    """Say how to get from faces at `path`, cut this way, to the wanted ones."""
    if wanted == CENTRE_SQUARE:
        return "pass the photos that these faces were cut from"
    options = align_options(wanted)
    if options is None:
        return "pass faces that were cut as the model's"
    photos = shlex.quote(str(path)) if cut == CENTRE_SQUARE and path.is_dir() else "PHOTOS"
    first = "put the photos into a folder PHOTOS, " if path.is_file() else ""
    return f"{first}run `minifacenet align {photos} OUT {options}` and pass the faces in OUT/faces"


def names_of(data: Faces) -> np.ndarray:
    return np.array(data.people)[data.labels]


def _fewer(what: str):
    return smaller(what, "give fewer photos at a time, or fewer --threads")


def embedded(embedder: Embedder, data: Faces, cache: Path | None) -> np.ndarray:
    from ..embedding.cache import EmbeddingCache

    with _fewer(f"{len(data)} photos"), progress("embedding") as tell:
        embedder.progress = tell
        source = embedder if cache is None else EmbeddingCache(cache, embedder, warn=say)
        vectors = source.transform(data.images)
    embedder.progress = None
    return vectors
