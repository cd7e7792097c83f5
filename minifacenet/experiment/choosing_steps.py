"""Faces held out choose the number of steps of a training, which then writes its files."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TypeAlias

import numpy as np

from ..classification.methods import embed_with
from ..classification.thresholds import OpenSet
from ..embedding.architectures import FaceNet
from ..embedding.checkpoint import save_model
from ..embedding.embedder import Embedder
from ..preprocessing.faces import Faces
from ..training.health import StepRecord, diagnosis
from ..training.log import write_log
from ..training.loop import is_due, is_trainable, train_watched
from ..training.selection import longest_within_error, validation_score
from ..training.splits import Split
from .job import Job

Check: TypeAlias = tuple[int, float, float]  # steps, AUC, standard error


@dataclass(frozen=True)
class Trained:
    """This holds a network trained for the best number of steps, and how that number was found.

    Attributes
    ----------
    model : FaceNet
    steps : int
        How many steps it was trained for.
    records : list of StepRecord
        What was measured at each of them.
    checks : list of (steps, AUC, standard error)
        Those of the training that chose the number; empty without one.
    unseen : OpenSet or None
        What the network that chose the number made of strangers, after as many steps.
    """

    model: FaceNet
    steps: int
    records: list[StepRecord]
    checks: list[Check]
    unseen: OpenSet | None


def train_for_best_steps(
    known: Faces, inner: Split | None, enrolled: np.ndarray | None, title: str, job: Job
) -> Trained:
    """Choose the number of steps on the held-out part of `known`, then train on all of it.

    `inner` splits `known`; with None, or a split that leaves nothing to train on, all steps are
    taken.
    `enrolled` are photos in its training part, or None where the held-out part shows the same
    people: strangers are asked for among these.
    `model.safetensors` and `log.csv` are written into the job's folder. The network is trained on
    the job's device, and stays there.
    """
    config, out = job.config, job.out
    steps = config.training.steps
    checks: list[Check] = []
    unseen: dict[int, OpenSet] = {}
    if inner is not None and is_trainable(known.labels[inner.train]):
        checks, unseen = _validated(known, inner, enrolled, f"{title}: choosing steps", job)
        steps = longest_within_error(checks)
    model = job.new_model(known)

    def save(records: list[StepRecord]) -> None:
        if is_due(records[-1].step, config.save_every, steps):
            settings = {"step": records[-1].step, **asdict(config)}
            save_model(out / "model.safetensors", model, settings)
            write_log(out / "log.csv", records)

    records = train_watched(
        model.network, known, config.training, job.observer, f"{title}: training",
        steps=steps, after_step=save,
    )  # fmt: skip
    if records[-1].state == "collapsed" or any(record.triplets == 0 for record in records):
        job.observer.say(f"{title}: {diagnosis(records)}.")
    return Trained(model, steps, records, checks, unseen.get(steps))


def _validated(
    known: Faces, inner: Split, enrolled: np.ndarray | None, title: str, job: Job
) -> tuple[list[Check], dict[int, OpenSet]]:
    """Train without the held-out photos, and check the pairs with such photos now and then.

    Returns the checks, and an OpenSet by the number of steps.
    """
    config, model = job.config, job.new_model(known)
    held_out = np.isin(np.arange(len(known)), inner.test)
    judged = np.ones(len(known), bool) if enrolled is None else held_out
    embedder = Embedder(model, flip=config.flip)
    checks: list[Check] = []
    unseen: dict[int, OpenSet] = {}

    def check(records: list[StepRecord]) -> None:
        step = records[-1].step
        if not is_due(step, config.check_every, config.training.steps):
            return
        vectors = embedder.transform(known.images[judged])
        score = validation_score(vectors, known.labels[judged], held_out[judged])
        checks.append((step, *score))
        if enrolled is not None:
            unseen[step] = OpenSet(
                vectors,
                known.labels[judged],
                embedder.transform(known.images[enrolled]),
                known.labels[enrolled],
            )
        job.observer.check(*checks[-1])

    faces = known.subset(inner.train)
    train_watched(model.network, faces, config.training, job.observer, title, after_step=check)
    return checks, unseen


def train_without(
    known: Faces, group: np.ndarray, enrolled: np.ndarray, steps: int, title: str, job: Job
) -> OpenSet:
    """Train a network of `steps` steps without the photos in `group`, and show them to it."""
    model = job.new_model(known)
    rest = known.subset(np.setdiff1d(np.arange(len(known)), group))
    train_watched(model.network, rest, job.config.training, job.observer, title, steps=steps)
    embed = embed_with(model, job.config.flip)
    return OpenSet.of(embed, known.subset(group), known.subset(enrolled))
