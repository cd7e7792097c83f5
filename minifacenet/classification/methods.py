"""The methods that a run compares, from photos to vectors: the network and its baselines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ..embedding.architectures import FaceNet
    from ..preprocessing.faces import Faces

Embed = Callable[[np.ndarray], np.ndarray]  # images (N, H, W, C), uint8 -> vectors (N, D)


@dataclass(frozen=True)
class Method:
    """A method is one way from photos to vectors.

    Attributes
    ----------
    key : str
        Its name in `metrics.json`.
    title : str
        Its name in tables and pictures.
    fit : callable(Faces) -> Embed, or None
        Fits it to faces; None stands for the network, which is trained instead.
    """

    key: str
    title: str
    fit: Callable[[Faces], Embed] | None = None


# Each imports what it needs when it is fitted: a table needs the titles alone.


def _fisherfaces(known: Faces) -> Embed:
    from .baselines import Fisherfaces

    return Fisherfaces().fit(known.pixels, known.labels).transform


def _eigenfaces(known: Faces) -> Embed:
    from .baselines import Eigenfaces

    return Eigenfaces().fit(known.pixels).transform


def _lbp(known: Faces) -> Embed:
    from .lbp import lbp

    return lbp


def _pixels(known: Faces) -> Embed:
    from .baselines import pixels

    return pixels


OURS = Method("facenet", "the network (ours)")
BASELINES = (
    Method("fisherfaces", "Fisherfaces", _fisherfaces),
    Method("eigenfaces", "eigenfaces", _eigenfaces),
    Method("lbp", "LBP histograms", _lbp),
    Method("pixels", "pixels", _pixels),
)
METHODS = (OURS, *BASELINES)


def methods_with(network: str) -> tuple[Method, ...]:
    """Return all methods, ours first and named after its network: 'nn1_mini (ours)'."""
    return (replace(OURS, title=f"{network} (ours)"), *BASELINES)


def embed_with(model: FaceNet, flip: bool) -> Embed:
    """Return the model as a function from photos to unit vectors; `flip` adds mirror images."""
    from ..embedding.embedder import Embedder

    return Embedder(model, flip=flip).transform


def fit_baselines(known: Faces) -> dict[str, Embed]:
    """Return the baselines by key, fitted to the photos that the network is trained on."""
    return {method.key: method.fit(known) for method in BASELINES if method.fit}
