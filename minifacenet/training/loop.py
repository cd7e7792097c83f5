"""Training: `for record in train(model, faces, config):` and the model learns.

A step: draw a batch, embed it, measure all squared distances, pick triplets, turn the loss's slope
into a slope for each embedding, send that backward through the network, update. `train` is a
generator that yields one `StepRecord` per step. It does not print, plot, save or evaluate:
the caller looks at the record and decides.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import islice

import numpy as np

from ..embedding.batches import embed, sample_batch, to_input
from ..embedding.distances import squared_distances
from ..embedding.mining import mined_loss
from ..embedding.offline import mine_offline, take
from ..embedding.triplet import embedding_gradient, triplet_loss
from ..machine.ranks import ALONE, Ranks
from ..nn.batchnorm import BatchNorm
from ..nn.device.backend import to_device
from ..nn.layer import Sequential
from ..nn.optim import OPTIMIZERS
from ..preprocessing.faces import Faces
from .freezing import freeze, trained_parameters
from .harmonic import Harmonic
from .health import StepRecord, not_finite
from .observer import Observer
from .settings import TrainConfig


class TrainingState:
    """Everything that the next step depends on, besides network, faces and configuration.

    `train` changes it in place. Saved with the weights, it lets a training go on later as if
    nothing had happened: see `state.save_state`.

    Attributes
    ----------
    step : int
        Steps done.
    optimizer : Optimizer
    rng : Generator
        Draws batches, augmentation and random negatives.
    queue : ndarray of shape (T, 3), int64
        Triplets mined offline and not used yet; (0, 3) without offline mining.
    seen : (ndarray of shape (N,), int64; ndarray of shape (N, N))
        The last batch: which photos, and their squared distances before its update. For those who
        look on: no step depends on it, and it is not saved.
    """

    def __init__(self, network: Sequential, config: TrainConfig):
        self.step = 0
        self.optimizer = OPTIMIZERS[config.optimizer](
            trained_parameters(network, config.freeze),
            config.rate,
            weight_decay=config.weight_decay,
        )
        self.rng = np.random.default_rng(config.seed)
        self.queue = np.empty((0, 3), np.int64)
        self.seen = np.empty(0, np.int64), np.empty((0, 0), np.float32)


def train(
    network: Sequential,
    faces: Faces,
    config: TrainConfig,
    state: TrainingState | None = None,
    harmonic: Harmonic | None = None,
    ranks: Ranks = ALONE,
) -> Iterator[StepRecord]:
    """Train `network` in place on `faces` (`.images` uint8 (N, H, W, C), `.labels` (N,)).

    With a `state` it goes on after `state.step`; without one it begins. With `harmonic` its vectors
    learn to compare with those of an older model. Several `ranks` call it alike, and each embeds a
    share of every batch: the gradient is that of the whole.

    Raises
    ------
    ValueError
        Nobody has two photos, or there is only one person: no triplet exists. Or a network with
        batch norm is to learn in chunks: each would be normalised by itself. Or it has no such
        rows as are to be frozen. Or `harmonic` does not fit: see `Harmonic.prepared`. Or there are
        several ranks, and the network is on a GPU; or their losses differ.
    FloatingPointError
        The embeddings are not finite any more; the message names the first such layer.
    """
    labels = faces.labels
    if harmonic is None:
        check_trainable(labels)
    else:
        labels, config = harmonic.prepared(labels, config)
    freeze(network, config.freeze)
    norms = [layer for layer in network.walk() if isinstance(layer, BatchNorm)]
    if config.chunk and not all(norm.frozen for norm in norms):
        raise ValueError(
            f"a network with batch norm sees its batch as a whole, and not in chunks of "
            f"{config.chunk}: leave --chunk out, or take fewer people and photos"
        )
    if ranks.size > 1 and network.device != "cpu":
        raise ValueError(f"{ranks.size} ranks train on CPUs, the network is on a GPU: --device cpu")
    for norm in norms:
        norm.sum_over_ranks = (lambda sums: ranks.add([sums])) if ranks.size > 1 else None
    state = state or TrainingState(network, config)
    try:
        while state.step < config.steps:
            start = time.perf_counter()
            done = state.step / config.steps
            state.optimizer.rate = config.rate * 0.5 * (1 + np.cos(np.pi * done))
            batch, loss = _draw(network, faces, labels, config, state, harmonic, ranks)
            fixed = None if harmonic is None else harmonic.vectors[batch]
            own = ranks.share(len(batch))
            if config.augmentation is None:
                photos = faces.images[batch[own]]
            elif ranks.size == 1:  # an augmentation of one's own need not know of parts
                photos = config.augmentation(faces.images[batch], state.rng)
            else:
                photos = config.augmentation(faces.images[batch], state.rng, own)
            measured, distances = _step(
                network, state.optimizer, photos, labels[batch], config.chunk, loss, fixed, ranks
            )
            state.step += 1
            state.seen = batch, distances
            yield StepRecord(state.step, *measured, len(batch), time.perf_counter() - start)
    finally:  # whoever uses the network next may be alone
        for norm in norms:
            norm.sum_over_ranks = None


def train_watched(
    network: Sequential,
    faces: Faces,
    config: TrainConfig,
    observer: Observer,
    title: str,
    steps: int | None = None,
    state: TrainingState | None = None,
    after_step: Callable[[list[StepRecord]], object] | None = None,
    harmonic: Harmonic | None = None,
    ranks: Ranks = ALONE,
) -> list[StepRecord]:
    """Train until `steps`, or until `after_step` says stop; the observer is told every step.

    Parameters
    ----------
    network, faces, config, state, harmonic, ranks
        As in `train`.
    title : str
        What the observer calls this training.
    steps : int, optional
        The last step to take of the schedule's `config.steps`; None: all of them.
    after_step : callable(records), optional
        Judges and saves: it gets the records so far, the present one last. If it returns a true
        value, the training ends.

    Returns
    -------
    list of StepRecord
        The records of this call.
    """
    state = state or TrainingState(network, config)
    steps = config.steps if steps is None else steps
    records = []
    observer.start_training(title, steps, done=state.step)
    training = train(network, faces, config, state, harmonic, ranks)
    for record in islice(training, max(0, steps - state.step)):
        records.append(record)
        observer.batch(*state.seen)
        observer.step(record)
        if after_step is not None and after_step(records):
            break
    observer.stop_training()
    return records


def is_due(step: int, every: int, last: int) -> bool:
    """Whether a task due every `every` steps, and after the last one, is due after this step."""
    return step % every == 0 or step == last


def _draw(network, faces, labels, config, state, harmonic, ranks):
    """Return the photos of the next step, and its loss: a function of their distances.

    That function returns loss, number of active triplets, dL/dD as `triplet_loss` does, and the
    number that `StepRecord.active` is a share of.
    """
    rule = config.rule_at(state.step + 1)
    if config.mine_every:
        if state.step % config.mine_every == 0 or not len(state.queue):
            state.queue = mine_offline(
                network, faces, config.mine_over, config.margin, rule, state.rng, ranks
            )
        if len(state.queue):
            batch, triplets, state.queue = take(state.queue, config.people * config.photos)
            return batch, lambda distances: (
                *triplet_loss(distances, triplets, config.margin),
                len(triplets),
            )
    batch = sample_batch(
        labels, config.people, config.photos, state.rng, config.extra_negatives,
        everybody=harmonic is not None,
    )  # fmt: skip
    labels = labels[batch]
    if harmonic is not None:
        return batch, harmonic.loss_of(labels, config.margin, rule, state.rng)
    same = (labels[:, None] == labels[None]).sum(axis=1)  # photos of each anchor's person
    negatives = len(labels) - same if rule == "all" else 1
    candidates = int(((same - 1) * negatives).sum())
    return batch, lambda distances: (
        *mined_loss(distances, labels, config.margin, rule, state.rng),
        candidates,
    )


def _step(
    network, optimizer, photos, labels, chunk, loss_of, fixed, ranks
) -> tuple[tuple[float, int, float, float, float, float], np.ndarray]:
    """Do forward, loss, backward, update.

    Return a StepRecord's fields from loss to spread, and the photos' distances before the update.

    `labels` are those of the whole batch, `photos` this rank's share of it, perhaps none: it takes
    part in everything all the same. `fixed` are vectors of an older network, one for each photo, or
    None: they stand below the network's own where distances are measured, and get no gradient.
    """
    own = ranks.share(len(labels))
    chunk, most = chunk or len(labels), max(1, len(photos))
    parts = [slice(start, start + chunk) for start in range(0, most, chunk)]
    whole = len(parts) == 1  # then the first pass keeps what backward needs, else a second one does
    embeddings = np.concatenate([embed(network, photos[part], train=whole) for part in parts])
    embeddings = ranks.gather(embeddings, len(labels))
    vectors = embeddings if fixed is None else np.concatenate([embeddings, fixed])
    distances = squared_distances(vectors)
    if not np.isfinite(distances).all():
        inputs = to_device(to_input(photos[parts[0]]), network.device)
        layers = ranks.texts(network.first_not_finite(inputs) or "")
        raise not_finite(next(filter(None, layers), "unknown"))  # of the first rank that found one
    loss, active, weights, candidates = loss_of(distances)
    ranks.refuse_difference("losses", (loss, active))
    if active:  # otherwise there is nothing to learn from, and no update
        gradient = embedding_gradient(weights, vectors)[own]
        network.zero_grad()
        for part in parts:
            if not whole:
                embed(network, photos[part], train=True)
            network.backward(to_device(gradient[part], network.device))
        if ranks.size > 1:
            ranks.add([parameter.grad for parameter in optimizer.parameters.values()])
        optimizer.step()
    anchored = distances[: len(labels)]
    same = labels[:, None] == (labels if fixed is None else np.tile(labels, 2))[None]
    other = ~np.eye(len(labels), anchored.shape[1], dtype=bool)
    among = anchored[:, : len(labels)]
    measured = (
        loss,
        active,
        active / max(candidates, 1),
        float(anchored[same & other].mean()) if (same & other).any() else float("nan"),
        float(anchored[~same].mean()) if (~same).any() else float("nan"),
        float(among[other[:, : len(labels)]].mean()),
    )
    return measured, among


def is_trainable(labels: np.ndarray) -> bool:
    """Whether there is a triplet: two photos of one person, and one of another."""
    _, counts = np.unique(labels, return_counts=True)
    return len(counts) >= 2 and counts.max() >= 2


def check_trainable(labels: np.ndarray) -> None:
    """Raise ValueError if there is no triplet."""
    if not is_trainable(labels):
        people, counts = np.unique(labels, return_counts=True)
        most = f", at most {counts.max()} of one" if len(people) else ""
        raise ValueError(
            "training needs two photos of one person and one of another, got "
            f"{len(labels)} photos of {len(people)} people{most}"
        )
