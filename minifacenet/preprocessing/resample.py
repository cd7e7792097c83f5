"""Resample any box of a photo to any size; each new pixel is the mean of the area that it covers.

A new pixel covers a rectangle of the photo, whose edges fall between pixels. A photo pixel that
lies half under it counts half:

    new = sum over y, x of  rows[y] columns[x] photo[y, x]  /  (sum of rows  *  sum of columns)

where rows[y] is how much of photo row y lies under the rectangle, 0 to 1, and columns[x] likewise;
the sums are the rectangle's height and width. Nothing is skipped, so fine patterns fade instead of
turning into false coarse ones; in enlarging, the same formula repeats pixels. Outside the photo all
is black.

A far smaller copy would read the whole photo for every few pixels. So the photo is halved again and
again first (`halvings`), and a box is taken from the copy in which a new pixel covers 2 to 4 pixels
per side: the mean of means over equal areas is the mean. At the right and lower edge the areas are
not equal: perhaps only a part of a copy's last pixel is photo. It counts by that part, when it is
halved again and when a box lies over it.
"""

from __future__ import annotations

import math

import numba
import numpy as np
from numba import prange

from ..nn.device.cpu_target import cpu_function, cpu_kernel, thread_count


@cpu_function
def _second(pixel, size, last):
    """Return how much of a pair's second pixel is photo, 0 to 1; `last` for the last pixel."""
    return last if pixel == size - 1 else type(last)(pixel < size)


@cpu_function
def _edge_pixel(photo, y, x, below, right, out):
    """Write to out (C,) the mean of photo[y:y + 2, x:x + 2], its second row and column in part."""
    height, width, channels = photo.shape
    half, whole = type(below)(0.5), (type(below)(1) + below) * (type(below)(1) + right)
    y1, x1 = min(y + 1, height - 1), min(x + 1, width - 1)
    for c in range(channels):
        upper = type(below)(photo[y, x, c]) + right * type(below)(photo[y, x1, c])
        lower = type(below)(photo[y1, x, c]) + right * type(below)(photo[y1, x1, c])
        out[c] = int((upper + below * lower) / whole + half)


@cpu_kernel
def _halve(photo, last_row, last_column, out):
    """Halve the photo into out; last_row, last_column (above 0 to 1): parts that are photo."""
    height, width, channels = photo.shape
    one = type(last_row)(1)
    for y in prange(out.shape[0]):
        top, bottom = photo[2 * y], photo[min(2 * y + 1, height - 1)]
        for x in range(out.shape[1]):
            left, right = 2 * x, min(2 * x + 1, width - 1)
            for c in range(channels):
                total = int(top[left, c]) + top[right, c] + bottom[left, c] + bottom[right, c]
                out[y, x, c] = (total + 2) >> 2
        below, x = _second(2 * y + 1, height, last_row), out.shape[1] - 1
        right = _second(2 * x + 1, width, last_column)
        if right < one:
            _edge_pixel(photo, 2 * y, 2 * x, below, right, out[y, x])
        if below < one:
            for x in range(out.shape[1]):
                right = _second(2 * x + 1, width, last_column)
                _edge_pixel(photo, 2 * y, 2 * x, below, right, out[y, x])


