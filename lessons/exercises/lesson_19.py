"""Lesson 19: what rounding can do to a distance, how many bits that asks for, whole numbers."""

import numpy as np

from .core import Wrong, exercise, expect
from .received import number


def _bound(distance, e):
    return 2 * np.sqrt(distance) * e + e**2


@exercise(
    "19.1",
    hints=(
        "By how much does an entry move at most, and by how much a vector if all entries do?",
        "Take the length of the way between the two, not its square: to how much can it grow if "
        "both ends move?",
        "e = what both ends move by together; (np.sqrt(distance) + e) ** 2 - distance.",
    ),
    answer="exercises.answers_19.most_it_can_move",
)
def most_it_can_move(answer):
    for distance, dim, scale in ((1.0, 128, 353.0), (0.3, 4, 30 / 7), (4.0, 64, 127.0), (0, 2, 5)):
        told = f"for D = {distance:g}, {dim} entries and a scale of {scale:.4g}"
        got = number(answer(distance, dim, scale), "one number, the most that D can move by")
        e = np.sqrt(dim) / scale
        right = _bound(distance, e)
        typical = {
            _bound(distance, e / 2): "only one of the two vectors is rounded in it: both are",
            _bound(distance, 2 * e): "rounding moves an entry by half a step, not by a step",
            _bound(distance, dim / scale): "how long is a vector whose entries all are 1/2? Take "
            "the root of the sum of their squares",
            _bound(distance, 1 / scale): "all entries can move, not one alone",
            2 * np.sqrt(distance) * e: "the square of what the way grows by is missing, as in "
            "(1 + 0.1)² = 1 + 2 · 0.1 + 0.1²",
            e**2: "that holds for D = 0: the longer the way, the more its square grows",
            e: "that is by how much the length of the way grows: D is its square",
            2 * distance * e + e**2: "D is the square of the way: the way itself is its root",
        }
        for value, message in typical.items():
            if np.isclose(got, value, rtol=1e-6) and not np.isclose(value, right, rtol=1e-6):
                raise Wrong(f"{told} you say {got:.4g}: {message}")
        if not np.isfinite(got) or got < right * (1 - 1e-9):
            raise Wrong(
                f"{told} you say {got:.4g}, but there are two vectors that move by {right:.4g}"
            )
        if got > right * (1 + 1e-9):
            raise Wrong(f"{told} you say {got:.4g}: nothing moves by more than {right:.4g}")
    return "No pair can do worse, and one can do it."


@exercise(
    "19.2",
    hints=(
        "Which squared distance do the two unit vectors have between which it moves most?",
        "The largest entry becomes the largest code: so what is the scale with b bits?",
        "bits = 2; while the bound at D = 4 with scale (2 ** (bits - 1) - 1) / largest is more "
        "than `most`: one bit more.",
    ),
    answer="exercises.answers_19.guaranteed_bits",
)
def guaranteed_bits(answer):
    def fewest(most, dim, largest, worst=4.0, codes=lambda bits: 2 ** (bits - 1) - 1):
        bits = 2
        while _bound(worst, np.sqrt(dim) * largest / codes(bits)) > most:
            bits += 1
        return bits

    cases = [
        (most, dim, largest)
        for most in (0.1, 0.02, 0.5, 30.0, 0.0043)
        for dim, largest in ((128, 0.36), (128, 1.0), (64, 0.4), (512, 0.2))
    ]
    cases.append((_bound(4.0, 1.5 / 7), 9, 0.5))  # 4 bits allow just that
    mistakes = {
        "the worst case are not vectors at a right angle: opposite ones are farther apart": dict(
            worst=2.0
        ),
        "the worst case is not a distance of 1: the longer the way, the more D moves": dict(
            worst=1.0
        ),
        "with b bits the largest code is 2^(b-1) - 1, since one bit is the sign": dict(
            codes=lambda bits: 2**bits - 1
        ),
        "the largest code of b bits is 2^(b-1) - 1, not 2^(b-1)": dict(
            codes=lambda bits: 2 ** (bits - 1)
        ),
        "the largest entry of these vectors need not be 1: what is the scale then?": None,
    }
    got = [number(answer(*case), "one whole number, the bits") for case in cases]
    right = [fewest(*case) for case in cases]
    if all(abs(value - one) < 1e-9 for value, one in zip(got, right, strict=True)):
        return "A guarantee is dear. What is needed is measured below."
    for message, changed in mistakes.items():
        slipped = [
            fewest(*case, **changed) if changed else fewest(case[0], case[1], 1.0) for case in cases
        ]
        if np.allclose(got, slipped):
            raise Wrong(message)
    for case, value, one in zip(cases, got, right, strict=True):
        told = "for most = {:.4g}, {} entries and a largest of {:g} you say ".format(*case)
        if value != int(value):
            raise Wrong(f"{told}{value:.4g}: a whole number of bits, rounded up")
        if value < one:
            raise Wrong(f"{told}{value:g} bits: too few, a distance can move by more")
        if value > one:
            raise Wrong(f"{told}{value:g} bits: {one} are enough")
    return ""


