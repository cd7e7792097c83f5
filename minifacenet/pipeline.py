"""A run: a folder of people in, a trained model with its figures and numbers out.

    faces -> network -> names (closed protocol) and verification of strangers (open protocol)

`run` does the work and writes the files; `cli.py` draws what `run` tells it. All that is printed,
plotted and stored comes from one dictionary, which becomes `metrics.json`.
"""

from __future__ import annotations

import csv
import platform
from dataclasses import asdict, astuple, dataclass, field, fields
from importlib.metadata import version
from pathlib import Path

import numpy as np

from . import __version__
from .classification.baselines import Eigenfaces, pixels
from .embedding.architectures import Architecture, FaceNet
from .embedding.checkpoint import save_model
from .embedding.embedder import Embedder
from .embedding.train import StepRecord, TrainConfig, check_trainable, train
from .figures import naming_figure, training_figure, verification_figures
from .files import replacing, write_json
from .preprocessing.folder import Faces
from .protocols import (
    TRAIN_SHARE,
    UNSEEN_SHARE,
    ProtocolError,
    Split,
    held_out_auc,
    score_naming,
    score_pairs,
    split_people,
    split_photos,
)


@dataclass(frozen=True)
class RunConfig:
    """What a run does.

    `training.steps` is the most that may be trained: every `check_every` steps the AUC on held-out
    faces is taken, and the network is trained anew, on all training faces, for the best count.
    """

    network: str = "nn1_mini"
    dim: int = 128
    training: TrainConfig = field(default_factory=TrainConfig)
    check_every: int = 25
    save_every: int = 100
    flip: bool = True  # embed each photo together with its mirror image
    credit: str | None = None  # whose photos these are: a line below every picture of faces


class Observer:
    """What a run tells while it works. This base class keeps silent; the CLI draws."""

    def say(self, text: str) -> None:
        """A line worth reading."""

    def start_training(self, title: str, steps: int) -> None:
        """A training of `steps` steps begins."""

    def step(self, record: StepRecord) -> None:
        """One of its steps is done."""

    def stop_training(self) -> None:
        """It is over."""


def run(faces: Faces, out: Path, config: RunConfig, observer: Observer | None = None) -> dict:
    """Both protocols on `faces`: writes models, logs, figures and numbers into the folder `out`.

    Returns the metrics, as stored in `metrics.json`. A folder with too few people for the open
    protocol gets the closed one alone, and the observer is told.

    Raises
    ------
    ValueError
        The photos allow no triplet at all.
    """
    observer = observer or Observer()
    rng = np.random.default_rng(config.training.seed)
    closed = split_photos(faces.labels, TRAIN_SHARE, rng)
    metrics = {
        "data": {"photos": len(faces), "people": len(faces.people), "skipped": len(faces.skipped)},
        "config": asdict(config),
        "versions": _versions(),
        "closed": _closed(faces, closed, out, config, rng, observer),
        "open": None,
    }
    splits = {"closed": closed}
    try:
        splits["open"] = split_people(faces.labels, UNSEEN_SHARE, rng)
        metrics["open"] = _open(faces, splits["open"], out / "open", config, rng, observer)
    except ProtocolError as error:
        observer.say(f"Open protocol left out: {error}.")
    _write_splits(out / "split.csv", faces, splits)
    write_json(out / "metrics.json", metrics)
    return metrics


def _closed(faces, split, out, config, rng, observer) -> dict:
    """Everybody known: half of each person's photos name the other half."""
    known, asked = faces.subset(split.train), faces.subset(split.test)
    check_trainable(known.labels)
    photos = np.unique(known.labels, return_counts=True)[1].max()
    inner = split_photos(known.labels, (photos - 1) / photos, rng)
    model, steps = _train_chosen(known, inner, out, config, "known people", observer)
    result = {"people": len(np.unique(known.labels)), "train_photos": len(known)}
    result |= {"test_photos": len(asked), "steps": steps}
    vectors, answers = {}, {}
    for method, embed in _methods(model, known, config).items():
        vectors[method] = embed(asked.images)
        accuracy, answers[method] = score_naming(
            embed(known.images), known.labels, vectors[method], asked.labels
        )
        verification = score_pairs(vectors[method], asked.labels)
        result[method] = {"svm_accuracy": accuracy, **verification.as_dict()}
    _write_names(out / "names.csv", asked, answers["facenet"])
    naming_figure(out, asked, answers["facenet"], config.credit)
    verification_figures(out, asked, vectors, result, config.credit)
    return result


