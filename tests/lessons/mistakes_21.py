"""Typical wrong answers to lesson 21, with words that the check should say."""

import numpy as np


def _best(distances, same):
    tried = np.unique(distances)
    return tried[np.argmax([((distances <= d) == same).mean() for d in tried])]


def _scores(distances, same, folds, seen):
    scores = []
    for number in np.unique(folds):
        own = folds == number
        threshold = _best(distances[seen(own)], same[seen(own)])
        scores.append(((distances[own] <= threshold) == same[own]).mean())
    return np.array(scores)


def on_all_pairs(distances, same, folds):
    scores = _scores(distances, same, folds, lambda own: np.ones_like(own))
    return scores.mean(), scores.std(ddof=1) / np.sqrt(len(scores))


def on_the_test(distances, same, folds):
    scores = _scores(distances, same, folds, lambda own: own)
    return scores.mean(), scores.std(ddof=1) / np.sqrt(len(scores))


def below_and_not_at(distances, same, folds):
    scores = []
    for number in np.unique(folds):
        own = folds == number
        threshold = _best(distances[~own], same[~own])
        scores.append(((distances[own] < threshold) == same[own]).mean())
    return np.mean(scores), np.std(scores, ddof=1) / np.sqrt(len(scores))


def balanced(distances, same, folds):
    scores = []
    for number in np.unique(folds):
        own = folds == number
        right = (distances[own] <= _best(distances[~own], same[~own])) == same[own]
        scores.append((right[same[own]].mean() + right[~same[own]].mean()) / 2)
    return np.mean(scores), np.std(scores, ddof=1) / np.sqrt(len(scores))


def spread_for_error(distances, same, folds):
    scores = _scores(distances, same, folds, lambda own: ~own)
    return scores.mean(), scores.std(ddof=1)


def one_too_many(distances, same, folds):
    scores = _scores(distances, same, folds, lambda own: ~own)
    return scores.mean(), scores.std() / np.sqrt(len(scores))


def _pair(a, b, same, margin, push):
    far = np.linalg.norm(a - b)
    if same:
        return 0.5 * far**2, a - b, b - a
    short = max(margin - far, 0)
    slope = push(a - b, far, short, margin)
    return 0.5 * short**2, slope, -slope


def downhill(a, b, same, margin):
    loss, da, db = _pair(a, b, same, margin, lambda d, far, short, m: -short * d / max(far, 1e-300))
    return loss, -da, -db


def without_the_root(a, b, same, margin):
    return _pair(a, b, same, margin, lambda d, far, short, m: -short * d)


def pushes_for_ever(a, b, same, margin):
    return _pair(a, b, same, margin, lambda d, far, short, m: -(m - far) * d / max(far, 1e-300))


def squared_bracket(a, b, same, margin):
    far = np.linalg.norm(a - b)
    loss = 0.5 * far**2 if same else 0.5 * max(margin - far**2, 0)
    return loss, a - b, b - a


def divides_by_zero(a, b, same, margin):
    with np.errstate(all="ignore"):
        return _pair(a, b, same, margin, lambda d, far, short, m: -short * (d / far))


def _softmax(cosines, labels, scale, margin, everywhere=0.0):
    rows = np.arange(len(labels))
    logits = scale * (cosines - everywhere)
    logits[rows, labels] -= scale * margin
    logits -= logits.max(axis=1, keepdims=True)
    share = np.exp(logits)
    share /= share.sum(axis=1, keepdims=True)
    loss = -np.log(np.maximum(share[rows, labels], 1e-300)).mean()
    slope = share.copy()
    slope[rows, labels] -= 1
    return loss, slope, share


def an_easier_task(cosines, labels, scale, margin):
    loss, slope, _ = _softmax(cosines, labels, scale, -margin)
    return loss, scale * slope / len(labels)


def from_all_cosines(cosines, labels, scale, margin):
    loss, slope, _ = _softmax(cosines, labels, scale, 0, margin)
    return loss, scale * slope / len(labels)


def without_the_scale(cosines, labels, scale, margin):
    loss, slope, _ = _softmax(cosines, labels, scale, margin)
    return loss, slope / len(labels)


def of_the_sum(cosines, labels, scale, margin):
    loss, slope, _ = _softmax(cosines, labels, scale, margin)
    return loss, scale * slope


def without_the_truth(cosines, labels, scale, margin):
    loss, _, share = _softmax(cosines, labels, scale, margin)
    return loss, scale * share / len(labels)


def overflows(cosines, labels, scale, margin):
    rows = np.arange(len(labels))
    logits = scale * cosines
    logits[rows, labels] -= scale * margin
    with np.errstate(all="ignore"):
        share = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        loss = -np.log(share[rows, labels]).mean()
    share[rows, labels] -= 1
    return loss, scale * share / len(labels)


MISTAKES = {
    "21.1": {
        on_all_pairs: "seen all pairs",
        on_the_test: "very fold",
        below_and_not_at: "the accuracy is",
        balanced: "the accuracy is",
        spread_for_error: "surer, by √K",
        one_too_many: "ddof=1",
    },
    "21.2": {
        downhill: "points uphill",
        without_the_root: "(a - b) / D",
        pushes_for_ever: "beyond the margin",
        squared_bracket: "the square of m - D",
        divides_by_zero: "divide by 0",
    },
    "21.3": {
        an_easier_task: "a margin makes it harder",
        from_all_cosines: "changes nothing",
        without_the_scale: "lacks the scale",
        of_the_sum: "N times too large",
        without_the_truth: "lacks the 1",
        overflows: "infinite",
    },
}
