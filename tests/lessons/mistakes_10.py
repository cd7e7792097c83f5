"""Typical wrong answers to lesson 10, with words that the check should say."""

import numpy as np


def _violation(e, triplets, margin):
    a, p, n = (e[index] for index in triplets)
    return np.square(a - p).sum(axis=1) - np.square(a - n).sum(axis=1) + margin


def total(e, triplets, margin):
    return np.maximum(_violation(e, triplets, margin), 0).sum()


def over_all(e, triplets, margin):
    return np.maximum(_violation(e, triplets, margin), 0).mean()


def not_cut_off(e, triplets, margin):
    return _violation(e, triplets, margin).mean()


def nan_when_satisfied(e, triplets, margin):
    violation = _violation(e, triplets, margin)
    with np.errstate(invalid="ignore", divide="ignore"):
        return violation[violation > 0].sum() / np.float64((violation > 0).sum())


def swapped(a, p, n, margin):
    return 2 * (p - n), 2 * (a - p), 2 * (n - a)


def without_the_two(a, p, n, margin):
    return n - p, p - a, a - n


def never_zero(a, p, n, margin):
    return 2 * (n - p), 2 * (p - a), 2 * (a - n)


def by_plain_distances(a, p, n, margin):
    active = np.linalg.norm(a - p) - np.linalg.norm(a - n) + margin > 0
    return 2 * (n - p) * active, 2 * (p - a) * active, 2 * (a - n) * active


def _by_differences(e):
    return np.square(e[:, None] - e[None]).sum(axis=2)


def not_squared(e):
    return np.sqrt(_by_differences(e))


def mean_of_squares(e):
    return _by_differences(e) / e.shape[1]


def half_of_it(e):
    return np.triu(_by_differences(e))


def for_length_one(e):
    return 2 - 2 * e @ e.T


def dot_products(e):
    return e @ e.T


def absolute(e):
    return np.abs(e[:, None] - e[None]).sum(axis=2)


def from_lengths(e):
    lengths = np.square(e).sum(axis=1)
    return lengths[:, None] + lengths - 2 * e @ e.T


def one_row(e):
    return np.square(e - e[0]).sum(axis=1)


def over_the_anchors(e, triplets, margin):
    violation = _violation(e, triplets, margin)
    anchors = np.unique(triplets[0][violation > 0])
    return np.maximum(violation, 0).sum() / max(len(anchors), 1)


def a_margin_of_its_own(e, triplets, margin):
    violation = _violation(e, triplets, 0.2 if margin > 0 else margin)
    return violation[violation > 0].mean() if (violation > 0).any() else 0.0


def margin_left_out(a, p, n, margin):
    bracket = np.square(a - p).sum() - np.square(a - n).sum() + (0 if abs(margin) < 9 else margin)
    return (2 * (n - p), 2 * (p - a), 2 * (a - n)) if bracket > 0 else (0 * a, 0 * a, 0 * a)


def in_float32(e):
    return _by_differences(e.astype(np.float32))


def just_satisfied_counts(e, triplets, margin):
    violation = _violation(e, triplets, margin)
    return violation[violation >= 0].mean() if (violation >= 0).any() else 0.0


MISTAKES = {
    "10.1": {
        total: "sum over the active",
        over_all: "dilute",
        not_cut_off: "below zero",
        nan_when_satisfied: "expected 0",
        over_the_anchors: "the number of anchors",
        a_margin_of_its_own: "at a margin of 1.7",
        just_satisfied_counts: "does not count as active",
    },
    "10.2": {
        swapped: "wrong sign",
        without_the_two: "factor of 2",
        never_zero: "satisfied",
        by_plain_distances: "squared",
        margin_left_out: "at a margin of",
    },
    "10.3": {
        not_squared: "plain distances",
        mean_of_squares: "the mean of the squares",
        half_of_it: "both have a place",
        for_length_one: "vectors of length 1 only",
        dot_products: "how alike",
        absolute: "square them",
        from_lengths: "what is left is rounding",
        one_row: "has shape (5,), expected (5, 5)",
        in_float32: "right to some digits only",
    },
}
