"""Worked answers to lesson 15."""

import numpy as np


def paired_difference(values, baseline):
    change = np.asarray(values) - np.asarray(baseline)
    error = change.std(ddof=1) / np.sqrt(len(change)) if len(change) > 1 else np.nan
    return change.mean(), error


def supported():
    return {
        "a": False,  # 0.001 below 128, and within its error
        "b": False,  # seed by seed -0.024 ± 0.018: one seed of three has done nearly all of it
        "c": False,  # 0.003 with an error as large
        "d": False,  # the SE of the differences counts, and it is far smaller
        "e": True,  # the largest change, and it rises as far as we can follow it
    }
