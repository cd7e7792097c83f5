"""Faces after a trip through JPEG, as in the left half of the paper's Table 4."""

from __future__ import annotations

from collections.abc import Iterable
from io import BytesIO

import numpy as np
from PIL import Image

QUALITIES = (10, 20, 30, 50, 70, 90)  # the paper's


def as_jpeg(photos: np.ndarray, quality: int) -> np.ndarray:
    """Save photos as JPEG files and read them again.

    A JPEG keeps waves of 8 x 8 pixels, each rounded to a multiple of its own step. The quality
    scales all steps, from 100 (almost 1) to 1 (almost nothing is left). Colour is kept at half the
    resolution, which is Pillow's default.

    Parameters
    ----------
    photos : ndarray of shape (N, H, W, C), uint8
        C = 1 (grey) or 3 (RGB).
    quality : int
        1 to 100.

    Returns
    -------
    ndarray of shape (N, H, W, C), uint8
        A new array.
    """
    spoilt = np.empty_like(photos)
    for old, new in zip(photos, spoilt, strict=True):
        file = BytesIO()
        Image.fromarray(old[..., 0] if old.shape[2] == 1 else old).save(
            file, "jpeg", quality=quality
        )
        new[...] = np.asarray(Image.open(file)).reshape(old.shape)
    return spoilt


def check_qualities(qualities: Iterable[int]) -> None:
    """Raise ValueError for a quality that no JPEG has."""
    if wrong := [quality for quality in qualities if not 1 <= quality <= 100]:
        raise ValueError(f"a JPEG's quality is a whole number from 1 to 100, got {wrong[0]}")
