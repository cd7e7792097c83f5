"""Worked answers to lesson 17."""

import numpy as np


def best_rate(steepness):
    gentlest, steepest = steepness.min(), steepness.max()
    # 1 - rate s of the gentlest and of the steepest are of one size, and of opposite signs
    return 2 / (gentlest + steepest), (steepest - gentlest) / (steepest + gentlest)


def round_step(w, g, v, t, rate):
    share = 0.99
    v = share * v + (1 - share) * np.sum(g**2)  # a squared length: the same along all axes
    lately = np.sqrt(v / (1 - share**t))  # v began at 0, as Adam's means do
    return w - rate * g / lately, v


def powers():
    # The loss sees w / c only: so its slope is divided by c. A step is compared with w, c times it.
    return {"embedding": 0, "slope": -1, "sgd": -2, "adam": -1}


def found():
    return {"a", "d", "e"}  # what keeps it from learning, not what teaches it something else
