"""Lesson 13: how much two boxes share, and the best turn, scale and shift."""

import numpy as np

from minifacenet.preprocessing.boxes import shared_with
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
    ("boxes that share an edge", (0, 0, 10, 10), (10, 0, 20, 10)),
    ("boxes off the photo", (-8.5, -2, 4, 7.25), (-3, -6, 9, 1.5)),
)


@exercise(
    "13.1",
    hint="The shared part begins at the larger x0 and ends at the smaller x1; so with y.",
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


def _matrix(a, b):
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])


@exercise(
    "13.2",
    hint="x = source @ (1, 1j) makes complex numbers. Take off the means, a = np.vdot(x, y) / "
    "np.vdot(x, x).real, and b is what brings mean to mean.",
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