def halvings(photo: np.ndarray, smallest: int = 96) -> list[np.ndarray]:
    """Return the photo, its half, its quarter, ... until the long side is at most `smallest`.

    Each is (H, W, 3) uint8; a last odd row or column has a pixel of its own. ValueError is raised
    if the photo is another kind of array.
    """
    if photo.ndim != 3 or photo.shape[2] != 3 or photo.dtype != np.uint8:
        raise ValueError(f"a photo is uint8 (H, W, 3), got {photo.dtype} {photo.shape}")
    # C order and not read-only: for another kind of array Numba would compile again.
    copies = [np.require(photo, requirements=["C", "W"])]
    while max(copies[-1].shape[:2]) > smallest:
        height, width, channels = copies[-1].shape
        copies.append(np.empty(((height + 1) // 2, (width + 1) // 2, channels), np.uint8))
        _halve(copies[-2], *_last_parts(photo, copies[-2], len(copies) - 2), copies[-1])
    return copies


def _last_parts(photo, copy, number: int) -> tuple[np.float32, np.float32]:
    """Return how much of the last row and column of `copy`, halved `number` times, is photo."""
    sizes = zip(photo.shape[:2], copy.shape[:2], strict=True)
    rows, columns = (whole / 2**number - (size - 1) for whole, size in sizes)
    return np.float32(rows), np.float32(columns)


@cpu_function
def _covered(pixel, start, end):
    """Return the length that [pixel, pixel + 1] and [start, end] share."""
    edge, zero = type(start)(pixel), type(start)(0)
    return max(zero, min(edge + type(start)(1), end) - max(edge, start))


@cpu_kernel
def _share_columns(boxes, width, edge, first, count, shares):
    """Write which photo columns each new one covers: how many from which on, and by how much.

    They are the same for all rows of a box. first and count are (N, w), shares (N, w, most).
    """
    columns = first.shape[1]
    for number in prange(boxes.shape[0]):
        x0, x1 = boxes[number, 0], boxes[number, 2]
        one, step = type(x0)(1), (x1 - x0) / type(x0)(columns)
        left = min(max(0, math.floor(x0)), width)
        right = max(min(width, math.ceil(x1)), left)
        end = x0
        for column in range(columns):
            start, end = end, x0 + (type(x0)(column) + one) * step
            begin = max(left, math.floor(start))
            first[number, column] = begin - left
            covered = max(0, min(right, math.ceil(end)) - begin)
            count[number, column] = covered
            for k in range(covered):
                shares[number, column, k] = _covered(begin + k, start, min(end, edge))


@cpu_function
def _columns(line, first, count, shares, scale, out):
    """Write one row of new pixels: out (w, 3) is scale times the sum over the columns each covers.

    line holds the box's photo columns as R, G, B, R, G, B, ...
    """
    for column in range(out.shape[0]):
        at = 3 * first[column]
        red = green = blue = type(scale)(0)
        for k in range(count[column]):
            share = shares[column, k]
            red += share * line[at]
            green += share * line[at + 1]
            blue += share * line[at + 2]
            at += 3
        out[column, 0], out[column, 1], out[column, 2] = red * scale, green * scale, blue * scale


@cpu_kernel
def _resample(photo, bottom, boxes, first, count, shares, scratch, out):
    """Resample boxes (N, 4) in the photo's pixels to out (N, h, w, 3); scratch is (threads, 3 W).

    `bottom` is where the photo ends within its last row; the columns are those of `_share_columns`.
    """
    height, width, _ = photo.shape
    _, rows, columns, _ = out.shape
    one = out.dtype.type(1)
    for task in prange(boxes.shape[0] * rows):
        number, row = task // rows, task % rows
        x0, y0, x1, y1 = boxes[number]
        step_x, step_y = (x1 - x0) / type(x0)(columns), (y1 - y0) / type(x0)(rows)
        start, end = y0 + type(y0)(row) * step_y, y0 + (type(y0)(row) + one) * step_y
        # The sum over photo rows comes first, whole lines over all the photo columns of the box.
        left = min(max(0, math.floor(x0)), width)
        right = max(min(width, math.ceil(x1)), left)
        line = scratch[numba.get_thread_id(), : 3 * (right - left)]
        line[:] = 0
        for y in range(max(0, math.floor(start)), min(height, math.ceil(end))):
            share, pixels = (
                _covered(y, start, min(end, bottom)),
                photo[y, left:right].reshape(line.size),
            )
            for i in range(line.size):
                line[i] += share * type(share)(pixels[i])
        _columns(
            line,
            first[number],
            count[number],
            shares[number],
            one / (step_x * step_y),
            out[number, row],
        )


def resample(copies: list[np.ndarray], boxes: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return boxes of a photo, each resampled to (height, width) pixels.

    Parameters
    ----------
    copies : list of ndarray
        The photo, RGB, and its `halvings`.
    boxes : ndarray of shape (N, 4)
        x0, y0, x1, y1 in the photo's pixels, where pixel i reaches from i to i + 1; x0 < x1 and
        y0 < y1. All outside the photo is black.

    Returns
    -------
    ndarray of shape (N, height, width, 3), float32, values 0 to 255

    Raises
    ------
    ValueError
        The boxes have another shape.
    """
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f"boxes are of shape (N, 4), got {boxes.shape}")
    out = np.empty((len(boxes), height, width, 3), np.float32)
    steps = ((boxes[:, 2:] - boxes[:, :2]) / (width, height)).min(axis=1)  # a new pixel's side
    choice = np.log2(np.maximum(steps, 2) / 2).astype(int).clip(max=len(copies) - 1)
    numbers = set(choice.tolist())
    for number in numbers:
        photo, chosen = copies[number], slice(None) if len(numbers) == 1 else choice == number
        scratch = np.empty((thread_count(), 3 * photo.shape[1]), np.float32)
        part_boxes = (boxes[chosen] / 2**number).astype(np.float32)
        part = out if len(numbers) == 1 else np.empty((len(part_boxes), *out.shape[1:]), np.float32)
        bottom, edge = (np.float32(size / 2**number) for size in copies[0].shape[:2])
        shared = _shared_columns(photo, edge, part_boxes, width)
        _resample(photo, bottom, part_boxes, *shared, scratch, part)
        if part is not out:
            out[chosen] = part
    return out


def _shared_columns(photo, edge, boxes, columns: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what `_share_columns` writes for boxes in this copy of the photo."""
    widest = (boxes[:, 2] - boxes[:, 0]).max() / columns
    most = min(math.ceil(widest) + 2, photo.shape[1])  # a stretch begins and ends within a column
    first, count = np.empty((2, len(boxes), columns), np.int32)
    shares = np.empty((len(boxes), columns, most), np.float32)
    _share_columns(boxes, photo.shape[1], edge, first, count, shares)
    return first, count, shares
