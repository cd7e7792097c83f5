"""The people that a training holds out: they judge it on the way, and give its thresholds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from ..classification.thresholds import OpenSet, measure_thresholds
from ..classification.verification_scores import val_at
from ..embedding.architectures import FaceNet
from ..embedding.batches import sample_batch
from ..embedding.checkpoint import add_to_model
from ..embedding.embedder import Embedder
from ..machine.ranks import ALONE, Ranks
from ..preprocessing.faces import Faces
from ..preprocessing.lazy_images import Images, subset
from .observer import Observer
from .selection import cross_score, validation_score
from .settings import TrainingRunConfig
from .splits import ProtocolError, split_people

ENROLLED_PEOPLE, ENROLLED_PHOTOS = 100, 5  # at most, in the gallery that held-out people probe


def split_off_judges(
    faces: Faces, config: TrainingRunConfig, observer: Observer
) -> tuple[Faces, Faces | None]:
    """Return the faces to train on, and those that judge it: None with too few people."""
    if not config.held_out:
        return faces, None
    try:
        rng = np.random.default_rng(config.training.seed)
        split = split_people(faces.labels, config.held_out, rng, config.held_out_of)
    except ProtocolError as error:
        observer.say(f"Nobody is held out, so nothing judges the training: {error}.")
        return faces, None
    return faces.subset(split.train), faces.subset(split.test)


class Check:
    """Measures the VAL of a model on held-out people, with the standard error.

    A harmonic training's is that of its vectors against the older model's, `gallery`: ndarray of
    shape (N, d), one for each of the photos of `others`. Several `ranks` embed a share each.
    """

    def __init__(
        self, others: Faces, far: float, gallery: np.ndarray | None = None, ranks: Ranks = ALONE
    ):
        self.others, self.far, self.gallery, self.ranks = others, far, gallery, ranks

    def __call__(self, model: FaceNet) -> tuple[float, float]:
        labels = self.others.labels
        vectors = _shared(Embedder(model), self.ranks)(self.others.images)

        def val(distances: np.ndarray, same: np.ndarray) -> float:
            return val_at(distances, same, self.far)

        if self.gallery is not None:
            return cross_score(vectors, self.gallery, labels, val)
        return validation_score(vectors, labels, np.ones(len(labels), bool), val)


def add_thresholds(path: Path, known: Faces, others: Faces, ranks: Ranks = ALONE) -> None:
    """Measure the thresholds of the model in `path` on `others`, and store them with it.

    Several `ranks` embed a share each; the first one stores.
    """
    embedder = Embedder(path, flip=True)
    ranks.refuse_difference(f"model in {path}", embedder.digest)
    embed = _shared(embedder, ranks)
    enrolled = known.subset(
        sample_batch(known.labels, ENROLLED_PEOPLE, ENROLLED_PHOTOS, np.random.default_rng(0))
    )
    people = len(np.unique(others.labels))
    group = OpenSet.of(embed, others, enrolled)
    thresholds = measure_thresholds(
        [group], f"{len(others)} photos of {people} people held out of its training"
    )
    ranks.on_first(lambda: add_to_model(path, "thresholds", thresholds.as_dict()))


def _shared(embedder: Embedder, ranks: Ranks) -> Callable[[Images], np.ndarray]:
    """Return what embeds photos as the embedder does, a share on each rank, all for all."""
    return lambda photos: ranks.gather(
        embedder.transform(subset(photos, ranks.share(len(photos)))), len(photos)
    )
