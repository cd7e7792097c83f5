"""Lesson 12: the numbers that tell how a training is doing, and what they mean."""

from dataclasses import replace

import numpy as np
from show import training_logs

from .core import Wrong, exercise, expect
from .received import numbers


def _batch(seed, photos):
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(np.arange(len(photos)), photos))
    points = rng.standard_normal((len(labels), 6))
    return np.square(points[:, None] - points).sum(axis=2), labels


@exercise(
    "12.1",
    hint="same = labels[:, None] == labels is an (N, N) mask, but it holds the diagonal, too.",
    answer="exercises.answers_12.batch_health",
)
def batch_health(answer):
    for seed, photos in enumerate([(3, 3), (2, 4, 1, 3), (5, 5, 5, 1)]):
        distances, labels = _batch(seed, photos)
        n, same = len(labels), labels[:, None] == labels
        off = ~np.eye(n, dtype=bool)
        expected = distances[same & off].mean(), distances[~same].mean(), distances[off].mean()
        got = answer(distances.copy(), labels.copy())
        got = numbers(got, "three numbers: positives, negatives, spread", 3)
        if np.isclose(got[0], distances[same].mean()):
            raise Wrong("the distance to positives counts each photo's 0 to itself: too small")
        if np.isclose(got[2], distances.mean()):
            raise Wrong("the spread counts the diagonal, N zeros: too small")
        if np.allclose(got[:2], expected[1::-1]):
            raise Wrong("positives and negatives have changed places")
        names = ("the distance to positives", "the distance to negatives", "the spread")
        for name, own, right in zip(names, got, expected, strict=True):
            expect(name, own, right)
    return "And the spread is no mean of the other two: there are far more negatives."


def _cases():
    """(what is special, log, the right word)"""
    logs = training_logs()
    for name, word in zip("ABCD", ("learning", "collapsed", "solved", "asleep"), strict=True):
        yield f"log {name}", logs[name], word
    well, dead, done, still = logs.values()
    yield "log A with one collapsed step at its end", [*well[:-1], dead[-1]], "learning"
    yield "a log that begins collapsed and grows out of it", [*dead[-5:], *well[5:]], "learning"
    nothing = [replace(record, loss=0.0, triplets=0, active=0.0) for record in dead[-20:]]
    yield "a collapsed log in which mining finds no triplet, loss 0", nothing, "collapsed"
    again = [*done[:-3], replace(done[-3], triplets=2, active=0.03), *done[-2:]]
    yield "log C with two triplets in one of its last ten steps", again, "learning"
    yield "the first six steps of log D", still[:6], "asleep"
    wide = [replace(record, active=0.9) for record in well[-30:]]
    yield "a run whose spread is steady, with 90 % active", wide, "learning"
    grown = [replace(record, spread=3 * record.spread) for record in still[-12:]]
    yield "log D, whose spread triples in the end", [*still, *grown], "learning"


@exercise(
    "12.2",
    hint="last = records[-10:], and all(record.spread < 0.01 for record in last) is the first one.",
    answer="exercises.answers_12.diagnose",
)
def diagnose(answer):
    words = ("collapsed", "solved", "asleep", "learning")
    for special, log, right in _cases():
        got = answer(list(log))
        if not isinstance(got, str) or got not in words:
            raise Wrong(f"you say {got!r} of {special}: the words are {', '.join(words)}")
        if got != right:
            last = log[-1]
            raise Wrong(
                f"you say {got!r} of {special}, and it is {right!r} (its last step: loss "
                f"{last.loss:.2g}, {last.triplets} triplets, {last.active:.0%} active, spread "
                f"{last.spread:.2g}; its first spread: {log[0].spread:.2g})"
            )
    return "A: learning. B: collapsed. C: solved. D: asleep."
