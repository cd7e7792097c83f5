"""A run: a folder of people in, a trained model with its figures and numbers out.

    faces -> network -> names (closed protocol) and verification of strangers (open protocol)

`run` does the work and writes the files; `cli.py` draws what `run` tells it. All that is printed,
plotted and stored comes from one dictionary, which becomes `metrics.json`.
"""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import numpy as np

from . import __version__
from .classification.baselines import Eigenfaces, Fisherfaces, pixels
from .classification.classifier import FaceClassifier
from .classification.clustering import cluster
from .classification.clustering_scores import bcubed
from .classification.identification import open_set
from .classification.lbp import lbp
from .classification.thresholds import HeldOut, Thresholds, measure_thresholds
from .config import Observer, RunConfig
from .embedding.architectures import FaceNet
from .embedding.checkpoint import add_to_model
from .embedding.embedder import Embedder
from .embedding.train import is_trainable
from .figures import naming_figure, verification_figures
from .files import sweep, write_csv, write_json
from .fitting import embed_without, fit
from .preprocessing.faces import Faces
from .protocols import (
    TRAIN_SHARE,
    UNSEEN_SHARE,
    ProtocolError,
    Split,
    score_naming,
    score_pairs,
    split_people,
    split_photos,
)

Embed = Callable[[np.ndarray], np.ndarray]
ENOUGH_PEOPLE = 20  # held out at once; of fewer, thresholds would be luck
GATE_FAR = 0.05  # the gate is set for this share of strangers who get a name
TRAINING_FILES = ("state.safetensors", "config.json", "checks.csv")


def run(faces: Faces, out: Path, config: RunConfig, observer: Observer | None = None) -> dict:
    """Both protocols on `faces`: writes models, logs, figures and numbers into the folder `out`.

    Returns the metrics, as stored in `metrics.json`. A folder with too few people for the open
    protocol gets the closed one alone, and the observer is told.

    Raises
    ------
    ProtocolError
        Half of the photos allow no triplet.
    """
    observer = observer or Observer()
    rng = np.random.default_rng(config.training.seed)
    splits = _draw_splits(faces, rng, observer)
    sweep(out)
    for name in TRAINING_FILES:  # of a training whose model goes, too
        (out / name).unlink(missing_ok=True)
    _write_splits(out / "split.csv", faces, splits)
    metrics = {
        "data": {
            "photos": len(faces),
            "people": len(faces.people),
            "skipped": len(faces.skipped),
            "content": faces.content,
        },
        "config": asdict(config),
        "versions": _versions(),
        "closed": _closed(faces, splits["closed"], out, config, rng, observer),
        "open": None,
    }
    if "open" in splits:
        metrics["open"], thresholds = _open(
            faces, splits["open"], out / "open", config, rng, observer
        )
        if thresholds is not None:
            metrics["thresholds"] = thresholds.as_dict()
            for folder in (out, out / "open"):
                add_to_model(folder / "model.safetensors", "thresholds", metrics["thresholds"])
    write_json(out / "metrics.json", metrics)
    return metrics


def _draw_splits(faces: Faces, rng, observer: Observer) -> dict[str, Split]:
    closed = split_photos(faces.labels, TRAIN_SHARE, rng)
    if not is_trainable(faces.labels[closed.train]):
        most = np.bincount(faces.labels).max()
        raise ProtocolError(
            "half of the photos are held back to be named, and the other half must hold two photos "
            f"of one person and one of another: that takes two people and 3 photos of one, got "
            f"{len(np.unique(faces.labels))} people with at most {most} photos"
        )
    splits = {"closed": closed}
    try:
        splits["open"] = split_people(faces.labels, UNSEEN_SHARE, rng)
    except ProtocolError as error:
        observer.say(f"Open protocol left out: {error}.")
    return splits


def _closed(faces, split, out, config, rng, observer) -> dict:
    """Everybody known: half of each person's photos name the other half."""
    known, asked = faces.subset(split.train), faces.subset(split.test)
    photos = np.bincount(known.labels).max()
    inner = split_photos(known.labels, (photos - 1) / photos, rng)  # one of each person held out
    others = baselines(known)  # first: photos that they refuse need no network either
    model, steps, _ = fit(known, inner, None, out, config, "Known people", observer)
    result = {
        "people": len(np.unique(known.labels)),
        "train_photos": len(known),
        "test_photos": len(asked),
        "steps": steps,
    }
    vectors, answers = {}, {}
    for method, embed in {"facenet": network(model, config), **others}.items():
        vectors[method] = embed(asked.images)
        accuracy, answers[method] = score_naming(
            embed(known.images), known.labels, vectors[method], asked.labels
        )
        result[method] = {"svm_accuracy": accuracy}
    _write_names(out / "names.csv", asked, answers["facenet"])
    naming_figure(out, asked, answers["facenet"], config.credit)
    if is_trainable(asked.labels):  # two photos of one person and one of another: pairs to verify
        _verify(out, asked, vectors, result, config)
    else:
        observer.say("Nobody has two photos among those to be named: no verification of them.")
    return result


