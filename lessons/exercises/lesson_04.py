"""Lesson 04: local response normalisation and its backward."""

import numpy as np

from minifacenet.nn.lrn import lrn_backward, lrn_forward

from .core import Wrong, exercise, expect


def _close(got, value):
    return np.shape(got) == np.shape(value) and np.allclose(got, value, rtol=1e-7, atol=1e-12)


def _sums(v, n):
    """By the definition, channel by channel."""
    out = np.zeros_like(v)
    for c in range(v.shape[-1]):
        for other in range(max(0, c - n // 2), min(v.shape[-1], c + n // 2 + 1)):
            out[..., c] += v[..., other]
    return out


@exercise(
    "04.1",
    hints=(
        "Which channels are the neighbours of channel 0, and which of the last one?",
        "Channel c sums v[..., low:high] with low = c - n // 2 and high = c + n // 2 + 1. What "
        "does Python make of v[..., -2:3]?",
        "A list of sums, one per channel, with max(0, low), put together by np.stack(sums, "
        "axis=-1).",
    ),
    answer="minifacenet.nn.lrn._neighbours",
)
def neighbour_sums(answer):
    v = np.random.default_rng(4).standard_normal((2, 3, 7))
    right = _sums(v, 5)
    got = answer(v.copy(), 5)
    half_open = np.stack([v[..., max(0, c - 2) : c + 2].sum(-1) for c in range(7)], -1)
    negative = np.stack([v[..., c - 2 : c + 3].sum(-1) for c in range(7)], -1)
    others = {
        "channels 0 and 6 are neighbours in yours: nothing wraps around, the ends have fewer": sum(
            np.roll(v, shift, axis=-1) for shift in range(-2, 3)
        ),
        "the last neighbour is missing: v[..., a:b] ends before b": half_open,
        "the first channels come out wrong: a negative start counts from the end, so cut it at 0": (
            negative
        ),
        "that is the mean: the formula has the sum (alpha is divided by n, not the sum)": right / 5,
        "you sum over another axis: the channels are the last one, v[..., c]": np.moveaxis(
            _sums(np.moveaxis(v, 1, -1), 5), -1, 1
        ),
        "that sums squares: squares are taken before this is called": _sums(v**2, 5),
        "you leave a channel's own value out: it belongs to its neighbourhood": right - v,
    }
    for message, value in others.items():
        if _close(got, value):
            raise Wrong(message)
    if np.shape(got) == (7, 2, 3):
        raise Wrong("the channels belong on the last axis: np.stack(..., axis=-1)")
    expect("your result for an array (2, 3, 7) with n=5", got, right)
    for shape, n in (((6,), 1), ((6,), 3), ((3, 2), 5), ((1, 1), 3), ((2, 1, 2, 9), 7)):
        v = np.random.default_rng(n).standard_normal(shape)
        expect(f"your result for an array {shape} with n={n}", answer(v.copy(), n), _sums(v, n))
    return "Also where the neighbourhood is wider than all channels."


@exercise(
    "04.2",
    hints=(
        "The input x_c reaches y_j on two ways: which?",
        "One way is direct, through the factor x_c of y_c; the other is through s_j of every "
        "neighbour j. Add up both.",
        "Three lines: s as in the forward; y = x * s**-beta; then dout * s**-beta minus (2 alpha "
        "beta / n) * x * the neighbour sums of dout * y / s.",
    ),
    answer="exercises.answers_04.lrn_gradient",
)
def lrn_gradient(answer):
    rng = np.random.default_rng(5)
    x, dout = rng.standard_normal((2, 3, 4, 8))
    n, alpha, beta, k = 5, 3.0, 0.6, 1.5
    y, (_, s, *_) = lrn_forward(x, n, alpha, beta, k)
    direct, factor = dout * s**-beta, 2 * alpha * beta / n
    shares = dout * y / s
    right = direct - factor * x * _sums(shares, n)
    got = answer(dout.copy(), x.copy(), n, alpha, beta, k)
    others = {
        "only the direct path is there: x[c] also enters s, its own and its neighbours'": direct,
        "the sum has the wrong sign: a larger x makes s larger and y smaller": 2 * direct - right,
        "the factor 2 of the square is missing": direct - factor / 2 * x * _sums(shares, n),
        "alpha has to be divided by n, as in the forward": (
            direct - factor * n * x * _sums(shares, n)
        ),
        "x[c] enters the outputs of its neighbours too, not y[c] alone: sum over them": (
            direct - factor * x * shares
        ),
        "dout belongs into the sum: each neighbour j brings its own dout[j]": (
            direct - factor * x * dout * _sums(y / s, n)
        ),
        "x stands in front of the sum: it is the x[c] by which you derive, not the x[j] of the "
        "neighbour": direct - factor * _sums(x * shares, n),
        "the sum needs y, not x: s^(-beta-1) is s^(-beta) / s, and x s^(-beta) is y": (
            direct - factor * x * _sums(dout * x / s, n)
        ),
        "yours uses 0.75 and 1: take the beta and k that come in": lrn_backward(
            dout, lrn_forward(x, n, alpha, 0.75, 1.0)[1]
        ),
    }
    for message, value in others.items():
        if _close(got, value):
            raise Wrong(message)
    expect("dx of a (3, 4, 8) input with n=5, alpha=3, beta=0.6, k=1.5", got, right)
    for shape, n in (((7,), 3), ((2, 2), 5), ((2, 5), 1)):
        x, dout = rng.standard_normal((2, *shape))
        _, cache = lrn_forward(x, n, 2.0, 0.75, 1.0)
        got = answer(dout.copy(), x.copy(), n, 2.0, 0.75, 1.0)
        expect(f"dx of a {shape} input with n={n}", got, lrn_backward(dout, cache))
    return "You have derived a layer by hand, the hardest one of Table 1."
