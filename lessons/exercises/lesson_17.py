"""Lesson 17: the best rate of a valley, a step without axes, and what scales, or is found, how."""

import numpy as np

from .core import Wrong, exercise, expect
from .received import number, numbers


@exercise(
    "17.1",
    hints=(
        "Of all the weights, which one is the slowest at a tiny rate, and which at a large one?",
        "A step leaves |1 - rate s| of a weight: over s that is a V with its tip at 1 / rate. "
        "Where is a V the highest, between the smallest and the largest s?",
        "At the two ends, and they are equal: 1 - rate * smallest == rate * largest - 1. Solve for "
        "rate, and put it in.",
    ),
    answer="exercises.answers_17.best_rate",
)
def best_rate(answer):
    for steepness in ([1, 50], [3, 7, 4], [0.2, 40, 40, 1], [5.0], [2, 2, 30, 9, 9]):
        s = np.array(steepness, float)
        got = numbers(answer(s.copy()), "two numbers, the rate and the share left", 2)
        low, high = s.min(), s.max()
        rate, left = 2 / (low + high), (high - low) / (high + low)
        of = f"of the steepnesses {steepness}"
        typical = {
            1 / high: "that is the best for the steepest weight alone; the gentlest crawls",
            2 / high: "at that rate the steepest weight swings for ever",
            1 / low: "that is the best for the gentlest; the steepest flies away",
            1 / s.mean(): "not the mean of all: those in between have no say",
            1 / np.sqrt(low * high): "it is the sum of both ends that counts, not their product",
            1 / (low + high): "half of it: 1 / (their mean), not 1 / (their sum)",
        }
        for value, message in typical.items():
            if np.isclose(got[0], value) and not np.isclose(value, rate):
                worst = np.abs(1 - value * s).max()
                raise Wrong(
                    f"the rate {got[0]:.4g} {of} leaves {worst:.3f} of the slowest, and a better "
                    f"one {left:.3f}: {message}"
                )
        expect(f"the rate {of}", got[0], rate)
        if left and np.isclose(got[1], -left):
            raise Wrong("the share that is left counts as positive, on whichever side")
        if not np.isclose(got[1], left, atol=1e-12):
            raise Wrong(f"the share left {of} is {left:.4g} at your rate, and you say {got[1]:.4g}")
    return "The ratio of the two ends is all that counts: the valley's condition number."


def _walk(step, gradients, rate):
    """The steps that an answer takes if these are the gradients, ndarray (T, n)."""
    w, v, way = np.zeros(len(gradients[0])), 0.0, []
    for t, g in enumerate(gradients, start=1):
        before = w.copy(), g.copy()
        got = step(w, g, v, t, rate)
        if not isinstance(got, tuple | list) or len(got) != 2:
            raise Wrong("return two things: the new w, and the new v")
        if not (np.array_equal(w, before[0]) and np.array_equal(g, before[1])):
            raise Wrong("your function changes what it is given: return a new array")
        if np.shape(got[0]) != w.shape:
            raise Wrong(f"the new w has shape {np.shape(got[0])}, expected {w.shape}")
        if np.size(got[1]) != 1:
            raise Wrong("v is one number for all weights: yours has one for each, and so has axes")
        after, v = np.asarray(got[0], float), number(got[1], "a number, the new v")
        if not np.isfinite(after).all():
            raise Wrong("the new w holds NaN or infinite values")
        way.append(after - w)
        w = after
    return np.array(way)


