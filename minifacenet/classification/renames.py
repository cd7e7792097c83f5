"""Names that a user gives by hand, by looking: they win over the classifier, in every later run.

A file of wishes has the columns photo, face and name, as the album writes it. They are kept in
renamed.csv together with the face's box and the photo's content, so that a name stays with its face
where the photo moves, is copied, or gets another EXIF note.

The name 'unknown' takes a wrong name away for good. An empty name takes the user's word back, and
the classifier decides again.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import numpy as np

from ..files.atomic import write_csv
from ..files.reading import read_whole
from ..files.spreadsheets import name_of_cell, path_of_cell
from ..files.words import shortened
from ..preprocessing.boxes import shared_with
from ..preprocessing.choose_and_cut import Face
from ..preprocessing.manifest import Entry, is_box
from ..preprocessing.person_names import is_person_name, person_name
from .classifier import UNKNOWN
from .known_faces import is_unknown

FILE = "renamed.csv"
ASKED = ("photo", "face", "name")
STORED = (*ASKED, "x0", "y0", "x1", "y1", "content")
SAME, SAME_IN_ANOTHER_FILE = 0.5, 0.9  # how much two boxes of one face overlap


@dataclass(frozen=True)
class Wish:
    """One line of a user's file: this face of this photo shows that person."""

    line: int
    photo: str
    face: int
    name: str


@dataclass(frozen=True)
class Rename:
    """A name that a user has given to a face."""

    photo: str
    face: int
    name: str
    box: tuple[float, ...]
    content: str


def read_wishes(path: Path) -> list[Wish]:
    """Read a file with the columns photo, face and name, in cells as those of names.csv.

    Raises
    ------
    ValueError
        It is no such file; the message names the line, and what stands there.
    """
    wishes = []
    for line, (photo, number, name) in _rows(path, ASKED):
        name = _name(path, line, name_of_cell(name))
        number_of_face = _face_number(path, line, number)
        wishes.append(Wish(line, path_of_cell(photo), number_of_face, name))
    if not wishes:
        raise ValueError(f"{path}: no line below its header: name a face in the album first")
    return wishes


def load_renames(out: Path) -> list[Rename]:
    """Load renamed.csv of the folder `out`; there are none if there is no such file.

    Raises
    ------
    ValueError
        It is damaged. It holds what a user has said, so it is never passed over.
    """
    path = out / FILE
    if not path.exists():
        return []
    found = []
    for line, (photo, number, name, *edges, content) in _rows(path, STORED):
        try:
            box = tuple(map(float, edges))
            if not is_box(box):
                raise ValueError
        except ValueError:
            raise ValueError(f"{path}, line {line}: a box of {shortened(edges)}") from None
        face = _face_number(path, line, number)
        found.append(Rename(photo, face, _name(path, line, name), box, content))
    return found


def save_renames(out: Path, renames: Iterable[Rename]) -> None:
    """Write renamed.csv into the folder `out`, atomically."""
    rows = ((one.photo, one.face, one.name, *one.box, one.content) for one in renames)
    write_csv(out / FILE, STORED, rows)


def with_wishes(
    renames: Sequence[Rename], wishes: Iterable[Wish], entries: Iterable[Entry]
) -> tuple[list[Rename], list[Wish]]:
    """Return the names given by hand with those of a new file, and the wishes for no known face.

    A later wish takes the place of an earlier one for the same face.
    """
    by_photo = {entry.photo: entry for entry in entries}
    kept, missed = list(renames), []
    for wish in wishes:
        entry = by_photo.get(wish.photo)
        found = [face for face in entry.faces if face.number == wish.face] if entry else []
        if entry is None or not found or found[0].box is None:
            missed.append(wish)
            continue
        old = _about(entry, found[0], kept)
        kept = [one for one in kept if one not in old]
        if wish.name:
            new = Rename(wish.photo, wish.face, wish.name, found[0].box, entry.content)
            kept.append(new)
    return kept, missed


def names_by_hand(
    renames: Sequence[Rename], entries: Iterable[Entry]
) -> dict[tuple[str, int], str]:
    """Return the names given by hand, by photo and face."""
    by_content, by_photo = defaultdict(list), defaultdict(list)
    for one in renames:
        by_content[one.content].append(one)
        by_photo[one.photo].append(one)
    names = {}
    for entry in entries:
        near = [*by_content[entry.content], *by_photo[entry.photo]] if renames else []
        for face in entry.faces if near else ():
            said = _about(entry, face, near)
            if said:
                names[entry.photo, face.number] = said[-1].name
    return names


def _about(entry: Entry, face: Face, renames: Sequence[Rename]) -> list[Rename]:
    """Return the names that are about this face; those of its own photo before those of copies."""
    if face.box is None:
        return []
    same_bytes = [one for one in renames if entry.content and one.content == entry.content]
    same_bytes = [one for one in same_bytes if _overlap(one, face) >= SAME]
    own = [one for one in same_bytes if one.photo == entry.photo]
    if own or same_bytes:
        return own or same_bytes
    changed = [one for one in renames if one.photo == entry.photo]
    return [one for one in changed if _overlap(one, face) >= SAME_IN_ANOTHER_FILE]


def _overlap(one: Rename, face: Face) -> float:
    return float(shared_with(np.array(one.box), np.array([face.box]))[0])


def _rows(path: Path, columns: tuple[str, ...]) -> Iterable[tuple[int, list[str]]]:
    """Yield the lines below a header that has to be `columns`."""
    try:
        with StringIO(read_whole(path, piped=True).decode("utf-8-sig"), newline="") as file:
            reader = csv.reader(file)
            header = next(reader, [])
            if tuple(header) != columns:
                raise ValueError(
                    f"{path}: its first line has to be {','.join(columns)}, and is "
                    f"{shortened(','.join(header))}: the album writes such a file"
                )
            for row in filter(None, reader):
                if len(row) != len(columns):
                    raise ValueError(
                        f"{path}, line {reader.line_num}: {len(row)} columns where "
                        f"{len(columns)} belong"
                    )
                yield reader.line_num, row
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path}: no CSV in UTF-8 ({error})") from None
    except OSError as error:
        raise ValueError(f"{path}: cannot be opened ({error.strerror})") from None


def _face_number(path: Path, line: int, text: str) -> int:
    if not re.fullmatch("[1-9][0-9]{0,8}", text):
        raise ValueError(f"{path}, line {line}: face is a number from 1, got {shortened(text)}")
    return int(text)


def _name(path: Path, line: int, text: str) -> str:
    name = person_name(text.strip())
    odd = any(unicodedata.category(sign) in ("Cc", "Cs", "Zl", "Zp") for sign in name)
    if odd or not is_person_name(name):
        raise ValueError(f"{path}, line {line}: a name is one line of text, got {shortened(text)}")
    return UNKNOWN if is_unknown(name) else name