def _open(faces, split, out, config, rng, observer) -> dict:
    """Strangers: all pairs of photos of people whom the network has never seen."""
    known, strangers = faces.subset(split.train), faces.subset(split.test)
    try:
        inner = split_people(known.labels, UNSEEN_SHARE, rng)
    except ProtocolError:
        inner = None
    model, steps = _train_chosen(known, inner, out, config, "people to meet strangers", observer)
    result = {"train_people": len(np.unique(known.labels)), "train_photos": len(known)}
    result |= {"test_people": len(np.unique(strangers.labels)), "test_photos": len(strangers)}
    result["steps"] = steps
    vectors = {}
    for method, embed in _methods(model, known, config).items():
        vectors[method] = embed(strangers.images)
        result[method] = score_pairs(vectors[method], strangers.labels).as_dict()
    verification_figures(out, strangers, vectors, result, config.credit)
    return result


def _methods(model: FaceNet, known: Faces, config: RunConfig) -> dict:
    """The network and what it has to beat, each as a function from photos to unit vectors."""
    return {
        "facenet": Embedder(model, flip=config.flip).transform,
        "eigenfaces": Eigenfaces().fit(known.images).transform,
        "pixels": pixels,
    }


def _train_chosen(known: Faces, inner: Split | None, out, config, title, observer):
    """Choose the number of steps on the held-out part of `known`, then train on all of it."""
    steps, scores = config.training.steps, []
    if inner is not None and _trainable(known.labels[inner.train]):
        scores = _held_out_scores(known, inner, config, f"{title}: choosing the steps", observer)
        steps = max(scores, key=lambda pair: pair[1])[0]
    model = _new_model(known, config)
    records = []
    observer.start_training(f"{title}: training", steps)
    for record in _steps(model, known, config, steps):
        records.append(record)
        observer.step(record)
        if record.step % config.save_every == 0 or record.step == steps:
            save_model(out / "model.safetensors", model, {"step": record.step, **asdict(config)})
            _write_log(out / "log.csv", records)
    observer.stop_training()
    training_figure(out, records, scores, config.training.margin)
    return model, steps


def _held_out_scores(known, inner, config, title, observer) -> list[tuple[int, float]]:
    """(steps, AUC on pairs with held-out photos) along one training without these photos."""
    model = _new_model(known, config)
    held_out = np.isin(np.arange(len(known)), inner.test)
    strangers = not np.isin(known.labels[inner.test], known.labels[inner.train]).any()
    judged = held_out if strangers else np.ones(len(known), bool)
    embedder = Embedder(model, flip=config.flip)
    scores = []
    observer.start_training(title, config.training.steps)
    for record in _steps(model, known.subset(inner.train), config, config.training.steps):
        observer.step(record)
        if record.step % config.check_every == 0 or record.step == config.training.steps:
            vectors = embedder.transform(known.images[judged])
            auc = held_out_auc(vectors, known.labels[judged], held_out[judged])
            scores.append((record.step, auc))
    observer.stop_training()
    return scores


def _steps(model: FaceNet, faces: Faces, config: RunConfig, steps: int):
    """Train for `steps` steps of the full schedule."""
    for record in train(model.network, faces, config.training):
        yield record
        if record.step == steps:
            return


def _new_model(faces: Faces, config: RunConfig) -> FaceNet:
    _, size, _, channels = faces.images.shape
    architecture = Architecture(config.network, size, channels, config.dim)
    return FaceNet.new(architecture, config.training.seed)


def _trainable(labels) -> bool:
    try:
        check_trainable(labels)
    except ValueError:
        return False
    return True


def _versions() -> dict[str, str]:
    packages = ("numpy", "numba", "scipy", "scikit-learn", "pillow")
    return {
        "minifacenet": __version__,
        "python": platform.python_version(),
        **{package: version(package) for package in packages},
    }


def _write_csv(path: Path, header, rows) -> None:
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)


def _write_log(path: Path, records: list[StepRecord]) -> None:
    _write_csv(path, [f.name for f in fields(StepRecord)], map(astuple, records))


def _write_names(path: Path, faces: Faces, answers) -> None:
    rows = zip(
        faces.paths,
        (faces.people[label] for label in faces.labels),
        (faces.people[answer] for answer in answers),
        strict=True,
    )
    _write_csv(path, ["photo", "person", "named"], rows)


def _write_splits(path: Path, faces: Faces, splits: dict[str, Split]) -> None:
    columns = []
    for split in splits.values():
        column = np.full(len(faces), "train")
        column[split.test] = "test"
        columns.append(column)
    _write_csv(path, ["photo", *splits], zip(faces.paths, *columns, strict=True))
