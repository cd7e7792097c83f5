"""Training with the number of steps chosen by faces held out, and the files that come of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

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


@dataclass(frozen=True)
class Trained:
    """A network trained for the best number of steps, and how that number was found.

    Attributes
    ----------
    model : FaceNet
    steps : int
        How many it was trained for.
    records : list of StepRecord
    checks : list of (steps, AUC, standard error)
        Of the training that chose the number; empty without one.
    unseen : OpenSet or None
        What the network that chose them made of strangers, after as many steps.
    """

    model: FaceNet
    steps: int
    records: list[StepRecord]
    checks: list[tuple[int, float, float]]
    unseen: OpenSet | None


def train_for_best_steps(
    known: Faces, inner: Split | None, enrolled: np.ndarray | None, title: str, job: Job
) -> Trained:
    """Choose the number of steps on the held-out part of `known`, then train on all of it.

    `inner` splits `known`; None, or a split that leaves nothing to train on, takes all steps.
    `enrolled` are photos in its training part, or None where the held-out part shows the same
    people: strangers are asked for among these.
    Writes `model.safetensors` and `log.csv` into the job's folder. The network is trained, and
    stays, on its device.
    """
    config, out = job.config, job.out
    steps, checks, unseen = config.training.steps, [], {}
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


def _validated(known: Faces, inner: Split, enrolled: np.ndarray | None, title: str, job: Job):
    """A training without the held-out photos: a list of (steps, AUC, standard error) of the pairs
    with such photos, and an OpenSet by steps."""
    config, model = job.config, job.new_model(known)
    held_out = np.isin(np.arange(len(known)), inner.test)
    judged = np.ones(len(known), bool) if enrolled is None else held_out
    embedder = Embedder(model, flip=config.flip)
    checks, unseen = [], {}

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
    embed = Embedder(model, flip=job.config.flip).transform
    return OpenSet.of(embed, known.subset(group), known.subset(enrolled))
