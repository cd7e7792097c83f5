"""A run draws these figures into these files. `plots` knows what they look like."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from .. import plots
from ..classification.methods import OURS, methods_with
from ..classification.pair_scores import CROSSED, JudgedPairs
from ..classification.verification import drawn_roc, pair_distances
from ..classification.verification_scores import Verification
from ..plots import faces as face_plots
from ..preprocessing.faces import Faces
from ..training.log import training_figure
from .choosing_steps import Trained
from .job import Job
from .known_people import KnownPeople
from .strangers import Strangers


def draw_known_people(known: KnownPeople, job: Job) -> None:
    """Draw `training.png`, `names.png` and, where pairs were verified, the figures of these."""
    _draw_training(known.training, job)
    faces, people = known.probes, np.array(known.probes.people)
    names, answers = people[faces.labels], people[known.answers]
    sheet = face_plots.naming_sheet(faces.images, names, answers, credit=job.config.credit)
    plots.save(sheet, job.out / "names.png")
    if known.verified:
        _draw_verification(faces, known.vectors, known.figures, job)


def draw_strangers(strangers: Strangers, job: Job) -> None:
    """Draw `training.png`, and the figures of all pairs of strangers."""
    _draw_training(strangers.training, job)
    _draw_verification(strangers.probes, strangers.vectors, strangers.figures, job)


def _draw_training(training: Trained, job: Job) -> None:
    training_figure(job.out, training.records, training.checks, job.config.training.margin)


def _draw_verification(
    faces: Faces, vectors: dict[str, np.ndarray], figures: dict[str, Any], job: Job
) -> None:
    """Draw `distances.png`, `roc.png`, `map.png` and `grid.png` of all pairs of `faces`."""
    out, credit, ours = job.out, job.config.credit, vectors[OURS.key]
    threshold = figures[OURS.key]["balanced_accuracy_threshold"]
    pairs = pair_distances(ours, faces.labels)
    plots.save(plots.distance_histograms(*pairs, threshold), out / "distances.png")
    curves = {}
    for method in methods_with(job.config.network):
        far, val = drawn_roc(*pair_distances(vectors[method.key], faces.labels))
        curves[method.title] = (far, val, figures[method.key]["auc"])
    plots.save(plots.roc(curves), out / "roc.png")
    plots.save(
        face_plots.embedding_map(ours, faces.images, faces.labels, credit=credit), out / "map.png"
    )
    people = np.array(faces.people)
    shown = people[np.unique(faces.labels)][:4]
    grid = face_plots.distance_grid(
        ours, faces.images, people[faces.labels], shown, threshold=threshold, credit=credit
    )
    plots.save(grid, out / "grid.png")


def two_model_figures(out: Path, judged: dict[str, JudgedPairs]) -> None:
    """Draw `distances.png` of the pairs across two models, and `roc.png` within and across."""
    crossed, curves = judged[CROSSED], {}
    balanced = crossed.result.overall.balanced_accuracy_threshold
    histogram = plots.distance_histograms(crossed.distances, crossed.same, balanced)
    plots.save(histogram, out / "distances.png")
    for name, one in judged.items():
        curves[name] = (*drawn_roc(one.distances, one.same), one.result.overall.auc)
    plots.save(plots.roc(curves), out / "roc.png")


def pair_figures(out: Path, distances: np.ndarray, same: np.ndarray, result: Verification) -> None:
    """Draw `distances.png` and `roc.png` of a list of pairs."""
    histogram = plots.distance_histograms(distances, same, result.balanced_accuracy_threshold)
    plots.save(histogram, out / "distances.png")
    far, val = drawn_roc(distances, same)
    plots.save(plots.roc({"the model": (far, val, result.auc)}), out / "roc.png")
