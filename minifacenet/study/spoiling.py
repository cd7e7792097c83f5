"""One network at several settings: its faces, or its vectors, are spoilt, and pairs judged again.

    result = study(SPOILINGS["jpeg"], faces.images, embedder, StudyPairs(faces.labels), (10, 50))
    result.rows[0].figures["auc"].value, result.share(result.rows[0]).value

What is spoilt is the square crop that the network sees, of both photos of a pair; where the face is
in its photo was found before. The training saw none of it. Thresholds are chosen anew at each
setting, so a drop is lost information, not a threshold that has moved.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from .bits import BITS, check_bits, with_fewer_bits
from .figure import Figure
from .jpeg import QUALITIES, as_jpeg, check_qualities
from .pairs import StudyPairs
from .paper import PAPER
from .pixels import check_sides, sides_below, with_fewer_pixels

PART = 128  # faces that are embedded between two words about progress


class Embeds(Protocol):
    """An `Embedder`, or an `EmbeddingCache` of one."""

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Turn uint8 photos (N, H, W, C) into unit vectors (N, D)."""


@dataclass(frozen=True)
class Spoiling:
    """One way to spoil what a network sees, or what it says.

    Attributes
    ----------
    name, heading : str
        Of the study, and of the column of its settings.
    usual : callable(side of the faces) -> settings
    check : callable(settings, side of the faces)
        Raises ValueError for a setting that there is not.
    spoil : callable(array, setting) -> array
    spoils_vectors : bool
        The array is that of the vectors (N, D), not of the faces (N, H, W, C).
    detail : callable(setting or None, side, dimensions) -> str
        A second column: what the setting, or None for as it is, comes to.
    detail_heading : str
    untouched : str
        The words for no spoiling at all.
    """

    name: str
    heading: str
    usual: Callable[[int], tuple[int, ...]]
    check: Callable[[Sequence[int], int], None]
    spoil: Callable[[np.ndarray, int], np.ndarray]
    spoils_vectors: bool = False
    detail: Callable[[int | None, int, int], str] | None = None
    detail_heading: str = ""
    untouched: str = "as it is"


SPOILINGS = {
    "jpeg": Spoiling(
        "jpeg",
        "quality",
        usual=lambda size: QUALITIES,
        check=lambda values, size: check_qualities(values),
        spoil=as_jpeg,
    ),
    "pixels": Spoiling(
        "pixels",
        "side",
        usual=sides_below,
        check=check_sides,
        spoil=with_fewer_pixels,
        detail=lambda side, size, dim: f"{(side or size) ** 2:,}",
        detail_heading="pixels",
    ),
    "quantise": Spoiling(
        "quantise",
        "bits",
        usual=lambda size: BITS,
        check=lambda values, size: check_bits(values),
        spoil=with_fewer_bits,
        spoils_vectors=True,
        detail=lambda bits, size, dim: f"{-(-(bits or 32) * dim // 8):,}",
        detail_heading="bytes",
        untouched="32, float",
    ),
}


@dataclass(frozen=True, eq=False)
class Row:
    """One setting: its number (None for as it is), its words, and its figures by name."""

    setting: int | None
    label: str
    figures: dict[str, Figure]
    detail: str = ""


@dataclass(frozen=True, eq=False)
class StudyResult:
    """What a study found: rows in the order of their settings.

    Attributes
    ----------
    name, heading, detail_heading : str
    rows : tuple of Row
    """

    name: str
    heading: str
    rows: tuple[Row, ...]
    detail_heading: str = ""

    @property
    def measures(self) -> tuple[str, ...]:
        """Return the names of the figures; the last is VAL at the smallest FAR."""
        return tuple(self.rows[0].figures)

    @property
    def compared(self) -> str:
        """Return the name of the figure that stands beside the paper's."""
        return self.measures[-1]

    def share(self, row: Row) -> Figure:
        """Return what a row has of the best row's VAL at the smallest FAR."""
        best = max(self.rows, key=lambda other: other.figures[self.compared].value)
        return row.figures[self.compared].over(best.figures[self.compared])

    def paper_share(self, row: Row) -> float | None:
        """Return the paper's share at this setting, if it reports one."""
        return None if row.setting is None else PAPER[self.name].shares.get(row.setting)

    def table(self) -> tuple[list[str], list[list[object]]]:
        """Return the header and the rows of `study.csv`."""
        header = [self.heading, *[self.detail_heading] * bool(self.detail_heading)]
        for name in self.measures:
            header += [name, f"{name}_error"]
        header += ["share_of_best", "share_of_best_error", "paper_share_of_best"]
        rows: list[list[object]] = []
        for row in self.rows:
            cells: list[object] = [row.label, *[row.detail.replace(",", "")] * bool(row.detail)]
            for figure in (*row.figures.values(), self.share(row)):
                cells += [f"{figure.value:.5f}", f"{figure.error:.5f}"]
            paper = self.paper_share(row)
            rows.append([*cells, "" if paper is None else f"{paper:.3f}"])
        return header, rows


def study(
    spoiling: Spoiling,
    images: np.ndarray,
    embedder: Embeds,
    pairs: StudyPairs,
    settings: Sequence[int],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> StudyResult:
    """Judge the pairs at each setting, and at last as they are.

    Parameters
    ----------
    spoiling : Spoiling
    images : ndarray of shape (N, S, S, C), uint8
    embedder : Embedder or EmbeddingCache
    pairs : StudyPairs of N photos
    settings : sequence of int
    progress : callable(done, total)
        In faces embedded, over all settings.

    Raises
    ------
    ValueError
        A setting makes no sense, or there are too few pairs.
    """
    settings, size = sorted(set(settings)), images.shape[1]
    spoiling.check(settings, size)
    _ = pairs.targets  # too few pairs are found out before the work
    runs = 1 if spoiling.spoils_vectors else len(settings) + 1
    done = 0

    def embed(faces: np.ndarray) -> np.ndarray:
        nonlocal done
        vectors = []
        for start in range(0, len(faces), PART):
            vectors.append(embedder.transform(faces[start : start + PART]))
            done += len(vectors[-1])
            progress(done, runs * len(images))
        return np.concatenate(vectors)

    plain = embed(images)
    rows = []
    for setting in (*settings, None):
        vectors = plain
        if setting is not None and spoiling.spoils_vectors:
            vectors = spoiling.spoil(plain, setting)
        elif setting is not None:
            vectors = embed(spoiling.spoil(images, setting))
        label = spoiling.untouched if setting is None else str(setting)
        detail = spoiling.detail(setting, size, plain.shape[1]) if spoiling.detail else ""
        rows.append(Row(setting, label, pairs.figures(vectors), detail))
    return StudyResult(spoiling.name, spoiling.heading, tuple(rows), spoiling.detail_heading)
