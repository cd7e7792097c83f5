"""Worked answers that the library has no function for. `make student` leaves this file out."""

import numpy as np

# -- Lesson 10 -----------------------------------------------------------------------------------


def mean_triplet_loss(embeddings, triplets, margin):
    a, p, n = (embeddings[index] for index in triplets)
    violation = np.square(a - p).sum(axis=1) - np.square(a - n).sum(axis=1) + margin
    active = violation[violation > 0]
    return active.mean() if active.size else 0.0


def one_triplet_gradient(a, p, n, margin):
    if np.square(a - p).sum() - np.square(a - n).sum() + margin <= 0:
        return np.zeros_like(a), np.zeros_like(p), np.zeros_like(n)
    return 2 * (n - p), 2 * (p - a), 2 * (a - n)


def all_squared_distances(embeddings):
    differences = embeddings[:, None] - embeddings[None]  # (N, N, d)
    return np.square(differences).sum(axis=2)
