"""From embeddings to names: the gallery, its gate, and groups of those who are in none.

A face gets the name of the person whose mean direction is nearest, if it passes the gate. The
linear SVM of `FaceClassifier` names as well, and takes longer the more people there are. In a
library one person has a single photo and another one twenty, and to an SVM without weights those
with many would win. Measured on LFW (dlib_resnet, 40 draws) with one to four photos of each of 10
people, and gates for a share of 0.01: the nearest mean named 97.5 ± 0.4 % of other photos
correctly, the SVM 97.3 ± 0.5 %, without weights 82.6 ± 1.3 %; by each, 1.6 to 1.8 % of strangers
got a name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..embedding.embedder import Embedder
from .classifier import UNKNOWN
from .clustering import average_linkage, cut
from .crowding import Crowding, personal_gates
from .enrolment import Progress, enrol_embeddings
from .library import RecognitionSettings
from .mean_directions import mean_directions
from .named_faces import NamedFace
from .nearest import Nearest
from .thresholds import Thresholds

SHARE = 0.5  # of the mean distance of two faces: where groups end, if the model does not say


@dataclass(frozen=True)
class Gate:
    """The largest distance at which a name is given, and its source in words.

    Attributes
    ----------
    threshold : float
        That of the gallery.
    source : str
    people : dict of int
        How many photos each person is enrolled with.
    by_person : dict of float
        The largest distance at which each person is named: `threshold`, moved by how crowded it is
        around them, if the model knows (`crowding.py`).
    """

    threshold: float
    source: str
    people: Mapping[str, int]
    by_person: Mapping[str, float]


def name_faces(
    embedder: Embedder,
    faces: tuple[np.ndarray, Sequence[NamedFace]],
    known: tuple[np.ndarray, Sequence[str]],
    settings: RecognitionSettings,
    progress: Progress,
) -> tuple[list[NamedFace], Gate | None]:
    """Return the faces with names, or in groups, and the gate.

    Parameters
    ----------
    faces : (ndarray of shape (N, D), sequence of NamedFace)
        Embeddings, and the faces with the names that the user has given: these stay, and are
        examples.
    known : (ndarray of shape (M, D), sequence of str)
        The embeddings of known faces, and their names.
    """
    vectors, rows = faces
    gallery, names = known
    mine = [i for i, row in enumerate(rows) if row.by_hand and row.known]
    names = [*names, *(rows[i].name for i in mine)]
    if not names:
        return _grouped(rows, vectors, settings), None
    gallery, people = np.concatenate([gallery, vectors[mine]]), np.array(names)
    classes, means = _means(gallery, people)
    gate = _gate(embedder, (gallery, people), means, settings, progress)
    return _grouped(_answered(rows, vectors, classes, means, gate), vectors, settings), gate


def _means(vectors: np.ndarray, people: np.ndarray) -> tuple[list[str], np.ndarray]:
    """Return the people, sorted, and the mean directions of their embeddings."""
    classes, person = np.unique(people, return_inverse=True)
    return classes.tolist(), mean_directions(vectors, person, np.float64)


def _gate(
    embedder: Embedder,
    known: tuple[np.ndarray, np.ndarray],
    means: np.ndarray,
    settings: RecognitionSettings,
    progress: Progress,
) -> Gate:
    """Return the gate that is given; or the model's for as many people and photos.

    Gates by the size of the gallery were measured on people whom the network has never seen, so
    they hold for these, too. For all other models `enrolment` decides.
    """
    vectors, people = known
    counts = dict(
        zip(*(part.tolist() for part in np.unique(people, return_counts=True)), strict=True)
    )

    def of(threshold: float, source: str, crowding: Crowding | None = None) -> Gate:
        allowances = np.zeros(len(means)) if crowding is None else crowding.allowances(means)
        each = personal_gates(threshold, allowances).tolist()
        return Gate(threshold, source, counts, dict(zip(counts, each, strict=True)))

    if settings.threshold is not None:
        return of(settings.threshold, "the threshold that was given")
    stored = Thresholds.of_model(settings.model)
    if stored is None or not stored.galleries:
        enrolled = enrol_embeddings(
            embedder, vectors, people, Path(settings.model), far=settings.far, progress=progress
        ).people
        assert enrolled.classifier.threshold is not None  # enrolment sets one
        return of(enrolled.classifier.threshold, enrolled.source)
    found = stored.gate_for(len(counts), float(np.median(list(counts.values()))), settings.far)
    if found is None:
        offered = ", ".join(f"{value:g}" for value in stored.gate_rates())
        raise ValueError(
            f"far {settings.far:g}: the model has gates for {offered}; for others give a threshold"
        )
    gate, among = found
    share = f"of strangers a share of {settings.far:g} may get a name among {among}"
    return of(gate, f"{stored.source}; {share}", stored.crowding)


def _answered(
    rows: Sequence[NamedFace],
    vectors: np.ndarray,
    classes: Sequence[str],
    means: np.ndarray,
    gate: Gate,
) -> list[NamedFace]:
    """Return the rows with their nearest people, and the names of those who pass the gate."""
    named = []
    nearest, squares = Nearest(means).search(vectors.astype(np.float64), min(2, len(means)))
    for row, order, distances in zip(rows, nearest.tolist(), squares.tolist(), strict=True):
        first, *others = order
        distance = distances[0]
        threshold = gate.by_person[classes[first]]
        name = classes[first] if distance <= threshold else UNKNOWN
        named.append(
            replace(
                row,
                name=row.name if row.by_hand else name,
                nearest=classes[first],
                distance=distance,
                threshold=threshold,
                runner_up=classes[others[0]] if others else "",
                its_distance=distances[1] if others else None,
            )
        )
    return named


def _grouped(
    rows: Sequence[NamedFace], vectors: np.ndarray, settings: RecognitionSettings
) -> list[NamedFace]:
    """Number the groups of those without a name; faces of one photo are never one person."""
    strangers = [i for i, row in enumerate(rows) if not row.known]
    if len(strangers) < 2:
        return list(rows)
    own = vectors[strangers]
    distance = _group_distance(settings, vectors)
    tree = average_linkage(own, np.array([rows[i].photo for i in strangers]), distance)
    labels = cut(tree, distance)
    sizes = np.bincount(labels)
    grouped = list(rows)
    for i, label in zip(strangers, labels.tolist(), strict=True):
        grouped[i] = replace(rows[i], group=label + 1 if sizes[label] > 1 else 0)
    return grouped


def _group_distance(settings: RecognitionSettings, vectors: np.ndarray) -> float:
    if settings.distance is not None:
        return settings.distance
    stored = Thresholds.of_model(settings.model)
    if stored is not None:
        return stored.cut
    mean, count = vectors.astype(np.float64).mean(axis=0), len(vectors)
    return float(SHARE * 2 * max(0.0, 1 - mean @ mean) * count / max(count - 1, 1))
