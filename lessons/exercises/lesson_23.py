"""Lesson 23: what no error proves, who the alarms are, and a threshold with everybody in mind."""

import numpy as np
from scipy.stats import beta, binom

from .core import Wrong, exercise, expect
from .received import number, numbers


@exercise(
    "23.1",
    hints=(
        "If the true rate were p, how likely are 40 trials without a single error?",
        "A rate is excluded once so few errors, or fewer, come up in less than 5 % of all series. "
        "The probability falls as p grows: look for the p at which it is 0.05.",
        "sum(comb(n, i) p^i (1 - p)^(n - i)) over i = 0 ... errors; halve between 0 and 1.",
    ),
    answer="exercises.answers_23.at_most",
)
def at_most(answer):
    for errors, trials in ((0, 40), (0, 5), (1, 40), (17, 45), (3, 10), (0, 3000)):
        got = number(answer(errors, trials), "one number, a rate from 0 to 1")
        right = beta.ppf(0.95, errors + 1, trials - errors)
        told = f"{errors} errors in {trials}: you say at most {got:.4f}"
        if np.isclose(got, errors / trials):
            raise Wrong(f"{told}. That is what was counted, and the rate may be larger")
        if np.isclose(got, beta.ppf(0.975, errors + 1, trials - errors), rtol=1e-3):
            raise Wrong(f"{told}. That leaves 2.5 % out: only one side is asked for here, so 5 %")
        if got < right - 1e-4:
            chance = binom.cdf(errors, trials, min(max(got, 0), 1))
            raise Wrong(
                f"{told}, but at that rate so few errors, or fewer, come up in {chance:.1%} of all "
                "series. A larger rate is still possible"
            )
        if got > right + 1e-4:
            rule = (
                ". 3 / n is a rule of thumb: solve it exactly"
                if np.isclose(got * trials, 3)
                else ""
            )
            chance = binom.cdf(errors, trials, min(got, 1))
            raise Wrong(
                f"{told}, but at that rate so few errors, or fewer, arise in only {chance:.1%} of "
                f"all series: it is excluded{rule}"
            )
    if not np.isclose(number(answer(4, 4), "one number, a rate from 0 to 1"), 1):
        raise Wrong("4 errors in 4: every rate up to 1 is possible")
    return "With no error in n trials it is 1 - 0.05^(1/n): 7 % for 40, nearly a half for 5."


@exercise(
    "23.3",
    hints=(
        "To how many faces is each visitor compared, and when does a stranger set off an alarm?",
        "A stranger passes in silence only if all comparisons with the list do. And whose share is "
        "asked for: of the strangers, or of the alarms?",
        "quiet = (1 - far) ** listed; false = (visitors - wanted) * (1 - quiet); wanted * val.",
    ),
    answer="exercises.answers_23.alarms",
)
def alarms(answer):
    for visitors, wanted, listed, val, far in (
        (1000, 10, 1, 0.9, 0.01),
        (10000, 5, 1000, 0.95, 0.001),
        (500, 50, 20, 0.8, 0.002),
        (40, 1, 200, 0.5, 1e-5),
    ):
        names = "three numbers: true alarms, false alarms, the share of alarms that are false"
        got = numbers(answer(visitors, wanted, listed, val, far), names, 3)
        strangers = visitors - wanted
        wrong = -np.expm1(listed * np.log1p(-far))
        right = wanted * val, strangers * wrong
        told = f"{visitors} visitors, {wanted} of them on a list of {listed}, VAL {val}, FAR {far}"
        typical = {
            strangers * far: "each visitor is compared with everybody on the list, not with one",
            strangers
            * far
            * listed: "that counts matches: who resembles two people on the list is one "
            "alarm, and a share of the visitors cannot pass 1",
            visitors * wrong: "those on the list are no false alarms: take the strangers alone",
        }
        for value, message in typical.items():
            if not np.isclose(value, right[1]) and np.isclose(got[1], value):
                raise Wrong(f"{told}: {got[1]:.4g} false alarms. But {message}")
        for name, own, expected in zip(("true alarms", "false alarms"), got, right, strict=False):
            expect(f"{name} ({told})", own, expected)
        if np.isclose(got[2], wrong):
            raise Wrong("the share is that of the strangers; asked for is the share of the alarms")
        if np.isclose(got[2], right[0] / sum(right)):
            raise Wrong(
                "that is the share of the alarms that are true: asked for are the false ones"
            )
        expect(f"the share of alarms that are false ({told})", got[2], right[1] / sum(right))
    return "The rarer those who are sought, the more of the alarms are about others."


