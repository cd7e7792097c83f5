"""Training: `for record in train(model, faces, config):` and the model learns.

A step: draw a batch, embed it, measure all squared distances, pick triplets, turn the loss's slope
into a slope for each embedding, send that backward through the network, update. `train` is a
generator that yields one `StepRecord` a step. It does not print, plot, save or evaluate: the caller
looks at the record and decides.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from ..nn.layer import Sequential
from ..nn.optim import OPTIMIZERS
from .batches import Augmentation, sample_batch, to_input
from .mining import RULES, mined_loss, squared_distances
from .triplet import embedding_gradient


@dataclass(frozen=True)
class TrainConfig:
    """What determines a training run, beside the model and the photos.

    Parameters
    ----------
    steps : int
    people, photos : int
        P and K of a batch.
    chunk : int or None
        How many photos go through the network at once. A batch of more is embedded in chunks that
        keep nothing, mined as a whole, and sent through again chunk by chunk for the gradient: the
        memory of a chunk, the time of a forward more, the same gradient. None: all at once.
    extra_negatives : int
        Photos of other people that a batch holds besides, one each.
    margin : float
        The paper's alpha.
    mining : str
        A rule of `mining.RULES`, or several with the step at which each begins:
        'semi-hard, hardest@200'.
    optimizer : 'adagrad', 'adam' or 'sgd'
    rate : float
        Learning rate at the start; it falls to zero along a half cosine ("started with 0.05 ...
        lowered", section 3).
    augmentation : Augmentation or None
    seed : int
        Of batches and augmentation.
    """

    steps: int = 150
    people: int = 32
    photos: int = 5
    chunk: int | None = None
    extra_negatives: int = 0
    margin: float = 0.2
    mining: str = "semi-hard"
    optimizer: str = "adam"
    rate: float = 5e-4
    augmentation: Augmentation | None = field(default_factory=Augmentation)
    seed: int = 0

    def __post_init__(self):
        if self.optimizer not in OPTIMIZERS:
            raise ValueError(f"optimizer {self.optimizer!r} is none of {', '.join(OPTIMIZERS)}")
        if self.steps < 1 or self.people < 2 or self.photos < 2:
            raise ValueError(
                f"training needs steps >= 1, people >= 2 and photos >= 2, got {self.steps}, "
                f"{self.people} and {self.photos}"
            )
        if self.chunk is not None and self.chunk < 1:
            raise ValueError(f"a chunk holds at least 1 photo, got {self.chunk}")
        if self.extra_negatives < 0:
            raise ValueError(f"extra_negatives must be at least 0, got {self.extra_negatives}")
        self.rule_at(1)
        if not self.rate > 0:
            raise ValueError(f"the learning rate must be positive, got {self.rate}")
        if not 0 < self.margin < 4:
            raise ValueError(f"the margin must lie between 0 and 4 (squared L2), got {self.margin}")

    def rule_at(self, step: int) -> str:
        """The mining rule in force at a step (they count from 1)."""
        current = None
        for entry in self.mining.split(","):
            rule, _, start = entry.strip().partition("@")
            if rule not in RULES or not (start or "1").isdigit():
                raise ValueError(
                    f"mining is one of {', '.join(RULES)}, or several such as "
                    f"'semi-hard, hardest@200', got {self.mining!r}"
                )
            if current is None or step >= int(start or 1):
                current = rule
        return current


COLLAPSED = 0.01  # a spread below this: all embeddings are one point, whatever the photo


@dataclass(frozen=True)
class StepRecord:
    """One step in numbers; all distances are squared L2.

    `triplets` are the active ones; `active` is their number over that of the anchor-positive pairs
    (the rule 'all' has many triplets a pair, and may exceed 1); `spread` is the mean
    distance of all pairs in the batch (near 0: collapsed, all embeddings are one point; near 2:
    spread over the sphere).
    """

    step: int
    loss: float
    triplets: int
    active: float
    positive_distance: float
    negative_distance: float
    spread: float
    images: int
    seconds: float

    @property
    def state(self) -> str:
        """'learning', 'solved' (no triplet left and the people apart), or 'collapsed'."""
        if self.spread < COLLAPSED:
            return "collapsed"
        return "learning" if self.triplets else "solved"


def train(model: Sequential, faces, config: TrainConfig) -> Iterator[StepRecord]:
    """Train `model` in place on `faces` (`.images` uint8 (N, H, W, C), `.labels` (N,)).

    Raises
    ------
    ValueError
        Nobody has two photos, or there is only one person: no triplet exists.
    FloatingPointError
        The loss is not finite any more.
    """
    if not is_trainable(faces.labels):
        raise ValueError(
            "training needs two photos of one person and one of another, got "
            f"{len(faces.labels)} photos of {len(np.unique(faces.labels))} people"
        )
    rng = np.random.default_rng(config.seed)
    optimizer = OPTIMIZERS[config.optimizer](model.parameters(), config.rate)
    for step in range(1, config.steps + 1):
        start = time.perf_counter()
        optimizer.rate = config.rate * 0.5 * (1 + np.cos(np.pi * (step - 1) / config.steps))
        batch = sample_batch(
            faces.labels, config.people, config.photos, rng, config.extra_negatives
        )
        photos = faces.images[batch]
        if config.augmentation is not None:
            photos = config.augmentation(photos, rng)
        measured = _step(
            model, optimizer, photos, faces.labels[batch], config, config.rule_at(step), rng
        )
        yield StepRecord(step, *measured, len(batch), time.perf_counter() - start)


def _step(model, optimizer, photos, labels, config, rule, rng):
    """Forward, loss, backward, update; returns the fields of a StepRecord from loss to spread."""
    chunk = config.chunk or len(photos)
    parts = [slice(start, start + chunk) for start in range(0, len(photos), chunk)]
    whole = len(parts) == 1  # what backward needs is kept in the first pass; else in a second one
    embeddings = np.concatenate(
        [model.forward(to_input(photos[part]), train=whole) for part in parts]
    )
    distances = squared_distances(embeddings)
    if not np.isfinite(distances).all():
        raise FloatingPointError(
            "the embeddings are not finite any more, first in layer "
            f"{model.first_not_finite(to_input(photos[parts[0]]))}: start again with a lower "
            "learning rate"
        )
    loss, active, weights = mined_loss(distances, labels, config.margin, rule, rng)
    if active:  # nothing to learn from otherwise: a step without update
        gradient = embedding_gradient(weights, embeddings)
        model.zero_grad()
        for part in parts:
            if not whole:
                model.forward(to_input(photos[part]), train=True)
            model.backward(gradient[part])
        optimizer.step()
    same = labels[:, None] == labels[None]
    other = ~np.eye(len(labels), dtype=bool)
    pairs = int((same & other).sum())
    return (
        loss,
        active,
        active / max(pairs, 1),
        float(distances[same & other].mean()) if pairs else float("nan"),
        float(distances[~same].mean()),
        float(distances[other].mean()),
    )


def is_trainable(labels) -> bool:
    """Whether there is a triplet: two photos of one person, and one of another."""
    _, counts = np.unique(labels, return_counts=True)
    return len(counts) >= 2 and counts.max() >= 2
