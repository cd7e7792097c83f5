"""An embedding does not depend on the photos that go through the network with it."""

from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np

from minifacenet.embedding.architectures import NETWORKS, Architecture, FaceNet
from minifacenet.embedding.checkpoint import load_model
from minifacenet.embedding.embedder import Embedder
from minifacenet.machine.places import where

from .attack import attack

MOST = 64  # photos of a batch
BOUND = 1e-6  # of a coordinate of a unit vector
# Smaller photos where the network's own take seconds: what is summed stays, but for the last map.
SIZES = {"nn1": 96, "nn2": 64, "inception_resnet_v1": 96, "nn1_mini": 64}
PUBLISHED = ("nn4_small2", "dlib_resnet", "inception_resnet_v1")


def models(seed: int, names: Collection[str] = ()) -> Iterator[tuple[str, FaceNet]]:
    """Give fresh networks of every kind, and the published ones that lie on this machine.

    Or those of these `names` alone.
    """
    for name in sorted(NETWORKS, key=lambda name: name != "nn1_mini"):  # a quick one first
        if not names or f"{name}, fresh" in names:
            yield f"{name}, fresh", FaceNet.new(Architecture(name, SIZES.get(name)), seed)
    for name in PUBLISHED:
        path = where(f"{name}.safetensors")
        if path.is_file() and (not names or name in names):
            yield name, load_model(path)


def photos_of(model: FaceNet, rng: np.random.Generator) -> np.ndarray:
    """Return smooth pictures, some of one colour: what a network sees, and what it seldom does."""
    size, _, channels = model.architecture.input_shape
    coarse = rng.integers(0, 256, (MOST, 8, 8, channels))
    photos = coarse.repeat(-(-size // 8), axis=1).repeat(-(-size // 8), axis=2)[:, :size, :size]
    photos[0], photos[1] = 0, 255
    return photos.astype(np.uint8)


@attack(
    "same", "batch-mates",
    "64 faces through each kind of network and the published ones, in batches of 1 to 64, in any "
    "order, with and without their mirror images: each coordinate the same to 1e-6",
    cases=110,
)  # fmt: skip
def batch_mates(cases: int, seed: int, place: Path) -> Iterator[str | None]:
    rng = np.random.default_rng(seed)
    each = -(-cases // (len(NETWORKS) + len(PUBLISHED)))
    left = cases
    for name, model in models(seed):
        photos = photos_of(model, rng)
        few = MOST if cases > 20 else 8
        expected = {
            flip: Embedder(model, batch_size=few, flip=flip).transform(photos[:few])
            for flip in (False, True)
        }
        for number in range(min(each, left)):
            size = int(rng.integers(1, few)) if number else 1
            order = rng.permutation(few)[: few if size > 1 else 8]
            flip = bool(rng.integers(2))
            got = Embedder(model, batch_size=size, flip=flip).transform(photos[order])
            off = float(np.abs(got - expected[flip][order]).max())
            wrong = f"{name}, {size} photos at once, case {number}: {off:.2g}"
            yield None if off <= BOUND else wrong
        left -= each
        if left <= 0:
            return
