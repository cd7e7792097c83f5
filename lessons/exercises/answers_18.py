"""Worked answers to lesson 18."""

import numpy as np


def batchnorm_gradients(dout, x, gamma, eps):
    axes = tuple(range(x.ndim - 1))
    deviation = np.sqrt(x.var(axis=axes) + eps)
    z = (x - x.mean(axis=axes)) / deviation
    # what goes through the mean, and what goes through the variance: no shift of all x, and no
    # stretch, changes any y, so dx has no part along 1 and none along z
    shift, stretch = dout.mean(axis=axes), (dout * z).mean(axis=axes)
    dx = gamma / deviation * (dout - shift - z * stretch)
    return dx, (dout * z).sum(axis=axes), dout.sum(axis=axes)


def folded(w, b, gamma, beta, mean, variance, eps):
    scale = gamma / np.sqrt(variance + eps)  # per output channel, the last axis of w
    return w * scale, (b - mean) * scale + beta


def inception_cost(side, channels, row, stride):
    one, reduce3, three, reduce5, five, pool = row
    small = side // stride
    parts = [  # kernel, channels that it reads, filters, side of its output
        (1, channels, one, side),
        (1, channels, reduce3, side),  # the reduction runs before the stride
        (3, reduce3, three, small),
        (1, channels, reduce5, side),
        (5, reduce5, five, small),
        (1, channels, pool, small),
    ]
    parameters = work = 0
    for kernel, reads, filters, places in parts:
        weights = (kernel**2 * reads + 1) * filters
        parameters += weights
        work += weights * places**2
    return parameters, work, one + three + five + (pool or channels)
