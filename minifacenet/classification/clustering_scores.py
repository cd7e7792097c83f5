"""How good is a grouping of faces, when the people are known?

The names of groups mean nothing, so labels cannot be compared one by one. Three views:

**B-cubed** (Bagga and Baldwin 1998) asks every face. Of the faces in my group, itself among them,
what share are of my person (precision)? Of my person's faces, what share are in my group (recall)?
The score is the mean over all faces. Three faces of Ada and two of Grace in two groups:

    faces      Ada  Ada | Ada  Grace Grace      precision              recall
    Ada, Ada                                    2/2 each               2/3 each
    Ada                                         1/3                    1/3
    Grace, Grace                                2/3 each               2/2 each
                                                (1 + 1 + 1/3           (2/3 + 2/3 + 1/3
                                                 + 2/3 + 2/3) / 5       + 1 + 1) / 5

>>> people = ["Ada", "Ada", "Ada", "Grace", "Grace"]
>>> precision, recall, f1 = bcubed([0, 0, 1, 1, 1], people)
>>> print(f"{precision:.4f} {recall:.4f} {f1:.4f}")
0.7333 0.7333 0.7333

**Pairs**: of the pairs of faces in one group, what share show one person (precision)? Of the pairs
of one person, what share lie in one group (recall)? A person with 100 photos counts 100 times as
much as one with 10.

>>> precision, recall, f1 = pairwise([0, 0, 1, 1, 1], people)  # 2 of 4 pairs, and 2 of 4
>>> print(f"{precision:.4f} {recall:.4f} {f1:.4f}")
0.5000 0.5000 0.5000

**Adjusted Rand index** (Hubert and Arabie 1985): the share of pairs on which groups and people
agree, shifted and scaled so that chance scores 0 and perfection 1.

Noise (label -1) is not a group: each noise face counts as a group of its own. That costs recall,
never precision.

All three follow from how many faces n(g, p) of person p lie in group g. At most N of these numbers
are not 0, and no pair is ever listed:

    B-cubed precision = 1/N sum n(g, p)² / n(g),      recall = 1/N sum n(g, p)² / n(p)
    pairs of one group and person = sum n(g, p) (n(g, p) - 1) / 2
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from sklearn.metrics import adjusted_rand_score


class Scores(NamedTuple):
    """Three scores: precision, recall, and their harmonic mean (0 where both are 0)."""

    precision: float
    recall: float
    f1: float


def bcubed(labels: ArrayLike, people: ArrayLike) -> Scores:
    """Return B-cubed precision, recall and F1.

    Parameters
    ----------
    labels : ndarray of shape (N,), integers
        The group of each face; -1 is noise.
    people : ndarray of shape (N,), integers or strings
        The person of each face. No value has a special meaning.

    Raises
    ------
    ValueError
        If the shapes or types do not fit, if there is no face, or if a label is below -1.
    """
    both, groups, persons = _counts(*_checked(labels, people))
    faces = both.sizes.sum()
    return _scores(
        float((both.sizes**2 / groups[both.group]).sum() / faces),
        float((both.sizes**2 / persons[both.person]).sum() / faces),
    )


def pairwise(labels: ArrayLike, people: ArrayLike) -> Scores:
    """Return precision, recall and F1 over pairs; arguments and errors as in :func:`bcubed`.

    Where no pair shares a group none is wrongly joined, and precision is 1; where nobody has two
    faces none is missed, and recall is 1.
    """
    both, groups, persons = _counts(*_checked(labels, people))
    right, said, true = (_pairs(sizes) for sizes in (both.sizes, groups, persons))
    return _scores(right / said if said else 1.0, right / true if true else 1.0)


def adjusted_rand(labels: ArrayLike, people: ArrayLike) -> float:
    """Return scikit-learn's adjusted Rand index; arguments and errors as in :func:`bcubed`."""
    return float(adjusted_rand_score(*_checked(labels, people)))


class _Cells(NamedTuple):
    """The entries of the table n(g, p) that are not 0."""

    group: np.ndarray
    person: np.ndarray
    sizes: np.ndarray


def _counts(groups: np.ndarray, people: np.ndarray) -> tuple[_Cells, np.ndarray, np.ndarray]:
    """Return n(g, p), n(g) and n(p) of groups and people that are numbered from 0."""
    people_count = int(people.max()) + 1
    cells, sizes = np.unique(groups * people_count + people, return_counts=True)
    both = _Cells(cells // people_count, cells % people_count, sizes)
    return both, np.bincount(groups), np.bincount(people)


def _pairs(sizes: np.ndarray) -> int:
    return int((sizes * (sizes - 1) // 2).sum())


def _scores(precision: float, recall: float) -> Scores:
    total = precision + recall
    return Scores(precision, recall, 2 * precision * recall / total if total else 0.0)


def _checked(labels: ArrayLike, people: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Return groups and people numbered from 0, each noise face a group; or raise ValueError."""
    labels, people = np.asarray(labels), np.asarray(people)
    if labels.ndim != 1 or labels.shape != people.shape:
        raise ValueError(
            f"labels and people need one shape (N,), got {labels.shape} and {people.shape}"
        )
    if not labels.size:
        raise ValueError("no faces to score: labels and people are empty")
    if labels.dtype.kind not in "iu":
        raise ValueError(f"labels holds whole numbers, got dtype {labels.dtype}")
    if people.dtype.kind not in "iuUST":
        raise ValueError(f"people holds whole numbers or strings, got dtype {people.dtype}")
    below = np.flatnonzero(labels < -1)
    if below.size:
        raise ValueError(
            f"a label is a group from 0, or -1 for noise, got {labels[below[0]]} for face "
            f"{below[0]}"
        )
    noise = labels == -1
    labels = labels.astype(np.int64)  # a copy
    labels[noise] = labels.max() + 1 + np.arange(np.count_nonzero(noise))
    groups, persons = (np.unique(names, return_inverse=True)[1] for names in (labels, people))
    return groups, persons
