"""Typical wrong answers to lesson 18, with words that the check should say."""

import numpy as np
from exercises.answers_18 import batchnorm_gradients, folded, inception_cost


def _parts(dout, x, eps):
    rest = tuple(range(x.ndim - 1))
    s = np.sqrt(x.var(axis=rest) + eps)
    return (x - x.mean(axis=rest)) / s, s, rest


def constants(dout, x, gamma, eps):
    _, s, _ = _parts(dout, x, eps)
    return gamma / s * dout, *batchnorm_gradients(dout, x, gamma, eps)[1:]


def mean_alone(dout, x, gamma, eps):
    _, s, rest = _parts(dout, x, eps)
    dx = gamma / s * (dout - dout.mean(axis=rest))
    return dx, *batchnorm_gradients(dout, x, gamma, eps)[1:]


def variance_alone(dout, x, gamma, eps):
    z, s, rest = _parts(dout, x, eps)
    dx = gamma / s * (dout - z * (dout * z).mean(axis=rest))
    return dx, *batchnorm_gradients(dout, x, gamma, eps)[1:]


def wrong_sign(dout, x, gamma, eps):
    z, s, rest = _parts(dout, x, eps)
    dx = gamma / s * (dout - dout.mean(axis=rest) + z * (dout * z).mean(axis=rest))
    return dx, *batchnorm_gradients(dout, x, gamma, eps)[1:]


def without_gamma(dout, x, gamma, eps):
    return batchnorm_gradients(dout, x, np.ones_like(gamma), eps)


def over_photos_alone(dout, x, gamma, eps):
    s = np.sqrt(x.var(axis=0) + eps)
    z = (x - x.mean(axis=0)) / s
    dx = gamma / s * (dout - dout.mean(axis=0) - z * (dout * z).mean(axis=0))
    return dx, (dout * z).sum(axis=0), dout.sum(axis=0)


def gamma_of_x(dout, x, gamma, eps):
    dx, _, dbeta = batchnorm_gradients(dout, x, gamma, eps)
    return dx, (dout * x).sum(axis=tuple(range(x.ndim - 1))), dbeta


def beta_as_mean(dout, x, gamma, eps):
    dx, dgamma, _ = batchnorm_gradients(dout, x, gamma, eps)
    return dx, dgamma, dout.mean(axis=tuple(range(x.ndim - 1)))


def without_eps(dout, x, gamma, eps):
    return batchnorm_gradients(dout, x, gamma, 0.0)


def dx_alone(dout, x, gamma, eps):
    return batchnorm_gradients(dout, x, gamma, eps)[0]


def mean_forgotten(w, b, gamma, beta, mean, variance, eps):
    return folded(w, b, gamma, beta, 0 * mean, variance, eps)


def bias_not_scaled(w, b, gamma, beta, mean, variance, eps):
    scale = gamma / np.sqrt(variance + eps)
    return w * scale, b - mean * scale + beta


def bias_dropped(w, b, gamma, beta, mean, variance, eps):
    return folded(w, 0 * b, gamma, beta, mean, variance, eps)


def beta_scaled(w, b, gamma, beta, mean, variance, eps):
    scale = gamma / np.sqrt(variance + eps)
    return w * scale, (b - mean + beta) * scale


def by_the_variance(w, b, gamma, beta, mean, variance, eps):
    scale = gamma / (variance + eps)
    return w * scale, (b - mean) * scale + beta


def by_the_inputs(w, b, gamma, beta, mean, variance, eps):
    scale = gamma / np.sqrt(variance + eps)
    return w * scale[: w.shape[2], None], (b - mean) * scale + beta


def in_place(w, b, gamma, beta, mean, variance, eps):
    w *= gamma / np.sqrt(variance + eps)
    return w, folded(w, b, gamma, beta, mean, variance, eps)[1]


def _counted(side, channels, row, stride, bias=1, early=True):
    one, reduce3, three, reduce5, five, pool = row
    small = side // stride
    first = side if early else small
    parts = [
        (1, channels, one, side), (1, channels, reduce3, first), (3, reduce3, three, small),
        (1, channels, reduce5, first), (5, reduce5, five, small), (1, channels, pool, small),
    ]  # fmt: skip
    weights = [(k * k * c + bias) * n for k, c, n, _ in parts]
    work = sum(w * places**2 for w, (*_, places) in zip(weights, parts, strict=True))
    return sum(weights), work, one + three + five + (pool or channels)


def no_biases(side, channels, row, stride):
    return _counted(side, channels, row, stride, bias=0)


def no_biases_in_the_work(side, channels, row, stride):
    parameters, _, outputs = inception_cost(side, channels, row, stride)
    return parameters, _counted(side, channels, row, stride, bias=0)[1], outputs


def reduced_late(side, channels, row, stride):
    return _counted(side, channels, row, stride, early=False)


def no_reduction(side, channels, row, stride):
    one, _, three, _, five, pool = row
    weights = (channels + 1) * (one + pool)
    weights += (9 * channels + 1) * three + (25 * channels + 1) * five
    return weights, weights * side**2, one + three + five + (pool or channels)


def stride_forgotten(side, channels, row, stride):
    parameters, _, outputs = inception_cost(side, channels, row, stride)
    return parameters, parameters * side**2, outputs


def pool_forgotten(side, channels, row, stride):
    one, _, three, _, five, pool = row
    return *inception_cost(side, channels, row, stride)[:2], one + three + five + pool


def all_six(side, channels, row, stride):
    return *inception_cost(side, channels, row, stride)[:2], sum(row)


MISTAKES = {
    "18.1": {
        constants: "no constants",
        mean_alone: "through v is missing",
        variance_alone: "through mu is missing",
        wrong_sign: "wrong sign",
        without_gamma: "gamma is missing",
        over_photos_alone: "dgamma has shape",
        gamma_of_x: "gamma multiplies z",
        beta_as_mean: "no mean",
        without_eps: "expected",
        dx_alone: "three arrays",
    },
    "18.2": {
        mean_forgotten: "the mean is missing",
        bias_not_scaled: "scaled, too",
        bias_dropped: "the old bias is missing",
        beta_scaled: "beta comes last",
        by_the_variance: "root of the variance",
        by_the_inputs: "the last axis",
        in_place: "changes what it is given",
    },
    "18.3": {
        no_biases: "the biases are missing",
        no_biases_in_the_work: "counts their additions",
        reduced_late: "before the stride",
        no_reduction: "what the reduction leaves",
        stride_forgotten: "fewer places",
        pool_forgotten: "go on as they are",
        all_six: "are no outputs",
    },
}
