"""Grids of faces with the squared distances of neighbours between them, as the paper's Fig. 1."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from .style import DIFFERENT, SAME
from .tiles import gallery, short, tile, write


def neighbour_grid(
    embeddings: np.ndarray,
    images: np.ndarray,
    names: Sequence[str],
    rows: Sequence[np.ndarray],
    title: str,
    threshold: float | None = None,
    ax: Axes | None = None,
    credit: str | None = None,
) -> Axes:
    """Draw rows of faces; neighbours that show one person are joined in blue, others in vermilion.

    Parameters
    ----------
    embeddings : ndarray of shape (N, D)
    images : ndarray of shape (N, H, W, C), uint8
    names : sequence of N texts
        Who is shown; a row is named after its first photo, where the row above shows another.
    rows : sequence of ndarray of int64
        The photos of each row, each row of one person.
    title : str
    threshold : float, optional
        Distances on its wrong side carry ✗.
    """
    across, down = np.array([1.5, 0]), np.array([0, 1.3])
    right, bottom = (max(map(len, rows)) - 1) * across + (len(rows) - 1) * down + 0.55
    ax = gallery(ax, (right, bottom), title, credit, left=-0.85)
    for number, row in enumerate(rows):
        person = names[row[0]]
        if number == 0 or names[rows[number - 1][0]] != person:
            several = sum(names[other[0]] == person for other in rows) - 1
            y = (number + several / 2) * down[1]
            write(ax, -0.7, y, short(person, 18 * (several + 1)), "black", rotation=90)
        below = rows[number + 1] if number + 1 < len(rows) else np.empty(0, np.int64)
        for column, face in enumerate(row):
            place = column * across + number * down
            tile(ax, images[face], place, "0.6")
            beside = [(across / 2, row[column + 1])] if column + 1 < len(row) else []
            beside += [(down / 2, below[column])] if column < len(below) else []
            for step, other in beside:
                same = names[other] == person
                distance = float(((embeddings[face] - embeddings[other]) ** 2).sum())
                wrong = threshold is not None and (distance <= threshold) != same
                text = f"{distance:.2f}{' ✗' if wrong else ''}"
                x, y = place + step
                write(ax, x, y, text, SAME if same else DIFFERENT, fontsize=11)
    return ax
