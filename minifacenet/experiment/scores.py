"""The scores of a run say how many are named, and how well pairs are told apart."""

from __future__ import annotations

import warnings

import numpy as np

from ..classification.classifier import FaceClassifier
from ..classification.verification import pair_distances
from ..classification.verification_scores import Verification, verify


def score_naming(
    train: np.ndarray, train_labels: np.ndarray, test: np.ndarray, test_labels: np.ndarray
) -> tuple[float, np.ndarray]:
    """Fit an SVM on the `train` embeddings; give its accuracy and answers on the `test` ones."""
    answers = FaceClassifier(svm=True).fit(train, train_labels).predict(test)
    return float(np.mean(answers == test_labels)), answers


def score_pairs(embeddings: np.ndarray, labels: np.ndarray) -> Verification:
    """Verify all pairs of photos."""
    with warnings.catch_warnings():
        # These are distances, so an AUC below 0.5 is chance among few pairs, and no flipped sign.
        warnings.filterwarnings("ignore", "AUC .* is below 0.5")
        return verify(*pair_distances(embeddings, labels))
