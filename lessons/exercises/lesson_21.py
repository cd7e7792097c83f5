"""Lesson 21: ten folds, the contrastive loss, and a margin in the softmax."""

import numpy as np

from .core import Wrong, exercise, expect
from .received import numbers


def _folds():
    """(distances, same, folds): the last can be worked out by hand."""
    for seed in range(5):
        rng = np.random.default_rng(seed)
        same = np.tile(np.arange(20) < 10, 6)
        distances = np.where(same, rng.uniform(0, 1.1, 120), rng.uniform(0.7, 3, 120))
        yield distances, same, np.repeat(np.arange(6), 20)
    yield (
        np.array([0.1, 0.5, 0.4, 0.9, 0.3, 0.8, 0.6, 1.0]),
        np.array([True, True, False, False, True, True, False, False]),
        np.array([1, 1, 1, 1, 2, 2, 2, 2]),
    )
    # In fold 2 a pair lies exactly on the threshold that fold 1 gives.
    yield (
        np.array([0.2, 0.5, 0.9, 1.2, 0.5, 0.3, 0.9, 0.5]),
        np.array([True, True, False, False, True, True, False, True]),
        np.array([1, 1, 1, 1, 2, 2, 2, 2]),
    )
    # Folds of unequal halves, where the mean of two error rates is another measure.
    same = np.array([True] * 7 + [False] * 2 + [True] * 2 + [False] * 7)
    yield np.random.default_rng(8).uniform(0, 2, 18), same, np.repeat([1, 2], 9)


def _best(distances, same):
    """The smallest of the distances with the most right answers."""
    tried = np.unique(distances)
    right = [((distances <= d) == same).mean() for d in tried]
    return tried[np.argmax(right)]


def _by_fold(distances, same, folds, choose):
    return np.array(
        [
            ((distances[folds == k] <= choose(folds == k)) == same[folds == k]).mean()
            for k in np.unique(folds)
        ]
    )


@exercise(
    "21.1",
    hints=(
        "Which pairs may a threshold have seen that is used on fold 3?",
        "For each fold: every distance of the *other* folds is a threshold to try; keep the least "
        "one with the most right answers, and count the right answers in the fold itself.",
        "for k in np.unique(folds): own = folds == k; d = best(distances[~own], same[~own]); "
        "score = ((distances[own] <= d) == same[own]).mean(); then mean, std(ddof=1) / sqrt(K).",
    ),
    answer="exercises.answers_21.ten_folds",
)
def ten_folds(answer):
    for distances, same, folds in _folds():
        got = answer(distances.copy(), same.copy(), folds.copy())
        got = numbers(got, "two numbers, the accuracy and its standard error", 2)
        scores = _by_fold(
            distances, same, folds, lambda own, d=distances, s=same: _best(d[~own], s[~own])
        )
        cheating = {
            "that threshold has seen all pairs: choose it on the other folds": (
                lambda own, d=distances, s=same: _best(d, s)
            ),
            "that threshold was chosen on the very fold that it is tested on": (
                lambda own, d=distances, s=same: _best(d[own], s[own])
            ),
        }
        for message, choose in cheating.items():
            other = _by_fold(distances, same, folds, choose).mean()
            if not np.isclose(other, scores.mean()) and np.isclose(got[0], other):
                raise Wrong(f"you get {got[0]:.4f}: {message}")
        expect("the accuracy", got[0], scores.mean())
        error, k = scores.std(ddof=1) / np.sqrt(len(scores)), len(scores)
        if not np.isclose(error, 0):
            typical = {
                scores.std(ddof=1): "that is the spread of the folds; their mean is surer, by √K",
                scores.std() / np.sqrt(k): "K - 1 under the root of the spread: std(ddof=1)",
            }
            for value, message in typical.items():
                if np.isclose(got[1], value):
                    raise Wrong(f"the standard error is {got[1]:.5f}: {message}")
        expect("the standard error", got[1], error)
    return "Each pair was judged once, by a threshold that had never seen it."


