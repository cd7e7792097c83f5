"""Train a network whose vectors compare with those of an older one: `train --harmonic MODEL`.

The older one, v1, is fixed: it embeds all faces once, before the first step, each as it is and
mirrored, as those of a gallery are. The new one, v2, sees them augmented, and held-out people judge
how its vectors compare with v1's.
`embedding/harmonic.py` has the two losses:

    by        a batch                       its loss
    people    K photos each of P people     that of triplets which mix the vectors of v1 and v2
    photos    P x K photos of anybody       the same, as if each photo showed a person of its own
    vectors   P x K photos of anybody       the squared distance to each photo's own v1 vector

For the last two nobody has to be known, and one photo each is enough: so a small network learns to
stand in for a large one (the distillation of Hinton et al. 2015, with vectors for its classes).

v1's vectors are kept in the training's folder as `embedding.cache` keeps them: going on reads them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..embedding.architectures import FaceNet
from ..embedding.cache import EmbeddingCache, part_of
from ..embedding.checkpoint import model_file
from ..embedding.embedder import Embedder
from ..embedding.harmonic import harmonic_loss, own_vector_loss
from ..files.links import real_path
from ..files.words import count_text, shortened
from ..preprocessing.faces import Faces
from ..preprocessing.lazy_images import Images
from ..preprocessing.listed_images import ENOUGH
from ..preprocessing.read_folder import read_listed
from .observer import Observer
from .settings import MIXED_OFFLINE, TrainConfig, TrainingRunConfig
from .starting import opened


@dataclass(frozen=True, eq=False)
class Harmonic:
    """What a training needs of v1.

    Attributes
    ----------
    vectors : ndarray of shape (N, d), float32
        v1's, one for each of the faces to train on.
    by : 'people', 'photos' or 'vectors'
    """

    vectors: np.ndarray
    by: str = "people"

    def prepared(self, labels: np.ndarray, config: TrainConfig) -> tuple[np.ndarray, TrainConfig]:
        """Return labels and settings as `as_people` does, if a training with them is possible.

        Raises
        ------
        ValueError
            There is no vector for each face, there are no two people, or mining is offline.
        """
        if self.vectors.shape[:1] != labels.shape:
            raise ValueError(
                f"v1's vectors are one for each of {len(labels)} faces, got shape "
                f"{self.vectors.shape}"
            )
        if config.mine_every:
            raise ValueError(MIXED_OFFLINE)
        people, wanted = len(np.unique(labels)), "people" if self.by == "people" else "photos"
        labels, config = as_people(self.by, labels, config)
        if len(np.unique(labels)) < 2:
            raise ValueError(
                f"a harmonic training by {self.by} needs two {wanted}, got "
                f"{count_text(len(labels), 'photo')} of {count_text(people, 'person', 'people')}"
            )
        return labels, config

    def loss_of(
        self, labels: np.ndarray, margin: float, rule: str, rng: np.random.Generator
    ) -> Callable[[np.ndarray], tuple[float, int, np.ndarray, int]]:
        """Return a batch's loss: a function of the distances of [v2; v1], as `loop` takes it."""
        if self.by == "vectors":
            return lambda distances: (*own_vector_loss(distances), len(labels))
        same = 2 * (labels[:, None] == labels[None]).sum(axis=1)  # vectors of each anchor's person
        negatives = 2 * len(labels) - same if rule == "all" else 1
        candidates = int(((same - 1) * negatives).sum())
        return lambda distances: (
            *harmonic_loss(distances, labels, margin, rule, rng),
            candidates,
        )


def as_people(by: str, labels: np.ndarray, config: TrainConfig) -> tuple[np.ndarray, TrainConfig]:
    """Return labels and settings of batches: if not by people, each of P x K photos is a person."""
    if by == "people":
        return labels, config
    return np.arange(len(labels)), replace(config, people=config.people * config.photos)


def with_old(config: TrainingRunConfig, out: Path) -> tuple[TrainingRunConfig, FaceNet | None]:
    """Return the settings with the digest of v1, and v1 itself, if there is one.

    Raises
    ------
    CheckpointError
        There is no such model, or its file is damaged.
    ValueError
        It is another one than the settings say, its vectors have another length, or it is the
        file in which the training in `out` keeps its own model.
    """
    if config.harmonic is None:
        return config, None
    old = opened(config.harmonic, config.harmonic_digest, "compares with")
    if real_path(model_file(config.harmonic)) == real_path(out / "model.safetensors"):
        raise ValueError(
            f"{config.harmonic} is the model in {out}, and a training there would replace it: "
            "choose another --out, for the older model is needed as long as its gallery"
        )
    dim = old.architecture.dim
    if dim != config.architecture.dim:
        raise ValueError(
            f"{config.harmonic} gives vectors of {dim} numbers, and this network would give "
            f"{config.architecture.dim}, which do not compare: say --dim {dim}"
        )
    return replace(config, harmonic_digest=old.digest), old


def old_vectors(
    old: FaceNet, faces: Faces, folder: Path | None, out: Path, observer: Observer, name: str
) -> np.ndarray:
    """Embed the faces with v1, at its own input size: they are read again where that is another.

    Parameters
    ----------
    old : FaceNet
        It stays on its device.
    faces : Faces
    folder : path or None
        Where their paths begin.
    out : path
        The folder that keeps the vectors.
    name : str
        What the observer calls v1.

    Returns
    -------
    ndarray of shape (N, d), float32

    Raises
    ------
    ValueError
        The faces were cut otherwise than v1's, or cannot be read again.
    """
    if old.cut != faces.cut:
        raise ValueError(
            f"{name} was trained on faces cut as {shortened(old.cut)}, and these are cut as "
            f"{shortened(faces.cut)}: cut the faces anew, or compare with another model"
        )
    # All that the training sees, however many: no row may push out another one.
    cache = EmbeddingCache(out, Embedder(old, flip=True), sys.maxsize, warn=observer.say)
    vectors, part = [], part_of(len(faces))
    for start in range(0, len(faces), part):
        observer.embedded(name, start, len(faces))
        photos = _seen_by(old, faces.subset(slice(start, start + part)), folder, name)
        vectors.append(cache.transform(photos))
    observer.embedded(name, len(faces), len(faces))
    return np.concatenate(vectors)


def _seen_by(old: FaceNet, faces: Faces, folder: Path | None, name: str) -> Images:
    size, _, channels = old.architecture.input_shape
    if faces.images.shape[1:] == old.architecture.input_shape:
        return faces.images
    if folder is None:
        raise ValueError(
            f"{name} takes photos of shape {old.architecture.input_shape}, and these are "
            f"{faces.images.shape[1:]}: name the folder of photos that they were read from, and "
            "not packed faces"
        )
    again = read_listed(folder, faces.paths, size, channels, memory=ENOUGH)
    if again.skipped:
        raise ValueError(f"{folder / again.skipped[0][0]} can no longer be read: begin again")
    return again.images
