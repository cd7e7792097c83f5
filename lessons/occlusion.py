"""Where a network looks: how far its embedding moves when a square of the photo is covered.

M. D. Zeiler, R. Fergus: Visualizing and Understanding Convolutional Networks, 2013, section 4.2.
"""

from collections.abc import Callable

import numpy as np


def occlusion_map(
    embed: Callable, photo: np.ndarray, side: int, stride: int, fill: np.ndarray
) -> np.ndarray:
    """How far the embedding moves (squared distance) with a square at each place: ndarray (P, Q).

    `embed` takes uint8 photos (N, H, W, C) and gives (N, d); `photo` and `fill` are (H, W, C).
    """
    tops, lefts = (range(0, n - side + 1, stride) for n in photo.shape[:2])
    places = [(top, left) for top in tops for left in lefts]
    covered = np.repeat(photo[None], len(places), axis=0)
    for one, (top, left) in zip(covered, places, strict=True):
        square = slice(top, top + side), slice(left, left + side)
        one[square] = fill[square]
    moved = np.square(embed(covered) - embed(photo[None])).sum(axis=1)
    return moved.reshape(len(tops), len(lefts))
