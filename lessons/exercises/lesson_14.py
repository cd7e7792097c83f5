"""Lesson 14: thresholds, rates among strangers, and how good a grouping is."""

import numpy as np

from minifacenet.classification.clustering_scores import bcubed
from minifacenet.classification.verification import val_far
from minifacenet.classification.verification_scores import val_at

from .core import Wrong, exercise, expect
from .received import number, numbers


def _doors():
    """(what is special, distances, same, far)"""
    rng = np.random.default_rng(14)
    for door in range(12):
        same = rng.random(200) < 0.3
        distances = np.where(same, rng.uniform(0, 1.5, 200), rng.uniform(0.5, 3, 200))
        yield "", distances, same, (0.1, 0.01, 0.29, 0.05)[door % 4]
    ties = np.array([0.2, 0.4, 0.6, 0.5, 0.5, 0.5, 0.9])
    same = np.array([True, True, True, False, False, False, False])
    yield " (three different pairs have the distance 0.5)", ties, same, 0.5
    yield " (not one different pair may be accepted)", ties, same, 0.0
    yield " (the nearest pair of all is a different one)", ties[::-1].copy() - 0.15, same, 0.1
    yield " (every pair may be accepted)", ties, same, 1.0
    yield (
        " (a same and a different pair have the distance 0.5)",
        np.array([0.2, 0.5, 0.7, 0.5, 0.9]),
        np.array([True, True, True, False, False]),
        0.0,
    )
    hundred = np.arange(100) / 50
    yield "", np.append(hundred, 1.0), np.append(np.zeros(100, bool), True), 0.29


@exercise(
    "14.1",
    hints=(
        "How many of the different pairs may be accepted at most?",
        "Sort the distances of the different pairs. The threshold may grow until just before the "
        "first one that must stay out.",
        "Try the observed distances as thresholds, from the largest down: the first whose FAR, "
        "(distances[~same] <= d).mean(), is at most far.",
    ),
    answer="exercises.answers_14.threshold_at_far",
)
def threshold_at_far(answer):
    for special, distances, same, far in _doors():
        got = number(answer(distances.copy(), same.copy(), far), "one number, a threshold")
        if not np.isfinite(got):
            raise Wrong(f"your threshold is {got}: it should be a finite number{special}")
        different = int((~same).sum())
        val, reached = (float(rate) for rate in val_far(distances, same, got))
        best = val_at(distances, same, far)
        accepted = round(reached * different)
        told = f"a threshold of {got:.4g} for FAR {far:g}{special}"
        if reached > far:
            raise Wrong(
                f"{told} accepts {accepted} of {different} different pairs, a FAR of "
                f"{reached:.3f}: too many"
            )
        if val < best:
            told += f" is too strict: VAL is {val:.3f}, and {best:.3f} is possible"
            if np.isclose(got, np.quantile(distances, far)):
                told += ". FAR is a share of the different pairs, not of all pairs"
            elif accepted and round(reached * different) == int(far * different + 1e-9):
                told += ": there are same pairs between yours and the next different pair"
            raise Wrong(told)
    return "It ends just before the first different pair that must stay out."


def _answers():
    truth = (
        ["Ada"] * 4 + ["Grace"] * 4 + ["Lise"] * 2 + ["Zoe", "Emmy", "Emmy", "Zoe", "Zoe", "Zoe"]
    )
    given = ["Ada", "Ada", "Grace", "unknown", "Grace", "Grace", "Grace", "unknown", "Ada"]
    given += ["Lise", "unknown", "Ada", "unknown", "unknown", "Grace", "unknown"]
    return given, truth, {"Ada", "Grace", "Lise"}


