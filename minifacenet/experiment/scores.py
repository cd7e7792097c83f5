"""The scores of a run: how many are named, and how well pairs are told apart."""

from __future__ import annotations

import warnings

import numpy as np

from ..classification.classifier import FaceClassifier
from ..classification.verification import pair_distances
from ..classification.verification_scores import Verification, verify


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