def _open(faces, split, out, config, rng, observer) -> tuple[dict, Thresholds | None]:
    """Strangers: all pairs of photos of people whom the network has never seen."""
    known, strangers = faces.subset(split.train), faces.subset(split.test)
    try:
        inner = split_people(known.labels, UNSEEN_SHARE, rng)
    except ProtocolError:
        inner = None
    halves = split_photos(known.labels, TRAIN_SHARE, rng)  # enrolled, asked for
    enrolled = None if inner is None else np.intersect1d(halves.train, inner.train)
    groups = [] if inner is None else _groups(known.labels, inner, rng)
    others = baselines(known)
    model, steps, held_out = fit(known, inner, enrolled, out, config, "For strangers", observer)
    result = {
        "train_people": len(np.unique(known.labels)),
        "train_photos": len(known),
        "test_people": len(np.unique(strangers.labels)),
        "test_photos": len(strangers),
        "steps": steps,
    }
    embeds = {"facenet": network(model, config), **others}
    result |= {method: {} for method in embeds}
    vectors = {method: embed(strangers.images) for method, embed in embeds.items()}
    _verify(out, strangers, vectors, result, config)
    if held_out is None:
        observer.say("Too few people to measure thresholds: strangers are not asked for by name.")
        return result, None
    held_out = [held_out]
    for number, group in enumerate(groups[1:], start=2):
        title = f"Thresholds: {number} of {len(groups)}"
        rest = np.setdiff1d(halves.train, group)
        held_out.append(embed_without(known, group, rest, steps, config, title, observer))
    thresholds = _held_out_thresholds(known, groups, halves.train, held_out, steps)
    for method, embed in embeds.items():
        namer = FaceClassifier(threshold=thresholds[method].gate[GATE_FAR])
        namer.fit(embed(known.images[halves.train]), known.labels[halves.train])
        asked = embed(known.images[halves.test])
        figures = open_set(namer, asked, known.labels[halves.test], vectors[method])
        groups = cluster(vectors[method], thresholds[method].cut).labels
        result[method] |= figures.as_dict() | {
            "cut": thresholds[method].cut,
            "groups": int(groups.max() + 1),
            "bcubed_f1": bcubed(groups, strangers.labels).f1,
        }
    return result, thresholds["facenet"]


def _groups(labels, inner: Split, rng) -> list[np.ndarray]:
    """Photos of the people to hold out, group by group: the first are those of `inner`.

    A few people say little about all others, so the rest has its turn where they are few.
    """
    first, rest = np.unique(labels[inner.test]), np.unique(labels[inner.train])
    if len(first) >= ENOUGH_PEOPLE:
        return [inner.test]
    parts = np.array_split(rng.permutation(rest), max(1, round(len(rest) / len(first))))
    groups = [np.flatnonzero(np.isin(labels, part)) for part in parts]
    photos = np.arange(len(labels))
    return [inner.test] + [g for g in groups if is_trainable(labels[np.setdiff1d(photos, g)])]


def _held_out_thresholds(known, groups, enrolled, held_out, steps) -> dict[str, Thresholds]:
    """By method, from people of the training part whom its fitting did not see."""
    asked = np.concatenate(groups)
    source = (
        f"{len(asked)} photos of {len(np.unique(known.labels[asked]))} people, each held out of "
        "the training"
    )
    by_method = {"facenet": held_out}
    for group in groups:
        rest = np.setdiff1d(enrolled, group)
        fitted = baselines(known.subset(~np.isin(np.arange(len(known)), group)))
        for method, embed in fitted.items():
            by_method.setdefault(method, []).append(
                HeldOut(
                    embed(known.images[group]),
                    known.labels[group],
                    embed(known.images[rest]),
                    known.labels[rest],
                )
            )
    return {
        method: measure_thresholds(
            parts,
            source + (f" of a network like this one, {steps} steps" if method == "facenet" else ""),
        )
        for method, parts in by_method.items()
    }


def network(model: FaceNet, config: RunConfig) -> Embed:
    """The network as a function from photos to unit vectors."""
    return Embedder(model, flip=config.flip).transform


def baselines(known: Faces) -> dict[str, Embed]:
    """What it has to beat, fitted on the same photos."""
    return {
        "fisherfaces": Fisherfaces().fit(known.images, known.labels).transform,
        "eigenfaces": Eigenfaces().fit(known.images).transform,
        "lbp": lbp,
        "pixels": pixels,
    }


def _verify(out, faces, vectors, result, config) -> None:
    """Adds each method's verification over all pairs of `faces` to `result`; draws the figures."""
    for method, embeddings in vectors.items():
        result[method] |= score_pairs(embeddings, faces.labels).as_dict()
    verification_figures(out, faces, vectors, result, config.credit)


def _versions() -> dict[str, str]:
    packages = ("numpy", "numba", "scipy", "scikit-learn", "pillow")
    return {
        "minifacenet": __version__,
        "python": platform.python_version(),
        **{package: version(package) for package in packages},
    }


def _write_names(path: Path, faces: Faces, answers) -> None:
    people = np.array(faces.people)
    rows = zip(faces.paths, people[faces.labels], people[answers], strict=True)
    write_csv(path, ["photo", "person", "named"], rows)


def _write_splits(path: Path, faces: Faces, splits: dict[str, Split]) -> None:
    columns = []
    for split in splits.values():
        column = np.full(len(faces), "train")
        column[split.test] = "test"
        columns.append(column)
    write_csv(path, ["photo", *splits], zip(faces.paths, *columns, strict=True))
