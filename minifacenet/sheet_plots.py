"""Contact sheets of an alignment: the crops, and the photos that gave none."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import fill

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from .plots import DIFFERENT, SAME
from .tiles import gallery, short, tile, write


def crop_sheet(
    images: Sequence[ArrayLike],
    names: Sequence[str],
    scores: Sequence[float | None],
    of: int,
    ax: Axes | None = None,
    credit: str | None = None,
) -> Axes:
    """Crops with their photos' names and the detector's scores.

    Parameters
    ----------
    images : sequence of N ndarrays of shape (S, S, C), uint8
    names, scores : of N crops
    of : int
        How many crops there are in all.
    """
    shown = f"{len(images)} of {of:,} faces, the least certain first" if of > len(images) else ""
    ax = _sheet(ax, len(images), 8, 1.3, shown or f"All {of} faces", credit)
    for number, (image, name, score) in enumerate(zip(images, names, scores, strict=True)):
        x, y = number % 8, 1.3 * (number // 8)
        tile(ax, image, (x, y), SAME, size=0.94)
        write(ax, x, y + 0.5, short(name.rsplit("/", 1)[-1], 17), "0.2", 7, va="top")
        if score is not None:
            write(ax, x + 0.27, y + 0.38, f"{score:.2f}", SAME, 7.5, box=True)
    return ax


def rejected_sheet(
    photos: Sequence[np.ndarray | None],
    names: Sequence[str],
    reasons: Sequence[str],
    of: int,
    ax: Axes | None = None,
    credit: str | None = None,
) -> Axes:
    """Photos that gave no face, each with the reason; None: it could not be read.

    Parameters
    ----------
    photos : sequence of N ndarrays of shape (H, W, C), uint8, or None
    names, reasons : of N photos
    of : int
        How many such photos there are in all.
    """
    shown = f"{len(photos)} of {of:,}" if of > len(photos) else f"All {of}"
    ax = _sheet(ax, len(photos), 5, 1.75, f"{shown} photos without a face", credit)
    for number, (photo, name, reason) in enumerate(zip(photos, names, reasons, strict=True)):
        x, y = number % 5, 1.75 * (number // 5)
        if photo is None:
            photo = np.full((2, 2, 1), 235, np.uint8)
            write(ax, x, y, "cannot be read", "0.4", 9)
        tile(ax, _squared(photo), (x, y), DIFFERENT, "--", size=0.94)
        text = short(name.rsplit("/", 1)[-1], 24) + "\n" + fill(short(reason, 90), 27)
        write(ax, x, y + 0.5, text, "0.2", 7, va="top")
    return ax


def _sheet(ax, count: int, columns: int, height: float, title: str, credit) -> Axes:
    rows = -(-count // columns)
    return gallery(ax, (columns - 0.5, height * rows - 0.5), title, credit)


def _squared(photo: np.ndarray) -> np.ndarray:
    """The whole photo in a white square."""
    height, width, channels = photo.shape
    side = max(height, width)
    square = np.full((side, side, channels), 255, np.uint8)
    top, left = (side - height) // 2, (side - width) // 2
    square[top : top + height, left : left + width] = photo
    return square
