"""Embedder: photos in, points on the unit sphere out, as a scikit-learn transformer.

make_pipeline(Embedder("runs/orl"), FaceClassifier()).fit(photos, names)
"""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin

from ..preprocessing.lazy_images import LazyImages, in_parts
from .architectures import Architecture, FaceNet
from .batches import embed
from .checkpoint import load_model


class Embedder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Turns square faces into embeddings with a trained network; `fit` learns nothing.

    Several Python threads may share one. A process that was forked after its parent had computed
    anything cannot use it (RuntimeError, where OpenMP would end it): start workers with 'spawn',
    or make the Embedder in them.

    Parameters
    ----------
    model : FaceNet, or path of a model file or of a run's folder, or name of a published network
    batch_size : int
        Photos that go through the network at once: a matter of memory. The last bits of an
        embedding (1e-6 of its length) depend on how many go through with it, because sums are
        rounded in another order; they do not depend on the number of threads.
    flip : bool
        Embed each photo and its mirror image and take the mean direction of the two.
    progress : callable(done, total), optional
        Called after each batch.
    """

    def __init__(
        self,
        model: FaceNet | str | Path,
        batch_size: int = 32,
        flip: bool = False,
        progress: Callable[[int, int], None] | None = None,
    ):
        self.model = model
        self.batch_size = batch_size
        self.flip = flip
        self.progress = progress

    def fit(self, X: object = None, y: object = None) -> Embedder:
        """Learn nothing, but load the model anew, so that a wrong path shows at once."""
        self._from: str | Path | None = None
        self._loaded()
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    @property
    def architecture(self) -> Architecture:
        """The network's architecture: what it takes and gives."""
        return self._loaded().architecture

    @property
    def _n_features_out(self) -> int:  # of ClassNamePrefixFeaturesOutMixin: "embedder0", ...
        return self.architecture.dim

    @property
    def digest(self) -> str:
        """The digest of the network that `transform` uses."""
        return self._loaded().digest

    @property
    def cut(self) -> str:
        """How the faces of the network's training were cut, in words."""
        return self._loaded().cut

    @property
    def preprocessing(self) -> str:
        """What happens to a photo before and around the network, in words: part of its identity."""
        seen = "mean of photo and mirror image" if self.flip else "photo alone"
        return f"{self._loaded().preprocessing}; {seen}"

    def transform(self, X: ArrayLike | LazyImages) -> np.ndarray:
        """Embed photos.

        Parameters
        ----------
        X : ndarray of shape (N, H, W, C), uint8, or LazyImages
            Each has the network's input shape. Of those on the disk, a batch is read at a time.

        Returns
        -------
        ndarray of shape (N, dim), float32
            Unit vectors; their squared L2 distances, 0 to 4, say how alike two faces are.
        """
        model = self._loaded()
        if not isinstance(self.batch_size, Integral) or self.batch_size < 1:
            raise ValueError(
                f"batch_size must be a whole number and at least 1, got {self.batch_size!r}"
            )
        photos = X if isinstance(X, LazyImages) else np.asarray(X)
        expected = model.architecture.input_shape
        if photos.dtype != np.uint8 or photos.shape[1:] != expected:
            raise ValueError(
                f"the network takes uint8 photos of shape (N, {', '.join(map(str, expected))}), "
                f"got {photos.dtype} {photos.shape}: read them with "
                f"read_faces(folder, size={expected[0]}, channels={expected[2]})"
            )
        out = np.empty((len(photos), model.architecture.dim), np.float32)
        network, done = model.for_inference(), 0
        for batch in in_parts(photos, int(self.batch_size)):
            out[done : done + len(batch)] = self._embed(network, batch)
            done += len(batch)
            if self.progress is not None:
                self.progress(done, len(photos))
        return out

    def _embed(self, network, photos):
        if not self.flip:
            return embed(network, photos)
        mirrored = photos[:, :, ::-1]
        if 2 * len(photos) <= self.batch_size:  # weights are read once: a fifth of a photo's time
            both = embed(network, np.concatenate([photos, mirrored]))
            both = both[: len(photos)] + both[len(photos) :]
        else:
            both = embed(network, photos) + embed(network, mirrored)
        return both / np.maximum(np.linalg.norm(both, axis=1, keepdims=True), 1e-10)

    def _loaded(self) -> FaceNet:
        if isinstance(self.model, FaceNet):
            return self.model
        if getattr(self, "_from", None) != self.model:  # a copy for this path, loaded once
            self._facenet, self._from = load_model(self.model), self.model
        return self._facenet
