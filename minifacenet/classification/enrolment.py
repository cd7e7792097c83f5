"""Enrol people: photos with names go in, a gallery to search for a face comes out.

A stranger should get no name, so the distance to a name has a gate, and the rule here says which
one counts. A threshold that is given comes first, then photos of strangers that are given, then the
gate that the model holds. Only the last one is tested, where it was measured with people of the
training enrolled: a network that has never seen these people may scatter their photos farther.
Where it would reject many of the photos that are enrolled, the people themselves set the gate, each
in turn as a probe while they are not enrolled. They also do where the model holds no gate.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..embedding.embedder import Embedder
from ..preprocessing.faces import Faces
from .classifier import MOST_FOR_SVM, UNKNOWN, FaceClassifier
from .crowding import Crowding
from .identification import (
    CrossValidation,
    cross_validate,
    gate_by_strangers,
    gate_threshold,
    stranger_distances,
)
from .people import People
from .thresholds import Thresholds

THEMSELVES = "these very people, each asked for where not enrolled; too wide if trained on them"
MANY = 0.1  # share of enrolled photos beyond the model's gate that shows the gate does not fit them
ENOUGH_PEOPLE = 5  # to set a gate by each other

Progress = Callable[[str], AbstractContextManager[Callable[[int, int], None] | None]]


@dataclass(frozen=True)
class Enrolment:
    """The people enrolled, and how well they are told apart.

    Attributes
    ----------
    people : People
    checked : CrossValidation
        The scores of each photo as a probe while it is not enrolled.
    strangers_named : float, or None
        The share of the photos that would get the name of somebody else where their own person is
        not enrolled. None where these photos have set the gate, as it would only repeat `far`, and
        where nobody else is enrolled.
    """

    people: People
    checked: CrossValidation
    strangers_named: float | None


@dataclass(frozen=True)
class _Gate:
    threshold: float
    source: str
    of_training: bool = False  # the model's, measured with people of its training enrolled
    crowding: Crowding | None = None  # the model's, for a gate per person


def enrol(
    faces: Faces,
    model: str | Path,
    threshold: float | None = None,
    strangers: Faces | None = None,
    far: float = 0.05,
    seed: int = 0,
) -> People:
    """Enrol the people of `faces` on a model, as `minifacenet classify fit` does.

    Parameters
    ----------
    faces : Faces
        One photo per person is enough.
    model : str or path
        A run's folder, or a model file.
    threshold : float, optional
        The gate, a squared distance from 0 to 4, one for all people.
    strangers : Faces, optional
        Photos of people who are not enrolled: they set the gate.
    far : float
        The share of strangers' faces that may get a name. The model holds gates for a few shares.
    seed : int
        Decides who is held out to measure.

    Raises
    ------
    ValueError
        Faces were cut differently from those that the model was trained on; `threshold` and
        `strangers` are both given; the model holds no gate for `far`; or one person is enrolled,
        and nothing sets a gate.
    """
    embedder = Embedder(model, flip=True)
    for given in filter(None, (faces, strangers)):
        if given.cut != embedder.cut:
            raise ValueError(
                f"{model} was trained on faces cut as '{embedder.cut}', and got faces cut as "
                f"'{given.cut}': cut them alike"
            )
    vectors, names = embedder.transform(faces.images), np.array(faces.people)[faces.labels]
    others = None if strangers is None else embedder.transform(strangers.images)
    return enrol_embeddings(embedder, vectors, names, model, threshold, others, far, seed).people


def enrol_embeddings(
    embedder: Embedder,
    vectors: np.ndarray,
    names: np.ndarray,
    model: str | Path,
    threshold: float | None = None,
    strangers: np.ndarray | None = None,
    far: float = 0.05,
    seed: int = 0,
    progress: Progress = lambda title: nullcontext(),
) -> Enrolment:
    """Enrol as `enrol` does, from the embeddings of photos, and return the measurements, too.

    `progress(title)` is entered for each part that takes long, and gives a callable(done, total).
    """
    rng, counts = np.random.default_rng(seed), np.unique(names, return_counts=True)[1]
    people = len(counts)
    svm = None if people <= MOST_FOR_SVM else False  # nor while some of them are not enrolled
    given = _given_gate(model, threshold, far, vectors, names, strangers)
    crowding = None if given is None else given.crowding
    own = distances = None
    if people > 1:
        with progress("as if not enrolled") as tell:
            distances = stranger_distances(
                vectors, names, rng, progress=tell, crowding=crowding, svm=svm
            )
        own = _Gate(gate_threshold(distances, far), THEMSELVES)

    def checked_with(gate: _Gate) -> CrossValidation:
        with progress("cross-validation") as tell:
            return cross_validate(
                vectors, names, gate.threshold, rng,
                progress=tell, crowding=gate.crowding, svm=svm,
            )  # fmt: skip

    gate = own if given is None else given
    if gate is None:
        raise ValueError(
            f"only {names[0]} is enrolled and the model holds no thresholds: give a threshold, or "
            "strangers, which are photos of other people"
        )
    checked = checked_with(gate)
    too_strict = gate.of_training and checked.rejected > MANY and people >= ENOUGH_PEOPLE
    if too_strict and own is not None and own.threshold > gate.threshold:
        source = (
            f"{THEMSELVES}. The model's own gate, {gate.threshold:.4f}, was measured among people "
            f"of its training and would call {checked.rejected:.0%} of these photos '{UNKNOWN}'"
        )
        gate = own = _Gate(own.threshold, source)
        checked = checked_with(gate)
    classifier = FaceClassifier(threshold=gate.threshold, crowding=gate.crowding, svm=svm)
    classifier.fit(vectors, names)
    photos = tuple(counts.tolist())
    share = None
    if distances is not None and gate is not own:
        share = float(np.mean(distances <= gate.threshold))
    return Enrolment(People(embedder, classifier, photos, gate.source), checked, share)


def _given_gate(
    model: str | Path,
    threshold: float | None,
    far: float,
    vectors: np.ndarray,
    names: np.ndarray,
    strangers: np.ndarray | None,
) -> _Gate | None:
    """Return the gate that the user or the model gives, with its source; None if there is none."""
    if threshold is not None and strangers is not None:
        raise ValueError("threshold and strangers both set the gate: leave one out")
    if threshold is not None:
        return _Gate(threshold, "the threshold that was given")
    stored = Thresholds.of_model(model)
    crowding = None if stored is None else stored.crowding
    if strangers is not None:
        gate, moved = gate_by_strangers(vectors, names, strangers, far, crowding)
        source = f"{len(strangers)} photos of strangers, of whom a share of {far:g} may get a name"
        if crowding is not None and moved is None:
            source += "; one gate for all, as they come too close for one per person"
        return _Gate(gate, source, crowding=moved)
    if stored is None:
        return None
    people, photos = np.unique(names, return_counts=True)
    found = stored.gate_for(len(people), float(np.median(photos)), far)
    if found is None:
        offered = ", ".join(f"{value:g}" for value in stored.gate_rates())
        raise ValueError(
            f"far {far:g}: the model holds gates for {offered}; for others give strangers, which "
            "are photos of people who are not enrolled"
        )
    gate, among = found
    source = f"{stored.source}; of strangers a share of {far:g} may get a name among {among}"
    return _Gate(gate, source, of_training=not stored.galleries, crowding=crowding)
