"""Recognition before networks: plain pixels and eigenfaces, so that FaceNet has something to beat.

Both turn a photo into a unit vector, as the network does, so one verification and one classifier
serve all three and the numbers compare.

**Pixels.** Average the grey face down to 32 x 32, subtract its mean, divide by its length:

    f = (x - mean(x)) / ||x - mean(x)||

The mean takes out brightness, the length contrast. Then ||f_i - f_j||² = 2 - 2 r, where r is the
correlation of the two photos.

**Eigenfaces** (Turk and Pentland 1991). Faces look alike, so they fill only a few of the 1,024
dimensions. With the rows of F the training photos' pixel features and m their mean,

    F - m = U S V^T,      g = (f - m) V_k,      e = g / ||g||

The columns of V are the eigenfaces: the directions in which faces differ, the most varied first.
The first k are kept, as they are. Whitening, which stretches all of them to one size, is a common
variant; on the training photos of ORL it named fewer faces, as the late directions are noise.
"""

from typing import Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

_SIDE = 32
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # ITU-R BT.601, as in JPEG


def pixels(images: np.ndarray) -> np.ndarray:
    """Grey 32 x 32 pixels of every photo with the brightness and the contrast taken out.

    Parameters
    ----------
    images : ndarray of shape (N, H, W, C), uint8
        Faces of one size, C = 1 (grey) or 3 (RGB).

    Returns
    -------
    ndarray of shape (N, 1024), float32
        Rows of mean 0 and length 1; a blank photo has no direction, its row is zero.

    Raises
    ------
    ValueError
        If the images have another shape or type.
    """
    images = np.asarray(images)
    if images.ndim != 4 or images.shape[3] not in (1, 3) or images.dtype != np.uint8:
        raise ValueError(
            "expected uint8 images of shape (N, H, W, C) with C = 1 or 3, "
            f"got {images.dtype} of shape {images.shape}"
        )
    count, height, width, channels = images.shape
    grey = images @ _LUMA if channels == 3 else images[..., 0].astype(np.float32)
    small = _averages(height) @ (grey / 255) @ _averages(width).T
    features = small.reshape(count, _SIDE * _SIDE)
    return _unit_rows(features - features.mean(axis=1, keepdims=True))


class Eigenfaces(TransformerMixin, BaseEstimator):
    """Photos to unit vectors along the principal components of the training photos.

    Fit it on training photos only: components that have seen the test photos flatter the result.

    Parameters
    ----------
    n_components : int, default=100
        How many eigenfaces to keep. n photos span at most n - 1 directions about their mean, so
        a smaller training set keeps fewer.

    Attributes
    ----------
    mean_ : ndarray of shape (1024,), float32
        The mean of the pixel features.
    components_ : ndarray of shape (n_components_, 1024), float32
        The eigenfaces, rows of length 1; `reshape(-1, 32, 32)` shows them.
    n_components_ : int
        How many were kept.
    """

    def __init__(self, n_components: int = 100):
        self.n_components = n_components

    def fit(self, images: np.ndarray, y: object = None) -> Self:
        """Find the eigenfaces of `images`, ndarray of shape (N, H, W, C), uint8; `y` is unused.

        Raises
        ------
        ValueError
            As :func:`pixels`, if `n_components` is below 1, or if no two photos differ.
        """
        if self.n_components < 1:
            raise ValueError(f"n_components must be at least 1, got {self.n_components}")
        features = pixels(images)
        self.mean_ = features.mean(axis=0)
        _, singular, components = np.linalg.svd(features - self.mean_, full_matrices=False)
        # Directions in which the photos do not differ hold float32 rounding, not faces.
        rank = int((singular > 1e-5 * np.sqrt(len(features))).sum())
        if rank == 0:
            raise ValueError(f"eigenfaces need two photos that differ, got {len(features)} photos")
        self.n_components_ = min(self.n_components, rank)
        self.components_ = components[: self.n_components_]
        return self

    def transform(self, images: np.ndarray) -> np.ndarray:
        """Unit vectors of the photos.

        Parameters
        ----------
        images : ndarray of shape (N, H, W, C), uint8
            Cropped like the training photos; the size may differ.

        Returns
        -------
        ndarray of shape (N, n_components_), float32
            Rows of length 1, or zero for a photo that is the mean face itself.

        Raises
        ------
        NotFittedError
            Before :meth:`fit`.
        ValueError
            As :func:`pixels`.
        """
        check_is_fitted(self)
        coordinates = (pixels(images) - self.mean_) @ self.components_.T
        return _unit_rows(coordinates)


def _averages(size: int) -> np.ndarray:
    """Matrix of shape (32, size), float32: row i averages `size` pixels over the i-th of 32 strips.

    A pixel on the border of two strips counts in each by the share that lies inside.
    """
    edges = np.arange(_SIDE + 1) * size / _SIDE
    pixel = np.arange(size)
    overlap = np.minimum(edges[1:, None], pixel + 1) - np.maximum(edges[:-1, None], pixel)
    return (np.maximum(overlap, 0) * _SIDE / size).astype(np.float32)


def _unit_rows(rows: np.ndarray) -> np.ndarray:
    """Every row divided by its length; a row without a direction becomes zero."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    rounding = 1e-4  # float32 leaves about 1e-6 of a row that should be zero
    return np.where(lengths < rounding, 0, rows / np.maximum(lengths, rounding))
