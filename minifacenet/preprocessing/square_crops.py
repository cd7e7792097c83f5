"""From a face somewhere in a photo to a square that shows it: aligned by landmarks, or by a box.

The paper takes the box of a detector, makes it a square and resizes it: the face is shifted and
scaled, and not aligned in any other way. That is `box_crop`. With millions of photos a network
learns to see past a tilted head; with few it had better be shown every face alike. `aligned_crop`
turns, scales and shifts the photo until five landmarks (left eye, right eye, nose tip, left and
right mouth corner, as they lie in the picture: left is where x is small) fall where a template
wants them. Eyes are then always in the same place, and the network compares like with like.

Coordinates are (x, y), x to the right and y down, in pixels:

    points   whole numbers are the centres of pixels: (0, 0) is the middle of the first one. Our
             detector counts from edges, as boxes do: take 0.5 off its landmarks
    boxes    (x0, y0, x1, y1) cut as slices do, so the whole photo is (0, 0, width, height): the
             edge x0 = 0 is the outer side of the first column, half a pixel left of its centre

Where a crop reaches beyond the photo, the photo's edge goes on: black corners would be edges that
no face has.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

import numpy as np
from numpy.typing import ArrayLike

from .centre_square import check_photo
from .warp import resampled


@dataclass(frozen=True)
class Template:
    """A template says where five landmarks of a face go: (x, y) in a square of `side` pixels."""

    side: int
    points: tuple[tuple[float, float], ...]

    def scaled(self, size: int, margin: float = 0.0) -> np.ndarray:
        """Return the points in a square of `size` pixels, ndarray of shape (5, 2), float64.

        The points shrink about the centre by 1 / (1 + 2 margin): a margin of 0.1 leaves room for a
        tenth of the face's side all round. It is a fraction, so small and large faces look alike.
        """
        _check_margin(margin)
        # Squares are scaled from their outer edge, half a pixel beyond the first centre.
        fractions = (np.array(self.points) + 0.5) / self.side
        return (0.5 + (fractions - 0.5) / (1 + 2 * margin)) * size - 0.5


TEMPLATES = {
    "portrait": Template(100, ((34.5, 41.5), (64.5, 41.5), (49.5, 59), (36.5, 74.5), (62.5, 74.5))),
    "openface": Template(
        96,
        ((26.628, 16.059), (67.790, 15.264), (47.241, 40.522), (29.483, 61.618), (66.760, 60.878)),
    ),
    "dlib": Template(
        150,
        ((47.11, 45.55), (101.64, 45.47), (74.95, 77.68), (50.28, 105.09), (97.85, 105.61)),
    ),
}
"""The templates by name; all hold the landmarks in the order given above.

'portrait', ours, shows the head as the ORL photos do, from the forehead to the chin and with the
ears. It is its own mirror image, as faces are on average.

                35 %     65 %
        +--------|--------|--------+
        |                          |
        |                          |
        |                          |
        |                          |
        |        o        o        |  42 %     eyes
        |                          |
        |            o             |  59.5 %   nose tip
        |                          |
        |         o      o         |  75 %     mouth corners, at 37 % and 63 %
        |                          |
        |                          |
        +--------------------------+