def _doors():
    """(distances, people) of small worlds; the first can be worked out by hand."""
    yield (
        np.array([0.1, 0.2, 0.3, 0.5, 0.9, 0.5, 0.4, 0.8]),
        np.array([[0, 0], [0, 0], [0, 0], [1, 1], [1, 1], [0, 1], [0, 1], [0, 1]]),
        0.5,
    )
    for seed in range(6):
        rng = np.random.default_rng(seed)
        labels = np.repeat(np.arange(5), 4) + 3  # people may have any numbers
        first, second = np.triu_indices(20, k=1)
        people = np.stack([labels[first], labels[second]], axis=1)
        same = people[:, 0] == people[:, 1]
        distances = np.where(same, rng.uniform(0, 1.2, len(same)), rng.uniform(0.4, 3, len(same)))
        yield distances + 0.1 * (people[:, 0] == 7), people, (0.5, 1.0, 0.8, 0.34, 0.6, 1 / 6)[seed]


@exercise(
    "23.2",
    hints=(
        "Which threshold does one person need, alone? And all of them?",
        "Sort one person's distances. At which of them is the floor first reached? The door has "
        "one threshold, and nobody may stay below the floor.",
        "own = np.sort(distances[(people == p).all(axis=1)]); own[ceil(floor * len(own)) - 1]; the "
        "largest of these. FAR of p: pairs with one photo of p, (people == p).sum(axis=1) == 1.",
    ),
    answer="exercises.answers_23.threshold_for_all",
)
def threshold_for_all(answer):
    for distances, people, floor in _doors():
        got = answer(distances.copy(), people.copy(), floor)
        try:
            threshold, far = got
            far = np.asarray(far, float)
        except (TypeError, ValueError):
            raise Wrong("return two things: the threshold, and the FAR of each person") from None
        threshold = number(threshold, "a threshold")
        everybody = np.unique(people)
        own = {p: distances[(people == p).all(axis=1)] for p in everybody}
        needed = max(_reached(d, floor) for d in own.values())
        pooled = _reached(np.concatenate(list(own.values())), floor)
        lowest = min((d <= threshold).mean() for d in own.values())
        told = f"a threshold of {threshold:.4g} for a floor of {floor:.3g}"
        if lowest < floor - 1e-9:
            if np.isclose(threshold, pooled):
                told += " keeps the VAL of all together above it, and"
            raise Wrong(f"{told} leaves somebody a VAL of {lowest:.3f}")
        if threshold > needed + 1e-9:
            raise Wrong(f"{told} is wider than it need be: {needed:.4g} does for everybody")
        if far.shape != everybody.shape:
            raise Wrong(f"the FARs have shape {far.shape}: one per person is {everybody.shape}")
        rates = []
        for columns in ((0, 1), (0,)):
            with_p = [
                ((people[:, columns] == p).any(axis=1) & (people[:, 0] != people[:, 1]))
                for p in everybody
            ]
            rates.append(
                np.array([(distances[w] <= threshold).mean() if w.any() else 0 for w in with_p])
            )
        if np.allclose(far, rates[1]) and not np.allclose(*rates):
            raise Wrong(
                "a person's photo may be the second of a pair, too: count these pairs as well"
            )
        under = np.array(
            [(distances[(people == p).sum(axis=1) == 1] < threshold).mean() for p in everybody]
        )
        if np.allclose(far, under) and not np.allclose(under, rates[0]):
            raise Wrong("a pair at exactly the threshold is accepted, too: D <= d")
        expect("far", far, rates[0])
    return "One person decides about the threshold, and the others pay for it with their FAR."


def _reached(distances, floor):
    """The smallest threshold with a VAL of at least `floor`."""
    return np.sort(distances)[int(np.ceil(floor * len(distances) - 1e-9)) - 1]
