"""The open set holds people whom the network has never seen.

All pairs of their photos are verified. They are asked for by name among the people trained on, who
are enrolled with half of their photos, and should be 'unknown'. And they are grouped. The gate and
the cut for that come from people of the training part, each held out of a training in turn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..classification.classifier import UNKNOWN, Answers, FaceClassifier
from ..classification.clustering import cluster
from ..classification.clustering_scores import bcubed
from ..classification.identification import open_set
from ..classification.methods import OURS, Embed, embed_with, fit_baselines
from ..classification.thresholds import OpenSet, Thresholds, measure_thresholds
from ..preprocessing.faces import Faces
from ..report import Naming
from ..training.loop import is_trainable
from ..training.splits import (
    TRAIN_SHARE,
    UNSEEN_SHARE,
    ProtocolError,
    Split,
    split_people,
    split_photos,
)
from .choosing_steps import Trained, train_for_best_steps, train_without
from .job import Job
from .scores import score_pairs

ENOUGH_PEOPLE = 20  # are held out at once; with fewer, thresholds would be luck
GATE_FAR = 0.05  # the gate is set for this share of strangers who get a name


@dataclass(frozen=True)
class Strangers:
    """This says how strangers were verified, asked for by name, and grouped.

    Attributes
    ----------
    figures : dict
        What `metrics.json` says of them.
    training : Trained
    probes : Faces
        Their N photos.
    vectors : dict of str to ndarray of shape (N, D)
        The embeddings of these, by method.
    thresholds : Thresholds or None
        Those of our network; None where too few people are left to measure them on.
    groups : ndarray of shape (N,), int, or None
        The group that each photo was put into; -1 means that it was put into none.
    naming : Naming or None
        What came of asking our network for enrolled people and strangers by name.
    """

    figures: dict[str, Any]
    training: Trained
    probes: Faces
    vectors: dict[str, np.ndarray]
    thresholds: Thresholds | None = None
    groups: np.ndarray | None = None
    naming: Naming | None = None


def meet_strangers(faces: Faces, split: Split, job: Job) -> Strangers:
    """Train on some people; verify, name and group the others."""
    known, strangers = faces.subset(split.train), faces.subset(split.test)
    try:
        inner = split_people(known.labels, UNSEEN_SHARE, job.rng)
    except ProtocolError:
        inner = None
    halves = split_photos(known.labels, TRAIN_SHARE, job.rng)  # gallery, probes
    gallery = None if inner is None else np.intersect1d(halves.train, inner.train)
    groups = [] if inner is None else _groups(known.labels, inner, job.rng)
    baselines = fit_baselines(known)
    training = train_for_best_steps(known, inner, gallery, "For strangers", job)
    embeds = {OURS.key: embed_with(training.model, job.config.flip), **baselines}
    vectors = {method: embed(strangers.pixels) for method, embed in embeds.items()}
    figures: dict[str, Any] = {
        "train_people": len(np.unique(known.labels)),
        "train_photos": len(known),
        "test_people": len(np.unique(strangers.labels)),
        "test_photos": len(strangers),
        "steps": training.steps,
        **{method: score_pairs(v, strangers.labels).as_dict() for method, v in vectors.items()},
    }
    unseen = training.unseen
    if unseen is None:
        job.observer.say(
            "Too few people to measure thresholds: strangers are not asked for by name."
        )
        return Strangers(figures, training, strangers, vectors)
    thresholds = _thresholds(known, groups, halves.train, unseen, training.steps, job)
    found: np.ndarray | None = None
    naming: Naming | None = None
    for method, embed in embeds.items():
        gate = thresholds[method].gate[GATE_FAR]
        namer, probes = _enrol(embed, known, halves, gate)
        opened = open_set(namer, probes, known.labels[halves.test], vectors[method])
        grouped = cluster(vectors[method], thresholds[method].cut).labels
        figures[method] |= opened.as_dict() | {
            "cut": thresholds[method].cut,
            "groups": int(grouped.max() + 1),
            "bcubed_f1": bcubed(grouped, strangers.labels).f1,
        }
        if method == OURS.key:
            asked = faces.subset(np.concatenate([split.train[halves.test], split.test]))
            answers = namer.answers(np.concatenate([probes, vectors[method]]))
            found, naming = grouped, _naming(asked, answers, namer.classes_, gate)
    return Strangers(figures, training, strangers, vectors, thresholds[OURS.key], found, naming)


def _enrol(
    embed: Embed, known: Faces, halves: Split, gate: float
) -> tuple[FaceClassifier, np.ndarray]:
    """Fit a classifier with this gate on the first halves, and embed the second ones."""
    namer = FaceClassifier(threshold=gate)
    namer.fit(embed(known.images[halves.train]), known.labels[halves.train])
    return namer, embed(known.images[halves.test])


def _naming(probes: Faces, answers: Answers, classes: np.ndarray, gate: float) -> Naming:
    """Gather what the report shows of enrolled people and strangers who were asked for by name.

    `classes` are the labels of the enrolled.
    """
    people = np.array(probes.people)
    enrolled = np.isin(probes.labels, classes)
    return Naming(
        probes,
        np.where(answers.known, people[classes[answers.person]], UNKNOWN),
        np.where(enrolled, people[probes.labels], UNKNOWN),
        answers.distance,
        gate,
    )


def _groups(labels: np.ndarray, inner: Split, rng: np.random.Generator) -> list[np.ndarray]:
    """Find the photos of the people to hold out, group by group: the first are those of `inner`.

    A few people say little about all others; so where they are few, the others have their turn.
    """
    first, rest = np.unique(labels[inner.test]), np.unique(labels[inner.train])
    if len(first) >= ENOUGH_PEOPLE:
        return [inner.test]
    parts = np.array_split(rng.permutation(rest), max(1, round(len(rest) / len(first))))
    groups = [np.flatnonzero(np.isin(labels, part)) for part in parts]
    photos = np.arange(len(labels))
    return [inner.test] + [
        group
        for group in groups
        if len(group) > 1 and is_trainable(labels[np.setdiff1d(photos, group)])
    ]


def _thresholds(
    known: Faces,
    groups: list[np.ndarray],
    gallery: np.ndarray,
    unseen: OpenSet,
    steps: int,
    job: Job,
) -> dict[str, Thresholds]:
    """Measure them by method, on people of the training part whom its fitting did not see.

    The network that chose the number of steps has not seen the first group, and `unseen` is what it
    made of them; for each other group one more network is trained, of as many steps.
    """
    held_out = {OURS.key: [unseen]}
    for number, group in enumerate(groups[1:], start=2):
        title = f"Thresholds: {number} of {len(groups)}"
        rest = np.setdiff1d(gallery, group)
        held_out[OURS.key].append(train_without(known, group, rest, steps, title, job))
    for group in groups:
        fitted = fit_baselines(known.subset(~np.isin(np.arange(len(known)), group)))
        impostors = known.subset(group)
        enrolled = known.subset(np.setdiff1d(gallery, group))
        for method, embed in fitted.items():
            held_out.setdefault(method, []).append(OpenSet.of(embed, impostors, enrolled))
    asked = np.concatenate(groups)
    source = (
        f"{len(asked)} photos of {len(np.unique(known.labels[asked]))} people, each held out of "
        "the training"
    )
    ours = f"{source} of a network like this one, {steps} steps"
    return {
        method: measure_thresholds(parts, ours if method == OURS.key else source)
        for method, parts in held_out.items()
    }
