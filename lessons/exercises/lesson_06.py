"""Lesson 06: float32 that stays float32, and a sum without a race."""

import re

import numba
import numpy as np
from numba.core.errors import NumbaError

from .core import Wrong, exercise, expect
from .watched import follow_prange

DOUBLE = re.compile(r"= f(add|sub|mul|div) [^\n]*double")


def double_operations(kernel) -> int:
    """How many float64 operations stand in the machine-level code of a compiled kernel."""
    return sum(len(DOUBLE.findall(code)) for code in kernel.inspect_llvm().values())


def _compiled(answer, *arguments, **options):
    """The answer compiled by us, and run once."""
    kernel = numba.njit(error_model="numpy", **options)(getattr(answer, "py_func", answer))
    try:
        kernel(*arguments)
    except NumbaError as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        about = next((line for line in lines if "No impl" in line or "rror" in line), lines[0])
        raise Wrong(
            f"Numba cannot compile this: {about}\n  A kernel is loops over arrays, indices and "
            "numbers; lists, dictionaries and most of Python do not belong in it"
        ) from None
    return kernel


@exercise(
    "06.1",
    hints=(
        "What is the dtype of x * 0.1 for a float32 x, inside of a compiled function?",
        "It is float64, because 0.1 is. The constant needs the type of x.",
        "x.dtype.type(0.1) is 0.1 in the type of x. One loop over range(x.size) writes out[i].",
    ),
    answer="exercises.answers_06.leaky_relu",
)
def leaky_relu(answer):
    rng = np.random.default_rng(61)
    x = rng.standard_normal(1003, dtype=np.float32)
    x[:2] = 0, -1
    out = np.full_like(x, np.nan)
    if getattr(answer, "py_func", answer)(x.copy(), out) is not None:
        raise Wrong("your kernel returns something: it should write into out, and return nothing")
    if np.isnan(out).all():
        raise Wrong("out was not written: out[i] = ... writes into it, out = ... does not")
    expect("out", out, np.where(x > 0, x, x / 10), 1e-6)
    kernel = _compiled(answer, x.copy(), out)
    expect("out, compiled for float32,", out, np.where(x > 0, x, x / 10), 1e-6)
    count = double_operations(kernel)
    if count:
        raise Wrong(
            f"out is right, but compiled for float32 your kernel computes in float64: {count} such "
            "operations in its machine code. Which constant is a float64?"
        )
    double, out = x.astype(np.float64), np.full(x.size, np.nan)
    _compiled(answer, double, out)
    if np.allclose(out, np.where(double > 0, double, double * np.float32(0.1)), 1e-12, 0):
        raise Wrong(
            "float32 is right, but for a float64 x your slope is 0.1 rounded to float32, "
            f"{float(np.float32(0.1)):.10f}: take a constant of the type that x has, x.dtype.type"
        )
    expect("out of a float64 x", out, np.where(double > 0, double, double / 10), 1e-12)
    return "In float32 for float32, and in float64 for float64."


@exercise(
    "06.2",
    hints=(
        "Who may write to a row of sums, if no two threads may?",
        "What can be shared out such that two threads never want the same row of sums? The people.",
        "The iteration of a person looks at all photos, and adds up those of this person.",
    ),
    answer="exercises.answers_06.sum_by_person",
)
def sum_by_person(answer):
    rng = np.random.default_rng(62)
    labels = np.array([0, 1, 0, 3, 1, 1])
    vectors = rng.integers(-8, 9, (6, 3)).astype(np.float32)
    sums = np.full((4, 3), np.nan, np.float32)
    count = follow_prange(answer, vectors.copy(), labels.copy(), sums, watch=2, name="sums")
    if np.isnan(sums).any():
        raise Wrong(
            "sums holds NaN: it comes with whatever was in its memory. Write 0 into each of its "
            "numbers first, those of a person without a photo too (person 2 has none here)"
        )
    expect("sums of 6 photos of 4 people", sums, _sums(vectors, labels, 4))
    if count == 0:
        raise Wrong("the sums are right, but there is no prange: one thread does it all")
    if count == 1:
        raise Wrong("the sums are right, but the prange has one iteration: one thread does it all")
    kernel = None
    for photos, people, size in ((1, 1, 1), (500, 40, 128), (37, 50, 2)):
        labels = rng.integers(0, people, photos)
        vectors = rng.integers(-8, 9, (photos, size)).astype(np.float32)
        sums = np.full((people, size), np.nan, np.float32)
        kernel = kernel or _compiled(answer, vectors, labels, sums.copy(), parallel=True)
        for _ in range(5):
            kernel(vectors, labels, sums)
            name = f"sums of {photos} photos of {people} people, compiled,"
            expect(name, sums, _sums(vectors, labels, people))
    return "One writer a number, so it is the same for any number of threads."


def _sums(vectors, labels, people):
    sums = np.zeros((people, vectors.shape[1]), np.float32)
    np.add.at(sums, labels, vectors)
    return sums
