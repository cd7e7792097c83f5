"""Typical wrong answers to lesson 12, with words that the check should say."""

import numpy as np
from exercises.answers_12 import batch_health, diagnose


def with_itself(distances, labels):
    same = labels[:, None] == labels
    return distances[same].mean(), *batch_health(distances, labels)[1:]


def spread_of_all(distances, labels):
    return *batch_health(distances, labels)[:2], distances.mean()


def swapped(distances, labels):
    positive, negative, spread = batch_health(distances, labels)
    return negative, positive, spread


def mean_of_two(distances, labels):
    positive, negative, _ = batch_health(distances, labels)
    return positive, negative, (positive + negative) / 2


def by_the_loss(records):
    loss = np.mean([record.loss for record in records[-10:]])
    return "solved" if loss == 0 else "collapsed" if loss > 0.19 else "learning"


def last_step_only(records):
    return diagnose([*records[:10], *records[-1:] * 10])


def solved_first(records):
    if all(record.triplets == 0 for record in records[-10:]):
        return "solved"
    return diagnose(records)


def spread_alone(records):
    last = [record.spread for record in records[-10:]]
    return "collapsed" if max(last) < 0.1 else diagnose(records)


def any_step(records):
    return "collapsed" if min(r.spread for r in records) < 0.01 else diagnose(records)


def says_nothing(records):
    return None


MISTAKES = {
    "12.1": {
        with_itself: "0 to itself",
        spread_of_all: "diagonal",
        swapped: "changed places",
        mean_of_two: "the spread is",
    },
    "12.2": {
        by_the_loss: "of log D",
        last_step_only: "one collapsed step",
        solved_first: "loss 0",
        spread_alone: "of log D",
        any_step: "one collapsed step",
        says_nothing: "the words are",
    },
}
