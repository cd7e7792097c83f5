"""Batches: P people with K photos each, and small random changes to every photo.

A triplet needs two photos of one person and one of another, so a batch of photos drawn at random
would hold hardly any. We draw P people, then K photos of each (the paper takes about 40 per
person and 1,800 in all; section 3.2).

Augmentation: the network should not mind a mirrored, slightly turned, scaled, shifted, brighter or
flatter photo, so it sees each photo a little different every time. All randomness comes from the
generator passed in.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import prange
from numpy.typing import ArrayLike

from ..files.stored import check_fields
from ..nn.device.backend import to_device
from ..nn.device.cpu_target import cpu_kernel
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
    labels: np.ndarray, people: int, photos: int, rng: np.random.Generator, extra_negatives: int = 0
) -> np.ndarray:
    """Draw the indices of a batch without replacement: up to `photos` each of `people` people.

    A person with fewer photos gives all of them. People with a single photo serve as negatives
    only, so they are drawn where there are fewer than `people` others; in a set of photos from the
    news, most have one. With fewer than `people` people all are taken. Then one photo each of up to
    `extra_negatives` other people ("randomly sampled negative faces are added", the paper, section
    3.2).
    """
    present, counts = np.unique(labels, return_counts=True)
    several, single = present[counts > 1], present[counts == 1]
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


@dataclass(frozen=True)
class Augmentation:
    """How far a photo may be changed; each change is drawn uniformly from its range.

    Parameters
    ----------
    flip : bool
        Mirror half of the photos.
    rotation : float
        Degrees, to either side, 0 to 180.
    scale, shift : float
        Fractions of the photo's size, to either side.
    brightness, contrast : float
        Fractions of the full range of pixel values, and of the contrast, to either side.
    """

    flip: bool = True
    rotation: float = 10.0
    scale: float = 0.1
    shift: float = 0.06
    brightness: float = 0.1
    contrast: float = 0.2

    def __post_init__(self) -> None:
        check_fields(self)
        if not 0 <= self.rotation <= 180:
            raise ValueError(f"rotation is an angle from 0 to 180 degrees, got {self.rotation}")
        for name in ("scale", "shift", "brightness", "contrast"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} is a fraction from 0 to 1, got {getattr(self, name)}")

    def __call__(self, images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return changed copies of uint8 photos (N, H, W, C), float32 in 0..255.

        Raises ValueError if the images have other axes.
        """
        if images.ndim != 4:
            raise ValueError(f"photos are of shape (N, H, W, C), got {images.shape}")
        n = len(images)

        def uniform(reach):
            return rng.uniform(-reach, abs(reach), n)  # NumPy takes 0.0 to -0.0 for a range below 0

        angle, zoom = np.deg2rad(uniform(self.rotation)), 1 / (1 + uniform(self.scale))
        shift = np.stack([uniform(self.shift), uniform(self.shift)], axis=1)
        mirror = np.where(rng.random(n) < 0.5, -1.0, 1.0) if self.flip else np.ones(n)
        gain, offset = 1 + uniform(self.contrast), 255 * uniform(self.brightness)
        matrices = _matrices(angle, zoom, mirror)
        out = np.empty(images.shape, np.float32)
        _warp(images, matrices, shift, gain.astype(np.float32), offset.astype(np.float32), out)
        return out


def _matrices(angle, zoom, mirror) -> np.ndarray:
    """Return (N, 2, 2): maps from an output pixel's (y, x) about the centre to the source's."""
    cos, sin = zoom * np.cos(angle), zoom * np.sin(angle)
    rows = [np.stack([cos, sin * mirror], axis=1), np.stack([-sin, cos * mirror], axis=1)]
    return np.stack(rows, axis=1)


@cpu_kernel
def _warp(images, matrices, shift, gain, offset, out):
    """Sample each photo bilinearly at the mapped pixels; beyond its edge, take the edge's pixel."""
    n, height, width, channels = images.shape
    one, grey = np.float32(1), np.float32(127.5)
    centre_y, centre_x = (height - 1) / 2, (width - 1) / 2
    for i in prange(n):
        m = matrices[i]
        for y in range(height):
            for x in range(width):
                dy, dx = y - centre_y, x - centre_x
                sy = centre_y + m[0, 0] * dy + m[0, 1] * dx + shift[i, 0] * height
                sx = centre_x + m[1, 0] * dy + m[1, 1] * dx + shift[i, 1] * width
                sy, sx = min(max(sy, 0.0), height - 1.0), min(max(sx, 0.0), width - 1.0)
                top, left = min(int(sy), height - 2), min(int(sx), width - 2)
                fy, fx = np.float32(sy - top), np.float32(sx - left)
                for c in range(channels):
                    a, b = images[i, top, left, c], images[i, top, left + 1, c]
                    upper = (one - fx) * np.float32(a) + fx * np.float32(b)
                    a, b = images[i, top + 1, left, c], images[i, top + 1, left + 1, c]
                    lower = (one - fx) * np.float32(a) + fx * np.float32(b)
                    value = (one - fy) * upper + fy * lower
                    value = (value - grey) * gain[i] + grey + offset[i]
                    out[i, y, x, c] = min(max(value, np.float32(0)), np.float32(255))
