"""From a folder of people to square faces: one folder per person, their photos inside.

    photos/
        Ada/     1.jpg  2.png
        Grace/   portrait.JPG

The folder's name is the label, so nobody writes a list; one name in two Unicode forms is one person
(`person_names.py`). Real folders are untidy: a note among the photos, a file that was cut off while
copying, one folder level too many. The rule here is that nothing vanishes in silence: a file is a
face, or it is named together with the reason why not. Only a folder that gives no face at all is an
error.
"""

import hashlib
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..files.words import count_text
from .crop_note import MIXED, how_cut
from .faces import Box, Faces, repeated
from .listed_images import Gathered
from .listing import (
    UNSAYABLE,
    ClosedFolder,
    FolderError,
    entries_of,
    in_text,
    is_photo,
    no_folder,
    photos_below,
)
from .person_names import person_name
from .photo import PhotoError, read_bytes
from .results import result_in

BESIDE = "lies beside the person folders, not in one"


def read_faces(
    root: str | os.PathLike,
    size: int = 96,
    channels: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    mixed: Callable[[str], None] | None = None,
    reader: Callable[..., Faces] | None = None,
) -> Faces:
    """Read the photos `root/person/photo` as square faces.

    Hidden entries are passed over, and folders that hold our results are no people. A photo that
    cannot be read is skipped with its reason and never ends the run. The result is in natural
    order of its paths, the same on every machine.

    Parameters
    ----------
    root : str or path
    size : int
        Side of the faces in pixels.
    channels : {None, 1, 3}
        1: grey. 3: RGB, where grey photos get three equal channels. None: 1 if all photos are
        grey, else 3.
    progress : callable(done, total), optional
        Called after each photo.
    mixed : callable(text), optional
        Called if faces were cut in several ways, which otherwise is an error: `Faces.cut` is then
        `crop_note.MIXED`.
    reader : callable, optional
        Reads the photos in the place of `read_listed`, with its arguments: a
        `whole_photos.FaceFinder`.

    Raises
    ------
    FolderError
        If the root gives no face (the message says what was found there and what was expected), or
        if it mixes faces that were cut in several ways.
    """
    root = Path(root)
    folders, photos, ignored, lost = _listing(root)
    faces = (reader or read_listed)(root, photos, size, channels, progress, mixed)
    dropped = tuple(name for name in folders if person_name(name) not in faces.people)
    return replace(faces, skipped=(*lost, *faces.skipped), ignored=tuple(ignored), dropped=dropped)


def read_photos(
    root: str | os.PathLike,
    size: int = 96,
    channels: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    mixed: Callable[[str], None] | None = None,
    reader: Callable[..., Faces] | None = None,
) -> Faces:
    """Read all photos at and below `root`, whoever they show; or the one photo that `root` is.

    The label of a photo is the first folder of its path, or '' where it lies in `root` itself. All
    else is as in `read_faces`.
    """
    root, reader = Path(root), reader or read_listed
    if os.path.isfile(root):
        if in_text(root.name) != root.name:
            raise FolderError(f"{in_text(str(root))}: {UNSAYABLE}")
        faces = reader(root.parent, [root.name], size, channels, progress, mixed)
        return replace(faces, anonymous=True)
    found = photos_below(root)
    faces = reader(root, found.photos, size, channels, progress, mixed)
    skipped = found.closed + faces.skipped
    return replace(faces, skipped=skipped, ignored=found.others, anonymous=True)


def read_listed(
    root: str | os.PathLike,
    photos: Sequence[str],
    size: int = 96,
    channels: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    mixed: Callable[[str], None] | None = None,
    cut_out: Mapping[str, Sequence[tuple[Path, Box]]] | None = None,
    memory: int | None = None,
    gathered: Gathered | None = None,
) -> Faces:
    """Read the listed photos, paths relative to `root` with '/', in their order.

    Labels are as in `read_photos`, all else is as in `read_faces`. The faces of photos in `cut_out`
    are read from files of their own, each with its box in the photo. Where the pixels of all faces
    take more than `memory` bytes, `Faces.images` are `ListedImages`. They are `gathered` in memory,
    unless the caller says where else.
    """
    if channels not in (None, 1, 3):
        raise ValueError(f"channels must be None, 1 or 3, got {channels!r}")
    root = Path(root)
    folders = [person_name(path.split("/")[0]) if "/" in path else "" for path in photos]
    kept, skipped, same_bytes = [], [], defaultdict(list)
    gathered = gathered or Gathered(size, channels, memory)
    for done, (path, name) in enumerate(zip(photos, folders, strict=True), start=1):
        own = None if cut_out is None else cut_out.get(path)
        try:
            for i, (file, box) in enumerate(own or [(root / path, None)]):
                data = read_bytes(file)
                gathered.add(data, file)
                cut, origin = how_cut(data, path)
                kept.append((path, name, cut, path if own else origin, box))
                if i == 0:
                    same_bytes[hashlib.sha256(data).digest()].append(path)
        except PhotoError as error:
            skipped.append((path, error.reason))
        if progress is not None:
            progress(done, len(photos))
    if not kept and len(photos) == 1:
        raise FolderError(f"{root / photos[0]}: {skipped[0][1]}")
    if not kept:
        reasons = "; ".join(f"{path}: {reason}" for path, reason in skipped[:3])
        raise FolderError(f"no photo in '{root}' could be read, of {len(photos)}: {reasons}")
    paths, names, cuts, origins, boxes = zip(*kept, strict=True)
    number = {name: i for i, name in enumerate(dict.fromkeys(names))}
    return Faces(
        images=gathered.images(),
        labels=np.array([number[name] for name in names], dtype=np.int64),
        people=tuple(number),
        paths=paths,
        skipped=tuple(skipped),
        duplicates=repeated(same_bytes.values()),
        cut=_shared(cuts, root, paths, mixed),
        origins=origins,
        boxes=() if cut_out is None else boxes,
    )


