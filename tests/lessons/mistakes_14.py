"""Typical wrong answers to lesson 14, with words that the check should say."""

import numpy as np


def quantile_of_all(distances, same, far):
    return np.quantile(distances, far)


def one_too_many(distances, same, far):
    ordered = np.sort(distances[~same])
    return ordered[min(int(far * len(ordered)), len(ordered) - 1)]


def at_the_last_one_let_in(distances, same, far):
    ordered = np.sort(distances[~same])
    return ordered[max(int(np.floor(far * len(ordered) + 1e-9)) - 1, 0)]


def ignores_ties(distances, same, far):
    order = np.argsort(distances, kind="stable")
    accepted = np.cumsum(~same[order])
    allowed = int(np.floor(far * accepted[-1] + 1e-9))
    return distances[order][np.flatnonzero(accepted <= allowed)[-1]]


def below_the_threshold(distances, same, far):
    fits = [d for d in distances[same] if (distances[~same] < d).mean() <= far]
    return max(fits, default=0)


def always_zero(distances, same, far):
    return 0.0


def _counts(answers, truth, enrolled):
    pairs = list(zip(answers, truth, strict=True))
    right = sum(a == t for a, t in pairs)
    misnamed = sum(a not in (t, "unknown") and t in enrolled for a, t in pairs)
    rejected = sum(a == "unknown" and t in enrolled for a, t in pairs)
    false = sum(a != "unknown" and t not in enrolled for a, t in pairs)
    return right, misnamed, rejected, false


def of_all_faces(answers, truth, enrolled):
    return tuple(count / len(truth) for count in _counts(answers, truth, enrolled))


def any_name_will_do(answers, truth, enrolled):
    right, misnamed, rejected, false = _counts(answers, truth, enrolled)
    mine = sum(t in enrolled for t in truth)
    return (right + misnamed) / mine, 0, rejected / mine, false / (len(truth) - mine)


def unknown_is_a_name(answers, truth, enrolled):
    right, misnamed, rejected, false = _counts(answers, truth, enrolled)
    mine = sum(t in enrolled for t in truth)
    return right / mine, (misnamed + rejected) / mine, rejected / mine, false / (len(truth) - mine)


def refused_strangers(answers, truth, enrolled):
    right, misnamed, rejected, false = _counts(answers, truth, enrolled)
    mine = sum(t in enrolled for t in truth)
    others = len(truth) - mine
    return right / mine, misnamed / mine, rejected / mine, (others - false) / others


def _face_by_face(groups, people, itself):
    shared = (groups[:, None] == groups) & (people[:, None] == people)
    group, person = groups[:, None] == groups, people[:, None] == people
    less = 1 - itself
    return (
        np.mean((shared.sum(1) - less) / np.maximum(group.sum(1) - less, 1)),
        np.mean((shared.sum(1) - less) / np.maximum(person.sum(1) - less, 1)),
    )


def without_itself(groups, people):
    return _face_by_face(groups, people, 0)


def swapped(groups, people):
    return _face_by_face(groups, people, 1)[::-1]


def by_groups(groups, people):
    shares = []
    for group in np.unique(groups):
        _, counts = np.unique(people[groups == group], return_counts=True)
        shares.append(sum((counts / counts.sum()) ** 2))
    return np.mean(shares), _face_by_face(groups, people, 1)[1]


MISTAKES = {
    "14.1": {
        quantile_of_all: "not of all pairs",
        one_too_many: "too many",
        at_the_last_one_let_in: "between yours and the next",
        ignores_ties: "three different pairs",
        always_zero: "too strict",
        below_the_threshold: "a same and a different pair",
    },
    "14.2": {
        of_all_faces: "share of all faces",
        any_name_will_do: "count misnamed faces as correct",
        unknown_is_a_name: "it is a refusal",
        refused_strangers: "*gets* a name",
    },
    "14.3": {without_itself: "counts itself", swapped: "changed places", by_groups: "mean over"},
}
