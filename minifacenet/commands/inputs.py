"""The inputs of commands: photos, and in stage 3 a model and their embeddings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer

from ..console.alignment import KEPT, counted
from ..console.screen import say
from ..console.terminal import progress, tell_data
from ..files.words import count_text, printable
from ..preprocessing.crop_note import CENTRE_SQUARE, align_options
from .memory import smaller
from .options import use_threads

if TYPE_CHECKING:
    from ..embedding.architectures import FaceNet
    from ..embedding.embedder import Embedder
    from ..machine.workers import Engine
    from ..preprocessing.faces import Faces
    from ..preprocessing.whole_photos import FaceFinder

PhotosPath = Annotated[
    Path, typer.Argument(metavar="PHOTOS", help="A photo, or a folder of photos at any depth.")
]
Model = Annotated[
    Path, typer.Option(help="A run's folder, a model file, or a name that `models` lists.")
]
Cache = Annotated[
    Path | None,
    typer.Option(help="Folder that keeps embeddings, and faces of whole photos: each made once."),
]
Threshold = Annotated[
    float | None, typer.Option(min=0, max=4, help="Squared L2 distance up to which two are one.")
]
AnyFaces = Annotated[
    bool,
    typer.Option(
        "--any-faces", help="Find no faces; go on with those cut otherwise than the model's."
    ),
]
Memory = Annotated[
    float | None,
    typer.Option(
        min=0, help="GB of pixels to hold; beyond, files are read twice. A quarter of free."
    ),
]
Seed = Annotated[int, typer.Option(min=0, help="Draws what is held out to measure.")]


def read_people(faces: Path, size: int, channels: int | None = None) -> Faces:
    """Read a folder of people to train on, or packed faces."""
    from ..preprocessing.packed import is_pack, read_pack
    from ..preprocessing.read_folder import read_faces

    reader = read_pack if is_pack(faces) else read_faces
    with smaller(f"photos of {size}x{size} pixels", "take a smaller --size"):
        data = reader(faces, size, channels)
    tell_data(faces, data)
    return data


def open_model(model: Path, threads: int | None) -> Embedder:
    """Return the embedder of a model, which averages a photo and its mirror image."""
    from ..embedding.checkpoint import load_model, model_file
    from ..embedding.embedder import Embedder

    use_threads(threads)
    return Embedder(load_model(model_file(model)), flip=True)


def read(
    reader: Callable[..., Faces],
    path: Path,
    embedder: Embedder,
    model: Path | str,
    any_faces: bool,
    cache: Path | None = None,
    every: bool = False,
    memory: float | None = None,
    workers: int | Engine | None = None,
) -> Faces:
    """Read photos as the network takes them; errors as in `check_cut`.

    The faces of whole photos are found and cut as it knows them: `every` one, or the largest of
    each photo. `memory` is --memory.
    """
    size, _, channels = embedder.architecture.input_shape
    finder = finder_for(embedder, model, any_faces, cache, every, memory, workers)
    with _fewer(f"the photos in {path}"), finding_faces(finder) as tell:
        data = reader(path, size, channels, tell, mixed(any_faces), reader=finder or listed(memory))
    tell_data(path, data)
    tell_several(finder)
    tell_lazy(data)
    check_cut(data, path, embedder, model, any_faces)
    return data


def know_cut(embedder: Embedder, data: Faces) -> None:
    """Let an embedder say how these faces are cut: by --any-faces not as those of its training."""
    from ..embedding.architectures import FaceNet

    assert isinstance(embedder.model, FaceNet)  # which `open_model` has loaded
    embedder.model = replace(embedder.model, cut=data.cut)


def listed(memory: float | None) -> Callable[..., Faces]:
    """Return what reads photos as they are, with no more pixels in memory than --memory."""
    from ..preprocessing.read_folder import read_listed

    return partial(read_listed, memory=bytes_for(memory))


def bytes_for(memory: float | None) -> int:
    """Return --memory in bytes; a quarter of what is free if it is left out."""
    from ..machine.memory import a_quarter_of_free

    return a_quarter_of_free() if memory is None else int(memory * 1e9)


def tell_lazy(data: Faces) -> None:
    """Say that faces do not fit, if it is so."""
    from ..preprocessing.lazy_images import LazyImages

    if isinstance(data.images, LazyImages):
        say(
            f"  Pixels of {data.images.nbytes / 1e9:.2g} GB are too many to hold: each face is "
            "read again when it is embedded"
        )


def finder_for(
    embedder: Embedder,
    model: Path | str,
    any_faces: bool,
    cache: Path | None,
    every: bool = False,
    memory: float | None = None,
    workers: int | Engine | None = None,
) -> FaceFinder | None:
    """Return what finds the faces of whole photos for a model; None if photos are read as they are.

    That is so with `any_faces`, and for a model of centre squares or of cuts that nobody knows.
    """
    import numba

    from ..preprocessing.whole_photos import FaceFinder
    from .preparing import detecting

    cut = embedder.cut
    if any_faces or align_options(cut) is None:
        return None

    told = False

    def begin(whole: int, crops: int) -> None:
        nonlocal told
        if told:  # of the first photo of two
            return
        told = True
        also = f"; {count_text(crops, 'face')} had been cut so before" if crops else ""
        say(f"Whole photos: faces are found and cut as {model} knows them ({cut}){also}")

    return FaceFinder(
        cut, every, cache, workers or numba.get_num_threads(), begin,
        finding=lambda: progress(detecting(cut)), reading=lambda: progress("reading faces"),
        warn=say, memory=bytes_for(memory),
    )  # fmt: skip


@contextmanager
def finding_faces(finder: FaceFinder | None) -> Iterator[Callable[[int, int], None] | None]:
    """Show a bar for reading photos, unless a finder shows its own, and say what helps it."""
    from ..preprocessing.whole_photos import NoFace

    if finder is None:
        with progress("reading photos") as tell:
            yield tell
        return
    try:
        yield None
    except NoFace as error:
        raise NoFace(
            f"{error}. Pass photos that show faces; if these are faces that were cut out already, "
            "say --any-faces"
        ) from None


def tell_several(finder: FaceFinder | None) -> None:
    """Print how many photos showed several faces, where only the largest was taken."""
    if finder is None or finder.every or not finder.several:
        return
    names = ", ".join(finder.several[:3]) + ", ..." * (len(finder.several) > 3)
    shows = counted(len(finder.several), "photo shows", "photos show")
    say(f"  {shows} several faces, {KEPT['largest']}: {printable(names)}")


def mixed(any_faces: bool) -> Callable[[str], None]:
    """Return what handles faces cut in several ways: an error, or with `any_faces` a line."""

    def refuse(found: str) -> None:
        raise ValueError(
            f"{found}. Leave one kind there, cut all out of their photos anew (minifacenet align "
            "PHOTOS OUT), or say --any-faces"
        )

    return (lambda text: say(text, style="yellow")) if any_faces else refuse


def check_cut(
    data: Faces,
    path: Path,
    embedder: Embedder | FaceNet,
    model: Path | str,
    any_faces: bool | None = None,
) -> None:
    """Refuse faces from `path` that were cut differently from those `model` was trained on.

    With `any_faces` print a warning instead; None: the command has no such option.

    Raises
    ------
    ValueError
        They differ; the message has both ways of cutting, and what to do.
    """
    if data.cut == embedder.cut:
        return
    differ = f"{model} was trained on {_faces(embedder.cut)}, and {path} holds {_faces(data.cut)}"
    if not any_faces:
        instead = "" if any_faces is None else ", or say --any-faces"
        raise ValueError(f"{differ}: {_remedy(embedder.cut)}{instead}")
    say(f"{differ}: expect worse answers", style="yellow")


def _faces(cut: str) -> str:
    if cut == CENTRE_SQUARE:
        return "centre squares of photos"
    return f"faces {'in a ' * cut.startswith('box')}{cut}"


def _remedy(wanted: str) -> str:
    """Say how to get from faces that were cut otherwise to the wanted ones."""
    photos = "pass the photos that these faces were cut from"
    if wanted == CENTRE_SQUARE:
        return photos
    options = align_options(wanted)
    if options is None:
        return "pass faces that were cut as the model's"
    align = f"minifacenet align PHOTOS OUT {options}"
    return f"{photos}, or run `{align}` and pass the faces in OUT/faces"


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
