"""Worked answers to lesson 12 that the library has no function for."""

import numpy as np


def batch_health(distances, labels):
    same = labels[:, None] == labels[None]
    other = ~np.eye(len(labels), dtype=bool)
    return distances[same & other].mean(), distances[~same].mean(), distances[other].mean()


def diagnose(records):
    first, last = records[:10], records[-10:]
    if all(record.spread < 0.01 for record in last):
        return "collapsed"
    if all(record.triplets == 0 for record in last):
        return "solved"
    active = np.mean([record.active for record in last])
    now, then = (np.mean([record.spread for record in part]) for part in (last, first))
    return "asleep" if active >= 0.95 and abs(now / then - 1) <= 0.5 else "learning"


def first_weights(shape, rng):
    inputs = np.prod(shape[:-1])  # all axes but the outputs: what one output adds up
    return rng.normal(0, np.sqrt(2 / inputs), shape)
