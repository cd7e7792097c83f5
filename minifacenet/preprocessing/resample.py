"""Any box of a photo at any size, each new pixel the mean of the area that it covers.

A new pixel covers a rectangle of the photo, whose edges fall between pixels. A photo pixel that
lies half under it counts half:

    new = sum over y, x of  rows[y] columns[x] photo[y, x]  /  (sum of rows  *  sum of columns)

where rows[y] is how much of photo row y lies under the rectangle, 0 to 1, and columns[x] likewise;
the sums are the rectangle's height and width. Nothing is skipped, so fine patterns fade instead of
turning into false coarse ones; and in enlarging, the same formula repeats pixels. Outside the photo
all is black.

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

    (H, W, 3) uint8 each; a last odd row or column counts twice in its mean.
    """
    # One kind of array only, or Numba compiles anew: C order, and not read-only.
    copies = [np.require(photo, requirements=["C", "W"])]
    while max(copies[-1].shape[:2]) > smallest:
        height, width, channels = copies[-1].shape
        copies.append(np.empty(((height + 1) // 2, (width + 1) // 2, channels), np.uint8))
        _halve(copies[-2], copies[-1])
    return copies


@njit(cache=True)
def _covered(pixel, start, end):
    """The length that [pixel, pixel + 1] and [start, end] share."""
    edge = type(start)(pixel)
    return min(edge + type(start)(1), end) - max(edge, start)


@njit(cache=True)
def _columns(line, first, x0, step, scale, out):
    """One row of new pixels: out (w, 3) = scale times the sum over the columns each covers.

    line holds photo columns first, first + 1, ... as R, G, B, R, G, B, ...
    """
    one, end = type(x0)(1), x0
    last = first + line.size // 3
    for column in range(out.shape[0]):
        start, end = end, x0 + (type(x0)(column) + one) * step
        red = green = blue = type(x0)(0)
        for x in range(max(first, math.floor(start)), min(last, math.ceil(end))):
            share, at = _covered(x, start, end), 3 * (x - first)
            red += share * line[at]
            green += share * line[at + 1]
            blue += share * line[at + 2]
        out[column, 0], out[column, 1], out[column, 2] = red * scale, green * scale, blue * scale


@njit(parallel=True, cache=True, error_model="numpy")
def _resample(photo, boxes, scratch, out):
    """boxes (N, 4) in the photo's pixels; scratch (threads, 3 W); out (N, h, w, 3)."""
    height, width, _ = photo.shape
    _, rows, columns, _ = out.shape
    one = out.dtype.type(1)
    for task in prange(boxes.shape[0] * rows):
        number, row = task // rows, task % rows
        x0, y0, x1, y1 = boxes[number]
        step_x, step_y = (x1 - x0) / type(x0)(columns), (y1 - y0) / type(x0)(rows)
        start, end = y0 + type(y0)(row) * step_y, y0 + (type(y0)(row) + one) * step_y
        # First the sum over photo rows, for all the photo columns of the box: lines at a time.
        left = min(max(0, math.floor(x0)), width)
        right = max(min(width, math.ceil(x1)), left)
        line = scratch[numba.get_thread_id(), : 3 * (right - left)]
        line[:] = 0
        for y in range(max(0, math.floor(start)), min(height, math.ceil(end))):
            share, pixels = _covered(y, start, end), photo[y, left:right].reshape(line.size)
            for i in range(line.size):
                line[i] += share * type(share)(pixels[i])
        _columns(line, left, x0, step_x, one / (step_x * step_y), out[number, row])


def resample(copies: list[np.ndarray], boxes: np.ndarray, height: int, width: int) -> np.ndarray:
    """Boxes of a photo, each as (height, width) pixels.

    Parameters
    ----------
    copies : list of ndarray
        The photo, RGB, and its `halvings`.
    boxes : ndarray of shape (N, 4)
        x0, y0, x1, y1 in the photo's pixels, where pixel i reaches from i to i + 1; x0 < x1 and
        y0 < y1. What lies outside the photo is black.

    Returns
    -------
    ndarray of shape (N, height, width, 3), float32, values 0 to 255
    """
    out = np.empty((len(boxes), height, width, 3), np.float32)
    steps = ((boxes[:, 2:] - boxes[:, :2]) / (width, height)).min(axis=1)  # a new pixel's side
    choice = np.log2(np.maximum(steps, 2) / 2).astype(int).clip(max=len(copies) - 1)
    for number in np.unique(choice):
        photo, chosen = copies[number], choice == number
        scratch = np.empty((numba.get_num_threads(), 3 * photo.shape[1]), np.float32)
        part = np.empty((chosen.sum(), *out.shape[1:]), np.float32)
        _resample(photo, (boxes[chosen] / 2**number).astype(np.float32), scratch, part)
        out[chosen] = part
    return out
