"""Is this one person? Pairs of photos, lists of pairs, two photos."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer

from ..console.screen import say
from ..console.terminal import progress, tell_data
from ..files.words import printable
from .inputs import (
    AnyFaces,
    Cache,
    Memory,
    Model,
    Threshold,
    check_cut,
    embedded,
    finder_for,
    finding_faces,
    listed,
    mixed,
    open_model,
    read,
    tell_lazy,
    tell_several,
)
from .options import FacesPath, Force, Threads
from .outputs import folder_for_results, place_for_files, refuse_loss

if TYPE_CHECKING:
    from ..classification.pair_photos import FoundPairs
    from ..embedding.embedder import Embedder
    from ..preprocessing.faces import Faces
    from ..preprocessing.whole_photos import FaceFinder

app = typer.Typer()

WORTH_SAYING = 10**9  # bytes
FILES = ("verification.json", "roc.png", "distances.png")


@app.command()
def verify(
    context: typer.Context,
    faces: Annotated[
        Path | None,
        typer.Argument(metavar="FACES", help="Folder of people, or the root of the listed photos."),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(help="A run's folder, a model file, or a name that `models` lists."),
    ] = None,
    pairs: Annotated[
        Path | None, typer.Option(help="List of pairs as LFW's pairs.txt; all pairs if left out.")
    ] = None,
    threshold: Threshold = None,
    out: Annotated[Path | None, typer.Option(help="Folder for figures and numbers.")] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Say what VAL, FAR and the folds mean.")
    ] = False,
    any_faces: AnyFaces = False,
    cache: Cache = None,
    memory: Memory = None,
    threads: Threads = None,
    force: Force = False,
) -> None:
    """Are two photos of one person? Measure VAL, FAR and ROC as in section 4 of the paper."""
    from ..classification.pair_scores import in_whole_folds, judge
    from ..classification.thresholds import Thresholds
    from ..classification.verification import pair_distances
    from ..classification.verification_scores import verify as verify_pairs
    from ..console.pairs import (
        EXPLANATION,
        tell_folds,
        tell_own_thresholds,
        tell_verification,
    )
    from ..experiment.figures import pair_figures
    from ..files.atomic import write_json
    from ..preprocessing.read_folder import read_faces

    if explain:
        say(*EXPLANATION.splitlines())
    if faces is None or model is None:
        if explain:
            return
        raise ValueError("verify takes a folder of faces and --model")
    if pairs is None and threshold is not None:
        raise ValueError("--threshold is for a list of --pairs; all pairs are judged at every one")
    if out is not None:
        context.with_resource(folder_for_results(out, faces))
        refuse_loss(out, FILES, force)
    embedder = open_model(model, threads)
    if pairs is None:
        data = read(read_faces, faces, embedder, model, any_faces, cache, memory=memory)
        check_memory(len(data), take_some(faces))
        distances, same = pair_distances(embedded(embedder, data, cache), data.labels)
        scores = verify_pairs(distances, same)
        figures: Mapping[str, float | None] = scores.as_dict()
    else:
        found, data = read_listed_pairs(pairs, faces, embedder, model, any_faces, cache, memory)
        judged = judge(in_whole_folds(found, pairs), embedded(embedder, data, cache), threshold)
        tell_folds(judged.result)
        distances, same = judged.distances, judged.same
        scores, figures = judged.result.overall, judged.result.as_dict()
    tell_verification(scores)
    tell_own_thresholds(distances, same, Thresholds.of_model(model))
    if out is not None:
        write_json(out / FILES[0], figures)
        pair_figures(out, distances, same, scores)
        say(f"In {out}: {', '.join(FILES)}")


def read_listed_pairs(
    pairs: Path,
    faces: Path,
    embedder: Embedder,
    model: Path,
    any_faces: bool,
    cache: Path | None,
    memory: float | None = None,
) -> tuple[FoundPairs, Faces]:
    """Read the photos of a list of pairs as the network takes them."""
    from ..classification.pair_lists import read_pairs
    from ..classification.pair_photos import read_pair_photos
    from ..console.pairs import tell_found

    in_list = read_pairs(pairs)
    size, _, channels = embedder.architecture.input_shape
    finder = finder_for(embedder, model, any_faces, cache, memory=memory)
    reader = finder or listed(memory)
    with finding_faces(finder) as tell:
        found, data = read_pair_photos(
            faces, in_list, size, channels, tell, mixed(any_faces), reader=reader
        )
    tell_found(pairs, found, data.skipped)
    tell_several(finder)
    tell_lazy(data)
    check_cut(data, faces, embedder, model, any_faces)
    return found, data


def take_some(faces: Path) -> str:
    """Say how to judge fewer pairs than all, where a command takes a list of them."""
    return (
        f"Take some of the pairs: minifacenet make-pairs {faces} --out pairs.txt, and then say "
        "--pairs pairs.txt"
    )


def check_memory(photos: int, remedy: str, whose: str = "") -> None:
    """Say how much memory all pairs of many photos take; if it is not there, stop with a remedy."""
    from ..classification.verification import BYTES_A_PAIR
    from ..machine.memory import free_bytes

    pairs = photos * (photos - 1) // 2
    need, free = pairs * BYTES_A_PAIR, free_bytes()
    if need < WORTH_SAYING:
        return
    words = (
        f"All {pairs:,} pairs of {photos:,} photos{whose} take about {need / 1e9:.1f} GB of memory"
    )
    if free is not None and need > free:
        raise ValueError(f"{words}, and {free / 1e9:.1f} GB are free. {remedy}")
    say(f"{words}.")


@app.command("make-pairs")
def make_pairs(
    context: typer.Context,
    faces: FacesPath,
    out: Annotated[Path, typer.Option(help="File for the list.")],
    folds: Annotated[int, typer.Option(min=1, help="Folds of disjoint people.")] = 10,
    per_fold: Annotated[
        int, typer.Option(min=1, help="Pairs of one person in a fold, and as many of two.")
    ] = 300,
    seed: Annotated[int, typer.Option(min=0, help="Draws the people and the pairs.")] = 0,
    force: Force = False,
) -> None:
    """Draw a list of pairs for `verify` from any folder of people."""
    from ..classification.draw_pair_list import make_pairs as draw_pairs
    from ..classification.pair_lists import can_be_listed, write_pairs
    from ..preprocessing.read_folder import read_faces

    context.with_resource(place_for_files(out, force=force))
    with progress("reading photos") as tell:
        data = read_faces(faces, size=32, progress=tell)
    tell_data(faces, data)
    listed = np.array([can_be_listed(path) for path in data.paths])
    for path in np.array(data.paths)[~listed][:5]:
        say(f"  left out, since no line of a list can hold its name: {printable(path)}")
    if (more := int((~listed).sum()) - 5) > 0:
        say(f"  ... and {more} more photos")
    data = data.subset(listed)
    write_pairs(out, draw_pairs(data.paths, data.labels, folds, per_fold, seed, data.duplicates))
    say(f"In {out}: {folds} folds of {per_fold} + {per_fold} pairs")


@app.command()
def compare(
    context: typer.Context,
    first: Annotated[Path, typer.Argument(metavar="A", help="A photo.")],
    second: Annotated[Path, typer.Argument(metavar="B", help="Another one.")],
    model: Model,
    threshold: Threshold = None,
    show: Annotated[
        Path | None, typer.Option(help="PNG file for both photos, what was found, the verdict.")
    ] = None,
    any_faces: AnyFaces = False,
    cache: Cache = None,
    threads: Threads = None,
    force: Force = False,
) -> None:
    """Do two photos show one person? Print the distance, and the verdict of each threshold."""
    from ..classification.thresholds import Thresholds
    from ..console.pairs import tell_comparison, verdict
    from ..plots.pairs import pair_sheet
    from ..plots.style import save

    if show is not None:
        context.with_resource(place_for_files(show, force=force, out="--show"))
    embedder = open_model(model, threads)
    finder = finder_for(embedder, model, any_faces, cache)
    faces, views, vectors = [], [], []
    for photo in (first, second):
        data = _one_photo(photo, embedder, model, any_faces, finder)
        faces.append(data.images[0])
        if show is not None:
            views.append(_view(photo, finder))
        vectors.append(embedded(embedder, data, cache)[0])
    distance = float(np.square(vectors[0].astype(np.float64) - vectors[1]).sum())
    thresholds = Thresholds.of_model(model)
    tell_comparison(distance, thresholds, threshold)
    if show is not None:
        names = (first.name, second.name)
        save(pair_sheet(views, faces, names, *verdict(distance, thresholds, threshold)), show)
        say(f"In {show}: both photos, and what the network sees of them")


def _one_photo(
    photo: Path, embedder: Embedder, model: Path, any_faces: bool, finder: FaceFinder | None
) -> Faces:
    """Read one photo as the network takes it."""
    from ..preprocessing.read_folder import read_listed

    size, _, channels = embedder.architecture.input_shape
    if finder is None:
        data = read_listed(photo.parent, [photo.name], size, channels)
    else:
        with finding_faces(finder):
            data = finder(photo.parent, [photo.name], size, channels)
        tell_several(finder)
    check_cut(data, photo, embedder, model, any_faces)
    return data


def _view(photo: Path, finder: FaceFinder | None) -> np.ndarray:
    """Return what is shown of a photo: the surroundings of its face, or all if it is a face."""
    from ..plots.sheets import shrunk
    from ..preprocessing.draw_boxes import VIEW, draw_around
    from ..preprocessing.photo import decode_reduced, read_bytes

    pixels, scale = decode_reduced(read_bytes(photo), photo)
    if finder is None or photo.name not in finder.found:
        return shrunk(pixels, VIEW)[0]
    return draw_around(pixels, finder.found[photo.name].faces, finder.chosen(photo.name), scale)
