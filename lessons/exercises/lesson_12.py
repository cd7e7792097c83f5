"""Lesson 12: the numbers that tell how a training is doing, the first weights, and the steps."""

import numpy as np

from .core import Wrong, exercise, expect
from .diagnosed_logs import cases
from .received import numbers


def _batch(seed, photos):
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(np.arange(len(photos)), photos))
    points = rng.standard_normal((len(labels), 6))
    return np.square(points[:, None] - points).sum(axis=2), labels


@exercise(
    "12.1",
    hints=(
        "Which pairs are positives, and which of them are no pairs at all?",
        "same = labels[:, None] == labels is an (N, N) mask, but it holds the diagonal, too.",
        "Three means: distances[same & off].mean(), that of ~same, and that of off, with off = "
        "~np.eye(n, dtype=bool).",
    ),
    answer="exercises.answers_12.batch_health",
)
def batch_health(answer):
    for seed, photos in enumerate([(3, 3), (2, 4, 1, 3), (5, 5, 5, 1)]):
        distances, labels = _batch(seed, photos)
        n, same = len(labels), labels[:, None] == labels
        off = ~np.eye(n, dtype=bool)
        expected = distances[same & off].mean(), distances[~same].mean(), distances[off].mean()
        got = answer(distances.copy(), labels.copy())
        got = numbers(got, "three numbers: positives, negatives, spread", 3)
        if np.isclose(got[0], distances[same].mean()):
            raise Wrong("the distance to positives counts each photo's 0 to itself: too small")
        if np.isclose(got[2], distances.mean()):
            raise Wrong("the spread counts the diagonal, N zeros: too small")
        if np.allclose(got[:2], expected[1::-1]):
            raise Wrong("positives and negatives have changed places")
        names = ("the distance to positives", "the distance to negatives", "the spread")
        for name, own, right in zip(names, got, expected, strict=True):
            expect(name, own, right)
    return "And the spread is no mean of the other two: there are far more negatives."


@exercise(
    "12.2",
    hints=(
        "In which order do you ask the four questions, and about how many steps?",
        "last = records[-10:] and first = records[:10]; every question is about these two lists.",
        "all(record.spread < 0.01 for record in last) is the first one; the last word needs no "
        "question.",
    ),
    answer="exercises.answers_12.diagnose",
)
def diagnose(answer):
    words = ("collapsed", "solved", "asleep", "learning")
    for special, log, right in cases():
        got = answer(list(log))
        if not isinstance(got, str) or got not in words:
            raise Wrong(f"you say {got!r} of {special}: the words are {', '.join(words)}")
        if got != right:
            last = log[-1]
            raise Wrong(
                f"you say {got!r} of {special}, and it is {right!r} (its last step: loss "
                f"{last.loss:.2g}, {last.triplets} triplets, {last.active:.0%} active, spread "
                f"{last.spread:.3g}; its first spread: {log[0].spread:.3g})"
            )
    return "A: learning. B: collapsed. C: solved. D: asleep."


