"""Lesson 18: a batch norm backward, and folded away; what a row of inceptions costs."""

import numpy as np

from .core import Wrong, exercise, expect
from .received import numbers


@exercise(
    "18.1",
    hints=(
        "Which two changes of all x leave every y as it is, and what does that say about dx?",
        "z is (x - mu) / s. Of s: each x changes v by 2 (x - mu) / m, and z by -z / (2 v) for each "
        "unit of v; sum over all z that hang on it. Of mu: each x changes it by 1 / m.",
        "dx = gamma / s * (dout - its mean - z * the mean of dout * z), with means over all axes "
        "but the last; the other two are sums.",
    ),
    answer="exercises.answers_18.batchnorm_gradients",
)
def batchnorm_gradients(answer):
    rng = np.random.default_rng(18)
    for shape, eps in (((6, 3), 1e-5), ((2, 3, 4, 5), 1e-5), ((9, 2), 0.5)):
        dout = rng.standard_normal(shape) + rng.uniform(0.5, 1)
        gamma = rng.uniform(0.5, 2, shape[-1])
        x = rng.uniform(0.3, 3, shape[-1]) * rng.standard_normal(shape) + rng.standard_normal()
        rest = tuple(range(len(shape) - 1))
        s, m = np.sqrt(x.var(axis=rest) + eps), x[..., 0].size
        z = (x - x.mean(axis=rest)) / s
        shift, stretch = dout.mean(axis=rest), (dout * z).mean(axis=rest)
        dx = gamma / s * (dout - shift - z * stretch)
        along, total = (dout * z).sum(axis=rest), dout.sum(axis=rest)
        got = answer(dout.copy(), x.copy(), gamma.copy(), eps)
        if not isinstance(got, tuple | list) or len(got) != 3:
            raise Wrong("return three arrays: dx, dgamma, dbeta")
        typical = [
            (gamma / s * dout, "mu and v are no constants: each x moves them, and with them all z"),
            (gamma / s * (dout - shift), "what goes through v is missing: a stretch of all x"),
            (gamma / s * (dout - z * stretch), "what goes through mu is missing: a shift of all x"),
            (dx / gamma, "gamma is missing"),
            (dx / s, "you divide by v: it is its root, the deviation"),
            (
                gamma / s * (dout - m * shift - z * m * stretch),
                "sums in place of means: each x is only one of m in mu and v",
            ),
            (
                gamma / s * (dout - shift - z * m / (m - 1) * stretch),
                "v is the mean of m squares here: not m - 1",
            ),
            (
                gamma / s * (dout - shift - 2 * z * stretch),
                "the last term is twice too large: the root of v takes half of it",
            ),
            (
                gamma / s * (dout - shift + z * stretch),
                "the last term has the wrong sign: a larger v makes z smaller",
            ),
        ]
        for wrong, message in typical:
            if (
                np.shape(got[0]) == shape
                and np.allclose(got[0], wrong)
                and not np.allclose(wrong, dx)
            ):
                raise Wrong(f"dx: {message}")
        for name, own, right, wrong, message in (
            ("dgamma", got[1], along, (dout * x).sum(axis=rest), "gamma multiplies z, not x"),
            ("dbeta", got[2], total, shift, "a sum over all that beta was added to, no mean"),
        ):
            if np.shape(own) == np.shape(wrong) and np.allclose(own, wrong):
                raise Wrong(f"{name}: {message}")
            expect(name, own, right)
        expect(f"dx of shape {shape}", got[0], dx)
    return "No shift of all x, and no stretch, changes any y: dx has no part along either."


