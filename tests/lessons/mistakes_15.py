"""Typical wrong answers to lesson 15, with words that the check should say."""

import numpy as np
from exercises.answers_15 import supported


def with_n(values, baseline):
    change = values - baseline
    return change.mean(), change.std() / np.sqrt(len(change))


def spread_of_the_seeds(values, baseline):
    change = values - baseline
    return change.mean(), change.std(ddof=1)


def unpaired(values, baseline):
    error = np.sqrt((values.var(ddof=1) + baseline.var(ddof=1)) / len(values))
    return values.mean() - baseline.mean(), error


def wrong_sign(values, baseline):
    change = baseline - values
    return change.mean(), change.std(ddof=1) / np.sqrt(len(change))


def sure_of_one_seed(values, baseline):
    change = values - baseline
    error = change.std(ddof=1) / np.sqrt(len(change)) if len(change) > 1 else 0.0
    return change.mean(), error


def believes_everything():
    return dict.fromkeys("abcde", True)


def more_is_better():
    return supported() | {"c": True}


def by_the_means():
    return supported() | {"b": True}


def never_clear():
    return supported() | {"d": True}


def in_words():
    return dict.fromkeys("abcde", "yes")


MISTAKES = {
    "15.1": {
        with_n: "ddof=1",
        spread_of_the_seeds: "by √n",
        unpaired: "seed by seed",
        wrong_sign: "sign",
        sure_of_one_seed: "not known",
    },
    "15.2": {
        believes_everything: "Claim 'a'",
        more_is_better: "two errors",
        by_the_means: "seed by seed",
        never_clear: "the differences have their own",
        in_words: "True or False",
    },
}
