"""Worked answers to lesson 19 that the library has no function for."""

import numpy as np


def most_it_can_move(distance, dim, scale):
    e = np.sqrt(dim) / scale  # half a step of each entry, of two vectors
    return 2 * np.sqrt(distance) * e + e**2


def guaranteed_bits(most, dim, largest):
    bits = 2
    while most_it_can_move(4, dim, (2 ** (bits - 1) - 1) / largest) > most:
        bits += 1
    return bits


def whole_distances(a, b):
    # A distance is up to 4 * 127^2 * D: 32 bits end at 33,286 dimensions, 64 bits are enough.
    a, b = a.astype(np.int64), b.astype(np.int64)
    return np.square(a).sum(axis=1)[:, None] + np.square(b).sum(axis=1) - 2 * a @ b.T