@exercise(
    "18.2",
    hints=(
        "A weighted sum, minus a constant, times a constant, plus a constant: what is that again?",
        "Write y = gamma (w x + b - mean) / s + beta for one output channel, and sort it: what "
        "stands before x, and what stands alone?",
        "scale = gamma / sqrt(variance + eps), then w * scale, since the outputs are the last axis "
        "of w; the bias is scaled, too, together with the mean.",
    ),
    answer="exercises.answers_18.folded",
)
def folded(answer):
    rng = np.random.default_rng(182)
    for shape, eps in (((3, 3, 4, 4), 1e-5), ((1, 1, 2, 5), 0.1)):
        w, outputs = rng.standard_normal(shape), shape[-1]
        b, beta, mean = rng.standard_normal((3, outputs))
        gamma, variance = rng.uniform(0.5, 2, (2, outputs))
        g = gamma / np.sqrt(variance + eps)
        given = [values.copy() for values in (w, b, gamma, beta, mean, variance)]
        got = answer(*given, eps)
        if not isinstance(got, tuple | list) or len(got) != 2:
            raise Wrong("return two arrays: the weights and the biases")
        if not all(map(np.array_equal, given, (w, b, gamma, beta, mean, variance))):
            raise Wrong("your function changes what it is given: return new arrays")
        of_weights = [
            (w * gamma / (variance + eps), "divide by the deviation, the root of the variance"),
            (w * gamma, "the deviation is missing"),
            (w / np.sqrt(variance + eps), "gamma is missing"),
            (w, "they are what they were: in front of x stands more than w now"),
        ]
        if shape[2] == outputs:
            by_inputs = w * g[:, None]
            of_weights.append((by_inputs, "the scale belongs to the outputs, the last axis"))
        of_biases = [
            (b * g + beta, "the mean is missing"),
            (b + beta - mean * g, "the old bias is scaled, too: it came before the batch norm"),
            (b - mean * g + beta, "the old bias is scaled, too"),
            ((b + mean) * g + beta, "the mean is subtracted"),
            (beta - mean * g, "the old bias is missing"),
            ((b - mean) * g, "beta is missing"),
            ((b - mean + beta) * g, "beta comes last: nothing scales it"),
        ]
        for name, own, right, typical in (
            ("weights", got[0], w * g, of_weights),
            ("biases", got[1], (b - mean) * g + beta, of_biases),
        ):
            for wrong, message in typical:
                if np.shape(own) == np.shape(wrong) and np.allclose(own, wrong):
                    raise Wrong(f"the {name}: {message}")
            expect(name, own, right)
    return "Two layers for the price of one."


def _cost(side, channels, row, stride, bias=1, reduced=True, late=False, passed=True, pool_at=None):
    """The cost of a row; each option is a way to get it wrong."""
    one, reduce3, three, reduce5, five, pool = row
    small = side // stride
    parts = [
        (1, channels, one, side),
        (3, reduce3 if reduced else channels, three, small),
        (5, reduce5 if reduced else channels, five, small),
        (1, channels, pool, small),
    ]
    if reduced:
        parts += [(1, channels, n, small if late else side) for n in (reduce3, reduce5)]
    parameters = sum((k * k * reads + bias) * n for k, reads, n, _ in parts)
    work = sum((k * k * reads + bias) * n * places**2 for k, reads, n, places in parts)
    return parameters, work, one + three + five + (pool or (channels if passed else 0))


@exercise(
    "18.3",
    hints=(
        "Which convolutions are there, what does each of them read, and at how many places?",
        "Six at most. A filter of k x k that reads c channels has k * k * c weights and a bias; "
        "each is used once at every place of its output. The reductions have the input's side.",
        "Loop over (kernel, channels read, filters, side of the output), and add up (k*k*c + 1) * "
        "filters, and that times side**2. Channels: those of 1x1, 3x3, 5x5 and the pool.",
    ),
    answer="exercises.answers_18.inception_cost",
)
def inception_cost(answer):
    cases = (
        (28, 192, (64, 96, 128, 16, 32, 32), 1),
        (28, 320, (0, 128, 256, 32, 64, 0), 2),
        (14, 50, (10, 7, 9, 3, 5, 4), 1),
        (8, 20, (0, 6, 8, 2, 4, 0), 2),
    )
    for side, channels, row, stride in cases:
        got = numbers(
            answer(side, channels, row, stride),
            "three numbers: parameters, multiply-adds, output channels", 3,
        )  # fmt: skip
        right = _cost(side, channels, row, stride)
        of = f"of {side}x{side}x{channels} through {row} with stride {stride}"
        without = _cost(side, channels, row, stride, bias=0)
        direct = _cost(side, channels, row, stride, reduced=False)
        late = _cost(side, channels, row, stride, late=True)
        typical = [
            (0, without[0], "the biases are missing: one for each filter, of the reductions, too"),
            (0, direct[0], "the larger filters read what the reduction leaves, not all channels"),
            (1, without[1], "the biases are missing: the paper counts their additions"),
            (1, late[1], "the reductions run before the stride, at all places of the input"),
            (1, right[0] * side**2, "with a stride the 3x3 and the 5x5 have fewer places"),
            (
                2,
                right[2] - channels,
                "the pool's channels go on as they are if nothing projects them",
            ),
            (2, sum(row), "the reductions are read by the next filters, and are no outputs"),
        ]
        for index, wrong, message in typical:
            if got[index] == wrong != right[index]:
                raise Wrong(f"{of}: {message}")
        for name, own, expected in zip(
            ("the parameters", "the multiply-adds", "the output channels"), got, right, strict=True
        ):
            if own != expected:
                raise Wrong(f"{name} {of} are {own:,.0f} in yours, expected {expected:,}")
    return "With it all of Table 2 can be counted."
