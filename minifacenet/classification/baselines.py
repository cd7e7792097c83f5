"""Recognition before networks: pixels, eigenfaces, Fisherfaces. (LBP has its own file, `lbp.py`.)

Each turns a photo into a unit vector, as the network does, so one verification and one classifier
serve them all and the numbers compare.

**Pixels.** Average the grey face down to 32 x 32, subtract its mean, divide by its length:

    f = (x - mean(x)) / ||x - mean(x)||

The mean takes out brightness, the length contrast. Then ||f_i - f_j||² = 2 - 2 r, where r is the
correlation of the two photos.

**Eigenfaces** (Turk and Pentland 1991). Faces look alike, so they fill only a few of the 1,024
dimensions. With the rows of F the training photos' pixel features and m their mean,

    F - m = U S V^T,      g = (f - m) V_k,      e = g / ||g||

The columns of V are the eigenfaces: the directions in which faces differ, the most varied first.
The first k are kept, as they are. Whitening, which stretches all of them to one size, is a common
variant; on the training photos of ORL its accuracy was lower, as the late directions are noise.

**Fisherfaces** (Belhumeur, Hespanha and Kriegman 1997). Eigenfaces ask how photos differ, never
whose they are, and light and expression differ most. Linear discriminant analysis looks for the
directions w along which people differ much (S_b, the scatter of their means) and the photos of one
person little (S_w):

    maximise  w' S_b w  /  w' S_w w

S_w of a few hundred photos has no inverse. The paper first reduces to N - P eigenfaces; with 5
photos per person that fits noise (accuracy 0.54 on ORL, where pixels have 0.90). Here S_w is mixed
with a multiple of the identity instead (shrinkage), which serves the method better.
"""

import warnings
from numbers import Integral, Real
from typing import Self

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.utils.validation import check_is_fitted

from ..embedding.augmentation import LUMA

_SIDE = 32


