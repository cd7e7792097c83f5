"""The sections of an album: known people, groups of strangers, strangers seen once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from ..classification.named_faces import NamedFace
from ..files.words import count_text, printable
from ..preprocessing.person_names import person_name
from ..report.html import Html, join, tag
from .pictures import Shot


@dataclass(frozen=True)
class Shown:
    """A face in the page: its number in the data of the script, its row, and its picture."""

    index: int
    row: NamedFace
    shot: Shot | None
    photo: int

    @property
    def taken(self) -> datetime:
        return datetime.min if self.shot is None else self.shot.facts.taken


@dataclass(frozen=True)
class Section:
    """The faces of one person or group, oldest photo first."""

    id: str
    title: str
    faces: tuple[Shown, ...]
    named: bool


def sections_of(rows: Sequence[NamedFace], shots: Mapping[str, Shot]) -> list[Section]:
    """Sort the faces into sections: people, then groups, the largest first; then single ones."""
    photos = {photo: number for number, photo in enumerate(dict.fromkeys(r.photo for r in rows))}
    people, groups = defaultdict(list), defaultdict(list)
    for index, row in enumerate(rows):
        face = Shown(index, row, shots.get(row.photo), photos[row.photo])
        if row.known:
            people[person_name(row.name)].append(face)
        else:
            groups[row.group].append(face)
    alone = groups.pop(0, [])
    sections = [
        Section(f"person-{number}", name, _by_date(people[name]), True)
        for number, name in enumerate(sorted(people, key=lambda name: (-len(people[name]), name)))
    ]
    sections += [
        Section(f"group-{number}", f"Group {number}", _by_date(groups[number]), False)
        for number in sorted(groups)
    ]
    if alone:
        sections.append(Section("alone", "Seen once", _by_date(alone), False))
    return sections


def _by_date(faces: list[Shown]) -> tuple[Shown, ...]:
    return tuple(sorted(faces, key=lambda face: (face.taken, face.index)))


def section(one: Section, source: Mapping[str, str]) -> Html:
    """Show a section; `source` gives the address of each picture."""
    newest = max(face.taken for face in one.faces)
    photos = len({face.row.photo for face in one.faces})
    counts = count_text(len(one.faces), "face")
    if photos != len(one.faces):
        counts += f" in {count_text(photos, 'photo')}"
    kind = "person" if one.named else "alone" if one.id == "alone" else "group"
    return tag(
        "section",
        tag(
            "header",
            tag("h3", printable(one.title), dir="auto"),
            tag("p", counts, class_="count"),
        ),
        tag("ul", (_face(face, source) for face in one.faces), class_="faces"),
        id=one.id,
        class_=kind,
        data_size=len(one.faces),
        data_date=newest.isoformat(),
        data_name=printable(one.title),
    )


def _face(face: Shown, source: Mapping[str, str]) -> Html:
    said = describe(face)
    if face.shot is None:
        inner = tag("span", "photo gone", class_="gone")
    else:
        picture = source[face.shot.faces[face.row.face]]
        image = tag("img", src=picture, alt=said, loading="lazy", width=112, height=112)
        inner = tag("a", image, href=f"#photo-{face.photo}", title=said)
    mark = tag("span", "✓", class_="hand", title="named by hand") if face.row.by_hand else None
    name = tag("small", printable(face.row.photo.rpartition("/")[2]), dir="auto")
    return tag("li", inner, mark, name, id=f"face-{face.index}", data_face=face.index)


def describe(face: Shown) -> str:
    """Say what stands for a face where it cannot be seen."""
    name = face.row.name if face.row.known else "nobody known"
    return f"{printable(name)}, in {printable(face.row.photo)}"


def nearest_in_words(row: NamedFace) -> Html:
    """Say how far a face is from the nearest person, and how far it may be."""
    if row.by_hand:
        return join("named by hand")
    if row.distance is None:
        return join("nobody is known yet")
    far = f"{row.distance:.3f}, names up to {row.threshold:.3f}"
    return join(far if row.known else f"nearest: {printable(row.nearest)} at {far}")
