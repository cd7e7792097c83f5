"""Choose a number of steps by the score of held-out faces, with its standard error."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..classification.verification import pair_distances
from ..classification.verification_scores import auc


def validation_score(
    embeddings: np.ndarray,
    labels: np.ndarray,
    held_out: np.ndarray,
    measure: Callable[[np.ndarray, np.ndarray], float] = auc,
) -> tuple[float, float]:
    """Measure verification over the pairs that hold at least one held-out photo.

    Parameters
    ----------
    embeddings : ndarray of shape (N, D)
    labels : ndarray of shape (N,), int64
    held_out : ndarray of shape (N,), bool
    measure : callable(distances, same)
        AUC by default.

    Returns
    -------
    score, standard_error : float
        The error by the jackknife over people: pairs that share a person are not independent, so
        whole people are left out, one at a time. NaN where too few people leave nothing to compare.
    """
    distances, same = pair_distances(embeddings, labels)
    first, second = np.triu_indices(len(labels), k=1)
    new = held_out[first] | held_out[second]
    pairs = labels[first[new]], labels[second[new]]
    return _with_error(distances[new], same[new], pairs, np.unique(labels[held_out]), measure)


def cross_score(
    probes: np.ndarray,
    gallery: np.ndarray,
    labels: np.ndarray,
    measure: Callable[[np.ndarray, np.ndarray], float] = auc,
) -> tuple[float, float]:
    """Measure one network's vectors of some photos against another's of the others.

    Parameters
    ----------
    probes, gallery : ndarray of shape (N, D)
        Of the same photos: a photo is compared with all but itself, in both ways.
    labels : ndarray of shape (N,), int64
    measure : callable(distances, same)

    Returns
    -------
    score, standard_error : float
        As of `validation_score`.
    """
    n = len(labels)
    distances, same = pair_distances(np.concatenate([probes, gallery]), np.tile(labels, 2))
    first, second = np.triu_indices(2 * n, k=1)
    crossing = (first < n) & (second >= n) & (second - first != n)
    pairs = labels[first[crossing]], labels[second[crossing] - n]
    return _with_error(distances[crossing], same[crossing], pairs, np.unique(labels), measure)


def _with_error(distances, same, pairs, people, measure) -> tuple[float, float]:
    """Return the score of these pairs, and its error by leaving out one of `people` at a time."""
    first, second = pairs
    without = []
    for person in people:
        others = (first != person) & (second != person)
        if same[others].any() and not same[others].all():
            without.append(measure(distances[others], same[others]))
    n = len(without)
    error = float(np.std(without) * np.sqrt(n - 1)) if n > 1 else float("nan")
    return measure(distances, same), error


def longest_within_error(scores: list[tuple[int, float, float]]) -> int:
    """Return the most steps whose score is within one standard error of the best.

    Each of `scores` is (steps, score, standard error); an unknown error (NaN) counts as 0.

    A few held-out people cannot tell apart step counts of nearly equal score; among these, longer
    training spreads the embeddings further, which a low false accept rate needs.
    """
    _, best, error = max(scores, key=lambda score: score[1])
    enough = best - np.nan_to_num(error)
    return max(steps for steps, score, _ in scores if score >= enough)
