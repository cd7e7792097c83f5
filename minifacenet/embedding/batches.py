"""Batches: P people with K photos each, and their way into a network.

A triplet needs two photos of one person and one of another, so a batch of photos drawn at random
would hold hardly any. We draw P people, then K photos of each (the paper takes about 40 per
person and 1,800 in all; section 3.2). All randomness comes from the generator passed in.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ..nn.device.backend import to_device
from ..nn.layer import Layer
from ..nn.rescale import Rescale

SCALING = "pixel / 127.5 - 1"  # the formula of `to_input`, in words


def to_input(images: np.ndarray) -> np.ndarray:
    """Scale pixels 0..255 of any dtype, (N, H, W, C), to float32 in [-1, 1] for the network.

    The paper does not state its scaling; a fixed one keeps an embedding independent of its batch.
    """
    return images.astype(np.float32, order="C") / np.float32(127.5) - np.float32(1)


def pixels_times(
    factor: float, offset: ArrayLike, channels: int, dtype: type = np.float32
) -> Rescale:
    """Return the layer that makes pixel * factor + offset of what `to_input` gives.

    It is the first one of a network that was trained elsewhere, on pixels scaled in another way: so
    all networks of ours take the same input, and only they know what is inside. `offset` is a
    number, or one per channel.
    """
    half = 127.5 * factor
    shifts = np.broadcast_to(half + np.asarray(offset, np.float64), channels)
    return Rescale(np.full(channels, half), shifts, dtype)


def embed(network: Layer, photos: np.ndarray, train: bool = False) -> np.ndarray:
    """Embed photos on the network's device: a batch is copied there once, the result comes back.

    `train=True` keeps what the network's backward needs.

    One stream is enough on a GPU. A launch returns at once, so Python draws and augments the next
    batch while the GPU is at the backward of this one. Only the copy keeps the GPU waiting: a photo
    of NN1 has 0.58 MB, 29 us at 20 GB/s, and takes 9.4e9 operations forward and backward, 940 us at
    10 TFLOP/s, so a second stream could save 3 % (nn1_mini: 5.5 us beside 13, at that rate).
    Copying bytes, to be scaled there, would quarter the copy; but augmented photos are not bytes.
    """
    inputs = to_device(to_input(photos), network.device)
    return to_device(network.forward(inputs, train), "cpu")


def sample_batch(
    labels: np.ndarray,
    people: int,
    photos: int,
    rng: np.random.Generator,
    extra_negatives: int = 0,
    everybody: bool = False,
) -> np.ndarray:
    """Draw the indices of a batch without replacement: up to `photos` each of `people` people.

    A person with fewer photos gives all of them. People with a single photo serve as negatives
    only, so they are drawn where there are fewer than `people` others; in a set of photos from the
    news, most have one. `everybody` draws them like the others: in a harmonic training each photo
    has a positive, its own vector of the older network. With fewer than `people` people all are
    taken. Then one photo each of up to `extra_negatives` other people ("randomly sampled negative
    faces are added", the paper, section 3.2).
    """
    present, counts = np.unique(labels, return_counts=True)
    alone = (counts == 1) & (not everybody)
    several, single = present[~alone], present[alone]
    chosen = rng.choice(several, min(people, len(several)), replace=False)
    if missing := min(people - len(chosen), len(single)):
        chosen = np.append(chosen, rng.choice(single, missing, replace=False))
    picks = []
    for person in chosen:
        own = np.flatnonzero(labels == person)
        picks.append(rng.choice(own, min(photos, len(own)), replace=False))
    others = np.setdiff1d(present, chosen)
    for person in rng.choice(others, min(extra_negatives, len(others)), replace=False):
        picks.append(rng.choice(np.flatnonzero(labels == person), 1))
    return np.concatenate(picks)


def check_batch(labels: np.ndarray, people: int | None = None, photos: int | None = None) -> None:
    """Refuse P people or K photos that no batch of these photos can have, and name what it can.

    Raises
    ------
    ValueError
        There are fewer people, or nobody has as many photos.
    """
    _, counts = np.unique(labels, return_counts=True)
    if len(counts) < 2 or counts.max() < 2:
        return  # no batch is possible at all: training says what it needs
    wrong = []
    if people is not None and people > len(counts):
        wrong.append(
            f"{people} people in a batch, but there are {len(counts)} to train on: take up to "
            f"{len(counts)}"
        )
    if photos is not None and photos > counts.max():
        most = int(counts.max())
        wrong.append(
            f"{photos} photos of each person in a batch, but nobody has more than {most} to train "
            f"on: take up to {most} ({int((counts == most).sum())} people have {most}; who has "
            "fewer gives all)"
        )
    if wrong:
        raise ValueError("; ".join(wrong))
