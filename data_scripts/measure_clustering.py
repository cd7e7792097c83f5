"""Measure clustering of many faces: time of one core, memory, and how good the groups are.

    minifacenet embed FACES --model dlib_resnet --out VECTORS
    python data_scripts/measure_clustering.py VECTORS DISTANCE COUNT

FACES holds some thousand people, such as LFW's development set. Their embeddings give the mean of
all people, how people differ, and how photos of one person differ, as two covariance matrices.
COUNT vectors are drawn from normal distributions with these, and brought to length 1; a person has
as many photos as one of FACES with two or more. They are clustered at DISTANCE, on one thread.

Faces near to those of others decide how much there is to do. Normal distributions have fewer of
them than real faces, so people are moved together until as many pairs of two people are within
DISTANCE as of FACES.
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np

from minifacenet.classification.clustering import average_linkage, cut
from minifacenet.classification.clustering_scores import bcubed
from minifacenet.classification.near_chain import Level
from minifacenet.embedding.store import Embeddings
from minifacenet.nn.device.backend import set_threads

PART = 2**14  # vectors that are drawn at once
SAMPLE = 3000  # vectors whose pairs are counted
STEP = 0.02


def drawn_like(
    vectors: np.ndarray, who: np.ndarray, count: int, apart: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return vectors as of other people, (count, D), float32, and whose each is.

    `apart` is how far from each other they are, as a share of what it is for the real ones.
    """
    _, who, sizes = np.unique(who, return_inverse=True, return_counts=True)
    means = np.stack([np.bincount(who, column) for column in vectors.T], axis=1) / sizes[:, None]
    within = (vectors - means[who]).T @ (vectors - means[who]) / (len(vectors) - len(sizes))
    between = np.cov(means.T) - within * np.mean(1 / sizes)
    several = sizes[sizes >= 2]
    photos = rng.choice(several, count)  # enough for all
    person = np.repeat(np.arange(count), photos)[:count]
    out = np.empty((count, vectors.shape[1]), np.float32)
    people, noise = apart * _root(between), _root(within)
    own = np.empty((person[-1] + 1, vectors.shape[1]), np.float32)
    for start in range(0, len(own), PART):
        rows = own[start : start + PART]
        rows[...] = means.mean(axis=0) + rng.standard_normal(rows.shape) @ people
    for start in range(0, count, PART):
        rows = out[start : start + PART]
        drawn = own[person[start : start + PART]] + rng.standard_normal(rows.shape) @ noise
        rows[...] = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
    order = rng.permutation(count)
    return out[order], person[order]


def _root(covariance: np.ndarray) -> np.ndarray:
    values, axes = np.linalg.eigh(covariance)
    return (axes * np.sqrt(np.maximum(values, 0))).T


def share_within(vectors: np.ndarray, who: np.ndarray, distance: float) -> float:
    """Return the share of pairs of two people that are no farther apart than `distance`."""
    chosen = np.random.default_rng(0).permutation(len(vectors))[:SAMPLE]
    vectors, who = vectors[chosen].astype(np.float64), who[chosen]
    squares = 2 - 2 * vectors @ vectors.T
    other = who[:, None] != who
    return float((squares[other] <= distance).mean())


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("vectors")
    parser.add_argument("distance", type=float)
    parser.add_argument("count", type=int)
    options = parser.parse_args()
    set_threads(1)
    real = Embeddings.load(options.vectors)
    names = np.array(real.names)
    average_linkage(real.vectors[:1000], limit=options.distance)  # compiled
    needed = share_within(real.vectors, names, options.distance)
    print(f"{len(real):,} real ones: {needed:.2e} of the pairs of two people are near")
    apart, near, precise = 1.0, 0.0, real.vectors.astype(np.float64)
    while near < needed and apart > 0:
        near = share_within(*drawn_like(precise, names, 4 * SAMPLE, apart, rng()), options.distance)
        print(f"apart by {apart:.2f}: {near:.2e} are near")
        apart -= STEP
    vectors, who = drawn_like(precise, names, options.count, apart + STEP, rng())
    print(f"{len(vectors):,} drawn, {who.max() + 1:,} people", flush=True)
    start = time.thread_time()

    def tell(level: Level) -> None:
        print(
            f"{time.thread_time() - start:.0f} s: limit {level.limit:.4f}, {level.clusters:,} "
            f"clusters, {level.pairs:,} pairs",
            flush=True,
        )

    tree = average_linkage(vectors, limit=options.distance, tell_level=tell)
    labels = cut(tree, options.distance)
    seconds = time.thread_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{seconds:.0f} s of one core, at most {peak:.2f} GiB; {labels.max() + 1:,} groups")
    print("B-cubed:", bcubed(labels, who))


if __name__ == "__main__":
    main()
