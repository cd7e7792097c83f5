"""Compile every CPU kernel now, instead of at its first use in the middle of something.

Numba translates a kernel to machine code when it is first called with arrays of some kind, which
takes a tenth of a second to a few, and keeps the result on disk: later processes load it in
milliseconds. The code depends on the kind of the arrays and not on their shapes. So it is enough to
run once, with a tiny network, all that a training, a detection and a clustering do. (A layer that
none of our networks has is compiled when somebody uses it.)
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from ..classification.clustering import average_linkage, cluster
from ..classification.nearest import Nearest
from ..embedding.architectures import SMALLEST, Architecture, FaceNet
from ..embedding.mining import RULES
from ..embedding.quantise import distances, quantise
from ..nn.optim import OPTIMIZERS
from ..preprocessing.boxes import non_maximum_suppression
from ..preprocessing.faces import Faces
from ..preprocessing.mtcnn import MTCNN, ONET_SIZE, RNET_SIZE, to_input
from ..preprocessing.resample import halvings, resample
from ..preprocessing.warp import resampled
from ..training.average import WeightAverage
from ..training.loop import train
from ..training.settings import TrainConfig

# Networks that have all layers which NN1 has not.
OTHER_LAYERS = ("nn4_small2", "dlib_resnet")


def warm_up(progress: Callable[[int, int], None] | None = None) -> None:
    """Run every CPU kernel that a command needs, once, in float32.

    `progress(done, total)` is called after each part.
    """
    parts: list[Callable[[], None]] = [partial(_training, "adam", rule) for rule in RULES]
    parts += [partial(_training, name, RULES[0]) for name in OPTIMIZERS]
    parts += [partial(_training, "adam", RULES[0], name) for name in OTHER_LAYERS]
    parts += [_detection, _stage_3]
    for done, part in enumerate(parts, start=1):
        part()
        if progress is not None:
            progress(done, len(parts))


def _training(optimizer: str, mining: str, network: str | None = None) -> None:
    """Take a step (forward, mining, backward, update) of a network, of a small NN1 by default."""
    rng = np.random.default_rng(0)
    small = Architecture(size=SMALLEST, channels=1, dim=8)
    architecture = small if network is None else Architecture(network)
    images = rng.integers(0, 256, (6, *architecture.input_shape)).astype(np.uint8)
    names = tuple(f"{i}.png" for i in range(6))
    faces = Faces(images, np.arange(6) // 3, ("A", "B"), names)
    model = FaceNet.new(architecture)
    config = TrainConfig(
        steps=1, people=2, photos=3, optimizer=optimizer, mining=mining, weight_decay=0.1
    )
    list(train(model.network, faces, config))
    WeightAverage(model.network, 0.5).update()


def _detection() -> None:
    nets = MTCNN.new(np.random.default_rng(0))
    photo = np.zeros((60, 60, 3), np.uint8)
    boxes = np.array([[0, 0, 60, 60], [1, 1, 40, 40]], np.float32)
    for net, size in ((nets.pnet, 20), (nets.rnet, RNET_SIZE), (nets.onet, ONET_SIZE)):
        net.forward(to_input(resample(halvings(photo, smallest=30), boxes, size, size)))
    non_maximum_suppression(boxes, np.ones(2, np.float32), 0.5)
    resampled(photo, np.eye(2), np.zeros(2), 8)


def _stage_3() -> None:
    vectors = np.eye(4, 8, dtype=np.float32)
    cluster(vectors, distance=1.0)
    average_linkage(vectors, photos=[0, 0, 1, 2])
    for scale in ("vector", "global"):
        distances(quantise(vectors, scale), quantise(vectors, scale))
    for some in (vectors, vectors.astype(np.float64), quantise(vectors, "global").codes):
        Nearest(some).search(some)
