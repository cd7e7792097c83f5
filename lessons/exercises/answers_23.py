"""Worked answers to lesson 23 that the library has no function for."""

import math

import numpy as np


def at_most(errors, trials):
    # So few errors, or fewer, get less likely as the rate grows: halve until the rate is found at
    # which they come up in one series of twenty. (Clopper and Pearson 1934; with SciPy it is
    # beta.ppf(0.95, errors + 1, trials - errors).)
    low, high = 0.0, 1.0
    for _ in range(60):
        p = (low + high) / 2
        chance = sum(
            math.comb(trials, i) * p**i * (1 - p) ** (trials - i) for i in range(errors + 1)
        )
        low, high = (p, high) if chance > 0.05 else (low, p)
    return high


def alarms(visitors, wanted, listed, val, far):
    # A stranger is compared with all on the list, and passes in silence if no comparison accepts.
    silent = (1 - far) ** listed
    true, false = wanted * val, (visitors - wanted) * (1 - silent)
    return true, false, false / (true + false)


def threshold_for_all(distances, people, floor):
    # Who needs the widest threshold decides for all; 1e-9 keeps ceil from rounding 0.8 * 45 up.
    everybody = np.unique(people)
    needed = []
    for person in everybody:
        own = np.sort(distances[(people == person).all(axis=1)])
        needed.append(own[math.ceil(floor * len(own) - 1e-9) - 1])
    threshold = max(needed)
    far = [(distances[(people == p).sum(axis=1) == 1] <= threshold).mean() for p in everybody]
    return threshold, np.array(far)
