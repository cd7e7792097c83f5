"""The pairs that a study judges at each of its settings, and their figures with errors.

A list in folds is judged as `classification.folds` does it, and the error comes from the folds.
Otherwise the thresholds fit the very pairs that they are judged on, and the error comes from the
jackknife over people: pairs that share a person are not independent, so whole people are left out,
one at a time. More than `ONE_BY_ONE` are left out in `GROUPS` groups, which suits a VAL better: its
threshold is one of a few distances between strangers, so it stays for nearly every single person,
and jumps for the others.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from ..classification.folds import evaluate
from ..classification.pair_photos import FoundPairs
from ..classification.verification import pair_distances
from ..classification.verification_scores import (
    FAR_TARGETS,
    Verification,
    allowed_false_accepts,
    auc,
    verify,
)
from ..files.words import count_text
from .figure import Figure

ONE_BY_ONE = 50  # people, at most
GROUPS = 10  # of more people
ACCEPTS = 2  # false accepts that a target has to allow; below it a single pair decides
FEWEST_SAME = 10  # pairs of one person


@dataclass(frozen=True, eq=False)
class StudyPairs:
    """Pairs of N photos: those of a list, or all.

    Attributes
    ----------
    people : ndarray of shape (N,), int64
        Whom each photo shows.
    found : FoundPairs or None
        The list; None for all pairs.
    """

    people: np.ndarray
    found: FoundPairs | None = None

    @classmethod
    def of_list(cls, found: FoundPairs) -> StudyPairs:
        """Take the pairs of a list; people are the folders of its photos, or what it joins."""
        number: dict[str, int] = {}
        folders = [path.rpartition("/")[0] for path in found.paths]
        people = np.array([number.setdefault(folder, len(number)) for folder in folders], np.int64)
        if ((people[found.first] == people[found.second]) != found.same).any():
            people = _joined(len(people), found.first[found.same], found.second[found.same])
        return cls(people, found)

    @property
    def in_folds(self) -> bool:
        """Whether thresholds for a fold come from others."""
        return self.found is not None and len(np.unique(self.found.fold)) > 1

    @property
    def counts(self) -> tuple[int, int]:
        """Return the number of pairs of one person and of two."""
        if self.found is not None:
            return int(self.found.same.sum()), int((~self.found.same).sum())
        _, photos = np.unique(self.people, return_counts=True)
        same, n = int((photos * (photos - 1) // 2).sum()), len(self.people)
        return same, n * (n - 1) // 2 - same

    @property
    def deciding(self) -> int:
        """Return the number of different pairs that a threshold is chosen on: the fewest."""
        if self.found is None or not self.in_folds:
            return self.counts[1]
        _, in_fold = np.unique(self.found.fold[~self.found.same], return_counts=True)
        return int(in_fold.sum() - in_fold.max())

    @property
    def targets(self) -> tuple[float, ...]:
        """Return the FARs at which these pairs can support a VAL.

        Raises
        ------
        ValueError
            There are too few pairs for any.
        """
        same, different = self.counts
        targets = tuple(
            far for far in FAR_TARGETS if allowed_false_accepts(far, self.deciding) >= ACCEPTS
        )
        if not targets or same < FEWEST_SAME:
            raise ValueError(
                f"too few pairs: {count_text(same, 'pair')} of one person and {different} of two. "
                f"A study takes {FEWEST_SAME} of one, and {pairs_for(max(FAR_TARGETS))} of two for "
                f"VAL at FAR {max(FAR_TARGETS):g}"
            )
        return targets

    @property
    def error_from(self) -> str:
        """Say where the standard errors come from."""
        if self.in_folds and self.found is not None:
            return f"over {len(np.unique(self.found.fold))} folds, thresholds from the others"
        people = len(np.unique(self.people))
        groups = f" in {GROUPS} groups" if people > ONE_BY_ONE else ""
        return f"jackknife over {people} people{groups}; thresholds are the best for these pairs"

    def figures(self, vectors: np.ndarray) -> dict[str, Figure]:
        """Judge embeddings (N, D) of the photos.

        Returns
        -------
        dict of Figure
            'accuracy' (in folds) or 'balanced_accuracy', 'auc', and 'val_at_far_0.1' and so on.
        """
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "AUC .* is below 0.5")  # spoilt enough, it is chance
            return self._in_folds(vectors) if self.in_folds else self._left_out(vectors)

    def _in_folds(self, vectors: np.ndarray) -> dict[str, Figure]:
        assert self.found is not None
        same, fold = self.found.same, self.found.fold
        distances = self.found.distances(vectors)
        result = evaluate(distances, same, fold, self.targets)
        areas = [auc(distances[fold == n], same[fold == n]) for n in np.unique(fold)]
        figures = {
            "accuracy": Figure(result.accuracy, np.array([s.accuracy for s in result.folds])),
            "auc": Figure(result.overall.auc, np.array(areas)),
        }
        for far, point in result.val_at_far.items():
            parts = np.array([score.val_at_far[far].val for score in result.folds])
            figures[f"val_at_far_{far:g}"] = Figure(point.val, parts)
        return figures

    def _left_out(self, vectors: np.ndarray) -> dict[str, Figure]:
        far_targets = self.targets
        whole = _measures(verify(*self._judged(vectors), far_targets))
        people, inverse = np.unique(self.people, return_inverse=True)
        groups = len(people) if len(people) <= ONE_BY_ONE else GROUPS
        group = np.random.default_rng(0).permutation(len(people)) % groups
        parts = []
        for number in np.unique(group):
            distances, same = self._judged(vectors, group[inverse] != number)
            if same.any() and not same.all():
                parts.append(_measures(verify(distances, same, far_targets)))
        return {
            name: Figure(value, np.array([part[name] for part in parts]), left_out=True)
            for name, value in whole.items()
        }

    def _judged(
        self, vectors: np.ndarray, kept: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return distances of pairs, and which are one person; `kept` says of which photos."""
        kept = np.ones(len(self.people), bool) if kept is None else kept
        if self.found is None:
            if kept.sum() < 2:
                return np.empty(0), np.empty(0, bool)
            return pair_distances(vectors[kept], self.people[kept])
        both = kept[self.found.first] & kept[self.found.second]
        return self.found.distances(vectors)[both], self.found.same[both]


def pairs_for(far: float) -> int:
    """Return how many pairs of two people a VAL at this FAR takes."""
    return round(ACCEPTS / far)


def _measures(scores: Verification) -> dict[str, float]:
    at_far = {f"val_at_far_{far:g}": point.val for far, point in scores.val_at_far.items()}
    return {"balanced_accuracy": scores.balanced_accuracy, "auc": scores.auc, **at_far}


def _joined(photos: int, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Number people so that the photos of each of these pairs show one."""
    people = np.arange(photos)
    for a, b in zip(first, second, strict=True):
        people[people == people[b]] = people[a]
    return people