@exercise(
    "14.2",
    hints=(
        "Each rate is a share: of which faces?",
        "Split the faces first: those whose truth is in `enrolled`, and the others.",
        "known = np.isin(truth, list(enrolled)); means over answers[known] and answers[~known], "
        "each of what the docstring says.",
    ),
    answer="exercises.answers_14.open_set_rates",
)
def open_set_rates(answer):
    given, truth, enrolled = _answers()
    got = answer(list(given), list(truth), set(enrolled))
    got = numbers(got, "four rates: correct, misnamed, rejected, false accepts", 4)
    expected = [0.6, 0.2, 0.2, 1 / 3]  # 6, 2 and 2 of 10; 2 of 6
    of_all = [6 / 16, 2 / 16, 2 / 16, 2 / 16]
    if np.allclose(got, of_all):
        raise Wrong("each of these is a share of all faces: divide by those of its own row")
    if np.isclose(got[0], (6 + 4) / 16) or np.isclose(got[0], (6 + 4) / 10):
        raise Wrong("a stranger called 'unknown' is right, but it is no face of an enrolled person")
    if np.isclose(got[0], 0.8):
        raise Wrong("you count misnamed faces as correct: the name has to be the person's own")
    if np.isclose(got[1], 0.4):
        raise Wrong("you count 'unknown' among the misnamed: it is a refusal, not a name")
    if np.isclose(got[3], 2 / 3):
        raise Wrong("a false accept is a stranger who *gets* a name, not one who is refused")
    for name, own, right in zip(
        ("correct", "misnamed", "rejected", "false accepts"), got, expected, strict=True
    ):
        expect(name, own, right)
    rng = np.random.default_rng(2)
    for _ in range(5):
        truth = [*rng.choice(["A", "B", "C", "x", "y"], 40), "A", "x"]
        given = list(rng.choice(["A", "B", "C", "unknown"], 42))
        known = [(g, t) for g, t in zip(given, truth, strict=True) if t in "ABC"]
        other = [g for g, t in zip(given, truth, strict=True) if t in "xy"]
        right = np.mean([g == t for g, t in known])
        refused = np.mean([g == "unknown" for g, _ in known])
        accepted = np.mean([g != "unknown" for g in other])
        got = answer(given, truth, set("ABC"))
        expect("the rates of a random list", got, [right, 1 - right - refused, refused, accepted])
    return "The first three add up to 1; the fourth lives in another row."


@exercise(
    "14.3",
    hints=(
        "For one face: how good is its group, and how much of its person is in it?",
        "For face i: members = groups == groups[i], mine = people == people[i].",
        "(members & mine).sum() over members.sum(), and over mine.sum(); then the means over all "
        "faces.",
    ),
    answer="exercises.answers_14.precision_and_recall",
)
def precision_and_recall(answer):
    for seed in range(4):
        rng = np.random.default_rng(seed)
        groups = np.array([0, 0, 1, 1, 1]) if not seed else rng.integers(0, 4, 23)
        people = (
            np.array(["Ada"] * 3 + ["Grace"] * 2) if not seed else rng.choice(list("abcde"), 23)
        )
        got = answer(groups.copy(), people.copy())
        got = numbers(got, "two numbers, precision and recall", 2)
        expected = bcubed(groups, people)[:2]
        if seed and np.allclose(got, expected[::-1]):
            raise Wrong("precision and recall have changed places")
        if not seed and np.allclose(got, [0.6, 0.6]):
            raise Wrong("every face counts itself: it is in its own group")
        if np.isclose(got[0], _mean_over_groups(groups, people)):
            raise Wrong("that is a mean over groups: B-cubed is the mean over all faces")
        for name, own, right in zip(("precision", "recall"), got, expected, strict=True):
            expect(name, own, right)
    alone = answer(np.arange(6), np.array(list("aabbcc")))
    expect("precision and recall of six groups of one face", alone, [1, 0.5])
    return "Everybody alone: precision 1. Everybody together: recall 1. F1 wants both."


def _mean_over_groups(groups, people):
    shares = []
    for group in np.unique(groups):
        _, counts = np.unique(people[groups == group], return_counts=True)
        shares.append((counts**2).sum() / counts.sum() ** 2)
    return np.mean(shares)
