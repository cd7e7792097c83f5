"""In the closed set everybody is known: half of each person's photos name the other half."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..classification.methods import OURS, embed_with, fit_baselines
from ..files.atomic import write_csv
from ..files.spreadsheets import name_cell, path_cell
from ..preprocessing.faces import Faces
from ..training.loop import is_trainable
from ..training.splits import Split, split_photos
from .choosing_steps import Trained, train_for_best_steps
from .job import Job
from .scores import score_naming, score_pairs


@dataclass(frozen=True)
class KnownPeople:
    """This says how known people were named.

    Attributes
    ----------
    figures : dict
        What `metrics.json` says of them.
    training : Trained
    probes : Faces
        The N photos that were to be named.
    answers : ndarray of shape (N,), int64
        The label that our network gave to each.
    vectors : dict of str to ndarray of shape (N, D)
        Their embeddings, by method.
    """

    figures: dict[str, Any]
    training: Trained
    probes: Faces
    answers: np.ndarray
    vectors: dict[str, np.ndarray]

    @property
    def verified(self) -> bool:
        """Tell whether the probes hold two photos of one person and one of another."""
        return is_trainable(self.probes.labels)


def name_known_people(faces: Faces, split: Split, job: Job) -> KnownPeople:
    """Train on one half, name the other, and verify all pairs of it; write `names.csv`."""
    known, probes = faces.subset(split.train), faces.subset(split.test)
    photos = np.bincount(known.labels).max()
    inner = split_photos(known.labels, (photos - 1) / photos, job.rng)  # one of each person
    baselines = fit_baselines(known)  # first: photos that they refuse need no network either
    training = train_for_best_steps(known, inner, None, "Known people", job)
    embeds = {OURS.key: embed_with(training.model, job.config.flip), **baselines}
    figures: dict[str, Any] = {
        "people": len(np.unique(known.labels)),
        "train_photos": len(known),
        "test_photos": len(probes),
        "steps": training.steps,
    }
    vectors: dict[str, np.ndarray] = {}
    answers: dict[str, np.ndarray] = {}
    for method, embed in embeds.items():
        vectors[method] = embed(probes.pixels)
        accuracy, answers[method] = score_naming(
            embed(known.pixels), known.labels, vectors[method], probes.labels
        )
        figures[method] = {"svm_accuracy": accuracy}
    result = KnownPeople(figures, training, probes, answers[OURS.key], vectors)
    if result.verified:
        for method in embeds:
            figures[method] |= score_pairs(vectors[method], probes.labels).as_dict()
    else:
        job.observer.say("Nobody has two photos among those to be named: no verification of them.")
    _write_names(job.out / "names.csv", probes, result.answers)
    return result


def _write_names(path: Path, faces: Faces, answers: np.ndarray) -> None:
    people, paths = np.array([*map(name_cell, faces.people)]), map(path_cell, faces.paths)
    rows = zip(paths, people[faces.labels], people[answers], strict=True)
    write_csv(path, ["photo", "person", "named"], rows)
