"""What a page is made of: the numbers of a run, its photos, and their embeddings.

Naming a face is either right or one of three mistakes, `Naming` holds which (see
`classification/identification.py`). A part that a run does not have is None, and the page says so.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..classification.methods import OURS, Method, methods_with
from ..preprocessing.faces import Faces


@dataclass(frozen=True)
class Naming:
    """What was asked by name: other photos of enrolled people, and strangers.

    Attributes
    ----------
    faces : Faces
        The N probes, of both kinds.
    answers : ndarray of shape (N,), str
        The name given, or 'unknown'.
    expected : ndarray of shape (N,), str
        The right name, or 'unknown' for strangers.
    distance : ndarray of shape (N,)
        Squared L2 to the person named, or to the one who would have been.
    threshold : float
        The largest distance at which a name is given.
    """

    faces: Faces
    answers: np.ndarray
    expected: np.ndarray
    distance: np.ndarray
    threshold: float

    def __post_init__(self):
        for name in ("answers", "expected", "distance"):
            _refuse_other_length(f"naming.{name}", getattr(self, name), self.faces, "naming.faces")


@dataclass(frozen=True)
class ReportParts:
    """What `write_report` needs beside the logs in the run's folder.

    Attributes
    ----------
    metrics : dict
        As in `metrics.json`: 'data', 'config', 'versions', 'closed', 'open' (or None) and, where
        they were measured, 'thresholds'.
    known : Faces
        Closed protocol: the N photos that were to be named.
    named : ndarray of shape (N,), int
        The labels given: indices into `known.people`.
    known_vectors : ndarray of shape (N, D)
        Their embeddings.
    strangers : Faces, optional
        Open protocol: M photos of people whom the network has never seen.
    strangers_vectors : dict of str to ndarray of shape (M, D), optional
        Their embeddings by the key of each method.
    groups : ndarray of shape (M,), int, optional
        The group that each of them was put into; -1: into none.
    naming : Naming, optional
    credit : str, optional
        Whose photos these are.

    Raises
    ------
    ValueError
        Photos and what is said of them differ in number, or the strangers have no embeddings.
    """

    metrics: dict
    known: Faces
    named: np.ndarray
    known_vectors: np.ndarray
    strangers: Faces | None = None
    strangers_vectors: dict[str, np.ndarray] | None = None
    groups: np.ndarray | None = None
    naming: Naming | None = None
    credit: str | None = None

    @property
    def methods(self) -> tuple[Method, ...]:
        """What was compared, our network first."""
        return methods_with(self.metrics["config"]["network"])

    def __post_init__(self):
        _refuse_other_length("named", self.named, self.known, "known")
        _refuse_other_length("known_vectors", self.known_vectors, self.known, "known")
        if self.strangers is None:
            return
        if OURS.key not in (self.strangers_vectors or {}):
            raise ValueError(
                f"strangers need strangers_vectors with the key '{OURS.key}', "
                f"got {sorted(self.strangers_vectors or {})}"
            )
        for method, vectors in self.strangers_vectors.items():
            name = f"strangers_vectors[{method!r}]"
            _refuse_other_length(name, vectors, self.strangers, "strangers")
        if self.groups is not None:
            _refuse_other_length("groups", self.groups, self.strangers, "strangers")


def _refuse_other_length(name: str, rows, faces: Faces, whose: str) -> None:
    if len(rows) != len(faces):
        raise ValueError(f"{whose} has {len(faces)} photos, but {name} has {len(rows)} rows")