def _shared(
    cuts: Sequence[str], root: Path, paths: Sequence[str], mixed: Callable[[str], None] | None
) -> str:
    """Return the one way in which all faces were cut; raise FolderError if there are several."""
    counts = Counter(cuts).most_common()
    if len(counts) == 1:
        return cuts[0]
    ways = "; ".join(
        f"{count_text(number, 'face')} '{cut}', such as {paths[cuts.index(cut)]}"
        for cut, number in counts
    )
    found = f"'{root}' mixes faces that were cut in {len(counts)} ways: {ways}"
    if mixed is not None:
        mixed(found)
        return MIXED
    raise FolderError(
        f"{found}. Leave one kind there, or cut all out of their photos anew: minifacenet align "
        "PHOTOS OUT"
    )


def _listing(root: Path) -> tuple[list[str], list[str], list[str], list[tuple[str, str]]]:
    """Sort what lies in the root: person folders, their photos, other things, and losses.

    Photos beside the person folders are lost, and folders that cannot be opened, with the reason.
    """
    if (problem := no_folder(root)) is not None:
        raise FolderError(f"'{root}' {problem}: pass the folder that holds one folder per person")
    entries, ignored = entries_of(root)
    folders: list[str] = []
    photos: list[str] = []
    stray: list[str] = []
    closed: list[tuple[str, str]] = []
    results: list[str] = []
    for entry in entries:
        if not os.path.isdir(entry):
            (stray if is_photo(entry) else ignored).append(entry.name)
            continue
        try:
            items, unsayable = entries_of(entry)
        except ClosedFolder as error:
            closed.append((f"{entry.name}/", error.reason))
            continue
        if result := result_in(entry):
            results.append(f"{entry.name}/ (results of minifacenet, {result}: no person)")
            continue
        folders.append(entry.name)
        ignored += [f"{entry.name}/{name}" for name in unsayable]
        for item in items:
            name = f"{entry.name}/{item.name}"
            (photos if is_photo(item) else ignored).append(name + "/" * os.path.isdir(item))
    if not photos:
        raise FolderError(_what_is_wrong(root, folders, stray, closed))
    return folders, photos, results + ignored, [(name, BESIDE) for name in stray] + closed


def _what_is_wrong(
    root: Path, folders: list[str], stray: list[str], closed: list[tuple[str, str]]
) -> str:
    """Return why `root/person/photo` matches nothing, and which folder to pass instead."""
    if stray:
        names = ", ".join(stray[:3]) + ", ..." * (len(stray) > 3)
        return (
            f"expected person folders, found {count_text(len(stray), 'photo')} at top level: "
            f"{names}. Give each person a folder: '{root / 'NAME' / stray[0]}'"
        )
    if closed and not folders:
        return f"'{root / closed[0][0]}' {closed[0][1]}, nor can any other folder in '{root}'"
    if not folders:
        return f"no folder in '{root}': expected one folder per person, with their photos inside"
    for folder in folders:
        for deep in filter(os.path.isdir, entries_of(root / folder)[0]):
            with suppress(ClosedFolder):
                if any(is_photo(item) for item in entries_of(deep)[0]):
                    return (
                        f"the photos in '{root}' lie one level too deep, such as those in "
                        f"'{deep}'. If '{deep.name}' is a person, pass '{deep.parent}' instead"
                    )
    return f"no photos (.jpg, .png, ...) in the {count_text(len(folders), 'folder')} of '{root}'"
