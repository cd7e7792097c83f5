"""Typical wrong answers to lesson 13, with words that the check should say."""

import numpy as np

from minifacenet.preprocessing.square_crops import similarity


def _parts(a, b, floor=0.0, more=0):
    width = max(floor, min(a[2], b[2]) - max(a[0], b[0]) + more)
    height = max(floor, min(a[3], b[3]) - max(a[1], b[1]) + more)
    areas = [(x1 - x0 + more) * (y1 - y0 + more) for x0, y0, x1, y1 in (a, b)]
    return width * height, *areas


def not_cut_at_zero(a, b):
    shared, one, other = _parts(a, b, -1e9)
    return shared / (one + other - shared)


def counted_twice(a, b):
    shared, one, other = _parts(a, b)
    return shared / (one + other)


def of_the_smaller(a, b):
    shared, one, other = _parts(a, b)
    return shared / min(one, other)


def of_the_first(a, b):
    shared, one, _ = _parts(a, b)
    return shared / one


def plus_one(a, b):
    shared, one, other = _parts(a, b, more=1)
    return shared / (one + other - shared)


def _fit(x, y, conjugate=True, centred=True):
    x, y = x @ (1, 1j), y @ (1, 1j)
    dx, dy = (x - x.mean(), y - y.mean()) if centred else (x, y)
    a = (np.vdot(dx, dy) if conjugate else np.vdot(dy, dx)) / np.vdot(dx, dx).real
    b = y.mean() - a * x.mean()
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])


def wrong_way(source, target):
    return _fit(source, target, conjugate=False)


def with_the_means(source, target):
    return _fit(source, target, centred=False)


def without_shift(source, target):
    matrix = similarity(source, target)
    matrix[:, 2] = target.mean(axis=0) - source.mean(axis=0)
    return matrix


def affine(source, target):
    design = np.column_stack([source, np.ones(len(source))])
    return np.linalg.lstsq(design, target, rcond=None)[0].T


def backwards(source, target):
    return similarity(target, source)


def changes_its_input(source, target):
    matrix = similarity(source, target)
    source -= source.mean(axis=0)
    return matrix


MISTAKES = {
    "13.1": {
        not_cut_at_zero: "cut each at 0",
        counted_twice: "counts the shared part twice",
        of_the_smaller: "smaller box",
        of_the_first: "expected",
        plus_one: "without + 1",
    },
    "13.2": {
        wrong_way: "turns the wrong way",
        with_the_means: "take the means off",
        without_shift: "the shift is not",
        affine: "must not be sheared",
        backwards: "from the target to the source",
        changes_its_input: "take a copy",
    },
}
