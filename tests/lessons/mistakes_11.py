"""Typical wrong answers to lesson 11, with words that the check should say."""

import numpy as np


def _pairs(labels):
    for a in range(len(labels)):
        for p in range(len(labels)):
            if a != p and labels[a] == labels[p]:
                yield a, p


def _choose(distances, labels, admits, pick=np.argmin, pairs=None):
    found = []
    for a, p in pairs or _pairs(labels):
        inside = np.flatnonzero((labels != labels[a]) & admits(distances[a], distances[a, p]))
        if inside.size:
            found.append((a, p, inside[pick(distances[a, inside])]))
    return found


def hard_too(distances, labels, margin):
    return _choose(distances, labels, lambda d, d_ap: d < d_ap + margin)


def easy_too(distances, labels, margin):
    return _choose(distances, labels, lambda d, d_ap: d > d_ap)


def not_strict(distances, labels, margin):
    return _choose(distances, labels, lambda d, d_ap: (d_ap <= d) & (d <= d_ap + margin))


def the_farthest(distances, labels, margin):
    return _choose(distances, labels, lambda d, d_ap: (d_ap < d) & (d < d_ap + margin), np.argmax)


def one_order(distances, labels, margin):
    pairs = [(a, p) for a, p in _pairs(labels) if a < p]
    return _choose(distances, labels, lambda d, d_ap: (d_ap < d) & (d < d_ap + margin), pairs=pairs)


def its_own_positive(distances, labels, margin):
    n = len(labels)
    pairs = [(a, p) for a in range(n) for p in range(n) if labels[a] == labels[p]]
    return _choose(distances, labels, lambda d, d_ap: (d_ap < d) & (d < d_ap + margin), pairs=pairs)


def several(distances, labels, margin):
    return [
        (a, p, n)
        for a, p in _pairs(labels)
        for n in range(len(labels))
        if labels[n] != labels[a] and distances[a, p] < distances[a, n] < distances[a, p] + margin
    ]


def own_person(distances, labels, margin):
    found = []
    for a, p in _pairs(labels):
        d = distances[a]
        inside = np.flatnonzero((d > d[p]) & (d < d[p] + margin))
        if inside.size:
            found.append((a, p, inside[d[inside].argmin()]))
    return found


def nothing(distances, labels, margin):
    return []


def shuffled(distances, labels, margin):
    right = _choose(distances, labels, lambda d, d_ap: (d_ap < d) & (d < d_ap + margin))
    return right[::-1]


def three_arrays(distances, labels, margin):
    return tuple(np.array(several(distances, labels, margin)).reshape(-1, 3).T)


def in_place(distances, labels, margin):
    list(several(distances, labels, margin))


def _squared(e):
    return np.square(e[:, None] - e[None]).sum(axis=2)


def with_the_diagonal(embeddings):
    return _squared(embeddings).mean()


def plain_distances(embeddings):
    n = len(embeddings)
    return np.sqrt(_squared(embeddings)).sum() / (n * (n - 1))


def mean_length(embeddings):
    return np.linalg.norm(embeddings, axis=1).mean()


def to_the_mean(embeddings):
    return np.square(embeddings - embeddings.mean(axis=0)).sum(axis=1).mean()


def upper_half_over_all(embeddings):
    n = len(embeddings)
    return np.triu(_squared(embeddings)).sum() / (n * (n - 1))


def for_unit_length(embeddings):
    n = len(embeddings)
    return (2 - 2 * (embeddings @ embeddings.T)).sum() / (n * (n - 1))


def by_products(embeddings):
    squares = np.square(embeddings).sum(axis=1)
    n = len(embeddings)
    squared = squares[:, None] + squares - 2 * embeddings @ embeddings.T
    return squared.sum() / (n * (n - 1))


def each_row(embeddings):
    return _squared(embeddings).sum(axis=1) / (len(embeddings) - 1)


def _drawn(labels, people, photos, rng, replace=False, few=False):
    who, counts = np.unique(labels, return_counts=True)
    chosen = rng.choice(who if few else who[counts >= photos], people, replace=False)
    own = [np.flatnonzero(labels == person) for person in chosen]
    return np.concatenate([rng.choice(o, min(photos, len(o)), replace=replace) for o in own])


def drawn_with_putting_back(labels, people, photos, rng):
    return _drawn(labels, people, photos, rng, replace=True)


def photos_at_random(labels, people, photos, rng):
    return rng.choice(len(labels), people * photos, replace=False)


def whoever_it_is(labels, people, photos, rng):
    return _drawn(labels, people, photos, rng, few=True)


def the_first_photos(labels, people, photos, rng):
    chosen = rng.choice([p for p in set(labels) if sum(labels == p) >= photos], people, False)
    return np.concatenate([np.flatnonzero(labels == person)[:photos] for person in chosen])


def the_first_people(labels, people, photos, rng):
    enough = [person for person in np.unique(labels) if (labels == person).sum() >= photos]
    own = [np.flatnonzero(labels == person) for person in enough[:people]]
    return np.concatenate([rng.choice(indices, photos, replace=False) for indices in own])


def another_generator(labels, people, photos, rng):
    return _drawn(labels, people, photos, np.random.default_rng())


def labels_instead(labels, people, photos, rng):
    return labels[_drawn(labels, people, photos, rng)] + 1000 * np.arange(people * photos)


def a_list_of_lists(labels, people, photos, rng):
    return _drawn(labels, people, photos, rng).reshape(people, photos)


MISTAKES = {
    "11.1": {
        hard_too: "hard negatives, too",
        easy_too: "easy negatives, too",
        not_strict: "both strictly",
        the_farthest: "farthest",
        one_order: "only one order",
        its_own_positive: "its own positive",
        several: "gets one negative",
        own_person: "the anchor's own person",
        nothing: "is missing",
        shuffled: "order of a, then p",
        three_arrays: "list(zip(a, p, n))",
        in_place: "returns None",
    },
    "11.2": {
        with_the_diagonal: "the diagonal",
        plain_distances: "plain distances",
        mean_length: "mean length",
        to_the_mean: "to the mean",
        upper_half_over_all: "half of it",
        for_unit_length: "not of length 1",
        by_products: "differences first",
        each_row: "one number",
    },
    "11.3": {
        drawn_with_putting_back: "twice",
        photos_at_random: "draw people first",
        whoever_it_is: "too few is not drawn",
        the_first_photos: "others each time",
        the_first_people: "none holds some of the people",
        another_generator: "the same seed",
        labels_instead: "labels instead of indices",
        a_list_of_lists: "one array of whole numbers",
    },
}
