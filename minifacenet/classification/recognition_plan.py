"""What a recognition would do, without doing it: it reads, and writes nothing."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from ..embedding.embedder import Embedder
from ..preprocessing.earlier_run import read_earlier
from ..preprocessing.known import recognise
from ..preprocessing.listing import photos_below
from .known_faces import check_names, person_of
from .library import Library, RecognitionSettings
from .renames import Rename, load_renames, read_wishes


@dataclass(frozen=True)
class Plan:
    """The work that is before a recognition.

    Attributes
    ----------
    photos, fresh : int
        The photos to name faces in, and how many of them no earlier run has done.
    people : dict of int
        How many photos there are of each known person.
    renames, wishes : int
        Names given by hand in earlier runs, and in the user's file.
    cut : str
        How faces will be cut, in words.
    """

    photos: int
    fresh: int
    people: dict[str, int]
    renames: int
    wishes: int
    cut: str


def planned(
    photos: str | os.PathLike,
    known: str | os.PathLike | None,
    out: str | os.PathLike,
    settings: RecognitionSettings,
    rename: str | os.PathLike | None = None,
    force: bool = False,
) -> Plan:
    """Return what `recognition` would do; arguments and errors are as there."""
    library = Library(Path(photos), None if known is None else Path(known), Path(out))
    library.check()
    names, people = library.to_name(), Counter[str]()
    if library.known is not None:
        theirs = photos_below(library.known).photos
        check_names(library.known, theirs)
        people.update(map(person_of, theirs))
    wishes = [] if rename is None else read_wishes(Path(rename))
    renames: list[Rename] = load_renames(library.out)
    embedder = Embedder(settings.model, flip=True)
    root = library.photos.absolute()
    earlier = read_earlier(library.work / "photos", root, settings.crops(embedder), force)
    done = recognise(root, names, (), earlier.entries).done
    fresh = len(names) - len(done)
    return Plan(len(names), fresh, dict(people), len(renames), len(wishes), embedder.cut)
