"""Open-set identification: name the people who are enrolled, and nobody else.

A probe is a face that may show an enrolled person or a stranger. Four things can happen:

                     own name        another name     'unknown'
    enrolled         correct         misnamed         rejected
    stranger         -               false accept     correct

One threshold on the distance moves them all. So the *detection and identification rate* is quoted
at a *false accept rate of strangers* (Phillips, Grother and Micheals 2011):

    FAR(d) = share of the strangers' faces that get a name at threshold d
    DIR(d) = share of the enrolled people's faces that get their own name

Two readings of it are reported. At the threshold at which the strangers of the *test* just meet a
FAR, it is a property of the embedding. At a threshold fixed beforehand, on other people
(`gate_threshold`), it is what a user gets.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .classifier import FaceClassifier
from .crowding import Crowding
from .mean_directions import rows_of
from .nearest import Nearest

FAR_TARGETS = (0.01, 0.05, 0.1)
MOST_ASKED = 20_000  # probes to measure with: of more photos, so many are drawn


@dataclass(frozen=True)
class OpenSet:
    """The results of the probes. All rates are shares of the enrolled people's faces, except the
    false accept rate, a share of the strangers'."""

    enrolled_faces: int
    stranger_faces: int
    gate_threshold: float | None  # squared L2; without a gate (None) everybody gets a name
    correct_name_rate: float
    misnamed_rate: float
    rejected_rate: float
    false_accept_rate: float
    dir_at_far: dict[float, float]  # by target

    def as_dict(self) -> dict[str, int | float | None]:
        """Return flat keys for metrics.json, such as 'dir_at_far_0.05'."""
        flat = {key: value for key, value in vars(self).items() if key != "dir_at_far"}
        return flat | {f"dir_at_far_{far:g}": rate for far, rate in self.dir_at_far.items()}


def open_set(
    classifier: FaceClassifier, probes: np.ndarray, people: ArrayLike, strangers: np.ndarray
) -> OpenSet:
    """Probe a fitted classifier with faces of enrolled people and of strangers.

    Parameters
    ----------
    classifier : FaceClassifier
    probes : ndarray of shape (N, D)
        Embeddings of enrolled people, from photos that were not enrolled.
    people : ndarray of shape (N,)
        The person of each; somebody who is not enrolled is an error.
    strangers : ndarray of shape (M, D)

    Raises
    ------
    ValueError
        Somebody in `people` is not enrolled, or there are no probes.
    """
    people = np.asarray(people)
    missing = np.setdiff1d(people, classifier.classes_)
    if len(missing):
        raise ValueError(
            f"{missing.tolist()[0]!r} is not enrolled: put such photos among the strangers"
        )
    if not len(probes) or not len(strangers):
        raise ValueError(
            "open-set figures need faces of both kinds, got "
            f"{len(probes)} of enrolled people and {len(strangers)} of strangers"
        )
    mine, others = classifier.answers(probes), classifier.answers(strangers)
    right = classifier.classes_[mine.person] == people
    return OpenSet(
        enrolled_faces=len(probes),
        stranger_faces=len(strangers),
        gate_threshold=classifier.threshold,
        correct_name_rate=float((right & mine.known).mean()),
        misnamed_rate=float((~right & mine.known).mean()),
        rejected_rate=float((~mine.known).mean()),
        false_accept_rate=float(others.known.mean()),
        dir_at_far={
            far: float((right & (mine.normalised <= _last_within(others.normalised, far))).mean())
            for far in FAR_TARGETS
        },
    )


def gate_threshold(distances: ArrayLike, far: float) -> float:
    """Return the largest threshold at which at most a share `far` of the strangers gets a name.

    Parameters
    ----------
    distances : ndarray of shape (M,)
        Squared L2, from each stranger's face to the person that it would be named after. With a
        gate per person it is `Answers.normalised`, and the threshold is that of the gallery.
    far : float
        0 to 1.

    Returns
    -------
    float
        0 to 4: the middle between the last distance that is accepted and the next one. If none may
        be accepted, just below the smallest; if all are, 4, the largest there is. A stranger at
        distance 0 gets a name whatever the threshold.

    Raises
    ------
    ValueError
        `far` is not a rate, there are no strangers, or a distance is NaN.
    """
    return float(np.clip(_last_within(distances, far), 0, 4))


def _last_within(distances, far: float) -> float:
    """Return `gate_threshold`, but below 0 where a stranger at distance 0 may not be accepted."""
    if not 0 <= far <= 1:
        raise ValueError(f"a false accept rate lies between 0 and 1, got {far}")
    ordered = np.sort(np.asarray(distances, dtype=np.float64))
    if not len(ordered):
        raise ValueError("a threshold for strangers needs strangers, got none")
    if np.isnan(ordered[-1]):
        raise ValueError(f"NaN in {np.isnan(ordered).sum()} of {len(ordered)} distances")
    allowed = int(np.floor(far * len(ordered) + 1e-9))
    allowed = int(np.searchsorted(ordered, ordered[allowed])) if allowed < len(ordered) else allowed
    if allowed == len(ordered):
        return 4.0
    if not allowed:
        return float(np.nextafter(ordered[0], -1))
    below, above = ordered[allowed - 1 : allowed + 1]
    middle = (below + above) / 2
    return float(middle if middle < above else below)  # between two adjacent floats there is none


