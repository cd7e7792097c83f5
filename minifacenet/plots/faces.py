"""Figures made of faces: a map of the embeddings, a sheet of names, a grid of distances.

As in `distances.py`, each function draws on the Axes that it is given or on a new figure, and
returns the Axes. Images are ndarrays of shape (N, H, W, C), uint8, C = 1 or 3.
"""

from __future__ import annotations

from collections.abc import Sequence, Sized

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from .map_layout import lay_out
from .neighbours import neighbour_grid
from .style import DASHES, DIFFERENT, HUES, SAME
from .tiles import gallery, short, tile, write


def embedding_map(
    embeddings: ArrayLike,
    images: ArrayLike,
    labels: ArrayLike,
    ax: Axes | None = None,
    seed: int = 0,
    most: int = 300,
    credit: str | None = None,
) -> Axes:
    """Draw the faces so that near embeddings lie near each other, in one frame colour per person.

    `map_layout.py` says how they are placed. Beyond eight people colours repeat: dashed for the
    next eight from left to right, then plain, so that people with the same frame lie apart.

    Parameters
    ----------
    embeddings : ndarray of shape (N, D)
    images : ndarray of shape (N, H, W, C), uint8
    labels : ndarray of shape (N,)
    seed : int
        Seed of t-SNE, and of the choice of people where there are more than `most` faces.
    credit : str, optional
        Where the faces come from; written small, below the picture.
    """
    embeddings, labels = np.asarray(embeddings, dtype=np.float64), np.asarray(labels)
    images = _checked(images, embeddings, labels)
    layout = lay_out(embeddings, labels, seed, most)
    chosen, cells = layout.chosen, layout.cells
    people = np.unique(labels[chosen])

    of = f" of {len(images)}" if len(chosen) < len(images) else ""
    who = f"{len(people)} people" if len(people) > 1 else "one person"
    title = f"{len(chosen)}{of} faces of {who}: near faces have near embeddings"
    ax = gallery(ax, cells.max(axis=0) + 0.5, title, credit)
    for face, cell, turn in zip(chosen, cells, layout.turns, strict=True):
        dash = DASHES[turn // len(HUES) % 2]
        tile(ax, images[face], cell, HUES[turn % len(HUES)], dash, size=0.86)
    return ax


def naming_sheet(
    images: ArrayLike,
    true_names: Sequence,
    predicted_names: Sequence,
    distances: Sequence[float] | np.ndarray | None = None,
    ax: Axes | None = None,
    most: int = 40,
    credit: str | None = None,
) -> Axes:
    """Draw a contact sheet of test faces with the names that they got, the wrong ones first.

    Blue and ✓ is right; vermilion, dashed and ✗ is wrong and shows the true name too.

    Parameters
    ----------
    images : ndarray of shape (N, H, W, C), uint8
    true_names, predicted_names : sequence of N names
        Compared as text: a stranger called 'unknown' is right where 'unknown' is its true name.
    distances : ndarray of shape (N,), optional
        The squared L2 distances that decided; written into the photos.
    most : int
        How many faces to show.
    credit : str, optional
    """
    beside: list[Sized] = [true_names, predicted_names]
    images = _checked(images, *beside, *([] if distances is None else [distances]))
    true, given = np.array(true_names).astype(str), np.array(predicted_names).astype(str)
    right = true == given
    order = np.argsort(right, kind="stable")[:most]
    columns = min(8, max(5, len(order)))
    rows = -(-len(order) // columns)
    height = 1.42
    shown = f" ({len(order)} shown, the wrong ones first)" if len(order) < len(images) else ""
    title = f"{right.sum()} of {len(images)} faces named correctly{shown}"
    ax = gallery(ax, (columns - 0.5, height * rows - 0.5), title, credit)
    for number, face in enumerate(order):
        x, y = number % columns, height * (number // columns)
        colour, dash, mark = (SAME, "-", "✓") if right[face] else (DIFFERENT, "--", "✗")
        tile(ax, images[face], (x, y), colour, dash, size=0.9)
        text = short(f"{mark} {given[face]}")
        if not right[face]:
            text += "\n" + short(f"is {true[face]}")
        write(ax, x, y + 0.49, text, colour, va="top")
        if distances is not None:
            write(ax, x + 0.27, y + 0.36, f"{distances[face]:.2f}", colour, box=True)
    return ax


def distance_grid(
    embeddings: ArrayLike,
    images: ArrayLike,
    labels: ArrayLike,
    people: Sequence,
    ax: Axes | None = None,
    photos: int = 4,
    threshold: float | None = None,
    credit: str | None = None,
) -> Axes:
    """Draw the paper's Fig. 1: one row per person, squared distances between neighbours.

    Across a row both photos show one person and the distance should be small; down a column they
    show two people and it should be large. With a `threshold`, ✗ marks those on its wrong side.

    Parameters
    ----------
    embeddings, images, labels : of N photos, as in :func:`embedding_map`
    people : sequence of labels
        The rows; each shows that person's first `photos` photos.
    """
    embeddings, labels = np.asarray(embeddings, dtype=np.float64), np.asarray(labels)
    images = _checked(images, embeddings, labels)
    rows = [np.flatnonzero(labels == person)[:photos] for person in people]
    if not rows or not all(map(len, rows)):
        raise ValueError(f"expected people among the labels, got {list(people)}")
    at = "" if threshold is None else f", threshold {threshold:.2f} (✗: on its wrong side)"
    title = f"Squared L2 distance{at}\nAcross: the same person. Down: different people."
    names = list(map(str, labels))
    return neighbour_grid(embeddings, images, names, rows, title, threshold, ax, credit)


def _checked(images: ArrayLike, *others: Sized) -> np.ndarray:
    """Return the images if they are uint8 (N, H, W, C) and all `others` have N rows too."""
    images = np.asarray(images)
    if (
        images.dtype != np.uint8
        or images.ndim != 4
        or images.shape[3] not in (1, 3)
        or not images.size
    ):
        raise ValueError(
            "expected uint8 images of shape (N, H, W, C) with C = 1 or 3, "
            f"got {images.dtype} of shape {images.shape}"
        )
    counts = [len(other) for other in others]
    if set(counts) != {len(images)}:
        raise ValueError(f"there are {len(images)} images, but {counts} rows beside them")
    return images
