"""What a run compares, each from photos to vectors: the network, and what it has to beat."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ..embedding.architectures import FaceNet
from ..embedding.embedder import Embedder
from ..preprocessing.faces import Faces
from .baselines import Eigenfaces, Fisherfaces, pixels
from .lbp import lbp

Embed = Callable[[np.ndarray], np.ndarray]  # images (N, H, W, C), uint8 -> vectors (N, D)


@dataclass(frozen=True)
class Method:
    """One way from photos to vectors.

    Attributes
    ----------
    key : str
        What it is called in `metrics.json`.
    title : str
        What it is called in tables and pictures.
    fit : callable(Faces) -> Embed, or None
        Fits it to faces; None stands for the network, which is trained instead.
    """

    key: str
    title: str
    fit: Callable[[Faces], Embed] | None = None


OURS = Method("facenet", "the network (ours)")
BASELINES = (
    Method(
        "fisherfaces",
        "Fisherfaces",
        lambda known: Fisherfaces().fit(known.images, known.labels).transform,
    ),
    Method("eigenfaces", "eigenfaces", lambda known: Eigenfaces().fit(known.images).transform),
    Method("lbp", "LBP histograms", lambda known: lbp),
    Method("pixels", "pixels", lambda known: pixels),
)
METHODS = (OURS, *BASELINES)


def methods_with(network: str) -> tuple[Method, ...]:
    """All methods, ours first and by the name of its network: 'nn1_mini (ours)'."""
    return (replace(OURS, title=f"{network} (ours)"), *BASELINES)


def embed_with(model: FaceNet, flip: bool) -> Embed:
    """The network as a function from photos to unit vectors; `flip`: with their mirror images."""
    return Embedder(model, flip=flip).transform


def fit_baselines(known: Faces) -> dict[str, Embed]:
    """What the network has to beat, by key, fitted to the photos that it is trained on."""
    return {method.key: method.fit(known) for method in BASELINES}
