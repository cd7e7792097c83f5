"""A training step of nn1_mini as the demo takes it: `minifacenet bench step`.

160 photos of 32 people, 96x96 grey: forward, mining, the triplet loss, backward, Adam. Mining and
loss are the same NumPy code on both sides; the photos are noise, which takes as long as faces.
"""

from __future__ import annotations

import numpy as np

from ..embedding.architectures import Architecture
from ..embedding.distances import squared_distances
from ..embedding.mining import mined_loss
from ..embedding.triplet import embedding_gradient
from ..nn.optim import Adam
from ..training.settings import TrainConfig
from .clock import Calls, Timing, time_row
from .network import check_agreement, random_photos
from .sides import BOTH, STEP, Gradient, Ours, Part, Side
from .traffic import update_bytes

PASS = "step"
DEMO = Architecture("nn1_mini", channels=1)


def time_step(
    parts: dict[str, Part],
    rounds: int = 5,
    against: Side | None = None,
    config: TrainConfig | None = None,
    device: str = "cpu",
) -> list[Timing]:
    """Time forward and backward alone ('network'), the update alone ('Adam'), the step ('total').

    Parameters
    ----------
    parts : dict of Part
        As from `parts_of`; `DEMO` is the demo's network.
    rounds : int
    against : Side, optional
        The yardstick, made of the same parts.
    config : TrainConfig, optional
        Gives people and photos of the batch, mining rule and margin; by default the demo's.
    device : 'cpu' or 'cuda'
        Where ours computes: the parts' parameters move there, after the yardstick has been made.
        The embeddings come to the CPU for the mining, on both sides.

    Raises
    ------
    ValueError
        The two sides do not compute the same.
    """
    config = config or TrainConfig()
    labels = np.repeat(np.arange(config.people), config.photos)
    photos, gradient = random_photos(parts, len(labels)), _gradient(labels, config)
    ours = Ours(parts, device)
    theirs: dict[str, Calls] = {}
    if against is not None:
        slope = gradient(ours.output(parts, photos))
        values = ours.values(parts, photos, slope)[""]
        check_agreement("the network", values, against.values(parts, photos, slope))
        theirs = against.step(photos, gradient)
    mine = ours.step(photos, gradient)[""]
    operations = sum(part.operations(len(photos))[BOTH] for part in parts.values())
    counts = dict(zip(STEP, (operations, 0, operations), strict=True))
    moved = {}
    if device == "cuda":
        moved["Adam"] = {PASS: update_bytes(Adam, ours.layers(parts).parameters().values())}
    return [
        time_row(
            row,
            {PASS: counts[row]},
            {PASS: mine[row]},
            {layout: {PASS: calls[row]} for layout, calls in theirs.items()},
            rounds,
            device,
            moved.get(row),
        )
        for row in STEP
    ]


def _gradient(labels, config: TrainConfig) -> Gradient:
    """Return the function that mines and takes embeddings to the slope of the loss."""

    def gradient(embeddings):
        distances = squared_distances(embeddings)
        _, _, weights = mined_loss(
            distances, labels, config.margin, config.rule_at(1), np.random.default_rng(0)
        )
        return embedding_gradient(weights, embeddings)

    return gradient