'openface' is tight, from the brows to the chin: what OpenFace's nn4.small2 was trained on,
reduced to five points. That network needs it. 'dlib' is what dlib's network was trained on, as our
detector's five points lie in it: the face with some room all round.
"""


def similarity(source: ArrayLike, target: ArrayLike) -> np.ndarray:
    """Return the rotation, uniform scale and shift that bring points closest to others.

    It minimises  sum_i |a x_i + b - y_i|²  over all similarities without a mirror image. In the
    plane this takes no matrix algebra: read a point (x, y) as the complex number x + iy. Then
    multiplying by a complex a = s e^{iφ} turns by φ and scales by s, and adding b shifts.

    For any a the best b brings mean to mean, b = ȳ - a x̄. With the means taken off, the rest is an
    ordinary least-squares line through the origin, only with complex numbers:

        sum |a x_i - y_i|² = |a|² sum |x_i|² - 2 Re(a sum x_i conj(y_i)) + sum |y_i|²

    which is a square, completed at

        a = sum conj(x_i) y_i / sum |x_i|²

    Mirroring would take conj(x), which multiplying cannot give: so no mirror image can come out.
    In n dimensions the same minimum needs an SVD, whose last factor may be a mirror image and has
    to be turned by the sign of a determinant (Umeyama 1991, "Least-squares estimation of
    transformation parameters between two point patterns", IEEE PAMI 13(4)).

    Parameters
    ----------
    source, target : array_like of shape (N, 2)
        Two or more points x_i, and where they should go, y_i.

    Returns
    -------
    ndarray of shape (2, 3), float64
        M with  y ≈ M[:, :2] @ x + M[:, 2].

    Raises
    ------
    ValueError
        There are fewer than two points, a NaN or an infinity, all points are equal, or no rotation
        comes closer to the targets than any other, as to the mirror image of a square.
    """
    x, y = _points(source, "source"), _points(target, "target")
    if len(x) != len(y):
        raise ValueError(f"as many source as target points are needed, got {len(x)} and {len(y)}")
    x, y = x @ (1, 1j), y @ (1, 1j)
    dx, dy = x - x.mean(), y - y.mean()
    a = np.vdot(dx, dy) / np.vdot(dx, dx).real  # vdot takes the conjugate of its first argument.
    if abs(a) <= 1e-12 * np.linalg.norm(dy) / np.linalg.norm(dx):
        raise ValueError("no rotation fits better than another: is the target a mirror image?")
    b = y.mean() - a * x.mean()
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])


def aligned_crop(
    photo: np.ndarray,
    landmarks: ArrayLike,
    size: int,
    template: str = "portrait",
    margin: float = 0.0,
) -> np.ndarray:
    """Return the face with its landmarks brought to a template by least squares (`similarity`).

    Parameters
    ----------
    photo : ndarray of shape (H, W, 1) or (H, W, 3), uint8
    landmarks : array_like of shape (5, 2)
        Left eye, right eye, nose tip, left and right mouth corner; (x, y), pixel centres whole.
    size : int
        Side of the crop in pixels.
    template : str
        A name in `TEMPLATES`.
    margin : float
        More room all round, as a fraction of the template's square.

    Returns
    -------
    ndarray of shape (size, size, C), uint8

    Raises
    ------
    ValueError
        Photo, size, template or margin is invalid, or the landmarks are not five finite points, or
        all lie outside the photo.
    """
    check_photo(photo, size)
    if template not in TEMPLATES:
        raise ValueError(f"template must be one of {', '.join(TEMPLATES)}, got {template!r}")
    points = _points(landmarks, "landmarks")
    if len(points) != 5:
        raise ValueError(f"five landmarks are needed (eyes, nose tip, mouth), got {len(points)}")
    height, width = photo.shape[:2]
    if not ((points >= -0.5) & (points <= (width - 0.5, height - 0.5))).all(axis=1).any():
        raise ValueError(
            f"none of the landmarks {points.tolist()} lies in the photo of {width} x {height} "
            "pixels: were they found in the photo at another size?"
        )
    to_crop = similarity(points, TEMPLATES[template].scaled(size, margin))
    linear = np.linalg.inv(to_crop[:, :2])
    return resampled(photo, linear, -linear @ to_crop[:, 2], size)


def square_box(
    box: ArrayLike, margin: float, height: int, width: int
) -> tuple[float, float, float, float]:
    """Return the square about the centre of a detector's box, by its longer side, with a margin.

    Parameters
    ----------
    box : (x0, y0, x1, y1)
        It may reach beyond the photo, as boxes of faces at the edge do.
    margin : float
        Room on each of the four sides, as a fraction of the square's side.
    height, width : int
        The photo's size.

    Returns
    -------
    (x0, y0, x1, y1) of float
        The square, not cut off at the photo's edge: it would not be a square any more.

    Raises
    ------
    ValueError
        The box is not four finite numbers, has no width or height, or lies outside the photo.
    """
    _check_margin(margin)
    corners = np.asarray(box, dtype=np.float64)
    if corners.shape != (4,) or not np.isfinite(corners).all():
        raise ValueError(f"a box is four finite numbers (x0, y0, x1, y1), got {box!r}")
    x0, y0, x1, y1 = map(float, corners)
    if x1 <= x0 or y1 <= y0:
        raise ValueError(f"the box {x0, y0, x1, y1} is empty: it needs x0 < x1 and y0 < y1")
    if x1 <= 0 or y1 <= 0 or x0 >= width or y0 >= height:
        raise ValueError(
            f"the box {x0, y0, x1, y1} lies outside the photo of {width} x {height} pixels"
        )
    half = max(x1 - x0, y1 - y0) * (1 + 2 * margin) / 2
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    return x - half, y - half, x + half, y + half


def box_crop(photo: np.ndarray, box: ArrayLike, size: int, margin: float = 0.0) -> np.ndarray:
    """Return the paper's crop: the square about a detector's box, resized and not turned.

    `photo`, `size` and the result are as in `aligned_crop`, `box`, `margin` and errors as in
    `square_box`.
    """
    check_photo(photo, size)
    x0, y0, x1, _ = square_box(box, margin, *photo.shape[:2])
    step = (x1 - x0) / size
    corner = np.array([x0, y0]) - 0.5  # as a point
    return resampled(photo, step * np.eye(2), corner + step / 2, size)


def _points(values: ArrayLike, name: str) -> np.ndarray:
    points = np.asarray(values, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 2 or len(points) < 2:
        raise ValueError(f"{name} must be two or more points (x, y), got shape {points.shape}")
    if not np.isfinite(points).all():
        raise ValueError(f"{name} must be finite, got {points.tolist()}")
    if (points == points[0]).all():
        raise ValueError(f"{name} must not all be one point, got {len(points)} x {points[0]}")
    return points


def _check_margin(margin: float) -> None:
    if not 0 <= margin < inf:
        raise ValueError(f"margin is a fraction of the face's side, 0 or more, got {margin}")
