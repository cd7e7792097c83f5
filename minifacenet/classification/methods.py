"""What a run compares: the network and what it has to beat, each from photos to vectors."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..embedding.architectures import FaceNet
from ..embedding.embedder import Embedder
from ..preprocessing.faces import Faces
from .baselines import Eigenfaces, Fisherfaces, pixels
from .lbp import lbp

Embed = Callable[[np.ndarray], np.ndarray]


def network(model: FaceNet, flip: bool) -> Embed:
    """The network as a function from photos to unit vectors; `flip`: with their mirror images."""
    return Embedder(model, flip=flip).transform


def baselines(known: Faces) -> dict[str, Embed]:
    """What it has to beat, fitted on the same photos."""
    return {
        "fisherfaces": Fisherfaces().fit(known.images, known.labels).transform,
        "eigenfaces": Eigenfaces().fit(known.images).transform,
        "lbp": lbp,
        "pixels": pixels,
    }


# What a run compares, by the keys of metrics.json, as they are called in tables and pictures.
METHODS = {
    "facenet": "nn1_mini (ours)",
    "fisherfaces": "Fisherfaces",
    "eigenfaces": "eigenfaces",
    "lbp": "LBP histograms",
    "pixels": "pixels",
}