def gate_by_strangers(
    embeddings: np.ndarray,
    labels: ArrayLike,
    strangers: np.ndarray,
    far: float,
    crowding: Crowding | None = None,
) -> tuple[float, Crowding | None]:
    """Set the gate of a gallery by faces of people who are not enrolled.

    With `crowding` it may have to lie below 0, which is no distance, and at 0 those people whose
    gates are wider would accept more of the strangers than a share `far`. Then there is one gate
    for all people.

    Parameters
    ----------
    embeddings, labels : ndarrays of shapes (N, D) and (N,)
        The enrolled.
    strangers : ndarray of shape (M, D)
    far : float
        0 to 1.
    crowding : Crowding, optional

    Returns
    -------
    threshold : float
        See `gate_threshold`.
    crowding : Crowding or None
        The one that goes with the threshold: as given, or None.
    """
    namer = FaceClassifier(threshold=4.0, crowding=crowding).fit(embeddings, labels)
    answers = namer.answers(strangers)
    if _last_within(answers.normalised, far) < 0:
        return gate_threshold(answers.distance, far), None
    return gate_threshold(answers.normalised, far), crowding


def stranger_distances(
    embeddings: np.ndarray,
    labels: ArrayLike,
    rng: np.random.Generator,
    folds: int = 5,
    progress: Callable[[int, int], None] | None = None,
    crowding: Crowding | None = None,
    svm: bool | None = None,
) -> np.ndarray:
    """Return how close strangers come: each face's distance to the name that it would get if its
    person were not enrolled.

    The people are dealt out into `folds` groups; each group in turn gives the probes while only
    the others are enrolled. `progress(done, total)` is called after each; `svm` is that of
    `FaceClassifier`.

    Returns
    -------
    ndarray of shape (N,), float64; of more than 20,000 faces so many are asked
        Less the people's allowances, if there is `crowding`.

    Raises
    ------
    ValueError
        There is only one person.
    """
    labels = np.asarray(labels)
    people = np.unique(labels)
    if len(people) < 2:
        raise ValueError("how close strangers come takes two people at least, got 1")
    distances = np.full(len(labels), np.nan)
    groups = np.array_split(rng.permutation(people), min(folds, len(people)))
    asked = _drawn(np.ones(len(labels), bool), rng)
    for done, group in enumerate(groups, start=1):
        out = np.isin(labels, group)
        if (out & asked).any():
            enrolled = FaceClassifier(threshold=4.0, crowding=crowding, svm=svm)
            enrolled.fit(embeddings[~out], labels[~out])
            distances[out & asked] = enrolled.answers(embeddings[out & asked]).normalised
        if progress is not None:
            progress(done, len(groups))
    return distances[asked]


def _drawn(probes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a mask of those that are asked: all probes of a mask, or `MOST_ASKED` of them."""
    rows = np.flatnonzero(probes)
    if len(rows) <= MOST_ASKED:
        return probes
    drawn = np.zeros_like(probes)
    drawn[rows[rng.permutation(len(rows))[:MOST_ASKED]]] = True
    return drawn


@dataclass(frozen=True)
class CrossValidation:
    """The scores of naming on the enrolled photos themselves: each is a probe while others are
    enrolled. They are shares of the `asked` photos; NaN if nobody has two, `svm` without one."""

    asked: int
    svm: float
    nearest_mean: float
    neighbours: float  # 3 nearest photos, the nearer ones weigh more
    rejected: float  # beyond the gate


def cross_validate(
    embeddings: np.ndarray,
    labels: ArrayLike,
    threshold: float | None,
    rng: np.random.Generator,
    folds: int = 5,
    progress: Callable[[int, int], None] | None = None,
    crowding: Crowding | None = None,
    svm: bool | None = None,
) -> CrossValidation:
    """Deal each person's photos out into folds, and name every fold by the others.

    `threshold` is the gate for `rejected`, and `crowding` gives each person their own; a person's
    only photo is enrolled and never a probe. `progress(done, total)` is called after each fold.
    """
    labels = np.asarray(labels)
    fold = np.full(len(labels), -1)
    for own in map(rng.permutation, rows_of(np.unique(labels, return_inverse=True)[1])):
        if len(own) > 1:
            fold[own] = (np.arange(len(own)) + rng.integers(folds)) % folds
    drawn = _drawn(fold >= 0, rng)
    right: dict[str, list] = {"svm": [], "nearest_mean": [], "neighbours": []}
    rejected: list = []
    numbers = np.unique(fold[drawn])
    for done, k in enumerate(numbers, start=1):
        probes = drawn & (fold == k)
        asked, truth = embeddings[probes], labels[probes]
        rest, names = embeddings[fold != k], labels[fold != k]
        gate = 4.0 if threshold is None else threshold
        namer = FaceClassifier(threshold=gate, crowding=crowding, svm=svm)
        answers = namer.fit(rest, names).answers(asked)
        if namer.named_by == "svm":
            right["svm"] += list(namer.classes_[answers.person] == truth)
        rejected += list(~answers.known)
        mean, _ = Nearest(namer.centroids_).search(asked)
        right["nearest_mean"] += list(namer.classes_[mean[:, 0]] == truth)
        right["neighbours"] += list(_voted(rest, names, asked) == truth)
        if progress is not None:
            progress(done, len(numbers))
    if not rejected:
        return CrossValidation(0, *[float("nan")] * 4)
    shares = {name: float(np.mean(values or np.nan)) for name, values in right.items()}
    return CrossValidation(len(rejected), **shares, rejected=float(np.mean(rejected)))


def _voted(vectors: np.ndarray, names: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Return the names that the 3 nearest photos vote for, each by 1 / its distance."""
    rows, squares = Nearest(vectors).search(asked, min(3, len(vectors)))
    theirs = names[rows]
    weights = 1 / np.maximum(np.sqrt(squares), 1e-30)  # a photo at distance 0 outvotes all others
    votes = ((theirs[:, :, None] == theirs[:, None, :]) * weights[:, None, :]).sum(axis=2)
    return theirs[np.arange(len(asked)), votes.argmax(axis=1)]
