"""manifest.csv: what became of every photo, one row a face, for people and for the next run.

photo       its path in the folder, with '/'
face        1, 2, ... the best score first; empty if the photo gave no face
x0 ... y1   the box, in pixels of the whole photo, upright, from the edge of its first pixel
score       the detector's, 0 to 1; empty for photos that came cropped already
landmarks   left_eye_x ... right_mouth_y, as seen in the picture, in the same pixels
turned      degrees, clockwise, by which the photo had to be turned
rule        how the face to keep was chosen
reason      why there is no crop of it; empty if there is one
crop        the file that the crop was written to, relative to the manifest; it may have been moved
            or removed by hand since, and is not made again
content     the photo's SHA-256 (16 digits): a photo that has it is not done again, wherever it
            lies; empty if it is to be done again
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from ..files import write_csv
from .cutting import Face

POINTS = ("left_eye", "right_eye", "nose", "left_mouth", "right_mouth")
COLUMNS = (
    "photo", "face", "x0", "y0", "x1", "y1", "score",
    *(f"{point}_{axis}" for point in POINTS for axis in "xy"),
    "turned", "rule", "reason", "crop", "content",
)  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """All rows of one photo.

    Attributes
    ----------
    photo, rule, content : str
    faces : tuple of Face
    crops : tuple of str
        A file for each face, '' if it is not kept.
    """

    photo: str
    rule: str
    content: str
    faces: tuple[Face, ...]
    crops: tuple[str, ...]

    @property
    def kept(self) -> int:
        """Faces that have a crop."""
        return sum(map(bool, self.crops))

    @property
    def found(self) -> int:
        """Faces that were seen, kept or not."""
        return sum(face.number > 0 for face in self.faces)

    @property
    def reason(self) -> str:
        """Why the photo gave no crop at all; '' if it gave one."""
        return "" if self.kept else self.faces[0].reason

    def rows(self) -> Iterable[tuple]:
        for face, crop in zip(self.faces, self.crops, strict=True):
            points = face.landmarks or ((None, None),) * len(POINTS)
            yield (
                self.photo, face.number or None, *(face.box or (None,) * 4), face.score,
                *(value for point in points for value in point),
                face.turned, self.rule, face.reason, crop, self.content,
            )  # fmt: skip


def save_manifest(path: Path, entries: Iterable[Entry]) -> None:
    """Write the rows of all photos, atomically."""
    write_csv(path, COLUMNS, (row for entry in entries for row in entry.rows()))


def load_manifest(path: Path) -> dict[str, Entry]:
    """The entries by photo; none if there is no such file.

    Raises
    ------
    ValueError
        Not a manifest of this format, with the line.
    """
    if not path.exists():
        return {}
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.reader(file)
        if tuple(next(reader, ())) != COLUMNS:
            raise ValueError(f"{path} is no manifest of this version: say --force")
        try:
            rows = [_by_column(row) for row in reader]
            grouped = groupby(rows, key=lambda row: row["photo"])
            return {photo: _entry(list(group)) for photo, group in grouped}
        except ValueError as error:
            raise ValueError(
                f"{path}, line {reader.line_num}: {error}: say --force to do all photos anew"
            ) from None


def _by_column(row: list[str]) -> dict[str, str]:
    if len(row) != len(COLUMNS):
        raise ValueError(f"{len(row)} columns instead of {len(COLUMNS)}")
    return dict(zip(COLUMNS, row, strict=True))


def _entry(rows: list[dict]) -> Entry:
    first = rows[0]
    return Entry(
        photo=first["photo"],
        rule=first["rule"],
        content=first["content"],
        faces=tuple(map(_face, rows)),
        crops=tuple(row["crop"] for row in rows),
    )


def _face(row: dict) -> Face:
    def numbers(*names) -> tuple[float, ...] | None:
        return tuple(float(row[name]) for name in names) if row[names[0]] else None

    points = numbers(*COLUMNS[7:17])
    return Face(
        number=int(row["face"] or 0),
        box=numbers("x0", "y0", "x1", "y1"),
        score=float(row["score"]) if row["score"] else None,
        landmarks=None if points is None else tuple(zip(points[::2], points[1::2], strict=True)),
        turned=int(row["turned"]),
        reason=row["reason"],
    )
