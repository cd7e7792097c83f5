"""Offline mining: triplets chosen over many photos at once, every n steps.

A batch of a few hundred photos may hold no negative that is close enough to teach anything. The
paper's alternative (section 3.2): "Generate triplets offline every n steps, using the most recent
network checkpoint and computing the argmin and argmax on a subset of the data." So every n steps

1. draw a subset of the people with all their photos,
2. embed it with the network as it is now, without augmentation,
3. choose a negative for every anchor-positive pair of the subset by the mining rule,
4. put the triplets into random order; the next n steps take them from this queue, which is filled
   anew when it runs out. Where nothing was found, a step mines within its batch.

The price: a triplet is as old as the queue. Of those taken, only the ones that still violate the
margin count in the loss, and their share (`StepRecord.active`) falls as the queue ages.
"""

from __future__ import annotations

import numpy as np

from ..machine.ranks import ALONE, Ranks
from ..nn.layer import Sequential
from ..preprocessing.faces import Faces
from .batches import embed
from .distances import squared_distances
from .mining import mine
from .triplet import Triplets

EMBED_BATCH = 32  # photos that go through the network at once: no gradient, little memory


def mine_offline(
    network: Sequential,
    faces: Faces,
    subset: int,
    margin: float,
    rule: str,
    rng: np.random.Generator,
    ranks: Ranks = ALONE,
) -> np.ndarray:
    """Return a fresh queue, (T, 3) of int64: rows (anchor, positive, negative) in `faces`.

    `subset` is the least number of photos to choose from; whole people are drawn until they have
    as many. This takes the memory of `subset`^2 distances. T may be 0. Each of several `ranks`
    embeds a share of the photos, and all choose alike.
    """
    chosen = _whole_people(faces.labels, subset, rng)
    own = chosen[ranks.share(len(chosen))]
    embeddings = np.concatenate(
        [
            embed(network, faces.images[own[start : start + EMBED_BATCH]])
            for start in range(0, max(1, len(own)), EMBED_BATCH)  # no photos: (0, d)
        ]
    )
    embeddings = ranks.gather(embeddings, len(chosen))
    triplets = mine(squared_distances(embeddings), faces.labels[chosen], margin, rule, rng)
    return rng.permutation(chosen[np.stack(triplets, axis=1)])


def take(queue: np.ndarray, photos: int) -> tuple[np.ndarray, Triplets, np.ndarray]:
    """Take the next triplets of a queue that fit into a batch of `photos` photos.

    Returns
    -------
    batch : ndarray of shape (N,), int64
        The photos that they need, each once; N <= `photos` (but at least one triplet is taken).
    triplets : Triplets
        They hold positions in `batch`.
    rest : ndarray of shape (T, 3)
        The triplets that stay in the queue.
    """
    count = max(1, photos // 3)
    batch, positions = np.unique(queue[:count], return_inverse=True)
    return batch, Triplets(*positions.reshape(-1, 3).T), queue[count:]


def _whole_people(labels, photos: int, rng) -> np.ndarray:
    chosen: list[np.ndarray] = []
    total = 0
    for person in rng.permutation(np.unique(labels)):
        if total >= photos and len(chosen) >= 2:  # one person alone has no negatives
            break
        chosen.append(np.flatnonzero(labels == person))
        total += len(chosen[-1])
    return np.concatenate(chosen)
