"""Worked answer to lesson 22; that to 22.1 is `occlusion.occlusion_map`, beside the lessons."""

import numpy as np


def two_witnesses(photos, first, second):
    # One of them is enough. Whoever covers one pixel at a time never sees that they matter.
    return np.maximum(photos[:, *first, 0], photos[:, *second, 0])
