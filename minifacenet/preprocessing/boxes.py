"""Boxes around faces: how much two of them overlap, and arithmetic with their edges.

A box is x0, y0, x1, y1 (left, top, right, bottom) in pixels, where pixel i reaches from i to i + 1:
so the width is x1 - x0, and the whole of a photo is the box 0, 0, W, H.

A detector finds each face many times, a little off each time. Non-maximum suppression keeps the
best of them: take the box with the highest score, drop all that overlap it too much, go on with the
best one that is left. 'Too much' is measured by the area shared,

    union:  shared / (a + b - shared) > limit        min:  shared / min(a, b) > limit

The second also drops a small box inside a large one, however small.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..nn.device.cpu_target import cpu_function

OVERLAPS = ("union", "min")


@cpu_function
def _suppress(boxes, by_union, limit, kept):
    """Write to kept (N,) which boxes stay; boxes go from the best to the worst."""
    n = boxes.shape[0]
    zero = boxes.dtype.type(0)
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    kept[:] = True
    for i in range(n):
        if not kept[i]:
            continue
        x0, y0, x1, y1 = boxes[i]
        for j in range(i + 1, n):
            if not kept[j]:
                continue
            width = max(zero, min(x1, boxes[j, 2]) - max(x0, boxes[j, 0]))
            height = max(zero, min(y1, boxes[j, 3]) - max(y0, boxes[j, 1]))
            shared = width * height
            if by_union:
                whole = areas[i] + areas[j] - shared
            else:
                whole = min(areas[i], areas[j])
            kept[j] = shared <= limit * whole


def non_maximum_suppression(
    boxes: np.ndarray, scores: np.ndarray, limit: float, overlap: str = "union"
) -> np.ndarray:
    """Return the indices of the boxes that stay, an int ndarray, by falling score.

    Parameters
    ----------
    boxes : ndarray of shape (N, 4)
        Whole numbers count as float64.
    scores : ndarray of shape (N,)
        Of equal scores the first goes first.
    limit : float
        The largest share, as above, at which both boxes stay.
    overlap : 'union' or 'min'
        See above.

    Raises
    ------
    ValueError
        `overlap` is neither of the two, or the shapes do not fit.
    """
    if overlap not in OVERLAPS:
        raise ValueError(f"overlap must be one of {OVERLAPS}, got {overlap!r}")
    boxes, scores = np.asarray(boxes), np.asarray(scores)
    if boxes.shape[1:] != (4,) or scores.shape != boxes.shape[:1]:
        raise ValueError(
            f"boxes (N, 4) and a score for each are needed, got shapes {boxes.shape} and "
            f"{scores.shape}"
        )
    if boxes.dtype not in (np.float32, np.float64):
        boxes = boxes.astype(np.float64)  # whole numbers would cut the limit off, bytes wrap around
    order = np.argsort(-scores.astype(np.float64), kind="stable")
    kept = np.empty(len(order), bool)
    _suppress(boxes[order], overlap == "union", boxes.dtype.type(limit), kept)
    return order[kept]


def shared_with(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Return how much boxes (N, 4) overlap `box` (4,), by union: (N,), 0 if apart, 1 if equal."""
    corners = np.maximum(box[:2], boxes[:, :2]), np.minimum(box[2:], boxes[:, 2:])
    shared = (corners[1] - corners[0]).clip(0).prod(axis=1)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    return shared / (areas + (box[2:] - box[:2]).prod() - shared)


def moved(boxes: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Move each edge by its offset, in units of the width (x) or height (y): box regression."""
    sides = boxes[:, 2:] - boxes[:, :2]
    return boxes + offsets * np.concatenate([sides, sides], axis=1)


def squared(boxes: np.ndarray) -> np.ndarray:
    """Return squares around the same centres, as large as the longer side."""
    half = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, keepdims=True) / 2
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    return np.concatenate([centres - half, centres + half], axis=1)


def clipped(boxes: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return the parts of the boxes that lie on the photo; one outside becomes empty."""
    return boxes.clip(0, np.array([width, height, width, height], boxes.dtype))


def compiled() -> bool:
    """Return whether this file's kernel is on disk already, the last that a detection needs.

    It is False where kernels are not kept: each process compiles them.
    """
    if not hasattr(_suppress, "stats"):  # Numba is switched off
        return True
    folder = _suppress.stats.cache_path
    return folder is not None and any(Path(folder).glob(f"boxes.{_suppress.__name__}-*.nbi"))
