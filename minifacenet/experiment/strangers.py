"""The open protocol: people whom the network has never seen.

All pairs of their photos are verified. They are asked for by name among the people trained on, who
are enrolled with half of their photos, and should be 'unknown'. And they are grouped. The gate and
the cut for that come from people of the training part, each held out of a training in turn.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..classification.classifier import UNKNOWN, Answers, FaceClassifier
from ..classification.clustering import cluster
from ..classification.clustering_scores import bcubed
from ..classification.identification import open_set
from ..classification.methods import baselines, network
from ..classification.thresholds import HeldOut, Thresholds, measure_thresholds
from ..preprocessing.faces import Faces
from ..report import Naming
from ..training.loop import is_trainable
from ..training.observer import Observer
from ..training.splits import (
    TRAIN_SHARE,
    UNSEEN_SHARE,
    ProtocolError,
    Split,
    split_people,
    split_photos,
)
from .choosing_steps import embed_without, fit
from .scores import verify_pairs
from .settings import RunConfig

ENOUGH_PEOPLE = 20  # held out at once; of fewer, thresholds would be luck
GATE_FAR = 0.05  # the gate is set for this share of strangers who get a name


def meet_strangers(
    faces: Faces, split: Split, out: Path, config: RunConfig, rng, observer: Observer, device: str
) -> tuple[dict, Thresholds | None, dict]:
    """The figures, the network's thresholds if they can be measured, what the report shows."""
    known, strangers = faces.subset(split.train), faces.subset(split.test)
    try:
        inner = split_people(known.labels, UNSEEN_SHARE, rng)
    except ProtocolError:
        inner = None
    halves = split_photos(known.labels, TRAIN_SHARE, rng)  # enrolled, asked for
    enrolled = None if inner is None else np.intersect1d(halves.train, inner.train)
    groups = [] if inner is None else _groups(known.labels, inner, rng)
    others = baselines(known)
    model, steps, held_out = fit(
        known, inner, enrolled, out, config, "For strangers", observer, device
    )
    result = {
        "train_people": len(np.unique(known.labels)),
        "train_photos": len(known),
        "test_people": len(np.unique(strangers.labels)),
        "test_photos": len(strangers),
        "steps": steps,
    }
    embeds = {"facenet": network(model, config.flip), **others}
    result |= {method: {} for method in embeds}
    vectors = {method: embed(strangers.images) for method, embed in embeds.items()}
    verify_pairs(out, strangers, vectors, result, config)
    if held_out is None:
        observer.say("Too few people to measure thresholds: strangers are not asked for by name.")
        return result, None, {"strangers": strangers, "strangers_vectors": vectors}
    held_out = [held_out]
    for number, group in enumerate(groups[1:], start=2):
        title = f"Thresholds: {number} of {len(groups)}"
        rest = np.setdiff1d(halves.train, group)
        held_out.append(embed_without(known, group, rest, steps, config, title, observer, device))
    thresholds = _held_out_thresholds(known, groups, halves.train, held_out, steps)
    shown = {"strangers": strangers, "strangers_vectors": vectors}
    for method, embed in embeds.items():
        namer = FaceClassifier(threshold=thresholds[method].gate[GATE_FAR])
        namer.fit(embed(known.images[halves.train]), known.labels[halves.train])
        asked = embed(known.images[halves.test])
        figures = open_set(namer, asked, known.labels[halves.test], vectors[method])
        grouped = cluster(vectors[method], thresholds[method].cut).labels
        result[method] |= figures.as_dict() | {
            "cut": thresholds[method].cut,
            "groups": int(grouped.max() + 1),
            "bcubed_f1": bcubed(grouped, strangers.labels).f1,
        }
        if method == "facenet":
            probes = faces.subset(np.concatenate([split.train[halves.test], split.test]))
            answers = namer.answers(np.concatenate([asked, vectors[method]]))
            shown |= {"groups": grouped, "naming": _naming(probes, answers, namer)}
    return result, thresholds["facenet"], shown


def _naming(probes: Faces, answers: Answers, namer: FaceClassifier) -> Naming:
    """What the report shows of enrolled people and strangers asked by name."""
    people = np.array(probes.people)
    enrolled = np.isin(probes.labels, namer.classes_)
    return Naming(
        probes,
        np.where(answers.known, people[namer.classes_[answers.person]], UNKNOWN),
        np.where(enrolled, people[probes.labels], UNKNOWN),
        answers.distance,
        namer.threshold,
    )


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
    return [inner.test] + [
        group
        for group in groups
        if len(group) > 1 and is_trainable(labels[np.setdiff1d(photos, group)])
    ]


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
                HeldOut.of(embed, known.subset(group), known.subset(rest))
            )
    return {
        method: measure_thresholds(
            parts,
            source + (f" of a network like this one, {steps} steps" if method == "facenet" else ""),
        )
        for method, parts in by_method.items()
    }
