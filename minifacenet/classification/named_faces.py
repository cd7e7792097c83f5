"""names.csv: one row per face of a library of photos, and whom it shows.

photo            its path in the folder, with '/'
face             1, 2, ... the best score of the detector first, as everywhere
x0 ... y1        its box, in pixels of the whole photo, upright
name             a person, or 'unknown'
named_by         'you' for a name that was given by hand, 'network', or '' for strangers
nearest          the person whose mean direction is nearest; '' with nobody enrolled
distance         the squared distance to that person, 0 to 4
threshold        the largest distance at which that person is named
runner_up        the second choice, with its_distance
group            strangers who are probably one person: 1 is the largest group; '' if alone

People open it in spreadsheets, so a path or name that begins like a formula gets a sign in front:
see files/spreadsheets.py.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ..files.atomic import write_csv
from ..files.spreadsheets import name_cell, path_cell
from ..preprocessing.manifest import Entry
from .classifier import UNKNOWN

FILE = "names.csv"
COLUMNS = (
    "photo", "face", "x0", "y0", "x1", "y1", "name", "named_by", "nearest", "distance", "threshold",
    "runner_up", "its_distance", "group",
)  # fmt: skip


@dataclass(frozen=True)
class NamedFace:
    """One face of a library, and whom it shows.

    Attributes
    ----------
    photo : str
    face : int
        Its number in the photo, from 1.
    box : (x0, y0, x1, y1)
        In pixels of the whole photo, upright.
    name : str
        A person, or 'unknown'.
    by_hand : bool
        Whether the user has said so.
    nearest, runner_up : str
        The nearest person and the second; '' where there is none.
    distance, its_distance : float, or None
        Their squared distances, 0 to 4.
    threshold : float, or None
        The largest distance at which `nearest` is named.
    group : int
        For strangers: 1 is the largest group; 0 is none.
    """

    photo: str
    face: int
    box: tuple[float, ...]
    name: str = UNKNOWN
    by_hand: bool = False
    nearest: str = ""
    distance: float | None = None
    threshold: float | None = None
    runner_up: str = ""
    its_distance: float | None = None
    group: int = 0

    @property
    def known(self) -> bool:
        """Whether it has a name."""
        return self.name != UNKNOWN

    def row(self) -> tuple:
        """Return its row of names.csv."""
        named_by = "you" if self.by_hand else "network" if self.known else ""
        return (
            path_cell(self.photo), self.face, *self.box, name_cell(self.name), named_by,
            name_cell(self.nearest), _rounded(self.distance), _rounded(self.threshold),
            name_cell(self.runner_up),
            _rounded(self.its_distance), self.group or "",
        )  # fmt: skip


def _rounded(value: float | None) -> float | str:
    return "" if value is None else round(value, 4)


def faces_with_crops(
    entries: Iterable[Entry], root: Path, by_hand: Mapping[tuple[str, int], str]
) -> dict[str, NamedFace]:
    """Return the faces whose crops lie below `root`, by crop, with the names given by hand."""
    rows = {}
    for entry in entries:
        for face, crop in zip(entry.faces, entry.crops, strict=True):
            if crop and face.box is not None and os.path.isfile(root / crop):
                row = NamedFace(entry.photo, face.number, face.box)
                name = by_hand.get((entry.photo, face.number))
                rows[crop] = row if name is None else replace(row, name=name, by_hand=True)
    return rows


def write_names(out: Path, rows: Iterable[NamedFace]) -> None:
    """Write names.csv into the folder `out`, atomically."""
    write_csv(out / FILE, COLUMNS, (row.row() for row in rows))
