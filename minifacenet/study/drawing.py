"""A study draws `study.png`, and Fig. 1 as one picture. `plots` knows what they look like."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from ..plots.neighbours import neighbour_grid
from ..plots.studies import study_panels
from ..plots.style import save
from ..preprocessing.faces import Faces
from .invariance import in_rows
from .paper import PAPER
from .spoiling import StudyResult

TITLES = {"balanced_accuracy": "balanced accuracy", "accuracy": "accuracy", "auc": "AUC"}
SETTINGS = {
    "jpeg": "JPEG quality",
    "pixels": "side of the face in pixels",
    "quantise": "bits of each entry",
    "dim": "dimensions of the embedding",
    "people": "people in the training",
}


def measure_title(name: str) -> str:
    """Return the words for a figure's name: 'VAL at FAR 0.01'."""
    return TITLES.get(name) or f"VAL at FAR {name.rpartition('_')[2]}"


def draw_study(result: StudyResult, path: Path) -> None:
    """Draw a study and the paper's figures beside it."""
    paper = PAPER[result.name].shares
    relative, marks, untouched = None, [], result.rows[-1].setting is None
    if result.name == "people":
        numbers = [row.setting or 0 for row in result.rows]
        places = [number / max(numbers) for number in numbers]
        beside = [photos / max(paper) for photos in paper], [*paper.values()]
        relative = "share of the largest training: people here, photos in the paper"
    else:
        ours = [row.setting for row in result.rows if row.setting is not None]
        order = sorted({*ours, *(at for at in paper if at <= max(ours))})
        places = [float(order.index(at)) for at in ours] + [float(len(order))] * untouched
        known = [(float(order.index(at)), share) for at, share in paper.items() if at in order]
        beside = [place for place, _ in known], [share for _, share in known]
        marks = [f"{at:g}" for at in paper if at in order]
    shares = [result.share(row) for row in result.rows]
    panels = study_panels(
        {
            measure_title(name): (
                [row.figures[name].value for row in result.rows],
                [row.figures[name].error for row in result.rows],
            )
            for name in result.measures
        },
        ([share.value for share in shares], [share.error for share in shares]),
        places,
        [row.label for row in result.rows],
        SETTINGS[result.name],
        beside,
        marks,
        measure_title(result.compared),
        relative,
        untouched,
    )
    save(panels, path)


def draw_invariance(
    faces: Sequence[Faces],
    vectors: Sequence[np.ndarray],
    names: Sequence[str],
    path: Path,
    threshold: float | None,
    columns: int = 4,
    credit: str | None = None,
) -> tuple[int, int]:
    """Draw the paper's Fig. 1: photos of one person in rows, below them another's.

    Parameters
    ----------
    faces, vectors, names : of one or more people
    path : Path
        Of the PNG file.
    threshold : float or None
        The squared L2 distance up to which two are one.
    columns : int
        Photos in a row.

    Returns
    -------
    right, drawn : int
        How many of the distances that were drawn are on the right side; both 0 with no threshold.
    """
    rows: list[np.ndarray] = []
    images: list[np.ndarray] = []
    embeddings: list[np.ndarray] = []
    shown: list[str] = []
    for name, own, its_vectors in zip(names, faces, vectors, strict=True):
        rows += [row + len(shown) for row in in_rows(own.pixels, columns)]
        images.append(own.pixels)
        embeddings.append(its_vectors)
        shown += [name] * len(own)
    together = np.concatenate(embeddings).astype(np.float64)
    right, drawn = _right(together, shown, rows, threshold)
    title = "Squared L2 distances of neighbours (blue: one person, vermilion: two people)"
    if threshold is not None:
        on = "all" if right == drawn else f"{right}"
        title += f"\nA threshold of {threshold:.2f} judges {on} of {drawn} correctly"
        title += " (✗: wrongly)" * (right < drawn)
    ax = neighbour_grid(
        together, np.concatenate(images), shown, rows, title, threshold, credit=credit
    )
    save(ax, path)
    return right, drawn


def _right(
    vectors: np.ndarray, names: Sequence[str], rows: Sequence[np.ndarray], threshold: float | None
) -> tuple[int, int]:
    """Count the neighbours in a grid that a threshold judges correctly, and all of them."""
    if threshold is None:
        return 0, 0
    couples = [couple for row in rows for couple in pairwise(row)]
    for above, below in pairwise(rows):
        couples += zip(above, below, strict=False)
    near = [float(np.square(vectors[a] - vectors[b]).sum()) <= threshold for a, b in couples]
    same = [names[a] == names[b] for a, b in couples]
    return sum(n == s for n, s in zip(near, same, strict=True)), len(couples)
