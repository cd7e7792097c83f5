"""Lesson 15: differences and their errors, and what the curves say."""

import numpy as np

from .core import Wrong, exercise, expect
from .received import numbers


@exercise(
    "15.1",
    hints=(
        "What do two settings share when they have the same seed?",
        "Subtract first, seed by seed. Then the mean of the differences and its error.",
        "differences.mean() and differences.std(ddof=1) / np.sqrt(n).",
    ),
    answer="exercises.answers_15.paired_difference",
)
def paired_difference(answer):
    rng = np.random.default_rng(15)
    for n in (3, 5, 2, 8):
        baseline = rng.uniform(0.9, 1, n)
        values = baseline + rng.normal(-0.01, 0.004, n)
        got = answer(values.copy(), baseline.copy())
        got = numbers(got, "two numbers, the mean and its standard error", 2)
        change = values - baseline
        s, root = change.std(ddof=1), np.sqrt(n)
        apart = np.sqrt(values.var(ddof=1) + baseline.var(ddof=1)) / root
        typical = {
            change.std() / root: "n - 1 in s², not n: std(ddof=1)",
            s: "that is the spread of the seeds; the error of their mean is smaller, by √n",
            apart: "that is for two unpaired groups: subtract seed by seed first",
            values.std(ddof=1) / root: "that is the error of the values, not of the differences",
        }
        for value, message in typical.items():
            if np.isclose(got[1], value, rtol=1e-6):
                raise Wrong(f"the standard error is {got[1]:.5f}: {message}")
        if np.isclose(got[0], -change.mean()):
            raise Wrong("the sign is wrong: values - baseline, so that better is positive")
        expect("the mean", got[0], change.mean())
        expect("the standard error", got[1], s / root)
    mean, error = numbers(answer(np.array([0.9]), np.array([0.8])), "two numbers", 2)
    if not np.isclose(mean, 0.1) or not np.isnan(error):
        raise Wrong(
            f"of one seed, 0.9 - 0.8, you say {mean:.3g} ± {error:.3g}: the error is not known, NaN"
        )
    return "Now a difference says itself whether to believe it."


CLAIMS = {
    "a": (False, "look at 256 in the first list: its mean and its error"),
    "b": (
        False,
        "the means say so, but take it seed by seed: what 10 people instead of 20 change, minus "
        "what JPEG 10 and 32 x 32 change, is -0.002, -0.059 and -0.010. That is -0.024 ± 0.018, "
        "1.3 standard errors, and one seed of three has done nearly all of it",
    ),
    "c": (False, "look at 20 people in the last list: two errors are more than its mean"),
    "d": (
        False,
        "0.019 is the error of a mean over different tests; the differences have their own",
    ),
    "e": (True, "all panels have one scale: which one falls the farthest?"),
}


@exercise(
    "15.2",
    hints=(
        "Is a claim about one change, or about the difference of two?",
        "A claim about one change: is its mean more than two errors from 0 in the printed list?",
        "One about a difference of changes: take the difference seed by seed, then its error.",
    ),
    answer="exercises.answers_15.supported",
)
def supported(answer):
    got = answer()
    if not isinstance(got, dict) or set(got) != set(CLAIMS):
        raise Wrong("return a dictionary with the keys 'a' to 'e'")
    unclear = sorted(key for key, value in got.items() if not isinstance(value, bool | np.bool_))
    if unclear:
        raise Wrong(f"{', '.join(unclear)}: say True or False")
    wrong = [key for key, (right, _) in CLAIMS.items() if got[key] != right]
    if wrong:
        raise Wrong(f"wrong answers: {len(wrong)} of 5. Claim {wrong[0]!r}: {CLAIMS[wrong[0]][1]}")
    return "People first. The paper had 8 million of them."
