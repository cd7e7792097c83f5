"""Worked answers to lesson 11. The library's own selector is `mining.semi_hard_closest`."""

import numpy as np


def semi_hard_triplets(distances, labels, margin):
    found = []
    for a in range(len(labels)):
        for p in range(len(labels)):
            if p == a or labels[p] != labels[a]:
                continue
            best = None
            for n in range(len(labels)):
                d = distances[a, n]
                semi_hard = distances[a, p] < d < distances[a, p] + margin
                closer = best is None or d < distances[a, best]
                if labels[n] != labels[a] and semi_hard and closer:
                    best = n
            if best is not None:
                found.append((a, p, best))
    return found


def spread(embeddings):
    squared = np.square(embeddings[:, None] - embeddings[None]).sum(axis=2)
    n = len(embeddings)
    return squared.sum() / (n * (n - 1))  # the diagonal is 0 and is no pair


def draw_batch(labels, people, photos, rng):
    who, counts = np.unique(labels, return_counts=True)
    chosen = rng.choice(who[counts >= photos], people, replace=False)
    own = [np.flatnonzero(labels == person) for person in chosen]
    return np.concatenate([rng.choice(indices, photos, replace=False) for indices in own])
