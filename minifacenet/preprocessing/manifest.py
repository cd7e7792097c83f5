"""manifest.csv records what became of every photo, one row per face, for people and later runs.

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
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from ..files.atomic import write_csv
from ..files.reading import open_table
from ..files.words import shortened
from .choose_and_cut import UPSIDE, Face
from .photo import MOST_SIDE

FARTHEST = 10 * MOST_SIDE  # pixels from a corner of a photo, inside or outside of it

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
        One file per face, '' if it is not kept.
    """

    photo: str
    rule: str
    content: str
    faces: tuple[Face, ...]
    crops: tuple[str, ...]

    @property
    def kept(self) -> int:
        """Return the number of faces that have a crop."""
        return sum(map(bool, self.crops))

    @property
    def found(self) -> int:
        """Return the number of faces that were found, kept or not."""
        return sum(face.number > 0 for face in self.faces)

    @property
    def reason(self) -> str:
        """Return why the photo gave no crop at all; '' if it gave one."""
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
    """Load the entries by photo; there are none if there is no such file.

    Rows that no run of ours can have written are refused. Plausible changes to what one has
    written, a box moved within reason or a photo's rows left out, cannot be seen here.

    Raises
    ------
    ValueError
        It is not a manifest of this format; the message names the line.
    """
    if not path.exists():
        return {}
    with open_table(path) as file:
        reader = csv.reader(file)
        try:
            if tuple(next(reader, ())) != COLUMNS:
                raise ValueError("no manifest of this version")
            return _entries(reader)
        except (ValueError, csv.Error) as error:
            raise ValueError(
                f"{path}, line {reader.line_num}: {error}: say --force to do all photos anew"
            ) from None


def _entries(reader) -> dict[str, Entry]:
    """Return the entries; a photo's rows follow each other, each checked beside earlier ones."""
    rows: dict[str, list[tuple[Face, dict]]] = {}
    photo = None
    for cells in reader:
        row = _by_column(cells)
        if row["photo"] != photo and row["photo"] in rows:
            raise ValueError(f"more rows of {shortened(row['photo'])}, which stands farther up")
        photo = row["photo"]
        of_photo = rows.setdefault(photo, [])
        of_photo.append((_face(row), row))
        _check_beside(of_photo)
    return {photo: _entry(of_photo) for photo, of_photo in rows.items()}


def _by_column(row: list[str]) -> dict[str, str]:
    if len(row) != len(COLUMNS):
        raise ValueError(f"{len(row)} columns instead of {len(COLUMNS)}")
    return dict(zip(COLUMNS, row, strict=True))


def _check_beside(rows: list[tuple[Face, dict]]) -> None:
    """Check the last of a photo's rows so far beside the others."""
    (face, row), before = rows[-1], rows[:-1]
    if face.number != len(rows) and (face.number, before) != (0, []):
        raise ValueError(f"face {face.number} stands where face {len(rows)} should")
    if not before:
        return
    last, first = before[-1][0], before[0][1]
    if face.score is not None and last.score is not None and face.score > last.score:
        raise ValueError(f"score {face.score} below {last.score}: the best face comes first")
    for name in ("rule", "content"):
        if row[name] != first[name]:
            raise ValueError(f"{name} {shortened(row[name])} below {shortened(first[name])}")


def _entry(rows: list[tuple[Face, dict]]) -> Entry:
    first = rows[0][1]
    return Entry(
        photo=first["photo"],
        rule=first["rule"],
        content=first["content"],
        faces=tuple(face for face, _ in rows),
        crops=tuple(row["crop"] for _, row in rows),
    )


def _face(row: dict) -> Face:
    box, points = _numbers(row, COLUMNS[2:6]), _numbers(row, COLUMNS[7:17])
    score = _numbers(row, COLUMNS[6:7])
    number, turned = (_whole(row, name) for name in ("face", "turned"))
    if not row["photo"]:
        raise ValueError("no photo is named")
    if not is_photo_inside(row["photo"]):
        raise ValueError(f"no photo in a folder is called {shortened(row['photo'])}")
    if box is not None and not (box[0] <= box[2] and box[1] <= box[3]):
        raise ValueError(f"the box {box} ends before it begins")
    if box is not None and not is_box(box):
        raise ValueError(f"no face has the box {box}")
    if points is not None and not all(abs(place) <= FARTHEST for place in points):
        raise ValueError(f"no face has the landmarks {points}")
    if score is not None and not 0 <= score[0] <= 1:
        raise ValueError(f"a score of {score[0]}, outside of 0 to 1")
    if turned not in UPSIDE:
        raise ValueError(f"turned by {turned} degrees")
    if bool(row["reason"]) == bool(row["crop"]):
        raise ValueError("a face has either a crop or a reason why there is none")
    return Face(
        number=number,
        box=box,
        score=None if score is None else score[0],
        landmarks=None if points is None else tuple(zip(points[::2], points[1::2], strict=True)),
        turned=turned,
        reason=row["reason"],
    )


def is_photo_inside(name: str) -> bool:
    """Return whether a text out of a file can be the name of a photo below a folder."""
    path = PurePath(name)
    return not path.anchor and ".." not in path.parts and "\0" not in name


def is_box(box: Sequence[float]) -> bool:
    """Return whether numbers out of a file can be a face's box: no photo reaches as far as some."""
    x0, y0, x1, y1 = box
    return x0 <= x1 and y0 <= y1 and all(abs(edge) <= FARTHEST for edge in box)


def _numbers(row: dict, names: tuple[str, ...]) -> tuple[float, ...] | None:
    """Return the finite numbers of these columns; None if all are empty."""
    texts = [row[name] for name in names]
    if not any(texts):
        return None
    try:
        numbers = tuple(map(float, texts))
    except ValueError:
        numbers = (math.nan,)
    if not all(map(math.isfinite, numbers)):
        raise ValueError(f"{names[0]} to {names[-1]} should be numbers, got {shortened(texts)}")
    return numbers


def _whole(row: dict, name: str) -> int:
    if not re.fullmatch("[0-9]{0,9}", row[name]):
        raise ValueError(f"{name} should be a number, got {shortened(row[name])}")
    return int(row[name] or 0)
