"""What a run compares: the network and recognition before networks, each from photos to vectors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from .classification.baselines import Eigenfaces, Fisherfaces, pixels
from .classification.lbp import lbp
from .config import RunConfig
from .embedding.architectures import FaceNet
from .embedding.embedder import Embedder
from .figures import verification_figures
from .preprocessing.faces import Faces
from .protocols import score_pairs

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


def verify_pairs(
    out: Path, faces: Faces, vectors: dict[str, np.ndarray], result: dict, config: RunConfig
) -> None:
    """Adds each method's verification over all pairs of `faces` to `result`; draws the figures."""
    for method, embeddings in vectors.items():
        result[method] |= score_pairs(embeddings, faces.labels).as_dict()
    verification_figures(out, faces, vectors, result, config.credit)