def pixels(images: np.ndarray) -> np.ndarray:
    """Return the grey 32 x 32 pixels of every photo, with brightness and contrast taken out.

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
    grey = grey_photos(images)
    count, height, width = grey.shape
    small = _averages(height) @ (grey / 255) @ _averages(width).T
    features = small.reshape(count, _SIDE * _SIDE)
    return unit_rows(features - features.mean(axis=1, keepdims=True))


class Eigenfaces(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """A transformer of photos to unit vectors along the training photos' principal components.

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

    mean_: np.ndarray
    components_: np.ndarray

    def __init__(self, n_components: int = 100):
        self.n_components = n_components

    def fit(self, images: np.ndarray, y: object = None) -> Self:
        """Find the eigenfaces of `images`, ndarray of shape (N, H, W, C), uint8; `y` is unused.

        Raises
        ------
        ValueError
            As :func:`pixels`, if `n_components` is below 1, or if no two photos differ.
        """
        if not isinstance(self.n_components, Integral) or self.n_components < 1:
            raise ValueError(
                f"n_components must be a whole number and at least 1, got {self.n_components!r}"
            )
        features = pixels(images)
        self.mean_ = features.mean(axis=0)
        _, singular, components = np.linalg.svd(features - self.mean_, full_matrices=False)
        # Directions in which the photos do not differ hold float32 rounding, not faces.
        rank = int((singular > 1e-5 * np.sqrt(len(features))).sum())
        if rank == 0:
            raise ValueError(f"eigenfaces need two photos that differ, got {len(features)} photos")
        self.n_components_ = min(self.n_components, rank)
        self.components_ = components[: self.n_components_]
        self._n_features_out = self.n_components_
        return self

    def transform(self, images: np.ndarray) -> np.ndarray:
        """Return the unit vectors of the photos.

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
        return unit_rows(coordinates)


class Fisherfaces(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """A transformer of photos to unit vectors along directions that tell training people apart.

    Fit it on training photos only. Strangers are described by the directions of other people.

    Parameters
    ----------
    shrinkage : float, default=0.5
        Share of the identity in S_w, above 0 to 1. Values from 0.1 to 0.5 do equally well on ORL.

    Attributes
    ----------
    n_components_ : int
        How many directions there are: at most the number of people less one.
    """

    _pca: PCA
    _lda: LinearDiscriminantAnalysis

    def __init__(self, shrinkage: float = 0.5):
        self.shrinkage = shrinkage

    def fit(self, images: np.ndarray, y: np.ndarray) -> Self:
        """Find the directions for `images`, ndarray of shape (N, H, W, C), uint8, of people `y`.

        Raises
        ------
        ValueError
            As :func:`pixels`; for a `shrinkage` out of its range, for fewer than two people, for no
            more photos than people, or if nobody has two photos that differ, or no two people do.
        """
        if not isinstance(self.shrinkage, Real) or not 0 < self.shrinkage <= 1:
            raise ValueError(f"shrinkage must be above 0 and at most 1, got {self.shrinkage!r}")
        people = len(np.unique(y))
        if people < 2 or len(images) <= people:
            raise ValueError(
                "Fisherfaces need two people and more photos than people, got "
                f"{len(images)} photos of {people}"
            )
        features = pixels(images)
        _, person = np.unique(y, return_inverse=True)
        means = np.stack([features[person == p].mean(axis=0) for p in range(people)])
        within, between = np.abs(features - means[person]), np.ptp(means, axis=0)
        rounding = 1e-5
        if min(within.max(), between.max()) < rounding:
            raise ValueError(
                "Fisherfaces need two people who differ, and two photos of one of them that "
                f"differ: these {len(images)} photos of {people} people are too much alike"
            )
        # The PCA keeps the whole space of the photos, and returns arrays whatever scikit-learn's
        # settings say.
        self._pca = PCA(svd_solver="full").set_output(transform="default").fit(features)
        self._lda = LinearDiscriminantAnalysis(solver="eigen", shrinkage=self.shrinkage)
        self._lda.set_output(transform="default")
        with warnings.catch_warnings():  # a person with one photo adds to S_b only, as it should
            warnings.filterwarnings("ignore", "Only one sample available")
            warnings.filterwarnings("ignore", "The number of unique classes")
            self._lda.fit(self._pca.transform(features), y)
        self.n_components_ = self._n_features_out = people - 1
        return self

    def transform(self, images: np.ndarray) -> np.ndarray:
        """Return the unit vectors of the photos, ndarray of shape (N, n_components_), float32.

        Errors are those of :meth:`Eigenfaces.transform`.
        """
        check_is_fitted(self)
        coordinates = self._lda.transform(self._pca.transform(pixels(images)))
        return unit_rows(coordinates.astype(np.float32))


def grey_photos(images: np.ndarray) -> np.ndarray:
    """Turn photos (N, H, W, 1 or 3), uint8, into grey ones (N, H, W), float32 in 0..255."""
    images = np.asarray(images)
    if images.ndim != 4 or images.shape[3] not in (1, 3) or images.dtype != np.uint8:
        raise ValueError(
            "expected uint8 images of shape (N, H, W, C) with C = 1 or 3, "
            f"got {images.dtype} of shape {images.shape}"
        )
    return images @ LUMA if images.shape[3] == 3 else images[..., 0].astype(np.float32)


def _averages(size: int) -> np.ndarray:
    """Return a (32, size) float32 matrix: row i averages `size` pixels over the i-th of 32 strips.

    A pixel on the border of two strips counts in each by the share that lies inside.
    """
    edges = np.arange(_SIDE + 1) * size / _SIDE
    pixel = np.arange(size)
    overlap = np.minimum(edges[1:, None], pixel + 1) - np.maximum(edges[:-1, None], pixel)
    return (np.maximum(overlap, 0) * _SIDE / size).astype(np.float32)


def unit_rows(rows: np.ndarray) -> np.ndarray:
    """Divide every row by its length; a row without a direction becomes zero."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    rounding = 1e-4  # float32 leaves about 1e-6 of a row that should be zero
    return np.where(lengths < rounding, 0, rows / np.maximum(lengths, rounding))
