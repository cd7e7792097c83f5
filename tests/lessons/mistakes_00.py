"""Typical wrong answers to lesson 00, with words that the check should say."""

import numpy as np


def with_the_root(a, b):
    return np.linalg.norm(a - b)


def mean_of_squares(a, b):
    return np.square(a - b).mean()


def not_added_up(a, b):
    return np.square(a - b)


def for_unit_vectors(a, b):
    return 2 - 2 * a @ b


def squared_too_late(a, b):
    return (a - b).sum() ** 2


def nothing(a, b):
    np.square(a - b).sum()


def _scores(distances, same, candidates):
    val = np.array([(distances[same] <= d).mean() for d in candidates])
    far = np.array([(distances[~same] <= d).mean() for d in candidates])
    return (val + 1 - far) / 2


def plain_accuracy(distances, same):
    candidates = np.unique(distances)
    return candidates[np.argmax([((distances <= d) == same).mean() for d in candidates])]


def turned_round(distances, same):
    candidates = np.unique(distances)
    return candidates[_scores(distances, same, candidates).argmin()]


def the_score(distances, same):
    return _scores(distances, same, distances).max()


def the_place(distances, same):
    return _scores(distances, same, np.unique(distances)).argmax()


def a_grid(distances, same):
    candidates = np.linspace(0, 4, 41)
    return candidates[_scores(distances, same, candidates).argmax()]


def a_fine_grid(distances, same):
    candidates = np.linspace(0, 4, 4001)
    return candidates[_scores(distances, same, candidates).argmax()]


def strictly_below(distances, same):
    candidates = np.unique(distances)
    gain = [(distances[same] < d).mean() - (distances[~same] < d).mean() for d in candidates]
    return candidates[np.argmax(gain)]


def between_the_means(distances, same):
    return (distances[same].mean() + distances[~same].mean()) / 2


def far_below_the_threshold(distances, same):
    tried = np.unique(distances)
    gain = [(distances[same] <= d).mean() - (distances[~same] < d).mean() for d in tried]
    return tried[np.argmax(gain)]


MISTAKES = {
    "00.1": {
        with_the_root: "square root",
        mean_of_squares: "their sum",
        not_added_up: "one number",
        for_unit_vectors: "length 1 only",
        squared_too_late: "other way round",
        nothing: "None",
    },
    "00.2": {
        plain_accuracy: "plain accuracy",
        turned_round: "no better than guessing",
        the_score: "is asked for",
        the_place: "place",
        a_grid: "every observed distance",
        a_fine_grid: "observed distances",
        strictly_below: "exactly D = d",
        between_the_means: "is possible",
        far_below_the_threshold: "a pair at exactly D = d",
    },
}