@exercise(
    "12.3",
    hints=(
        "What is the variance of a sum of k independent products, if each has the variance v?",
        "One output adds up all axes of shape but the last one: k = np.prod(shape[:-1]) products. "
        "A ReLU then throws away the lower half, and with it half of the mean square.",
        "rng.normal(0, deviation, shape): the deviation is the root of the variance that keeps "
        "the mean square as it was.",
    ),
    answer="exercises.answers_12.first_weights",
)
def first_weights(answer):
    for shape in ((3, 3, 40, 30), (300, 80), (5, 5, 16, 64)):
        inputs, outputs = int(np.prod(shape[:-1])), shape[-1]
        got = answer(shape, np.random.default_rng(12))
        if np.shape(got) != shape:
            raise Wrong(f"the weights of shape {shape} have the shape {np.shape(got)} in yours")
        got, right = np.asarray(got, float), np.sqrt(2 / inputs)
        mean, deviation = got.mean(), got.std()
        told = f"shape {shape}: a deviation of {deviation:.4g}, expected {right:.4g}"
        if np.ptp(got) == 0:
            raise Wrong("all weights are the same: then all outputs are, and stay so for ever")
        if abs(mean) > 0.2 * deviation:
            raise Wrong(f"their mean is {mean:.3g}: some should be negative, the mean is 0")
        typical = {
            2 / inputs: "that is the variance: the deviation is its root",
            np.sqrt(1 / inputs): "a ReLU halves the mean square, so the variance is twice as large",
            np.sqrt(2 / outputs): "you divide by the outputs: an output adds up its inputs",
            np.sqrt(2 / shape[-2]): "you count the channels alone: a window has kh kw of each",
            np.sqrt(2 / shape[0]): "you count the first axis alone: all axes but the last one",
            1.0: "with a variance of 1 the outputs grow with the number of inputs, layer by layer",
        }
        for value, message in typical.items():
            if np.isclose(deviation, value, rtol=0.04) and not np.isclose(value, right, rtol=0.06):
                raise Wrong(f"{told}. {message[0].upper()}{message[1:]}")
        if not np.isclose(deviation, right, rtol=0.06):
            raise Wrong(told)
        if not np.array_equal(got, answer(shape, np.random.default_rng(12))):
            raise Wrong("the same seed gives other weights: draw from rng, and from nothing else")
        if np.array_equal(got, answer(shape, np.random.default_rng(13))):
            raise Wrong("another seed gives the same weights: draw from rng")
    return "He and others found it in 2015, the year of FaceNet; the library does the same."


def _steps(seed, slots):
    """A few weights and gradients, and states that are nowhere 0."""
    rng = np.random.default_rng(seed)
    for shape in ((4,), (2, 3), (3, 3, 1, 2)):
        w, g = rng.standard_normal((2, *shape))
        g.flat[0] = 0
        yield w, g, rng.uniform(0.2, 1, (slots, *shape)), rng.uniform(0.01, 0.3)


def _judge(answer, inputs, right, typical):
    """Compare one step: `typical` has wrong results, whole tuples, with what is wrong about them.

    Only the changes of the weights are compared with those, and the state where it is given.
    """
    arrays = [array.copy() if isinstance(array, np.ndarray) else array for array in inputs]
    got = answer(*arrays)
    for array, before in zip(arrays, inputs, strict=True):
        if isinstance(array, np.ndarray) and not np.array_equal(array, before):
            raise Wrong("your function changes what it is given: return new arrays")
    names = ("w", "state", "second state")[: len(right)]
    if not isinstance(got, tuple | list) or len(got) != len(right):
        raise Wrong(f"return {len(right)} arrays: the new w, and the new state")
    for wrong, message in typical:
        if not _equal(wrong, right) and _equal(got, wrong):
            raise Wrong(message)
    for name, own, expected in zip(names, got, right, strict=True):
        expect(f"the new {name}", own, expected, 1e-10)


def _equal(some, others):
    """Whether two results agree, as far as the shorter one goes."""
    return all(
        np.shape(one) == np.shape(other) and np.allclose(one, other, rtol=1e-10, atol=0)
        for one, other in zip(some, others, strict=False)
    )


@exercise(
    "12.4",
    hints=(
        "How much of the last velocity is still there after this step, and what is added to it?",
        "Two lines: the velocity first, then the weights. Downhill is against the gradient.",
        "v = momentum * v + ...; then w minus rate times the new v. Return both.",
    ),
    answer="minifacenet.nn.optim.sgd_step",
)
def sgd(answer):
    for w, g, (v,), rate in _steps(124, 1):
        new = 0.8 * v + g
        typical = [
            ((w + rate * new,), "that goes uphill: the gradient points to where the loss grows"),
            ((w - rate * g,), "no momentum: the step is the gradient alone"),
            ((w - rate * v,), "you step with the old velocity: take the gradient in first"),
            (
                (w - rate * (0.8 * v + 0.2 * g),),
                "you average: the gradient comes in whole, so that a steady one adds up to five",
            ),
            ((w - rate * (0.8 * new + g),), "that is Nesterov's look ahead: one step less"),
            ((w - rate * new, v), "the velocity that you return is the old one"),
        ]
        _judge(answer, (w, g, v, rate, 0.8), (w - rate * new, new), typical)
    return "A steady gradient is worth 1 / (1 - momentum) steps, a trembling one nearly nothing."


