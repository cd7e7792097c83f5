"""Contact sheets of an alignment: the crops, and the photos without one."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import fill

import numpy as np
from matplotlib.axes import Axes

from ..files.words import count_text, printable
from .style import DIFFERENT, SAME
from .tiles import gallery, short, tile, write

TILE_SIDE = 270  # pixels of a tile of 1.8 inches, as `plots.save` draws it


def crop_sheet(
    images: Sequence[np.ndarray],
    names: Sequence[str],
    scores: Sequence[float | None],
    of: int,
    ax: Axes | None = None,
    credit: str | None = None,
) -> Axes:
    """Draw crops with their photos' names and the detector's scores.

    Parameters
    ----------
    images : sequence of N ndarrays of shape (S, S, C), uint8
    names, scores : of N crops
        Scores are cut off after three places, not rounded.
    of : int
        How many crops there are in all.
    """
    shown = f"{len(images)} of " if of > len(images) else ""
    title = f"{shown}{count_text(of, 'face')}, the least certain first"
    ax, places = _sheet(ax, len(images), 8, 1.3, 1, title, credit)
    for (x, y), image, name, score in zip(places, images, names, scores, strict=True):
        tile(ax, small(image), (x, y), SAME, size=0.94)
        write(ax, x, y + 0.5, _ends(name, 16), "0.2", 7, va="top")
        if score is not None:
            write(ax, x + 0.27, y + 0.38, _cut_off(score), SAME, 7.5, box=True)
    return ax


def rejected_sheet(
    photos: Sequence[np.ndarray | None],
    names: Sequence[str],
    reasons: Sequence[str],
    of: int,
    ax: Axes | None = None,
    credit: str | None = None,
) -> Axes:
    """Draw photos without a face, each with the reason; None could not be read.

    Parameters
    ----------
    photos : sequence of N ndarrays of shape (H, W, C), uint8, or None
    names, reasons : of N photos
    of : int
        How many such photos there are in all.
    """
    shown = f"{len(photos)} of " if of > len(photos) else ""
    title = f"{shown}{count_text(of, 'photo')} without a face"
    texts = [
        _ends(name, 27) + "\n" + fill(short(reason, 90), 27)
        for name, reason in zip(names, reasons, strict=True)
    ]
    lines = max(text.count("\n") + 1 for text in texts)
    ax, places = _sheet(ax, len(photos), 5, 1.5, lines, title, credit)
    for (x, y), photo, text in zip(places, photos, texts, strict=True):
        if photo is None:
            photo = np.full((2, 2, 1), 235, np.uint8)
            write(ax, x, y, "cannot be read", "0.4", 9)
        tile(ax, squared(small(photo)), (x, y), DIFFERENT, "--", size=0.94)
        write(ax, x, y + 0.5, text, "0.2", 7, va="top")
    return ax


def small(photo: np.ndarray) -> np.ndarray:
    """Shrink a photo to what a tile can show."""
    return shrunk(photo, TILE_SIDE)[0]


def _sheet(ax, count: int, most: int, height: float, lines: int, title: str, credit):
    """Return Axes for `count` tiles of that height, at most `most` in a row, and their centres.

    Below the last row there is room for exactly `lines` lines of text.
    """
    columns = min(most, max(5, count))
    rows = -(-count // columns)
    new, inches = ax is None, min(8.9 / columns, 1.8)  # of a tile
    bottom = height * (rows - 1) + 0.5 + 0.13 * lines / inches
    ax = gallery(ax, (columns - 0.5, bottom), title, credit)
    if new:
        ax.figure.set_size_inches(9, 0.38 + 0.22 * bool(credit) + inches * (bottom + 0.5))
    return ax, [(i % columns, height * (i // columns)) for i in range(count)]


def _cut_off(score: float) -> str:
    """Cut off a probability after three places: it may be close to 1, but is never 1."""
    return f"{min(score, 0.9999):.4f}"[:-1]


def _ends(name: str, most: int) -> str:
    """Return the end of a path, 'Ada/1'; if too long, without its middle: numbers come last."""
    text = printable("/".join(name.rsplit("/", 2)[-2:]))
    end = 2 * most // 3
    return text if len(text) <= most else f"{text[: most - 1 - end]}…{text[-end:]}"


def squared(photo: np.ndarray) -> np.ndarray:
    """Return a whole photo in a white square. Shrink it first: that of 1 x 30000 pixels is huge."""
    height, width, channels = photo.shape
    side = max(height, width)
    square = np.full((side, side, channels), 255, np.uint8)
    top, left = (side - height) // 2, (side - width) // 2
    square[top : top + height, left : left + width] = photo
    return square


def shrunk(photo: np.ndarray, side: int) -> tuple[np.ndarray, int]:
    """Shrink a photo for display to the means of k x k pixels, with k the largest whole number
    that leaves the longer side `side` pixels or more.

    Call it before anything that copies the photo or makes a square of it: it takes next to no
    memory besides the photo's, whatever the photo's shape.

    Parameters
    ----------
    photo : ndarray of shape (H, W, C), uint8
    side : int

    Returns
    -------
    ndarray of shape (ceil(H / k), ceil(W / k), C), uint8
        No side above 2 `side`; the photo itself where k is 1.
    k : int
    """
    factor = max(1, max(photo.shape[:2]) // side)
    if factor == 1:
        return photo, 1
    tall = photo.shape[0] >= photo.shape[1]
    lines = photo if tall else photo.swapaxes(0, 1)  # the longer side first, in bands of k lines
    columns = np.arange(0, lines.shape[1], factor)
    widths = np.diff(np.append(columns, lines.shape[1]))[:, None]
    small = np.empty((-(-len(lines) // factor), len(columns), photo.shape[2]), np.uint8)
    for row, start in enumerate(range(0, len(lines), factor)):
        band = lines[start : start + factor]
        sums = np.add.reduceat(band.sum(axis=0, dtype=np.int64), columns)
        small[row] = sums // (len(band) * widths)
    return small if tall else np.ascontiguousarray(small.swapaxes(0, 1)), factor
