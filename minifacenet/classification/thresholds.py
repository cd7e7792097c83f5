"""Thresholds that travel with a model: where 'the same' ends.

A distance means nothing without a threshold, and a threshold is good for one network only. It must
not be chosen on people whom the network was trained on: their photos lie closer together, and
farther from each other, than anybody else's ever will. So it is measured on people who were held
out, when the model is made, and stored in the model's file.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from .classifier import FaceClassifier
from .identification import gate_threshold
from .verification import pair_distances, verify

FAR_TARGETS = (0.1, 0.01, 0.001)  # of pairs
GATE_TARGETS = (0.1, 0.05, 0.01)  # of strangers' faces that get a name


@dataclass(frozen=True)
class Thresholds:
    """Squared L2 distances, 0 to 4, up to which two embeddings count as one person.

    Attributes
    ----------
    source : str
        On whom they were measured, for people to read.
    pairs_same, pairs_different : int
        How many pairs are behind `accuracy` and `far`.
    accuracy : float
        Of the best balanced accuracy, (VAL + 1 - FAR) / 2.
    far : dict of float to float
        By false accept rate of pairs. With fewer than 1 / rate different pairs it accepts none.
    stranger_faces, enrolled_people : int
        How many faces, asked for among how many people, are behind `gate`.
    gate : dict of float to float
        For naming: by the share of the strangers' faces that get a name. The more people are
        enrolled, the nearer comes the nearest of them, so it is a little too wide for many more.
    """

    source: str
    pairs_same: int
    pairs_different: int
    accuracy: float
    far: dict[float, float]
    stranger_faces: int
    enrolled_people: int
    gate: dict[float, float]

    def as_dict(self) -> dict:
        """JSON-able; `Thresholds.of` reads it."""
        return asdict(self)

    @classmethod
    def of(cls, stored: dict) -> Thresholds:
        """From a stored dictionary, in which JSON has made the rates to text."""
        rates = {
            name: {float(rate): value for rate, value in stored[name].items()}
            for name in ("far", "gate")
        }
        return cls(**{**stored, **rates})


def measure_thresholds(strangers, people, enrolled, names, source: str) -> Thresholds:
    """Thresholds from strangers to the network, and people to enrol whom they are not.

    Parameters
    ----------
    strangers : ndarray of shape (N, D)
        Embeddings of people who were not in the training.
    people : ndarray of shape (N,)
        Whose they are.
    enrolled : ndarray of shape (M, D)
    names : ndarray of shape (M,)
        Other people.
    source : str

    Raises
    ------
    ValueError
        The strangers hold no pair of one person, or none of two.
    """
    pairs = verify(*pair_distances(strangers, people), FAR_TARGETS)
    nearest = FaceClassifier(threshold=4.0).fit(enrolled, names).answers(strangers).distance
    return Thresholds(
        source=source,
        pairs_same=pairs.pairs_same,
        pairs_different=pairs.pairs_different,
        accuracy=pairs.balanced_accuracy_threshold,
        far={far: point.threshold for far, point in pairs.val_at_far.items()},
        stranger_faces=len(strangers),
        enrolled_people=len(np.unique(names)),
        gate={far: gate_threshold(nearest, far) for far in GATE_TARGETS},
    )