@exercise(
    "12.5",
    hints=(
        "Which weights should be careful: those that had large gradients, or those that had small?",
        "The state is the sum of all squared gradients so far, this one among them. Its root has "
        "the size of a gradient.",
        "a = a + g**2; then w minus rate * g over (the root of the new a, plus eps).",
    ),
    answer="minifacenet.nn.optim.adagrad_step",
)
def adagrad(answer):
    eps = 0.05  # large, so that its place shows
    for w, g, (a,), rate in _steps(125, 1):
        new = a + g**2
        typical = [
            ((w + rate * g / (np.sqrt(new) + eps),), "that goes uphill: the sign is wrong"),
            ((w - rate * g / (new + eps),), "you divide by the sum itself: take its root"),
            (
                (w - rate * g / (np.sqrt(a) + eps),),
                "this gradient is not in the sum yet: a first, large one would not be tamed",
            ),
            ((w - rate * g / np.sqrt(new + eps),), "eps stands beside the root, not within it"),
            ((w - rate * g / np.sqrt(new),), "eps is missing: where a is 0 you divide 0 by 0"),
            ((w - rate * g / (np.sqrt(a + np.abs(g)) + eps),), "add up the squares of g"),
            (
                (w - rate * g / (np.sqrt(0.9 * a + 0.1 * g**2) + eps),),
                "nothing is forgotten here: the sum only grows (that is RMSProp)",
            ),
            ((w - rate * g / (np.sqrt(new) + eps), a), "the sum that you return is the old one"),
        ]
        right = w - rate * g / (np.sqrt(new) + eps), new
        _judge(answer, (w, g, a, rate, eps), right, typical)
    return "The paper trains with it. A sum that only grows lets the steps fade away."


@exercise(
    "12.6",
    hints=(
        "Both means start at 0. Of what size is m after the first gradient, with b1 = 0.9?",
        "m keeps the share b1 of itself and takes the rest from g, v the share b2 and the rest "
        "from g**2. After t steps the weights in such a mean add up to 1 - b1**t only.",
        "m, v as above; w minus rate * (m / (1 - b1**t)) / (sqrt(v / (1 - b2**t)) + eps). Return "
        "m and v as they are, without that division.",
    ),
    answer="minifacenet.nn.optim.adam_step",
)
def adam(answer):
    b1, b2, eps = 0.8, 0.95, 0.05
    for t, (w, g, (m, v), rate) in enumerate(_steps(126, 2), start=1):
        if t == 1:  # as it begins
            m, v = np.zeros_like(m), np.zeros_like(v)
        m1, v1 = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2
        c1, c2 = 1 - b1**t, 1 - b2**t

        def after(mean, square, rate=rate, w=w):
            return w - rate * mean / (np.sqrt(square) + eps)

        right = after(m1 / c1, v1 / c2), m1, v1
        early = 1 - b1 ** (t - 1), 1 - b2 ** (t - 1)
        linear = b2 * v + (1 - b2) * np.abs(g)
        typical = [
            ((after(m1 / c1, v1 / c2, -rate),), "that goes uphill: the sign is wrong"),
            (
                (after(m1, v1),),
                "both means begin at 0 and are too small at first: divide by 1 - b^t",
            ),
            ((after(m1 / c1, v1),), "v is too small at first, too: divide it by 1 - b2^t"),
            ((after(m1 / c1, linear / c2),), "v is the mean of the squares: square g"),
            ((w - rate * (m1 / c1) / (v1 / c2 + eps),), "you divide by v itself: take its root"),
            ((w - rate * (m1 / c1) / np.sqrt(v1 / c2 + eps),), "eps stands beside the root"),
            ((after(g, v1 / c2),), "the step takes the mean m, not this gradient alone"),
            ((right[0], m1 / c1), "return m as it is: its correction is for this step alone"),
        ]
        if t > 1:
            counted = after(m1 / early[0], v1 / early[1])
            typical.append(((counted,), "t counts this step, too: the first one has t = 1"))
        _judge(answer, (w, g, m, v, t, rate, b1, b2, eps), right, typical)
    return "The first step has the length of the rate in every weight, whatever the gradient."
