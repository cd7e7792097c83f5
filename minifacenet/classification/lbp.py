"""Local binary patterns: a face as a mosaic of small textures (Ahonen, Hadid, Pietikäinen 2006).

Walk around every pixel at eight points on a circle and note which are at least as bright as it:
eight bits, a number from 0 to 255. Brighter light changes none of them.

    code(y, x) = sum over i of  2^i [ g(y - R sin(pi i / 4), x + R cos(pi i / 4)) >= g(y, x) ]

Most codes of real photos are *uniform*: around the circle the bits change at most twice (edges,
corners, spots, flat places). There are 58 of them; all others share one number, 59 in all. The
face is cut into a grid of cells, and each cell's histogram of codes says what texture it has; their
sequence says where.

    f = sqrt(histograms of all cells) / length

With the square root, the squared L2 distance of two faces compares histograms as the chi-squared
distance of the paper nearly does, so that one SVM and one verification serve here too.
"""

import numpy as np

from .baselines import grey_photos, unit_rows

RADIUS = 2  # R, in pixels
GRID = 7  # cells along each side
_BITS = 8


def _uniform_numbers() -> np.ndarray:
    """Return each code's number, ndarray of shape (256,): 0 to 57 for uniform ones, else 58."""
    bits = (np.arange(256)[:, None] >> np.arange(_BITS)) & 1
    changes = (bits != np.roll(bits, 1, axis=1)).sum(axis=1)
    numbers = np.full(256, 58)
    numbers[changes <= 2] = np.arange(58)
    return numbers


_NUMBERS = _uniform_numbers()
_KINDS = 59


def lbp(images: np.ndarray) -> np.ndarray:
    """Return histograms of uniform local binary patterns, radius 2, on a grid of 7 x 7 cells.

    Parameters
    ----------
    images : ndarray of shape (N, H, W, C), uint8
        Faces of one size, C = 1 (grey) or 3 (RGB), at least 12 pixels high and wide.

    Returns
    -------
    ndarray of shape (N, 2891), float32
        Rows of length 1.

    Raises
    ------
    ValueError
        As `baselines.pixels`, or for photos too small for the grid.
    """
    grey = grey_photos(images)
    count, height, width = grey.shape
    if min(height, width) < GRID + 2 * RADIUS + 1:
        raise ValueError(f"a grid of {GRID} x {GRID} needs 12 pixels a side, got {height}x{width}")
    numbers = _NUMBERS[_codes(grey)]
    rows, columns = (np.arange(n) * GRID // n for n in numbers.shape[1:])
    cells = rows[:, None] * GRID + columns
    photo = np.arange(count)[:, None, None] * GRID * GRID
    histograms = np.bincount(
        ((photo + cells) * _KINDS + numbers).ravel(), minlength=count * GRID * GRID * _KINDS
    )
    return unit_rows(np.sqrt(histograms.reshape(count, -1).astype(np.float32)))


def _codes(grey: np.ndarray) -> np.ndarray:
    """Return the code of every pixel that has a whole circle around it, uint8."""
    centre = _shifted(grey, 0, 0)
    codes = np.zeros(centre.shape, np.uint8)
    for bit in range(_BITS):
        angle = 2 * np.pi * bit / _BITS
        dy, dx = np.round([-RADIUS * np.sin(angle), RADIUS * np.cos(angle)], 9)
        # Values between pixels are bilinear; rounding must not turn a flat place into a pattern.
        codes |= (_between(grey, dy, dx) >= centre - np.float32(1e-3)).astype(np.uint8) << bit
    return codes


def _between(grey, dy: float, dx: float) -> np.ndarray:
    top, left = int(np.floor(dy)), int(np.floor(dx))
    down, right = np.float32(dy - top), np.float32(dx - left)
    bottom, far = top + bool(down), left + bool(right)  # on a pixel there is nothing between
    upper = (1 - right) * _shifted(grey, top, left) + right * _shifted(grey, top, far)
    lower = (1 - right) * _shifted(grey, bottom, left) + right * _shifted(grey, bottom, far)
    return (1 - down) * upper + down * lower


def _shifted(grey, dy: int, dx: int) -> np.ndarray:
    _, height, width = grey.shape
    return grey[:, RADIUS + dy : height - RADIUS + dy, RADIUS + dx : width - RADIUS + dx]
