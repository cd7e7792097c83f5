"""Who is trained on and who is tested: splits of a folder of people, and the scores on them.

*Closed*: everybody is known. Half of each person's photos train the network and the SVM, the other
half are named. *Open*: a quarter of the people are never seen in training, and all pairs of their
photos are verified. Choices (the number of steps) are made inside the training part, by holding out
photos (closed) or people (open) once more; the test part is looked at once, at the end.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .classification.classifier import FaceClassifier
from .classification.verification import pair_distances
from .classification.verification_scores import Verification, auc, verify

TRAIN_SHARE = 0.5  # of a person's photos (closed)
UNSEEN_SHARE = 0.25  # of the people (open)


class ProtocolError(ValueError):
    """Too few people or photos for a protocol, with what it needs."""


@dataclass(frozen=True)
class Split:
    """Indices into a set of faces, sorted: ndarrays of int64."""

    train: np.ndarray
    test: np.ndarray


def split_photos(labels, train_share: float, rng: np.random.Generator) -> Split:
    """Random photos of each person for training, the others for the test.

    Each person with two photos or more has at least one on both sides; the training side gets the
    extra one of an odd number. A person with a single photo trains (as a negative).
    """
    train = []
    for person in np.unique(labels):
        own = np.flatnonzero(labels == person)
        count = min(int(np.ceil(train_share * len(own))), max(1, len(own) - 1))
        train.append(rng.choice(own, count, replace=False))
    train = np.sort(np.concatenate(train))
    return Split(train, np.setdiff1d(np.arange(len(labels)), train))


def split_people(labels, unseen_share: float, rng: np.random.Generator) -> Split:
    """Random people for the test, at least two, each with two photos; all others for training.

    Raises
    ------
    ProtocolError
        Without four people of two photos nobody would be left to train on.
    """
    people, photos = np.unique(labels, return_counts=True)
    if (photos >= 2).sum() < 4:
        raise ProtocolError(
            f"verifying unseen people takes at least 4 people with 2 photos each, got "
            f"{(photos >= 2).sum()} of {len(people)}"
        )
    count = min(max(2, round(unseen_share * len(people))), (photos >= 2).sum() - 2)
    unseen = np.isin(labels, rng.choice(people[photos >= 2], count, replace=False))
    return Split(np.flatnonzero(~unseen), np.flatnonzero(unseen))


def score_naming(train, train_labels, test, test_labels) -> tuple[float, np.ndarray]:
    """Accuracy of the SVM fitted on `train` embeddings on the `test` ones, and its answers."""
    answers = FaceClassifier().fit(train, train_labels).predict(test)
    return float(np.mean(answers == test_labels)), answers


def score_pairs(embeddings, labels) -> Verification:
    """Verification over all pairs of photos."""
    with warnings.catch_warnings():
        # These are distances, so an AUC below 0.5 is chance among few pairs, and no flipped sign.
        warnings.filterwarnings("ignore", "AUC .* is below 0.5")
        return verify(*pair_distances(embeddings, labels))


def held_out_score(
    embeddings, labels, held_out, measure: Callable[[np.ndarray, np.ndarray], float] = auc
) -> tuple[float, float]:
    """A verification figure over the pairs that hold at least one held-out photo.

    Parameters
    ----------
    embeddings : ndarray of shape (N, D)
    labels : ndarray of shape (N,), int64
    held_out : ndarray of shape (N,), bool
    measure : callable(distances, same)
        AUC unless told otherwise.

    Returns
    -------
    score, standard_error : float
        The error by the jackknife over people: pairs that share a person are not independent, so
        whole people are left out, one at a time. NaN where too few people leave nothing to compare.
    """
    distances, same = pair_distances(embeddings, labels)
    first, second = np.triu_indices(len(labels), k=1)
    new = held_out[first] | held_out[second]
    distances, same, pairs = distances[new], same[new], labels[np.stack([first, second])][:, new]
    without = []
    for person in np.unique(labels[held_out]):
        others = (pairs != person).all(axis=0)
        if same[others].any() and not same[others].all():
            without.append(measure(distances[others], same[others]))
    n = len(without)
    error = float(np.std(without) * np.sqrt(n - 1)) if n > 1 else float("nan")
    return measure(distances, same), error


def longest_within_error(scores: list[tuple[int, float, float]]) -> int:
    """Of (steps, score, standard error): the most steps whose score is within an error of the best.

    An unknown error (NaN) counts as none.

    A few held-out people cannot tell apart step counts of nearly equal score; among these, longer
    training spreads the embeddings further, which a low false accept rate needs.
    """
    _, best, error = max(scores, key=lambda score: score[1])
    return max(steps for steps, score, _ in scores if score >= best - np.nan_to_num(error))
