"""Turn, scale and shift a photo in one go, without false patterns.

A pixel of the crop covers a small square of the photo, and should be the average over it. Looking
at only one point of that square would pass over most pixels of a large face, and a fine pattern,
such as a striped shirt or the grain of a scan, would come out as a false coarse one (moiré).

Here each pixel is the mean of k x k bilinear samples, spread evenly over its square. k is just
large enough that neighbouring samples lie at most a pixel of the photo apart: then none is passed
over. A very large face is first shrunk by a whole factor, averaging over blocks, until a pixel of
the crop covers 4 to 6 pixels per side. That bounds time and memory.

Points are (x, y), and whole numbers are the centres of pixels, as in `square_crops`.
"""

from math import ceil, sqrt

import numpy as np
from PIL import Image

from ..nn.device.cpu_target import cpu_function

_KEPT = 4  # pixels of the shrunk photo, at least, per pixel of the crop


@cpu_function
def _sample(photo, linear, shift, out):
    """Write bilinear samples to out (C, h, w): sample (x, y) lies at  linear @ (x, y) + shift.

    In float64, as a point of a large photo in float32 would be a thousandth of a pixel off. Bound
    by the four pixels that each sample gathers; per photo it is a hundredth of the network's time.
    So one thread does it, and a process that was forked may, too.
    """
    last_row, last_column, channels = photo.shape[0] - 1, photo.shape[1] - 1, photo.shape[2]
    for row in range(out.shape[1]):
        for column in range(out.shape[2]):
            x = shift[0] + linear[0, 0] * column + linear[0, 1] * row
            y = shift[1] + linear[1, 0] * column + linear[1, 1] * row
            x, y = min(max(x, 0.0), float(last_column)), min(max(y, 0.0), float(last_row))
            left, top = int(x), int(y)
            right, bottom = min(left + 1, last_column), min(top + 1, last_row)
            x, y = x - left, y - top
            for c in range(channels):
                upper = (1 - x) * photo[top, left, c] + x * photo[top, right, c]
                lower = (1 - x) * photo[bottom, left, c] + x * photo[bottom, right, c]
                out[c, row, column] = (1 - y) * upper + y * lower


def resampled(photo: np.ndarray, linear: np.ndarray, shift: np.ndarray, size: int) -> np.ndarray:
    """Return the square crop whose point q shows the point  linear @ q + shift  of the photo.

    Parameters
    ----------
    photo : ndarray of shape (H, W, 1) or (H, W, 3), uint8
    linear : ndarray of shape (2, 2)
        A rotation times a scale: how many pixels of the photo one pixel of the crop is wide.
    shift : ndarray of shape (2,)
        The point of the photo in the middle of the crop's first pixel.
    size : int
        Side of the crop in pixels.

    Returns
    -------
    ndarray of shape (size, size, C), uint8
        Values are rounded to the nearest. Points beyond the photo show the nearest pixel of its
        edge.
    """
    step = sqrt(abs(np.linalg.det(linear)))
    factor = int(step / _KEPT)
    if factor > 1:
        photo, corner = _shrunk(photo, factor)
        shift = (shift - corner + 0.5) / factor - 0.5
        linear, step = linear / factor, step / factor
    k = max(1, ceil(step - 1e-6))  # Rounding must not turn an exact copy into an average.
    shift = shift + linear @ np.full(2, (1 / k - 1) / 2)
    crop = np.empty((size, size, photo.shape[2]), np.uint8)
    samples = np.empty((photo.shape[2], k * size, k * size), np.float32)
    # C order and not read-only: for another kind of array Numba would compile again.
    photo = np.require(photo, requirements=["C", "W"])
    _sample(photo, np.ascontiguousarray(linear / k), shift, samples)
    for channel, values in enumerate(samples):
        crop[..., channel] = values.reshape(size, k, size, k).mean(axis=(1, 3)) + 0.5
    return crop


def _shrunk(photo, factor) -> tuple[np.ndarray, int]:
    """Return means over blocks, and the column and row of the photo where the first one begins.

    That is a block before the photo, where its edge goes on: the shrunk photo continues beyond its
    last pixel with the same value, and a mean over pixels of the inside would not be that edge.
    """
    corner = 0
    if factor <= max(photo.shape[:2]):  # otherwise a block holds all of the photo
        corner = -factor
        around = [(factor, factor - size % -factor) for size in photo.shape[:2]]
        photo = np.pad(photo, (*around, (0, 0)), mode="edge")
    image = Image.fromarray(photo[..., 0] if photo.shape[2] == 1 else photo)
    shrunk = np.asarray(image.reduce(min(factor, max(image.size))))
    return shrunk.reshape(*shrunk.shape[:2], -1), corner