@exercise(
    "19.3",
    hints=(
        "Into which type does what you compute first fit: the difference, the product, the sum?",
        "127 - (-127) does not fit into int8. Four times 127² times 100,000 does not fit into "
        "int32. Where do you change the type?",
        "a = a.astype(np.int64), b likewise; a·a + b·b - 2 a·b with sums along the last axis.",
    ),
    answer="exercises.answers_19.whole_distances",
)
def whole_distances(answer):
    rng = np.random.default_rng(19)
    cases = (
        ("three entries", *map(np.int8, ([[1, -2, 3], [0, 0, 0]], [[2, 2, 2]]))),
        ("faces", *(rng.integers(-40, 41, (n, 128)).astype(np.int8) for n in (5, 4))),
        ("largest codes", np.full((2, 128), 127, np.int8), np.full((3, 128), -127, np.int8)),
        ("100,000 entries", *(
            np.where(rng.random((2, 100_000)) < 0.9, sign * 127, sign * 126).astype(np.int8)
            for sign in (1, -1)
        )),
    )  # fmt: skip
    for name, a, b in cases:
        kept = a.copy(), b.copy()
        got = answer(a, b)
        if not (np.array_equal(a, kept[0]) and np.array_equal(b, kept[1])):
            raise Wrong("your function changes the codes: they belong to the caller")
        wide, other = a.astype(np.int64), b.astype(np.int64)
        right = np.stack([np.square(row - other).sum(axis=1) for row in wide])
        values = np.asarray(got, dtype=np.float64) if got is not None else None
        if values is not None and values.shape == right.shape:
            _say_which(values, right, a, b)
            if np.asarray(got).dtype.kind not in "iu" and name == "three entries":
                raise Wrong(f"these are whole numbers, and you return {np.asarray(got).dtype}")
        expect(f"the matrix of {name}", got, right, 1e-15)
    return "Exact, and a processor sorts by it."


def _say_which(values, right, a, b):
    """Raise `Wrong` for a matrix that a typical slip makes."""
    if np.array_equal(values, right):
        return
    wide, other = a.astype(np.int64), b.astype(np.int64)
    wrapped = np.stack([np.square((row - b).astype(np.int64)).sum(axis=1) for row in a])
    if np.array_equal(values, wrapped):
        raise Wrong(
            "127 - (-127) is 254, which int8 does not hold: a difference has wrapped around"
        )
    squared = np.stack([np.square(row - b).sum(axis=1) for row in a])
    short = np.stack([np.square(row - b).sum(axis=1) for row in a.astype(np.int16)])
    for of, kind in ((squared, "int8"), (short, "int16")):
        if np.array_equal(values, of):
            raise Wrong(
                f"you say {values.flat[0]:.0f}, and it is {right.flat[0]}: the square of {kind} is "
                f"{kind} to NumPy, and wraps around"
            )
    if np.array_equal(values, -2 * wide @ other.T) or np.array_equal(values, wide @ other.T):
        raise Wrong("a·b alone is no distance: codes have left the sphere, a·a differs from b·b")
    if np.array_equal(values, right.astype(np.int32)):
        raise Wrong(
            f"of {a.shape[1]:,} entries you say {values.flat[0]:.0f}: a sum of {right.flat[0]:,} "
            "does not fit into int32"
        )
    if np.allclose(values, right, rtol=1e-3):
        raise Wrong(
            f"of {a.shape[1]:,} entries you say {values.flat[0]:.0f}, and it is {right.flat[0]}: "
            "float32 counts exactly to 2²⁴ only"
        )
    if np.abs(values).max() < 256:
        raise Wrong(
            f"you say {values.flat[0]:.0f}, and it is {right.flat[0]}: int8 times int8 is int8 to "
            "NumPy, and wraps around"
        )
