"""Training with the number of steps chosen by faces held out, and the files that come of it."""

from __future__ import annotations

from dataclasses import asdict, astuple, fields
from pathlib import Path

import numpy as np

from .config import Observer, RunConfig
from .embedding.architectures import Architecture, FaceNet
from .embedding.checkpoint import save_model
from .embedding.embedder import Embedder
from .embedding.health import StepRecord, diagnosis
from .embedding.train import is_trainable, train
from .figures import training_figure
from .files import write_csv
from .preprocessing.faces import Faces
from .protocols import Split, held_out_score, longest_within_error


def fit(
    known: Faces, inner: Split | None, out: Path, config: RunConfig, title: str, observer: Observer
) -> tuple[FaceNet, int]:
    """Choose the number of steps on the held-out part of `known`, then train on all of it.

    `inner` splits `known`; None, or a split that leaves nothing to train on, takes all steps.
    Writes `model.safetensors`, `log.csv` and `training.png` into `out`.

    Returns
    -------
    model : FaceNet
    steps : int
        How many it was trained for.
    """
    steps, scores = config.training.steps, []
    if inner is not None and is_trainable(known.labels[inner.train]):
        scores = _held_out_scores(known, inner, config, f"{title}: choosing steps", observer)
        steps = longest_within_error(scores)
    model = _new_model(known, config)
    records = []
    observer.start_training(f"{title}: training", steps)
    for record in _steps(model, known, config, steps):
        records.append(record)
        observer.step(record)
        if record.step % config.save_every == 0 or record.step == steps:
            save_model(out / "model.safetensors", model, {"step": record.step, **asdict(config)})
            write_csv(out / "log.csv", [f.name for f in fields(StepRecord)], map(astuple, records))
    observer.stop_training()
    if records[-1].state == "collapsed" or any(record.triplets == 0 for record in records):
        observer.say(f"{title}: {diagnosis(records)}.")
    training_figure(out, records, scores, config.training.margin)
    return model, steps


def _held_out_scores(known, inner, config, title, observer) -> list[tuple[int, float, float]]:
    """(steps, AUC, standard error) of pairs with held-out photos, along a training without them."""
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
            score = held_out_score(vectors, known.labels[judged], held_out[judged])
            scores.append((record.step, *score))
            observer.check(*scores[-1])
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
