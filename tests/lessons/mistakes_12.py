"""Typical wrong answers to lesson 12, with words that the check should say."""

from dataclasses import replace

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


def last_nine(records):
    return diagnose([*records[:10], *records[-9:], records[-1]] if len(records) > 19 else records)


def twice_as_large_is_asleep(records):
    word = diagnose(records)
    first, last = (np.mean([r.spread for r in part]) for part in (records[:10], records[-10:]))
    busy = np.mean([r.active for r in records[-10:]]) >= 0.95
    return "asleep" if word == "learning" and busy and first < last < 2 * first else word


def each_of_them_active(records):
    idle = min(r.active for r in records[-10:]) < 0.95
    return "learning" if diagnose(records) == "asleep" and idle else diagnose(records)


def first_eleven(records):
    word = diagnose(records)
    if word not in ("asleep", "learning") or len(records) < 20:
        return word
    return diagnose(
        [replace(records[0], spread=np.mean([r.spread for r in records[:11]]))] * 10 + records[-10:]
    )


def says_nothing(records):
    return None


def _normal(variance):
    def weights(shape, rng):
        return rng.normal(0, np.sqrt(variance(shape)), shape)

    return weights


def variance_for_deviation(shape, rng):
    return rng.normal(0, 2 / np.prod(shape[:-1]), shape)


def without_the_two(shape, rng):
    return _normal(lambda shape: 1 / np.prod(shape[:-1]))(shape, rng)


def by_the_outputs(shape, rng):
    return _normal(lambda shape: 2 / shape[-1])(shape, rng)


def channels_alone(shape, rng):
    return _normal(lambda shape: 2 / shape[-2])(shape, rng)


def all_equal(shape, rng):
    return np.full(shape, 0.01)


def never_negative(shape, rng):
    return rng.uniform(0, np.sqrt(6 / np.prod(shape[:-1])), shape)


def of_variance_one(shape, rng):
    return rng.standard_normal(shape)


def another_seed(shape, rng):
    return np.random.default_rng(7).normal(0, np.sqrt(2 / np.prod(shape[:-1])), shape)


def uphill(w, g, v, rate, momentum):
    v = momentum * v + g
    return w + rate * v, v


def no_momentum(w, g, v, rate, momentum):
    return w - rate * g, g


def old_velocity(w, g, v, rate, momentum):
    return w - rate * v, momentum * v + g


def averaged(w, g, v, rate, momentum):
    v = momentum * v + (1 - momentum) * g
    return w - rate * v, v


def in_place(w, g, v, rate, momentum):
    v *= momentum
    v += g
    w -= rate * v
    return w, v


def weights_alone(w, g, v, rate, momentum):
    return w - rate * (momentum * v + g)


def velocity_kept(w, g, v, rate, momentum):
    return w - rate * (momentum * v + g), v


def without_root(w, g, a, rate, eps):
    a = a + g**2
    return w - rate * g / (a + eps), a


def before_it_adds(w, g, a, rate, eps):
    return w - rate * g / (np.sqrt(a) + eps), a + g**2


def eps_within(w, g, a, rate, eps):
    a = a + g**2
    return w - rate * g / np.sqrt(a + eps), a


def no_eps(w, g, a, rate, eps):
    a = a + g**2
    return w - rate * g / np.sqrt(a), a


def forgetful(w, g, a, rate, eps):
    a = 0.9 * a + 0.1 * g**2
    return w - rate * g / (np.sqrt(a) + eps), a


def old_sum(w, g, a, rate, eps):
    return w - rate * g / (np.sqrt(a + g**2) + eps), a


def _means(g, m, v, b1, b2):
    return b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2


def not_corrected(w, g, m, v, t, rate, b1, b2, eps):
    m, v = _means(g, m, v, b1, b2)
    return w - rate * m / (np.sqrt(v) + eps), m, v


def half_corrected(w, g, m, v, t, rate, b1, b2, eps):
    m, v = _means(g, m, v, b1, b2)
    return w - rate * m / (1 - b1**t) / (np.sqrt(v) + eps), m, v


def not_squared(w, g, m, v, t, rate, b1, b2, eps):
    m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * np.abs(g)
    return w - rate * m / (1 - b1**t) / (np.sqrt(v / (1 - b2**t)) + eps), m, v


def correction_kept(w, g, m, v, t, rate, b1, b2, eps):
    m, v = _means(g, m, v, b1, b2)
    m, v = m / (1 - b1**t), v / (1 - b2**t)
    return w - rate * m / (np.sqrt(v) + eps), m, v


def this_gradient_alone(w, g, m, v, t, rate, b1, b2, eps):
    m, v = _means(g, m, v, b1, b2)
    return w - rate * g / (np.sqrt(v / (1 - b2**t)) + eps), m, v


def counted_from_nought(w, g, m, v, t, rate, b1, b2, eps):
    m, v = _means(g, m, v, b1, b2)
    t = max(t - 1, 1)
    return w - rate * m / (1 - b1**t) / (np.sqrt(v / (1 - b2**t)) + eps), m, v


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
        last_nine: "tenth step from the end",
        twice_as_large_is_asleep: "1.55 of what it was",
        each_of_them_active: "96.4 % active",
        first_eleven: "eleventh step",
    },
    "12.3": {
        variance_for_deviation: "the deviation is its root",
        without_the_two: "halves the mean square",
        by_the_outputs: "adds up its inputs",
        channels_alone: "a window has kh kw",
        all_equal: "all weights are the same",
        never_negative: "some should be negative",
        of_variance_one: "layer by layer",
        another_seed: "another seed",
    },
    "12.4": {
        uphill: "uphill",
        no_momentum: "no momentum",
        old_velocity: "the old velocity",
        averaged: "you average",
        in_place: "changes what it is given",
        weights_alone: "return 2 arrays",
        velocity_kept: "is the old one",
    },
    "12.5": {
        without_root: "take its root",
        before_it_adds: "not in the sum yet",
        eps_within: "eps stands beside the root",
        no_eps: "eps is missing",
        forgetful: "nothing is forgotten",
        old_sum: "is the old one",
    },
    "12.6": {
        not_corrected: "begin at 0",
        half_corrected: "v is too small at first",
        not_squared: "square g",
        correction_kept: "return m as it is",
        this_gradient_alone: "not this gradient alone",
        counted_from_nought: "the first one has t = 1",
    },
}
