"""Faces of fewer pixels, as in the right half of the paper's Table 4."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from PIL import Image

SIDES = (20, 40, 80, 120, 160)  # 400 pixels, and the paper's 1,600, 6,400, 14,400 and 25,600


def with_fewer_pixels(photos: np.ndarray, side: int) -> np.ndarray:
    """Reduce photos to side x side pixels, and enlarge them to their own size again.

    Parameters
    ----------
    photos : ndarray of shape (N, H, W, C), uint8
        C = 1 (grey) or 3 (RGB).
    side : int

    Returns
    -------
    ndarray of shape (N, H, W, C), uint8
        A new array, by bicubic filters both ways.
    """
    spoilt = np.empty_like(photos)
    for old, new in zip(photos, spoilt, strict=True):
        image = Image.fromarray(old[..., 0] if old.shape[2] == 1 else old)
        small = image.resize((side, side), Image.Resampling.BICUBIC)
        new[...] = np.asarray(small.resize(image.size, Image.Resampling.BICUBIC)).reshape(old.shape)
    return spoilt


def sides_below(size: int) -> tuple[int, ...]:
    """Return the usual sides for faces of `size` pixels a side, which are smaller."""
    return tuple(side for side in SIDES if side < size)


def check_sides(sides: Iterable[int], size: int) -> None:
    """Raise ValueError for a side that is not below `size`, the faces' own."""
    if wrong := [side for side in sides if not 1 <= side < size]:
        raise ValueError(
            f"a side is a whole number from 1 to {size - 1}, as the network sees faces of "
            f"{size}x{size} pixels; got {wrong[0]}"
        )
