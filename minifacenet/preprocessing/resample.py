"""Any box of a photo at any size, each new pixel the mean of the area that it covers.

A new pixel covers a rectangle of the photo, whose edges fall between pixels. A photo pixel that
lies half under it counts half:

    new = sum over y, x of  rows[y] columns[x] photo[y, x]

where rows[y] is the part of the rectangle's height that lies in photo row y, and columns[x]
likewise: both sum to 1. Nothing is skipped, so fine patterns fade instead of turning into false
coarse ones; and in enlarging, the same formula repeats pixels. Outside the photo all is black.

A far smaller copy would read the whole photo for every few pixels. So the photo is halved again and
again first (`halvings`), and a box is taken from the copy in which a new pixel covers 2 to 4 pixels
a side: the mean of means over equal areas is the mean.
"""

from __future__ import annotations

import math

import numba
import numpy as np
from numba import njit, prange


@njit(parallel=True, cache=True)
def _halve(photo, out):
    height, width, channels = photo.shape
    for y in prange(out.shape[0]):
        top, bottom = photo[2 * y], photo[min(2 * y + 1, height - 1)]
        for x in range(out.shape[1]):
            left, right = 2 * x, min(2 * x + 1, width - 1)
            for c in range(channels):
                total = int(top[left, c]) + top[right, c] + bottom[left, c] + bottom[right, c]
                out[y, x, c] = (total + 2) >> 2


def halvings(photo: np.ndarray, smallest: int = 96) -> list[np.ndarray]:
    """The photo, its half, its quarter, ... until the long side is at most `smallest`.

    (H, W, C) uint8 each; a last odd row or column counts twice in its mean.
    """
    copies = [photo]
    while max(copies[-1].shape[:2]) > smallest:
        height, width, channels = copies[-1].shape
        copies.append(np.empty(((height + 1) // 2, (width + 1) // 2, channels), np.uint8))
        _halve(copies[-2], copies[-1])
    return copies


@njit(cache=True, error_model="numpy")
def _covered(pixel, start, end):
    """How much of [pixel, pixel + 1] lies in [start, end], over the length of that."""
    one = type(start)(1)
    edge = type(start)(pixel)
    return (min(edge + one, end) - max(edge, start)) / (end - start)


@njit(parallel=True, cache=True, error_model="numpy")
def _resample(photo, boxes, scratch, out):
    """boxes (N, 4) in the photo's pixels; scratch (threads, at least W C); out (N, h, w, C)."""
    height, width, channels = photo.shape
    _, rows, columns, _ = out.shape
    zero = out.dtype.type(0)
    lines = photo.reshape(height, width * channels)
    for task in prange(boxes.shape[0] * rows):
        number, row = task // rows, task % rows
        x0, y0, x1, y1 = boxes[number]
        step_x, step_y = (x1 - x0) / type(x0)(columns), (y1 - y0) / type(y0)(rows)
        # First the mean over photo rows, for all photo columns of the box: whole lines at a time.
        left, right = max(0, math.floor(x0)), min(width, math.ceil(x1))
        line = scratch[numba.get_thread_id()]
        for i in range(left * channels, right * channels):
            line[i] = zero
        start, end = y0 + type(y0)(row) * step_y, y0 + type(y0)(row + 1) * step_y
        for y in range(max(0, math.floor(start)), min(height, math.ceil(end))):
            share = _covered(y, start, end)
            for i in range(left * channels, right * channels):
                line[i] += share * type(zero)(lines[y, i])
        # Then over photo columns, for one new pixel after the other.
        for column in range(columns):
            start, end = x0 + type(x0)(column) * step_x, x0 + type(x0)(column + 1) * step_x
            pixel = out[number, row, column]
            for c in range(channels):
                pixel[c] = zero
            for x in range(max(0, math.floor(start)), min(width, math.ceil(end))):
                share = _covered(x, start, end)
                for c in range(channels):
                    pixel[c] += share * line[x * channels + c]


def resample(copies: list[np.ndarray], boxes: np.ndarray, height: int, width: int) -> np.ndarray:
    """Boxes of a photo, each as (height, width) pixels.

    Parameters
    ----------
    copies : list of ndarray
        The photo and its `halvings`.
    boxes : ndarray of shape (N, 4)
        x0, y0, x1, y1 in the photo's pixels, where pixel i reaches from i to i + 1; x0 < x1 and
        y0 < y1. What lies outside the photo is black.

    Returns
    -------
    ndarray of shape (N, height, width, C), float32, values 0 to 255
    """
    out = np.empty((len(boxes), height, width, copies[0].shape[2]), np.float32)
    steps = np.minimum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]) / max(height, width)
    choice = np.log2(np.maximum(steps, 2) / 2).astype(int).clip(max=len(copies) - 1)
    for number in np.unique(choice):
        photo, chosen = copies[number], choice == number
        scratch = np.empty((numba.get_num_threads(), photo.shape[1] * photo.shape[2]), np.float32)
        part = np.empty((chosen.sum(), *out.shape[1:]), np.float32)
        _resample(photo, (boxes[chosen] / 2**number).astype(np.float32), scratch, part)
        out[chosen] = part
    return out
