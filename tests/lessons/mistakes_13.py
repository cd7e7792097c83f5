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


def _overlap(a, b, smaller=False):
    sides = [max(0, min(a[k + 2], b[k + 2]) - max(a[k], b[k])) for k in (0, 1)]
    areas = [(c[2] - c[0]) * (c[3] - c[1]) for c in (a, b)]
    shared = sides[0] * sides[1]
    return shared / (min(areas) if smaller else sum(areas) - shared)


def _stay(boxes, scores, limit, order=-1, among="kept", strictly=False, smaller=False):
    kept, seen = [], []
    for i in np.argsort(order * scores, kind="stable"):
        others = {"kept": kept, "seen": seen, "first": kept[:1]}[among]
        shared = [_overlap(boxes[i], boxes[j], smaller) for j in others]
        if all(one < limit if strictly else one <= limit for one in shared):
            kept.append(i)
        seen.append(i)
    return kept


def dead_boxes_bite(boxes, scores, limit):
    return _stay(boxes, scores, limit, among="seen")


def worst_first(boxes, scores, limit):
    return _stay(boxes, scores, limit, order=1)


def by_the_smaller(boxes, scores, limit):
    return _stay(boxes, scores, limit, smaller=True)


def limit_is_too_much(boxes, scores, limit):
    return _stay(boxes, scores, limit, strictly=True)


def best_one_only(boxes, scores, limit):
    return _stay(boxes, scores, limit, among="first")


def by_index(boxes, scores, limit):
    return sorted(_stay(boxes, scores, limit))


def a_mask(boxes, scores, limit):
    return np.isin(np.arange(len(boxes)), _stay(boxes, scores, limit))


def the_boxes(boxes, scores, limit):
    return boxes[_stay(boxes, scores, limit)]


def one_length_cut(a, b):
    width = max(0, min(a[2], b[2]) - max(a[0], b[0]))
    shared = width * (min(a[3], b[3]) - max(a[1], b[1]))
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    return shared / (sum(areas) - shared)


MISTAKES = {
    "13.1": {
        not_cut_at_zero: "cut each at 0",
        counted_twice: "counts the shared part twice",
        of_the_smaller: "smaller box",
        of_the_first: "expected",
        plus_one: "without + 1",
        one_length_cut: "One of the two lengths is negative",
    },
    "13.3": {
        wrong_way: "turns the wrong way",
        with_the_means: "take the means off",
        without_shift: "the shift is not",
        affine: "must not be sheared",
        backwards: "from the target to the source",
        changes_its_input: "take a copy",
    },
    "13.2": {
        dead_boxes_bite: "throws nobody out",
        worst_first: "the highest score",
        by_the_smaller: "take the union",
        limit_is_too_much: "just the limit",
        best_one_only: "go on after the first",
        by_index: "falling score",
        a_mask: "not a mask",
        the_boxes: "return the indices",
    },
}
