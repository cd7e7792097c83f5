"""Training with the number of steps chosen by faces held out, and the files that come of it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np

from ..classification.thresholds import HeldOut
from ..embedding.architectures import Architecture, FaceNet
from ..embedding.checkpoint import save_model
from ..embedding.embedder import Embedder
from ..preprocessing.faces import Faces
from ..training.health import diagnosis
from ..training.log import training_figure, write_log
from ..training.loop import is_trainable, train
from ..training.observer import Observer
from ..training.selection import held_out_score, longest_within_error
from ..training.splits import Split
from .settings import RunConfig


def fit(
    known: Faces,
    inner: Split | None,
    enrolled: np.ndarray | None,
    out: Path,
    config: RunConfig,
    title: str,
    observer: Observer,
    device: str,
) -> tuple[FaceNet, int, HeldOut | None]:
    """Choose the number of steps on the held-out part of `known`, then train on all of it.

    `inner` splits `known`; None, or a split that leaves nothing to train on, takes all steps.
    `enrolled` are photos in its training part, or None where the held-out part shows the same
    people: strangers are asked for among these.
    Writes `model.safetensors`, `log.csv` and `training.png` into `out`. The network is trained, and
    stays, on `device`.

    Returns
    -------
    model : FaceNet
    steps : int
        How many it was trained for.
    held_out : HeldOut or None
        What the network that chose them made of strangers.
    """
    steps, scores, seen = config.training.steps, [], {}
    if inner is not None and is_trainable(known.labels[inner.train]):
        title_of = f"{title}: choosing steps"
        scores, seen = _held_out_scores(known, inner, enrolled, config, title_of, observer, device)
        steps = longest_within_error(scores)
    model = _new_model(known, config, device)
    records = []
    observer.start_training(f"{title}: training", steps)
    for record in _steps(model, known, config, steps):
        records.append(record)
        observer.step(record)
        if record.step % config.save_every == 0 or record.step == steps:
            save_model(out / "model.safetensors", model, {"step": record.step, **asdict(config)})
            write_log(out / "log.csv", records)
    observer.stop_training()
    if records[-1].state == "collapsed" or any(record.triplets == 0 for record in records):
        observer.say(f"{title}: {diagnosis(records)}.")
    training_figure(out, records, scores, config.training.margin)
    return model, steps, seen.get(steps)


def _held_out_scores(known, inner, enrolled, config, title, observer, device):
    """A training without the held-out photos: a list of (steps, AUC, standard error) of the pairs
    with such photos, and HeldOut by steps."""
    model = _new_model(known, config, device)
    held_out = np.isin(np.arange(len(known)), inner.test)
    judged = np.ones(len(known), bool) if enrolled is None else held_out
    embedder = Embedder(model, flip=config.flip)
    scores, seen = [], {}
    observer.start_training(title, config.training.steps)
    for record in _steps(model, known.subset(inner.train), config, config.training.steps):
        observer.step(record)
        if record.step % config.check_every == 0 or record.step == config.training.steps:
            vectors = embedder.transform(known.images[judged])
            score = held_out_score(vectors, known.labels[judged], held_out[judged])
            scores.append((record.step, *score))
            if enrolled is not None:
                seen[record.step] = HeldOut(
                    vectors,
                    known.labels[judged],
                    embedder.transform(known.images[enrolled]),
                    known.labels[enrolled],
                )
            observer.check(*scores[-1])
    observer.stop_training()
    return scores, seen


def embed_without(
    known: Faces, group: np.ndarray, enrolled: np.ndarray, steps: int, config: RunConfig,
    title: str, observer: Observer, device: str,
) -> HeldOut:  # fmt: skip
    """Train a network of `steps` steps without the photos in `group`, and show them to it."""
    model = _new_model(known, config, device)
    observer.start_training(title, steps)
    rest = known.subset(np.setdiff1d(np.arange(len(known)), group))
    for record in _steps(model, rest, config, steps):
        observer.step(record)
    observer.stop_training()
    embed = Embedder(model, flip=config.flip).transform
    return HeldOut.of(embed, known.subset(group), known.subset(enrolled))


def _steps(model: FaceNet, faces: Faces, config: RunConfig, steps: int):
    """Train for `steps` steps of the full schedule."""
    for record in train(model.network, faces, config.training):
        yield record
        if record.step == steps:
            return


def _new_model(faces: Faces, config: RunConfig, device: str) -> FaceNet:
    _, size, _, channels = faces.images.shape
    architecture = Architecture(config.network, size, channels, config.dim)
    model = FaceNet.new(architecture, config.training.seed, faces.cut)
    model.network.to(device)
    return model
