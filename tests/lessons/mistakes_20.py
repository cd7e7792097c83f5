"""Typical wrong answers to lesson 20, with words that the check should say."""

import numpy as np
from exercises.answers_20 import best_turn, gradient_of_the_new


def unchanged(vectors):
    return vectors.copy()


def rows_mixed(vectors):
    return vectors[::-1]


def columns_mixed(vectors):
    return vectors[:, ::-1]


def first_axis_mirrored(vectors):
    return vectors * np.array([-1] + [1] * (vectors.shape[1] - 1))


def all_the_same(vectors):
    return np.broadcast_to(-vectors[0], vectors.shape)


def moved_away(vectors):
    return vectors + 5


def in_place(vectors):
    vectors *= -1
    return vectors


def the_way_back(new, old):
    return best_turn(new, old).T


def least_squares(new, old):
    return np.linalg.lstsq(new, old, rcond=None)[0]


def with_the_singular_values(new, old):
    return new.T @ old


def no_mirror(new, old):
    u, _, vt = np.linalg.svd(new.T @ old)
    u[:, -1] *= np.linalg.det(u @ vt)
    return u @ vt


def turned_vectors(new, old):
    return new @ best_turn(new, old)


def _all_slopes(new, old, triplets):
    x, slope = np.concatenate([new, old]), np.zeros((2 * len(new), new.shape[1]))
    a, p, n = triplets
    np.add.at(slope, a, 2 * (x[n] - x[p]))
    np.add.at(slope, p, 2 * (x[p] - x[a]))
    np.add.at(slope, n, 2 * (x[a] - x[n]))
    return slope


def _active(new, old, triplets, margin):
    x = np.concatenate([new, old])
    a, p, n = triplets
    active = np.square(x[a] - x[p]).sum(1) - np.square(x[a] - x[n]).sum(1) + margin > 0
    return a[active], p[active], n[active]


def for_all(new, old, triplets, margin):
    chosen = _active(new, old, triplets, margin)
    return _all_slopes(new, old, chosen) / max(len(chosen[0]), 1)


def over_all_triplets(new, old, triplets, margin):
    slope = _all_slopes(new, old, _active(new, old, triplets, margin))
    return slope[: len(new)] / len(triplets[0])


def added_up(new, old, triplets, margin):
    return _all_slopes(new, old, _active(new, old, triplets, margin))[: len(new)]


def inactive_ones_too(new, old, triplets, margin):
    return _all_slopes(new, old, triplets)[: len(new)] / len(triplets[0])


def anchors_alone(new, old, triplets, margin):
    x, slope = np.concatenate([new, old]), np.zeros_like(new)
    a, p, n = _active(new, old, triplets, margin)
    np.add.at(slope, a, 2 * (x[n] - x[p]) / max(len(a), 1))
    return slope


def old_ones_to_the_new(new, old, triplets, margin):
    slope = for_all(new, old, triplets, margin)
    return slope[: len(new)] + slope[len(new) :]


def downhill(new, old, triplets, margin):
    return -gradient_of_the_new(new, old, triplets, margin)


def each_place_once(new, old, triplets, margin):
    x, (a, p, n) = np.concatenate([new, old]), _active(new, old, triplets, margin)
    slope = np.zeros_like(x)
    slope[a] += 2 * (x[n] - x[p])
    slope[p] += 2 * (x[p] - x[a])
    slope[n] += 2 * (x[a] - x[n])
    return slope[: len(new)] / max(len(a), 1)


MISTAKES = {
    "20.1": {
        unchanged: "finds itself",
        rows_mixed: "has to be as good as v1",
        columns_mixed: "somebody else's old vector",
        first_axis_mirrored: "somebody else's old vector",
        all_the_same: "has to be as good as v1",
        moved_away: "stay on the sphere",
        in_place: "belong to the gallery",
    },
    "20.2": {
        the_way_back: "the way back",
        least_squares: "yours stretches",
        with_the_singular_values: "yours stretches",
        no_mirror: "the best is a mirror",
        turned_vectors: "R is asked for",
    },
    "20.3": {
        for_all: "they do not move",
        over_all_triplets: "not of all",
        added_up: "their mean",
        inactive_ones_too: "right already",
        anchors_alone: "move as such",
        old_ones_to_the_new: "nobody takes it",
        downhill: "sign is turned round",
        each_place_once: "adds once only",
    },
}
