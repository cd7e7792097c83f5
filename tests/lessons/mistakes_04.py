"""Typical wrong answers to lesson 04, with words that the check should say."""

import numpy as np

from minifacenet.nn.lrn import _neighbours, lrn_forward


def around_the_clock(v, n):
    return sum(np.roll(v, shift, axis=-1) for shift in range(-(n // 2), n // 2 + 1))


def half_open(v, n):
    half = n // 2
    return np.stack(
        [v[..., max(0, c - half) : c + half].sum(axis=-1) for c in range(v.shape[-1])], axis=-1
    )


def negative_start(v, n):
    half = n // 2
    return np.stack(
        [v[..., c - half : c + half + 1].sum(axis=-1) for c in range(v.shape[-1])], axis=-1
    )


def without_itself(v, n):
    return _neighbours(v, n) - v


def squared(v, n):
    return _neighbours(v**2, n)


def fewer_channels(v, n):
    half = n // 2
    return np.stack(
        [v[..., c - half : c + half + 1].sum(-1) for c in range(half, v.shape[-1] - half)], axis=-1
    )


def first_axis(v, n):
    half = n // 2
    return np.stack([v[..., max(0, c - half) : c + half + 1].sum(-1) for c in range(v.shape[-1])])


def middle_axis(v, n):
    out = np.zeros_like(v)
    for c in range(v.shape[1]):
        out[:, c] = v[:, max(0, c - n // 2) : c + n // 2 + 1].sum(axis=1)
    return out


def in_place(v, n):
    v[:] = _neighbours(v, n)


def _parts(dout, x, n, alpha, beta, k):
    y, (_, s, *_) = lrn_forward(x, n, alpha, beta, k)
    return y, s, dout * s**-beta, 2 * alpha * beta / n


def direct_path(dout, x, n, alpha, beta, k):
    return _parts(dout, x, n, alpha, beta, k)[2]


def plus(dout, x, n, alpha, beta, k):
    y, s, direct, factor = _parts(dout, x, n, alpha, beta, k)
    return direct + factor * x * _neighbours(dout * y / s, n)


def without_the_two(dout, x, n, alpha, beta, k):
    y, s, direct, factor = _parts(dout, x, n, alpha, beta, k)
    return direct - factor / 2 * x * _neighbours(dout * y / s, n)


def alpha_not_divided(dout, x, n, alpha, beta, k):
    y, s, direct, factor = _parts(dout, x, n, alpha, beta, k)
    return direct - factor * n * x * _neighbours(dout * y / s, n)


def itself_alone(dout, x, n, alpha, beta, k):
    y, s, direct, factor = _parts(dout, x, n, alpha, beta, k)
    return direct - factor * x * dout * y / s


def dout_outside(dout, x, n, alpha, beta, k):
    y, s, direct, factor = _parts(dout, x, n, alpha, beta, k)
    return direct - factor * x * dout * _neighbours(y / s, n)


def neighbours_x(dout, x, n, alpha, beta, k):
    y, s, direct, factor = _parts(dout, x, n, alpha, beta, k)
    return direct - factor * _neighbours(x * dout * y / s, n)


def x_for_y(dout, x, n, alpha, beta, k):
    _, s, direct, factor = _parts(dout, x, n, alpha, beta, k)
    return direct - factor * x * _neighbours(dout * x / s, n)


def paper_constants(dout, x, n, alpha, beta, k):
    y, s, direct, factor = _parts(dout, x, n, alpha, 0.75, 1.0)
    return direct - factor * x * _neighbours(dout * y / s, n)


MISTAKES = {
    "04.1": {
        around_the_clock: "wraps around",
        half_open: "ends before b",
        negative_start: "counts from the end",
        without_itself: "own value",
        squared: "squares are taken before",
        fewer_channels: "has shape (2, 3, 3), expected (2, 3, 7)",
        first_axis: "channels belong on the last axis",
        middle_axis: "another axis",
        in_place: "is None",
    },
    "04.2": {
        direct_path: "direct path",
        plus: "wrong sign",
        without_the_two: "factor 2",
        alpha_not_divided: "divided by n",
        itself_alone: "not y[c] alone",
        dout_outside: "dout belongs into the sum",
        neighbours_x: "in front of the sum",
        x_for_y: "needs y, not x",
        paper_constants: "the beta and k that come in",
    },
}
