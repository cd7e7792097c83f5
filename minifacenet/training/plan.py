"""What a training will take, before it begins: `minifacenet train --plan`.

Memory and time are measured, not guessed: a network like the one asked for takes a few steps on 4
and on 8 photos, and both grow in proportion to the photos. The processor may be cooler, and less
shared, for these seconds than for the hours that follow, so read the time as a lower bound.
"""

from __future__ import annotations

import gc
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ..embedding.architectures import Architecture, FaceNet
from ..embedding.batches import to_input
from ..nn.device.backend import gpu_memory, reset_peak
from ..preprocessing.faces import Faces
from .harmonic import as_people
from .loop import TrainingState, check_trainable, train
from .settings import TrainConfig

TRIAL = 32  # photos of the step that measures a photo's memory on a GPU


@dataclass(frozen=True)
class Plan:
    """The answer of `plan`; memory in bytes beyond Python and its libraries, times in seconds."""

    people: int  # in a batch
    photos: int  # of each, at most
    batch: int  # photos in it, at most
    pairs: int  # anchor-positive pairs in it
    chunks: int
    batch_per_photo: float  # how often a photo is seen, on average
    weights_memory: int  # weights, gradients, optimizer
    memory: int
    step_seconds: float
    old_seconds: float  # of an older model's vectors
    seconds: float


def plan(
    labels: np.ndarray,
    architecture: Architecture,
    config: TrainConfig,
    checks: int = 0,
    checked: int = 0,
    done: int = 0,
    old: Architecture | None = None,
    harmonic_by: str = "people",
) -> Plan:
    """Plan a training by `config` on photos with these labels, after `done` of its steps.

    `checks` times `checked` held-out photos are embedded along the way. With an `old` network it
    is harmonic: that one embeds all photos before the first step.

    Raises
    ------
    ValueError
        There is no triplet among the photos.
    """
    if old is None:
        check_trainable(labels)
    else:
        labels, config = as_people(harmonic_by, labels, config)
    _, counts = np.unique(labels, return_counts=True)
    people = min(config.people, len(counts))
    largest = np.sort(np.minimum(counts, config.photos))[::-1][:people]  # the fullest batch
    batch = int(largest.sum()) + min(config.extra_negatives, len(counts) - people)
    if config.mine_every:
        batch = min(config.people * config.photos, len(labels))
    at_once = min(config.chunk or batch, batch)
    weights, photo, photo_seconds, forward_seconds = _measure(architecture, config)
    passes = photo_seconds + (forward_seconds if at_once < batch else 0)
    step_seconds = batch * passes
    pixels = 4 * int(np.prod(architecture.input_shape))
    vectors = batch if old is None else 2 * batch
    matrices = 6 * 4 * vectors**2  # distances, dL/dD and their sums, masks
    steps, mining_seconds = config.steps - done, 0.0
    if config.mine_every:
        subset = min(config.mine_over, len(labels))
        matrices += 4 * 4 * subset**2
        # A pair gives one triplet at most; a step takes as many as fit into its photos.
        triplets = subset / len(labels) * (counts * (counts - 1)).sum()
        lasts = min(config.mine_every, max(1, -(-triplets // max(1, batch // 3))))
        mining_seconds = -(-steps // lasts) * subset * forward_seconds
    old_seconds = 0.0  # once it has begun, the old vectors are there
    if old is not None and not done:
        old_seconds = len(labels) * _forward_seconds(old)
    positives = largest - 1 if old is None else 2 * largest - 1  # v1's vectors count, too
    return Plan(
        people=people,
        photos=int(largest[0]),
        batch=batch,
        pairs=int((largest * positives).sum()),
        chunks=-(-batch // at_once),
        batch_per_photo=steps * batch / len(labels),
        weights_memory=weights,
        memory=weights + at_once * photo + batch * pixels + matrices + len(labels) * pixels // 4,
        step_seconds=step_seconds,
        old_seconds=old_seconds,
        seconds=steps * step_seconds
        + checks * checked * forward_seconds
        + mining_seconds
        + old_seconds,
    )


def _measure(architecture: Architecture, config: TrainConfig) -> tuple[int, int, float, float]:
    """Measure fixed bytes, bytes per photo, and a photo's seconds for a step and a forward."""
    _, step = _trial(architecture, config)
    step(4)  # compiles: the memory of the compiler is not that of a training
    tracemalloc.start()
    try:
        model, step = _trial(architecture, config)
        step(4)  # allocates gradients and optimizer
        peaks = []
        for count in (4, 8):
            tracemalloc.reset_peak()
            step(count)
            peaks.append(tracemalloc.get_traced_memory()[1])
    finally:
        tracemalloc.stop()
    photo = max(0, (peaks[1] - peaks[0]) // 4)
    step_seconds = min(step(8) for _ in range(3)) / 8
    return peaks[0] - 4 * photo, photo, step_seconds, _forward_seconds(architecture, model)


def _forward_seconds(architecture: Architecture, model: FaceNet | None = None) -> float:
    """Measure a photo's seconds for a forward, of a new network if no `model` is warm already."""
    photos = to_input(np.random.default_rng(0).integers(0, 256, (8, *architecture.input_shape)))
    if model is None:
        model = FaceNet.new(architecture)
        model.network.forward(photos)  # compiles
    start = time.perf_counter()
    model.network.forward(photos)
    return (time.perf_counter() - start) / 8


def _trial(
    architecture: Architecture, config: TrainConfig, device: str = "cpu"
) -> tuple[FaceNet, Callable[[int], float]]:
    """Return a new network, and a function that times a step of it on so many photos."""
    rng = np.random.default_rng(0)
    config = replace(config, steps=100, photos=2, chunk=None, mine_every=0, mining="all")
    model = FaceNet.new(architecture)
    model.network.to(device)
    state = TrainingState(model.network, config)

    def step(photos: int) -> float:
        images = rng.integers(0, 256, (photos, *architecture.input_shape), np.uint8)
        names = tuple(map(str, range(photos)))
        faces = Faces(images, np.arange(photos) // 2, names[: photos // 2], names)
        start = time.perf_counter()
        next(train(model.network, faces, replace(config, people=photos // 2), state))
        return time.perf_counter() - start

    return model, step


def smaller_chunk(architecture: Architecture, config: TrainConfig, device: str) -> int:
    """Return a chunk for a training that had too little memory for what it took at once.

    On a GPU a step on a few photos is measured. Fixed memory, such as the weights, counts as if it
    grew with the photos, too: so a chunk in proportion to the memory fits for sure. On a CPU, or
    where even that step is too much, the chunk is half of what did not fit.
    """
    at_once = min(config.chunk or np.inf, config.people * config.photos + config.extra_negatives)
    half = max(1, int(at_once) // 2)
    gc.collect()  # what the training has left behind
    if device == "cpu" or gpu_memory() is None:
        return half
    try:
        _, step = _trial(architecture, config, device)
        step(TRIAL)  # allocates gradients and optimizer
        reset_peak()
        step(TRIAL)
    except MemoryError:
        return min(half, TRIAL // 2)
    now = gpu_memory()
    if now is None:
        return half
    fit = TRIAL * (now.in_use + now.kept + now.free) // now.peak
    return fit if fit < at_once else half
