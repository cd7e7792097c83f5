"""Typical wrong answers to lesson 17, with words that the check should say."""

import numpy as np
from exercises.answers_17 import best_rate


def for_the_steepest(steepness):
    rate = 1 / steepness.max()
    return rate, np.abs(1 - rate * steepness).max()


def at_the_edge(steepness):
    rate = 2 / steepness.max()
    return rate, np.abs(1 - rate * steepness).max()


def for_the_mean(steepness):
    rate = 1 / steepness.mean()
    return rate, np.abs(1 - rate * steepness).max()


def geometric(steepness):
    rate = 1 / np.sqrt(steepness.min() * steepness.max())
    return rate, np.abs(1 - rate * steepness).max()


def left_with_its_sign(steepness):
    rate, left = best_rate(steepness)
    return rate, -left


def rate_alone(steepness):
    return best_rate(steepness)[0]


def as_adam(w, g, v, t, rate):
    v = 0.99 * v + 0.01 * g**2
    return w - rate * g / np.sqrt(v / (1 - 0.99**t)), v


def by_the_mean(w, g, v, t, rate):
    v = 0.99 * v + 0.01 * np.mean(g**2)
    return w - rate * g / np.sqrt(v / (1 - 0.99**t)), v


def by_the_sum_of_sizes(w, g, v, t, rate):
    v = 0.99 * v + 0.01 * np.abs(g).sum() ** 2
    return w - rate * g / np.sqrt(v / (1 - 0.99**t)), v


def not_corrected(w, g, v, t, rate):
    v = 0.99 * v + 0.01 * np.sum(g**2)
    return w - rate * g / np.sqrt(v), v


def forgets_at_once(w, g, v, t, rate):
    return w - rate * g / np.linalg.norm(g), v


def never_forgets(w, g, v, t, rate):
    v = v + np.sum(g**2)
    return w - rate * g / np.sqrt(v), v


def signs(w, g, v, t, rate):
    return w - rate * np.sign(g) / np.sqrt(len(g)), v


def in_units(w, g, v, t, rate):
    v = 0.99 * v + 0.01 * np.sum(g**2)
    return w - rate * g / (np.sqrt(v / (1 - 0.99**t)) + 0.01), v


def uphill(w, g, v, t, rate):
    return w + rate * g / np.linalg.norm(g), v


def plain(w, g, v, t, rate):
    return w - rate * g, v


def _powers(**changed):
    def powers():
        return {"embedding": 0, "slope": -1, "sgd": -2, "adam": -1} | changed

    return powers


grows_with_it = _powers(embedding=1)
slope_stays = _powers(slope=0, sgd=-1)
share_forgotten = _powers(sgd=-1, adam=0)
adam_stays = _powers(adam=0)


def four_numbers():
    return 0, -1, -2, -1


def everything():
    return set("abcdefg")


def labels_too():
    return {"a", "c", "d", "e"}


def the_first_alone():
    return {"a"}


def as_a_text():
    return "ade"


def unknown():
    return {"a", "d", "e", "h"}


MISTAKES = {
    "17.1": {
        for_the_steepest: "the gentlest crawls",
        at_the_edge: "swings for ever",
        for_the_mean: "no say",
        geometric: "not their product",
        left_with_its_sign: "counts as positive",
        rate_alone: "two numbers",
    },
    "17.2": {
        as_adam: "one for each, and so has axes",
        by_the_mean: "length of the whole arrow",
        by_the_sum_of_sizes: "1. The first step is",
        not_corrected: "what does Adam do",
        forgets_at_once: "4. The gradient",
        never_forgets: "5. After a thousand",
        signs: "straight against",
        in_units: "rates long",
        uphill: "uphill",
        plain: "1. The first step",
    },
    "17.3": {
        grows_with_it: "the sphere",
        slope_stays: "by a hundredth",
        share_forgotten: "has grown",
        adam_stays: "whatever the slope",
        four_numbers: "a dictionary",
    },
    "17.4": {
        everything: "wrong about 4 of 7",
        labels_too: "knows names",
        the_first_alone: "nearly -1",
        as_a_text: "a set of letters",
        unknown: "no fault 'h'",
    },
}
