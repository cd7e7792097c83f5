"""A page is made of these parts: the numbers of a run, its photos, and their embeddings.

Naming a face is either right or one of three mistakes; `Naming` holds which of them it was (see
`classification/identification.py`). A part that a run does not have is None, and the page says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..classification.methods import OURS, Method, methods_with
from ..preprocessing.faces import Faces


@dataclass(frozen=True)
class Naming:
    """This says what was asked for by name: other photos of enrolled people, and strangers.

    Attributes
    ----------
    faces : Faces
        The N probes, of both kinds.
    answers : ndarray of shape (N,), str
        The name given, or 'unknown'.
    expected : ndarray of shape (N,), str
        The right name, or 'unknown' for strangers.
    distance : ndarray of shape (N,)
        Squared L2 distance to the person named, or to the one who would have been named.
    threshold : float
        The largest distance at which a name is given.
    """

    faces: Faces
    answers: np.ndarray
    expected: np.ndarray
    distance: np.ndarray
    threshold: float

    def __post_init__(self) -> None:
        for name in ("answers", "expected", "distance"):
            _refuse_other_length(f"naming.{name}", getattr(self, name), self.faces, "naming.faces")


@dataclass(frozen=True)
class StrangersParts:
    """These are what the open protocol gave: photos of people whom the network has never seen.

    Attributes
    ----------
    faces : Faces
        The M photos.
    vectors : dict of str to ndarray of shape (M, D)
        Their embeddings by the key of each method.
    groups : ndarray of shape (M,), int, optional
        The group that each photo was put into; -1 means that it was put into none.
    naming : Naming, optional

    Raises
    ------
    ValueError
        The embeddings of our network are missing, or photos and what is said of them differ in
        number.
    """

    faces: Faces
    vectors: dict[str, np.ndarray]
    groups: np.ndarray | None = None
    naming: Naming | None = None

    def __post_init__(self) -> None:
        if OURS.key not in self.vectors:
            raise ValueError(
                f"strangers.vectors need the key '{OURS.key}', got {sorted(self.vectors)}"
            )
        for method, vectors in self.vectors.items():
            name = f"strangers.vectors[{method!r}]"
            _refuse_other_length(name, vectors, self.faces, "strangers.faces")
        if self.groups is not None:
            _refuse_other_length("strangers.groups", self.groups, self.faces, "strangers.faces")

    @property
    def ours(self) -> np.ndarray:
        """Give the embeddings that our network made."""
        return self.vectors[OURS.key]


@dataclass(frozen=True)
class ReportParts:
    """These are what `write_report` needs beside the logs in the run's folder.

    Attributes
    ----------
    metrics : dict
        As in `metrics.json`: 'data', 'config', 'versions', 'closed', 'open' (or None) and, where
        they were measured, 'thresholds'.
    known : Faces
        The N photos that were to be named in the closed protocol.
    named : ndarray of shape (N,), int
        The labels given: indices into `known.people`.
    known_vectors : ndarray of shape (N, D)
        Their embeddings.
    strangers : StrangersParts, optional
        What the open protocol gave, if there was one.
    credit : str, optional
        Whose photos these are.

    Raises
    ------
    ValueError
        Photos and what is said of them differ in number.
    """

    metrics: dict[str, Any]
    known: Faces
    named: np.ndarray
    known_vectors: np.ndarray
    strangers: StrangersParts | None = None
    credit: str | None = None

    def __post_init__(self) -> None:
        _refuse_other_length("named", self.named, self.known, "known")
        _refuse_other_length("known_vectors", self.known_vectors, self.known, "known")

    @property
    def methods(self) -> tuple[Method, ...]:
        """List the methods that were compared, our network first."""
        return methods_with(self.metrics["config"]["network"])


def _refuse_other_length(name: str, rows: np.ndarray, faces: Faces, whose: str) -> None:
    if len(rows) != len(faces):
        raise ValueError(f"{whose} has {len(faces)} photos, but {name} has {len(rows)} rows")
