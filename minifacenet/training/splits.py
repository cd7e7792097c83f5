"""Who is trained on and who is tested: splits of a folder of people.

*Closed set*: everybody is known. Half of each person's photos train the network and the SVM, the
other half are named. *Open set*: a quarter of the people are never seen in training, and all pairs
of their photos are verified. Choices (the number of steps) are made inside the training part, by
holding out photos (closed) or people (open) once more; the test part is looked at once, at the end.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

TRAIN_SHARE = 0.5  # of a person's photos (closed)
UNSEEN_SHARE = 0.25  # of the people (open)
CROWD = 10  # times the median of photos per person: nobody with more is held out


class ProtocolError(ValueError):
    """Too few people or photos for a protocol, with what it needs."""


@dataclass(frozen=True)
class Split:
    """Indices into a set of faces, sorted: ndarrays of int64."""

    train: np.ndarray
    test: np.ndarray


def split_photos(labels: np.ndarray, train_share: float, rng: np.random.Generator) -> Split:
    """Draw random photos of each person for training; the others are for the test.

    Each person with two photos or more has at least one on both sides; the training side gets the
    extra one of an odd number. A person with a single photo trains (as a negative).
    """
    drawn = []
    for person in np.unique(labels):
        own = np.flatnonzero(labels == person)
        count = min(int(np.ceil(train_share * len(own))), max(1, len(own) - 1))
        drawn.append(rng.choice(own, count, replace=False))
    train = np.sort(np.concatenate(drawn))
    return Split(train, np.setdiff1d(np.arange(len(labels)), train))


def split_people(
    labels: np.ndarray, unseen_share: float, rng: np.random.Generator, share_of: str = "pairs"
) -> Split:
    """Draw people for the test, at least two; the others are to train on.

    The share is one of the people with two photos or more, as the others make no pair. Who has far
    more photos than these (more than `CROWD` times their median) trains: one such person would
    decide the score of all. With `share_of` 'people' it is a share of all people, and nobody has
    too many: trainings that older versions have begun go on with the people that they held out.

    Raises
    ------
    ProtocolError
        There are fewer than four people with two photos: nobody would be left to train on.
    """
    people, photos = np.unique(labels, return_counts=True)
    paired = photos >= 2
    if paired.sum() < 4:
        raise ProtocolError(
            f"verifying unseen people takes at least 4 people with 2 photos each, got "
            f"{paired.sum()} of {len(people)}"
        )
    of_pairs = share_of == "pairs"
    most = CROWD * np.median(photos[paired]) if of_pairs else np.inf
    drawn = people[paired & (photos <= most)]
    total = paired.sum() if of_pairs else len(people)
    count = min(max(2, round(unseen_share * total)), paired.sum() - 2, len(drawn))
    unseen = np.isin(labels, rng.choice(drawn, count, replace=False))
    return Split(np.flatnonzero(~unseen), np.flatnonzero(unseen))
