"""Lesson 13: how much two boxes share, which of many stay, and the best turn, scale and shift."""

import numpy as np

from minifacenet.preprocessing.boxes import non_maximum_suppression, shared_with
from minifacenet.preprocessing.square_crops import TEMPLATES, similarity

from .core import Wrong, exercise, expect
from .received import number

BOXES = (
    ("two boxes of 20 x 20, 2 and 1 pixels apart", (10, 10, 30, 30), (12, 11, 32, 31)),
    ("a box and itself", (3, 4, 10, 6), (3, 4, 10, 6)),
    ("a small box inside a large one", (0, 0, 10, 10), (4, 4, 6, 9)),
    ("a large box around a small one", (4, 4, 6, 9), (0, 0, 10, 10)),
    ("boxes that lie apart both in x and in y", (0, 0, 10, 10), (14, 13, 20, 30)),
    ("boxes that lie apart in x only", (0, 0, 10, 10), (14, 3, 20, 30)),
    ("boxes that lie apart in y only", (0, 0, 10, 10), (3, 14, 30, 20)),
    ("boxes that share an edge", (0, 0, 10, 10), (10, 0, 20, 10)),
    ("boxes off the photo", (-8.5, -2, 4, 7.25), (-3, -6, 9, 1.5)),
)


@exercise(
    "13.1",
    hints=(
        "Where does the shared part begin, and where does it end?",
        "It begins at the larger x0 and ends at the smaller x1; so with y. A negative length "
        "means that they lie apart.",
        "max(0, ...) for each of the two lengths; shared / (area of a + area of b - shared).",
    ),
    answer="exercises.answers_13.overlap",
)
def overlap(answer):
    for name, a, b in BOXES:
        got, (one, other) = number(answer(a, b), "one number"), np.array([a, b], float)
        right = float(shared_with(one, other[None])[0])
        sides = np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])
        areas = [np.prod(box[2:] - box[:2]) for box in (one, other)]
        shared = sides.clip(0).prod()
        told = f"{name}, {a} and {b}: {got:.4g}, expected {right:.4g}"
        if (sides < 0).all() and got != 0:
            raise Wrong(f"{told}. Two negative lengths multiply to a positive area: cut each at 0")
        if (sides < 0).any() and got < 0:
            raise Wrong(f"{told}. One of the two lengths is negative: cut each at 0")
        if not np.isclose(got, right) and np.isclose(got, shared / sum(areas)):
            raise Wrong(f"{told}. a + b counts the shared part twice: take it off once")
        if not np.isclose(got, right) and np.isclose(got, shared / min(areas)):
            raise Wrong(f"{told}. That is the share of the smaller box, not of the union")
        plus = (sides + 1).clip(0).prod()
        if not np.isclose(got, right) and plus and np.isclose(
            got, plus / (np.prod(one[2:] - one[:2] + 1) + np.prod(other[2:] - other[:2] + 1) - plus)
        ):  # fmt: skip
            raise Wrong(f"{told}. Boxes end at an edge here, so a width is x1 - x0, without + 1")
        expect(f"the overlap of {name}", got, right)
    return "1 for a box and itself, 0 apart, and the same from both sides."


def _many_boxes():
    """(what is special, boxes, scores, limit)"""
    chain = np.array([[0, 0, 10, 10], [0, 3, 10, 13], [0, 6, 10, 16]], float)
    yield "a chain, where the 2nd overlaps both others", chain, np.array([0.9, 0.8, 0.7]), 0.4
    rng = np.random.default_rng(132)
    for n, limit in ((1, 0.5), (8, 0.3), (30, 0.2), (30, 0.6)):
        corner, size = rng.uniform(0, 40, (n, 2)), rng.uniform(8, 25, (n, 2))
        boxes = np.concatenate([corner, corner + size], axis=1)
        yield f"{n} random boxes", boxes, rng.permutation(n) / n, limit
    half = np.array([[0, 0, 10, 10], [0, 0, 10, 5], [40, 40, 50, 50]], float)
    yield "two boxes that share just the limit", half, np.array([0.5, 0.9, 0.7]), 0.5


def _suppress(boxes, scores, limit, order=1, dead_ones_too=False, smaller=False):
    """Non-maximum suppression, in any of its wrong ways, too."""
    kept, seen = [], []
    for i in np.argsort(-order * scores, kind="stable"):
        shared = shared_with(boxes[i], boxes)
        if smaller:
            areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
            common = shared * (areas[i] + areas) / (1 + shared)
            shared = common / np.minimum(areas[i], areas)
        if all(shared[j] <= limit for j in (seen if dead_ones_too else kept)):
            kept.append(int(i))
        seen.append(i)
    return kept


