"""Which figures a run draws, and into which files. `plots` knows what they look like."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .. import plots
from ..classification.methods import METHODS
from ..classification.verification import drawn_roc, pair_distances
from ..classification.verification_scores import Verification
from ..plots import faces as face_plots
from ..preprocessing.faces import Faces

if TYPE_CHECKING:
    pass


def naming_figure(out: Path, faces: Faces, answers, credit) -> None:
    """`names.png`: faces with the names that they got (`answers`: labels)."""
    people = np.array(faces.people)
    sheet = face_plots.naming_sheet(
        faces.images, people[faces.labels], people[answers], credit=credit
    )
    plots.save(sheet, out / "names.png")


def verification_figures(out: Path, faces: Faces, vectors: dict, scores: dict, credit) -> None:
    """`distances.png`, `roc.png`, `map.png` and `grid.png`: all pairs of `faces`.

    `vectors` and `scores` hold the embeddings and the metrics of each method.
    """
    ours = vectors["facenet"]
    threshold = scores["facenet"]["balanced_accuracy_threshold"]
    pairs = pair_distances(ours, faces.labels)
    plots.save(plots.distance_histograms(*pairs, threshold), out / "distances.png")
    curves = {}
    for method, title in METHODS.items():
        far, val = drawn_roc(*pair_distances(vectors[method], faces.labels))
        curves[title] = (far, val, scores[method]["auc"])
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


def pair_figures(out: Path, distances, same, result: Verification) -> None:
    """`distances.png` and `roc.png` of a list of pairs."""
    histogram = plots.distance_histograms(distances, same, result.balanced_accuracy_threshold)
    plots.save(histogram, out / "distances.png")
    far, val = drawn_roc(distances, same)
    plots.save(plots.roc({"the model": (far, val, result.auc)}), out / "roc.png")
