"""A list of pairs for any folder of people, drawn as LFW's was (Huang et al., 2007).

People are dealt to the folds first, so that no person is in two of them: a threshold chosen on
nine folds then meets strangers in the tenth. In each fold as many pairs of one person are drawn as
of two people, so that guessing scores 0.5.

Drawing from all pairs of photos alike gives mostly one face: a person with 530 photos has
140,185 pairs, one with 2 photos has 1. So **people are drawn before photos**: a pair of one person
goes to a random person, and a pair of two people to two random people. Nobody gives a second pair
before everybody has given one, and so on; then any number of pairs that is possible is also found,
without drawing again and again until no pair repeats.

A photo and its exact copy have distance 0, whatever the embedding: of copies one is used, and none
where they lie in the folders of several people, since then nobody knows whom they show.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from math import comb, isqrt

import numpy as np
from numpy.typing import ArrayLike

from .pair_lists import Pairs, PairsError


def make_pairs(
    paths: Sequence[str],
    labels: ArrayLike,
    folds: int,
    per_fold: int,
    seed: int,
    duplicates: Iterable[Sequence[str]] = (),
) -> Pairs:
    """Draw `per_fold` pairs of one person and as many of two people in each of `folds` folds.

    No pair comes twice, in either order, and no person is in two folds. The same arguments give
    the same list.

    Parameters
    ----------
    paths, labels : sequence of str and of hashable, length N
        The photos and whom they show, such as `Faces.paths` and `Faces.labels`.
    folds, per_fold, seed : int
    duplicates : iterable of groups of paths
        Exact copies, such as `Faces.duplicates`.

    Returns
    -------
    Pairs
        Folds 1 to `folds`, in each first the pairs of one person, as LFW's list.

    Raises
    ------
    PairsError
        If there are too few people or photos; the message says how many pairs are possible.
    """
    if folds < 1 or per_fold < 1:
        raise ValueError(f"folds and per_fold are at least 1, got {folds} and {per_fold}")
    rng = np.random.default_rng(seed)
    people = _people(paths, labels, duplicates)
    _check_folds(people, folds)
    dealt = _deal(people, folds, rng)
    _check_room(people, dealt, per_fold)
    rows = []
    for number, fold in enumerate(dealt, start=1):
        rows += [(*pair, True, number) for pair in _same_pairs(fold, per_fold, rng)]
        rows += [(*pair, False, number) for pair in _different_pairs(fold, per_fold, rng)]
    return Pairs(*zip(*rows, strict=True))


def _people(paths, labels, duplicates) -> list[list[str]]:
    """Return the photos of each person, without copies."""
    labels = np.asarray(labels)
    if labels.shape != (len(paths),) or len(set(paths)) != len(paths):
        raise ValueError(
            f"expected one label per path and every path once, got {len(paths)} paths, "
            f"{len(set(paths))} of them distinct, and labels of shape {labels.shape}"
        )
    shown = dict(zip(paths, labels.tolist(), strict=True))
    for group in duplicates:
        copies = [path for path in group if path in shown]
        several = len({shown[path] for path in copies}) > 1
        for path in copies if several else copies[1:]:
            del shown[path]
    people = defaultdict(list)
    for path, person in shown.items():
        people[person].append(path)
    return list(people.values())


def _deal(people: list[list[str]], folds: int, rng: np.random.Generator) -> list[list[list[str]]]:
    """Deal people to folds like cards, most photos first, so that all folds are alike.

    It goes back and forth (1, 2, 3, 3, 2, 1, ...), or fold 1 would get the best card of every
    round. Among people with equally many photos chance decides.
    """
    shuffled = [people[i] for i in rng.permutation(len(people))]
    dealt: list[list[list[str]]] = [[] for _ in range(folds)]
    for place, photos in enumerate(sorted(shuffled, key=len, reverse=True)):
        turn, fold = divmod(place, folds)
        dealt[fold if turn % 2 == 0 else folds - 1 - fold].append(photos)
    return dealt


def _check_folds(people: list[list[str]], folds: int) -> None:
    """Refuse a mistyped number of folds before anything is made for each of them."""
    several = _several(people)
    most = min(several, len(people) // 2)
    if folds > most:
        raise PairsError(
            f"{folds} folds without a common person take {2 * folds} people, {folds} of them with "
            f"two different photos or more; there are {_have(people)}: "
            + (f"ask for fewer --folds, at most {most}" if most else "no pairs can be made")
        )


def _several(people: list[list[str]]) -> int:
    return sum(len(photos) > 1 for photos in people)


def _have(people: list[list[str]]) -> str:
    return f"{len(people)} people, {_several(people)} of them with two different photos or more"


def _check_room(people: list[list[str]], dealt: list[list[list[str]]], per_fold: int) -> None:
    folds = len(dealt)
    room = min(min(_room(fold)) for fold in dealt)
    if per_fold > room:
        raise PairsError(
            f"{per_fold} same and {per_fold} different pairs in each fold ({folds} in all) are too "
            f"many for {_have(people)}: at most {room} of each in a fold"
            + ", or more with fewer --folds"
            * (folds > 1)
        )


def _room(fold: list[list[str]]) -> tuple[int, int]:
    """Return how many pairs of one person and of two people a fold can give."""
    photos = [len(own) for own in fold]
    same = sum(comb(count, 2) for count in photos)
    return same, comb(sum(photos), 2) - same


def _same_pairs(fold, count: int, rng: np.random.Generator) -> list[tuple[str, str]]:
    able = [photos for photos in fold if len(photos) > 1]
    room = [comb(len(photos), 2) for photos in able]
    pairs = []
    for person, share in _spread(count, len(able), room.__getitem__, rng):
        for t in rng.choice(room[person], share, replace=False):
            i, j = _couple(t)
            pairs.append((able[person][i], able[person][j]))
    return pairs


def _different_pairs(fold, count: int, rng: np.random.Generator) -> list[tuple[str, str]]:
    def room(couple: int) -> int:
        i, j = _couple(couple)
        return len(fold[i]) * len(fold[j])

    pairs = []
    for couple, share in _spread(count, comb(len(fold), 2), room, rng):
        i, j = _couple(couple)
        for t in rng.choice(room(couple), share, replace=False):
            a, b = divmod(t, len(fold[j]))
            pairs.append((fold[i][a], fold[j][b]))
    return pairs


def _spread(
    count: int, groups: int, room: Callable[[int], int], rng: np.random.Generator
) -> list[tuple[int, int]]:
    """Deal `count` pairs to groups 0, 1, ...: round by round, one to each with room left.

    Returns (group, its share). `room(group)` is how many a group can take; together they suffice.
    """
    if count <= groups:  # one round; nothing is made for each of maybe millions of couples
        return [(int(g), 1) for g in np.sort(rng.choice(groups, count, replace=False))]
    limits = np.array([room(group) for group in range(groups)])
    shares = np.zeros(groups, dtype=np.int64)
    while left := count - shares.sum():
        able = np.flatnonzero(shares < limits)
        shares[rng.choice(able, min(left, len(able)), replace=False)] += 1
    return list(enumerate(shares.tolist()))


def _couple(t: int) -> tuple[int, int]:
    """Return the t-th couple of (0, 1), (0, 2), (1, 2), (0, 3), ...; j (j - 1) / 2 precede j."""
    j = (1 + isqrt(1 + 8 * int(t))) // 2
    return int(t) - j * (j - 1) // 2, j
