"""Names for a whole library of photos: find all faces, name those of known people, group the rest.

    OUT/names.csv      one row per face: see named_faces.py
    OUT/renamed.csv    names that the user has given by hand: see renames.py
    OUT/work/          what later runs go on from: faces that were cut out, and embeddings

A second run does what is new. A face that the user has named keeps that name, whatever the
classifier says, and is an example from then on: the gallery is KNOWN and all faces named by hand.
So a library can be named by looking: group, name the groups, run again.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ..embedding.distributed import on_workers
from ..embedding.embedder import Embedder
from ..files.locks import locked
from ..files.words import count_text
from ..machine.workers import Engine
from ..preprocessing.align_folder import Alignment, align_folder
from ..preprocessing.listing import photos_below
from ..preprocessing.manifest import Entry
from .enrolment import Progress
from .face_vectors import FaceVectors, Stopped
from .known_faces import KnownFaces, check_names, known_faces, refuse_doubts
from .library import Library, RecognitionSettings
from .name_faces import Gate, name_faces
from .named_faces import NamedFace, faces_with_crops, write_names
from .renames import Wish, load_renames, names_by_hand, read_wishes, save_renames, with_wishes


@dataclass(frozen=True)
class Recognition:
    """The results of a run.

    Attributes
    ----------
    rows : tuple of NamedFace
        One per face, by photo; none if the run was interrupted.
    entries : tuple of Entry
        One per photo, as in the manifest.
    alignment : Alignment
        What became of each photo.
    known : KnownFaces, or None
    gate : Gate, or None
        Where the threshold comes from; None with nobody enrolled.
    missed : tuple of Wish
        Lines of the user's file that are about no face of these photos.
    away : int
        Faces that are left out: somebody has removed or damaged their crops.
    left : str
        What an interruption left over, in words; '' if all is done.
    """

    rows: tuple[NamedFace, ...]
    entries: tuple[Entry, ...]
    alignment: Alignment | None = None
    known: KnownFaces | None = None
    gate: Gate | None = None
    missed: tuple[Wish, ...] = ()
    away: int = 0
    left: str = ""


def recognise(
    photos: str | os.PathLike,
    known: str | os.PathLike | None = None,
    out: str | os.PathLike | None = None,
    rename: str | os.PathLike | None = None,
    **settings: Any,
) -> list[NamedFace]:
    """Name the faces in a folder of photos, as `minifacenet recognise` does.

    Parameters
    ----------
    photos : path
    known : path, optional
        A folder per person, or photos named after the person. Without it all faces are strangers,
        until names are given by hand.
    out : path, optional
        Keeps all that was found, so that the next call does only what is new.
    rename : path, optional
        A CSV of names given by hand: photo, face, name.
    settings
        Those of `RecognitionSettings`: model, far, threshold, ...

    Raises
    ------
    ValueError, OSError
        As `recognition`.
    """
    with nullcontext(out) if out is not None else TemporaryDirectory() as folder:
        chosen = RecognitionSettings(**settings)
        return list(recognition(photos, known, folder, chosen, rename=rename).rows)


def recognition(
    photos: str | os.PathLike,
    known: str | os.PathLike | None,
    out: str | os.PathLike,
    settings: RecognitionSettings,
    rename: str | os.PathLike | None = None,
    strict: bool = False,
    workers: int | Engine = 1,
    force: bool = False,
    detector: str | os.PathLike | None = None,
    progress: Progress = lambda title: nullcontext(),
    stop: Callable[[], bool] = lambda: False,
) -> Recognition:
    """Find, name and group all faces of `photos`, and write names.csv.

    Parameters
    ----------
    photos, known, out, rename
        As in `recognise`.
    settings : RecognitionSettings
    strict : bool
        Refuse known photos that show several faces or none, and wishes about no face.
    workers : int or Cluster
        Processes that look for faces; those of a Dask cluster also embed them.
    force : bool
        Find all faces again, whatever `out` holds of an earlier run.
    detector : path, optional
        The detector's weights.
    progress : callable(title)
        Entered for each part that takes long; it gives a callable(done, total).
    stop : callable
        True ends the run, to be continued by the same call.

    Raises
    ------
    FolderError
        There are no photos, or no such folder.
    ValueError
        The folders lie in each other's way, another process is at work in `out`, the known photos
        name nobody, or `rename` is no such file; see also `align_folder`.
    CheckpointError
        Weights are missing, or not the right ones.
    OSError
        A file cannot be written.
    """
    library = Library(Path(photos), None if known is None else Path(known), Path(out))
    library.check()
    wishes = [] if rename is None else read_wishes(Path(rename))
    work = _Work(library, settings, strict, progress, stop)
    with locked(library.out):
        try:
            work.find(workers=workers, force=force, weights=detector)
            work.take(wishes)
            return work.name(workers)
        except Stopped as left:
            return work.result(left=str(left))


class _Work:
    """One recognition under way."""

    def __init__(
        self,
        library: Library,
        settings: RecognitionSettings,
        strict: bool,
        progress: Progress,
        stop: Callable[[], bool],
    ):
        self.library, self.settings, self.strict = library, settings, strict
        self.progress, self.stop = progress, stop
        self.embedder = Embedder(settings.model, flip=True)
        self.known: KnownFaces | None = None
        self.alignment: Alignment | None = None
        self.entries: tuple[Entry, ...] = ()
        self.by_hand: dict[tuple[str, int], str] = {}
        self.missed: list[Wish] = []

    def find(self, **how: Any) -> None:
        """Cut out all faces, first those of the known: what is wrong with these shows at once."""
        library, crops = self.library, self.settings.crops(self.embedder)
        names = library.to_name()
        if library.known is not None:
            check_names(library.known, photos_below(library.known).photos)
            one = replace(crops, select="largest")
            with self.progress("finding faces of known people") as tell:
                found = library.align_known(one, tell or _silent, self.stop, **how)
            _refuse_left(found)
            self.known = known_faces(library.known, found.entries)
            if self.strict:
                refuse_doubts(self.known)
        with self.progress("finding faces") as tell:
            found = align_folder(
                library.photos, library.work / "photos", crops, only=names,
                progress=tell or _silent, stop=self.stop, **how,
            )  # fmt: skip
        _refuse_left(found)
        wanted = {*names}
        entries = tuple(entry for entry in found.entries if entry.photo in wanted)
        self.alignment, self.entries = replace(found, entries=entries), entries

    def take(self, wishes: list[Wish]) -> None:
        """Keep the names that the user gives, before anything else can go wrong."""
        out = self.library.out
        renames, self.missed = with_wishes(load_renames(out), wishes, self.entries)
        if self.strict and self.missed:
            one = self.missed[0]
            raise ValueError(f"strict: line {one.line}: there is no face {one.face} in {one.photo}")
        if wishes:
            save_renames(out, renames)
        self.by_hand = names_by_hand(renames, self.entries)

    def name(self, workers: int | Engine) -> Recognition:
        """Embed all faces, name and group them, and write names.csv."""
        work = self.library.work
        embedder = on_workers(workers, self.embedder, self.settings.model)
        vectors = FaceVectors(work, embedder, self.progress, self.stop)
        people = {} if self.known is None else self.known.people
        theirs = vectors.of(work / "known", people, "embedding known people")
        faces = faces_with_crops(self.entries, work / "photos", self.by_hand)
        ours = vectors.of(work / "photos", faces, "embedding")
        named, gate = name_faces(self.embedder, ours, theirs, self.settings, self.progress)
        write_names(self.library.out, named)
        away = sum(entry.kept for entry in self.entries) - len(named)
        return replace(self.result(), rows=tuple(named), gate=gate, away=away)

    def result(self, left: str = "") -> Recognition:
        """Return what is known without names."""
        return Recognition(
            (), self.entries, self.alignment, self.known, missed=tuple(self.missed), left=left
        )


def _silent(done: int, total: int) -> None:
    """Tell nobody."""


def _refuse_left(found: Alignment) -> None:
    if found.left:
        raise Stopped(count_text(found.left, "photo"))
