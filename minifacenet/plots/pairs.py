"""Two photos side by side, with the verdict on whether they show one person."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from .sheets import squared
from .style import DIFFERENT, SAME
from .tiles import gallery, short, tile, write


def pair_sheet(
    views: Sequence[np.ndarray],
    faces: Sequence[np.ndarray],
    names: Sequence[str],
    verdict: str,
    same: bool | None,
    ax: Axes | None = None,
    credit: str | None = None,
) -> Axes:
    """Draw two photos, and below each the face as the network takes it.

    Parameters
    ----------
    views : sequence of 2 ndarrays of shape (H, W, C), uint8
    faces : sequence of 2 ndarrays of shape (S, S, C), uint8
    names : sequence of 2 texts
    verdict : str
        The title.
    same : bool or None
        Whether they are taken for one person, which colours the frames; None: nobody decides.
    """
    colour = "0.6" if same is None else SAME if same else DIFFERENT
    dash = "--" if same is False else "-"
    ax = gallery(ax, (3.7, 3.05), verdict, credit)
    for x, view, face, name in zip((0.5, 2.7), views, faces, names, strict=True):
        tile(ax, squared(view), (x, 0.5), colour, dash, size=2)
        write(ax, x, 1.55, short(name, 40), "0.2", 9, va="top")
        tile(ax, face, (x, 2.3), colour, dash)
        write(ax, x, 2.86, "what the network sees", "0.4", 8, va="top")
    return ax