@exercise(
    "13.2",
    hints=(
        "The best box has been taken. Which of the others may still be asked?",
        "Keep a list of those that are left, by falling score. Take the first one, and throw out "
        "all that overlap it too much; a box that was thrown out throws nobody out.",
        "while left: best, *others = left; kept.append(best); left = those of others with "
        "overlap(boxes[best], boxes[i]) <= limit.",
    ),
    answer="exercises.answers_13.best_boxes",
)
def best_boxes(answer):
    for name, boxes, scores, limit in _many_boxes():
        got = answer(boxes.copy(), scores.copy(), limit)
        right = non_maximum_suppression(boxes, scores, limit).tolist()
        if got is None or np.ndim(got) != 1:
            raise Wrong("return the indices of the boxes that stay, as a list or an array")
        if np.asarray(got).dtype == bool or np.shape(got) == (len(boxes), 4):
            raise Wrong("return the indices of the boxes that stay, not a mask or the boxes")
        got = [int(i) for i in got]
        told = f"{name}, limit {limit}: {got} stay in yours, expected {right}"
        if got == right:
            continue
        typical = {
            "a box that was thrown out throws nobody out": _suppress(
                boxes, scores, limit, dead_ones_too=True
            ),
            "begin with the highest score": _suppress(boxes, scores, limit, order=-1),
            "just the limit is not too much: both stay": _suppress(boxes, scores, limit - 1e-9),
            "that is the share of the smaller box: take the union": _suppress(
                boxes, scores, limit, smaller=True
            ),
            "go on after the first: the next best one throws out, too": [
                int(i)
                for i in np.argsort(-scores, kind="stable")
                if i == scores.argmax() or shared_with(boxes[scores.argmax()], boxes)[i] <= limit
            ],
        }
        for reason, wrong in typical.items():
            if got == wrong or (sorted(got) == sorted(wrong) != sorted(right)):
                raise Wrong(f"{told}: {reason}")
        if sorted(got) == sorted(right):
            raise Wrong(f"{told}: the right ones, but not by falling score")
        raise Wrong(told)
    return "Each of the three networks of the detector is followed by it."


def _matrix(a, b):
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])


@exercise(
    "13.3",
    hints=(
        "If points are complex numbers, what does multiplying by one do to all of them?",
        "x = source @ (1, 1j) makes complex numbers. Take off the means, fit a, and bring mean to "
        "mean.",
        "a = np.vdot(x, y) / np.vdot(x, x).real without the means, b = mean of y - a * mean of x, "
        "and the matrix of a.",
    ),
    answer="minifacenet.preprocessing.square_crops.similarity",
)
def turn_scale_shift(answer):
    rng = np.random.default_rng(13)
    face = TEMPLATES["portrait"].scaled(96)
    cases = [
        ("five landmarks", face + rng.normal(0, 4, (5, 2)) + 50, face),
        ("two points", np.array([[0.0, 0], [2, 0]]), np.array([[1.0, 0], [1, 2]])),
        ("nine random points", rng.normal(size=(9, 2)) + 3, rng.normal(size=(9, 2)) - 8),
        ("a mirror image", face * (-1, 1) + rng.normal(0, 1, (5, 2)), face),
    ]
    for name, source, target in cases:
        right = similarity(source, target)
        kept = source.copy(), target.copy()
        got = answer(source, target)
        if not (np.array_equal(source, kept[0]) and np.array_equal(target, kept[1])):
            raise Wrong("your function changes the points that it is given: take a copy")
        if got is not None and np.shape(got) == (2, 3) and not np.allclose(got, right):
            _explain(name, np.asarray(got), source, target)
        expect(f"M for {name}", got, right)
    return "No mirror image can come out: that would take the conjugate of x."


def _explain(name, got, source, target):
    """`Wrong` with the reason, where it is a known one."""
    x, y = source @ (1, 1j), target @ (1, 1j)
    dx, dy = x - x.mean(), y - y.mean()
    a = np.vdot(dx, dy) / np.vdot(dx, dx).real
    if np.allclose(got, similarity(target, source)):
        raise Wrong(f"M for {name} goes from the target to the source")
    if np.allclose(got[:, :2], _matrix(np.conj(a), 0)[:, :2]):
        raise Wrong(
            f"M for {name} turns the wrong way: the matrix is [[re, -im], [im, re]], and it is x "
            "that takes the conjugate"
        )
    if np.allclose(got[:, :2], _matrix(a, 0)[:, :2]):
        raise Wrong(f"M for {name}: turn and scale are right, the shift is not: b = ȳ - a x̄")
    if np.allclose(got, _matrix(np.vdot(x, y) / np.vdot(x, x).real, 0)) or np.allclose(
        got[:, :2], _matrix(np.vdot(x, y) / np.vdot(x, x).real, 0)[:, :2]
    ):
        raise Wrong(f"M for {name}: take the means off both kinds of points before you fit a")
    design = np.column_stack([source, np.ones(len(source))])
    if len(source) > 2 and np.allclose(got, np.linalg.lstsq(design, target, rcond=None)[0].T):
        raise Wrong(
            f"M for {name} is the best affine map: it shears, and a face must not be sheared"
        )
    if not np.isclose(got[0, 0], got[1, 1]) or not np.isclose(got[0, 1], -got[1, 0]):
        raise Wrong(f"M for {name} is no turn and scale: it must be [[p, -q], [q, p]] and a shift")