@exercise(
    "21.2",
    hints=(
        "With the chain rule: what is dL/dD in each case, and what is dD/da?",
        "D is the distance itself, not its square: dD/da = (a - b) / D. Same: dL/dD = D. Else: "
        "dL/dD = -(m - D) while D < m, else 0.",
        "pull = (a - b) if same else -(max(m - D, 0) / D) * (a - b); return loss, pull, -pull; and "
        "zeros where D is 0.",
    ),
    answer="exercises.answers_21.contrastive",
)
def contrastive(answer):
    rng = np.random.default_rng(21)
    cases = [
        (np.array([1.0, 0.0]), np.array([0.0, 1.0]), True, 1.0),
        (np.array([0.6, 0.8]), np.array([1.0, 0.0]), False, 1.0),
        (np.array([1.0, 0.0]), np.array([-1.0, 0.0]), False, 1.0),
        (np.array([0.6, 0.8]), np.array([0.6, 0.8]), False, 1.0),
    ]
    for number in range(8):
        a, b = rng.standard_normal((2, 5))
        far = np.linalg.norm(a - b)
        cases.append((a, b, bool(number % 2), far * (0.7, 1.0 + 0.1 * number, 2, 1.4)[number // 2]))
    for a, b, same, margin in cases:
        got = answer(a.copy(), b.copy(), same, margin)
        if not isinstance(got, tuple | list) or len(got) != 3:
            raise Wrong("return three things: the loss, and the gradients for a and for b")
        far = np.linalg.norm(a - b)
        short = max(margin - far, 0.0)
        kind = f"{'one person' if same else 'two people'}, D = {far:.3g}, margin {margin:.3g}"
        loss = 0.5 * (far**2 if same else short**2)
        if (
            not same
            and np.isclose(got[0], 0.5 * max(margin - far**2, 0))
            and not np.isclose(got[0], loss)
        ):
            raise Wrong(f"{kind}: the loss has D² in the bracket; it is the square of m - D")
        expect(f"the loss ({kind})", got[0], loss, 1e-9)
        direction = (a - b) / far if far else np.zeros_like(a)
        slope = far if same else -short
        if not np.isfinite(got[1]).all():
            raise Wrong(f"{kind}: you divide by 0; where both points are one there is no direction")
        if slope and far and np.allclose(got[1], -slope * direction):
            raise Wrong(f"{kind}: the sign is wrong: that goes downhill, a gradient points uphill")
        if not same and slope and far not in (0, 1) and np.allclose(got[1], slope * (a - b)):
            raise Wrong(f"{kind}: D is the root of a sum of squares: its slope is (a - b) / D")
        if not same and short == 0 and np.any(got[1]):
            raise Wrong(f"{kind}: beyond the margin nothing pushes any more")
        expect(f"the gradient for a ({kind})", got[1], slope * direction, 1e-8)
        expect(f"the gradient for b ({kind})", got[2], -slope * direction, 1e-8)
    return "Two of one person pull for ever; two people push until they are a margin apart."


def _softmax(cosines, labels, scale, margin):
    rows = np.arange(len(labels))
    own = np.zeros_like(cosines)
    own[rows, labels] = 1
    logits = scale * (cosines - margin * own)
    logits = logits - logits.max(axis=1, keepdims=True)
    share = np.exp(logits)
    share /= share.sum(axis=1, keepdims=True)
    loss = np.log(np.exp(logits).sum(axis=1)) - logits[rows, labels]
    return loss.mean(), share, own


@exercise(
    "21.3",
    hints=(
        "Of the softmax's shares, which should be 1 and which 0? And what does more of one logit "
        "change?",
        "By the logits, the slope of -log(share of the true one) is share - (1 for the true "
        "person, else 0). A logit is scale times a cosine, and the loss is a mean over N photos.",
        "z = scale * cos, margin taken off at [rows, labels]; minus the row's maximum; p = exp(z) "
        "/ its sum; slope = p; slope[rows, labels] -= 1; return loss, scale * slope / N.",
    ),
    answer="exercises.answers_21.margin_softmax",
)
def margin_softmax(answer):
    rng = np.random.default_rng(3)
    cases = [
        (np.array([[0.8, 0.6], [0.0, 1.0]]), np.array([0, 1]), 1.0, 0.0),
        (np.array([[0.8, 0.6], [0.0, 1.0]]), np.array([0, 1]), 1.0, 0.3),
    ]
    for scale, margin in ((4.0, 0.0), (16.0, 0.35), (64.0, 0.5), (2000.0, 0.35)):
        cases.append((rng.uniform(-1, 1, (6, 4)), rng.integers(0, 4, 6), scale, margin))
    for cosines, labels, scale, margin in cases:
        got = answer(cosines.copy(), labels.copy(), scale, margin)
        if not isinstance(got, tuple | list) or len(got) != 2:
            raise Wrong("return two things: the mean loss, and its slope for every cosine")
        loss, share, own = _softmax(cosines, labels, scale, margin)
        told = f"scale {scale:g}, margin {margin:g}"
        if not np.isfinite(got[0]) or not np.isfinite(got[1]).all():
            raise Wrong(
                f"{told}: exp of a large number is infinite: take the row's maximum off first"
            )
        if margin and np.isclose(got[0], _softmax(cosines, labels, scale, -margin)[0]):
            raise Wrong(
                f"{told}: a margin makes it harder: it is taken off the true person's cosine"
            )
        if margin and np.isclose(got[0], _softmax(cosines, labels, scale, 0)[0]):
            raise Wrong(
                f"{told}: the loss is that without a margin; off all cosines it changes nothing"
            )
        count = len(labels)
        if np.isclose(got[0], loss * count) and count > 1:
            raise Wrong(f"{told}: that is the sum; asked for is the mean over the photos")
        expect(f"the loss ({told})", got[0], loss, 1e-9)
        slope = scale * (share - own) / count
        typical = {
            "the slope lacks the scale: a logit is scale times a cosine": slope / scale,
            "the slope is that of the sum, N times too large": slope * count,
            "the slope lacks the 1 of the true person": scale * share / count,
        }
        for message, value in typical.items():
            if not np.allclose(value, slope) and np.allclose(got[1], value):
                raise Wrong(f"{told}: {message}")
        expect(f"slope of {told}", got[1], slope, 1e-8)
    return "Share minus truth: the most useful line of machine learning."
