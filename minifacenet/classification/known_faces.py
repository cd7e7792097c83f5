"""The people whom a user knows: a folder per person, or single photos named after the person.

    known/
        Ada Lovelace/    1.jpg  2.jpg
        Grace Hopper.jpg

Of each photo the largest face is taken. What cannot be taken is named with its reason, and the
others go on; but one photo under two names is refused, since it would pull both people towards each
other, and nobody would see why.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..preprocessing.manifest import Entry
from ..preprocessing.person_names import hard_to_tell_apart, person_name
from .classifier import UNKNOWN


@dataclass(frozen=True)
class KnownFaces:
    """The usable faces of known people, and what became of all other photos of them.

    Attributes
    ----------
    people : dict of str
        The person of each crop, a file relative to the folder of the alignment.
    several : tuple of (str, int)
        Photos that show several faces, of which the largest is taken, with how many.
    lost : tuple of (str, str)
        Photos without a usable face, with the reason.
    without : tuple of str
        People of whom no photo has a usable face.
    alike : tuple of tuple of str
        Names that differ only in case, or in blanks at the ends.
    """

    people: dict[str, str]
    several: tuple[tuple[str, int], ...] = ()
    lost: tuple[tuple[str, str], ...] = ()
    without: tuple[str, ...] = ()
    alike: tuple[tuple[str, ...], ...] = ()


def person_of(photo: str) -> str:
    """Return the name that a photo's place among the known ones gives to its face.

    >>> person_of("Ada/1.jpg"), person_of("Ada/Paris/1.jpg"), person_of("Grace Hopper.jpg")
    ('Ada', 'Ada', 'Grace Hopper')
    """
    first, slash, _ = photo.partition("/")
    return person_name(first if slash else first.rpartition(".")[0] or first)


def check_names(known: Path, photos: Iterable[str]) -> None:
    """Refuse a person who is called as strangers are.

    Raises
    ------
    ValueError
    """
    for photo in photos:
        if is_unknown(person_of(photo)):
            raise ValueError(
                f"{known / photo}: nobody can be called '{person_of(photo)}', which stands for "
                "strangers: rename it, or take it away"
            )


def is_unknown(name: str) -> bool:
    """Return whether a name stands for strangers, in whatever case it is written."""
    return name.strip().casefold() == UNKNOWN


def known_faces(known: Path, entries: Sequence[Entry]) -> KnownFaces:
    """Return the faces of known people, from the entries of an alignment by the largest face.

    Raises
    ------
    ValueError
        One photo lies there under two names, or no photo has a usable face.
    """
    _refuse_two_names(known, entries)
    people: dict[str, str] = {}
    lost = []
    for entry in entries:
        if entry.kept:
            people[next(filter(None, entry.crops))] = person_of(entry.photo)
        else:
            lost.append((entry.photo, entry.reason))
    named = dict.fromkeys(person_of(entry.photo) for entry in entries)
    if not people:
        photo, reason = lost[0]
        raise ValueError(
            f"no photo in {known} has a usable face, such as {photo}: {reason}. One clear photo of "
            "each person is enough"
        )
    return KnownFaces(
        people,
        several=tuple((entry.photo, entry.found) for entry in entries if entry.found > 1),
        lost=tuple(lost),
        without=tuple(name for name in named if name not in people.values()),
        alike=hard_to_tell_apart(named),
    )


def refuse_doubts(known: KnownFaces) -> None:
    """Refuse what was taken, or left out, by a rule that the user has not chosen: `strict`.

    Raises
    ------
    ValueError
    """
    for photo, faces in known.several:
        raise ValueError(f"strict: the known photo {photo} shows {faces} faces: cut out the right")
    for photo, reason in known.lost:
        raise ValueError(f"strict: the known photo {photo} has no usable face: {reason}")


def _refuse_two_names(known: Path, entries: Iterable[Entry]) -> None:
    same = defaultdict(list)
    for entry in entries:
        if entry.content:
            same[entry.content].append(entry.photo)
    for photos in same.values():
        by_name = {person_of(photo): photo for photo in photos}
        if len(by_name) > 1:
            (one, first), (other, second) = list(by_name.items())[:2]
            raise ValueError(
                f"{known}: one photo lies there as '{one}' and as '{other}' ({first}, {second} are "
                "the same file): take one of them away"
            )
