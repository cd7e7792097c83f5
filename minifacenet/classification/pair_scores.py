"""From pairs whose photos are there, and the embeddings of these, to figures in folds."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from .folds import FoldedVerification, evaluate
from .pair_lists import PairsError
from .pair_photos import FoundPairs


@dataclass(frozen=True, eq=False)
class JudgedPairs:
    """The squared distances of pairs, which of these are one person, and the scores in folds."""

    distances: np.ndarray
    same: np.ndarray
    result: FoldedVerification


def in_whole_folds(found: FoundPairs, source: str | os.PathLike) -> FoundPairs:
    """Leave out the folds without pairs of both kinds, which cannot be scored.

    Raises
    ------
    PairsError
        There is no other fold in the list `source`.
    """
    whole = ~np.isin(found.fold, [fold for fold, _, _ in found.incomplete])
    if not whole.any():
        raise PairsError(f"{source}: no fold has found pairs of both kinds")
    return replace(
        found,
        first=found.first[whole],
        second=found.second[whole],
        same=found.same[whole],
        fold=found.fold[whole],
        left_out=found.left_out + int((~whole).sum()),
        incomplete=(),
    )


def judge(
    found: FoundPairs,
    embeddings: ArrayLike,
    threshold: float | None = None,
    seconds: ArrayLike | None = None,
) -> JudgedPairs:
    """Score pairs by the embeddings of their photos; see `folds.evaluate` for the threshold.

    `seconds` are as in `FoundPairs.distances`.
    """
    distances = found.distances(embeddings, seconds)
    result = evaluate(distances, found.same, found.fold, threshold=threshold)
    return JudgedPairs(distances, found.same, result)


CROSSED = "v2/v1"


def judge_two_models(found: FoundPairs, new: ArrayLike, old: ArrayLike) -> dict[str, JudgedPairs]:
    """Score pairs within each of two models, and across them: the paper's figure of harmonic
    embedding.

    `new` and `old` are the embeddings of all photos by v2 and v1. In 'v2/v1' the first photo of a
    pair is v2's, as a new photo would be, and the second is v1's, as those of a gallery are.
    """
    return {
        "v1/v1": judge(found, old),
        CROSSED: judge(found, new, seconds=old),
        "v2/v2": judge(found, new),
    }