@exercise(
    "17.2",
    hints=(
        "Which number of an arrow stays as it is when the arrow is turned?",
        "Its length, or its square, np.sum(g**2). Adam's v is a running mean of the squares, one "
        "for each weight, and it begins at 0 (12.6).",
        "v = b * v + (1 - b) * np.sum(g**2); then w minus rate * g / the root of v / (1 - b**t).",
    ),
    answer="exercises.answers_17.round_step",
)
def round_step(answer):
    rng = np.random.default_rng(17)
    for n, rate in ((2, 0.1), (5, 0.03), (3, 2.0)):
        gradients = rng.standard_normal((6, n)) * rng.uniform(0.1, 3, (6, 1))
        way = _walk(answer, gradients, rate)
        along = gradients[0] / np.linalg.norm(gradients[0])
        length = np.linalg.norm(way[0])
        if np.allclose(way[0], rate * along):
            raise Wrong("that goes uphill: the gradient points to where the loss grows")
        if np.isclose(length, rate * np.sqrt(n)) or np.allclose(np.abs(way[0]), rate):
            raise Wrong(
                f"1. The first step of {n} weights is {length / rate:.2f} rates long, not one: "
                "it is the length of the whole arrow that counts, not each weight's part of it"
            )
        if not np.isclose(length, rate, rtol=1e-3):
            raise Wrong(
                f"1. The first step is {length / rate:.3g} rates long, and should be one (v begins "
                "at 0: what does Adam do about that?)"
            )
        if not np.allclose(way[0], -rate * along, rtol=1e-3, atol=1e-3 * rate):
            raise Wrong("1. The first step does not go straight against the gradient")
        if not np.allclose(_walk(answer, 1000 * gradients, rate), way, rtol=1e-3, atol=1e-3 * rate):
            raise Wrong("2. If the loss is a thousand times as large, it takes another way")
        turn = np.linalg.qr(rng.standard_normal((n, n)))[0]
        turned = _walk(answer, gradients @ turn.T, rate)
        if not np.allclose(turned, way @ turn.T, rtol=1e-3, atol=1e-3 * rate):
            raise Wrong("3. In a turned valley it takes another way: it divides along the axes")
        even = np.repeat(gradients[:1], 60, axis=0)
        even[50:] /= 10
        lengths = np.linalg.norm(_walk(answer, even, rate), axis=1)
        if lengths[50] > 0.3 * lengths[49]:
            raise Wrong(
                f"4. The gradient becomes ten times smaller, and the step "
                f"{lengths[49] / lengths[50]:.1f} times: it remembers nothing of those before"
            )
        lengths = np.linalg.norm(
            _walk(answer, np.repeat(gradients[:1], 1000, axis=0), rate), axis=1
        )
        if not np.isclose(lengths[-1], rate, rtol=0.05):
            raise Wrong(
                f"5. After a thousand equal gradients a step is {lengths[-1] / rate:.2g} rates "
                "long: a sum only grows, a running mean does not"
            )
    return "It sees lengths, and no axes."


POWERS = {
    "embedding": (0, "what does the sphere do with a vector of twice the length?"),
    "slope": (
        -1,
        "the loss does not change if all weights are c times as large. A change by a hundredth of "
        "the weight then does the same as before, and is c times as large in itself",
    ),
    "sgd": (-2, "the step is rate times slope; and the weight, of which it is a share, has grown"),
    "adam": (-1, "the length of its first step is the rate, whatever the slope. And the weight?"),
}


@exercise(
    "17.3",
    hints=(
        "If f(2 w) = f(w) for every w: how steep is f at 2 w, beside how steep it is at w?",
        "Stretch the axis of w by c, and leave the heights: half as steep for c = 2. Then the "
        "steps: what is each made of, and what is it divided by?",
        '{"embedding": ..., "slope": ..., "sgd": the power of the slope minus 1, "adam": that of '
        "a step that does not depend on the slope, minus 1}.",
    ),
    answer="exercises.answers_17.powers",
)
def powers(answer):
    got = answer()
    if not isinstance(got, dict) or set(got) != set(POWERS):
        raise Wrong(f"return a dictionary with the keys {', '.join(map(repr, POWERS))}")
    values = {key: number(got[key], f"a number, the power for {key!r}") for key in POWERS}
    wrong = [key for key, (right, _) in POWERS.items() if values[key] != right]
    if wrong:
        raise Wrong(f"wrong powers: {len(wrong)} of 4. {wrong[0]!r}: {POWERS[wrong[0]][1]}")
    return "Half the weights are twice the rate to Adam, and four times the rate to SGD."


FOUND = {
    "a": (True, "uphill the loss grows, be it of five photos or of five million"),
    "b": (
        False,
        "Adam sums up the slopes then, like a velocity that never tires; it goes downhill all the "
        "same, and here the loss is 0 before it matters",
    ),
    "c": (
        False,
        "five photos can be learnt by heart whatever their names: which test knows names?",
    ),
    "d": (True, "what are the differences of two photos if all of their pixels are nearly -1?"),
    "e": (True, "forty steps of a thousandth are worth a twenty-fifth of a step"),
    "f": (False, "how many weights are left without conv1, and how many photos are to be learnt?"),
    "g": (False, "the slope of conv1 and conv2 is wrong then, that of the linear layer is right"),
}


@exercise(
    "17.4",
    hints=(
        "Which of these faults keep the loss from falling, and which change what is learnt?",
        "Run learn_by_heart with one letter after the other, and look at the last loss.",
        'return {"a", ...}, with the letters for which learn_by_heart(...)[-1] > 0.',
    ),
    answer="exercises.answers_17.found",
)
def found(answer):
    got = answer()
    if isinstance(got, str) or not isinstance(got, set | frozenset | list | tuple):
        raise Wrong('return a set of letters, such as {"a", "b"}')
    strange = sorted(map(str, set(got) - set(FOUND)))
    if strange:
        raise Wrong(f"there is no fault {strange[0]!r}: they are {', '.join(FOUND)}")
    wrong = [key for key, (right, _) in FOUND.items() if (key in got) != right]
    if wrong:
        raise Wrong(f"wrong about {len(wrong)} of 7. {wrong[0]!r}: {FOUND[wrong[0]][1]}")
    return "It finds what keeps a network from learning, and not what teaches it something else."
