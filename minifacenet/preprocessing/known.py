"""Photos that an earlier run has done are recognised by their bytes, whatever their names now.

A library moves to another disk, a folder gets another name. The photos are the same, and finding
their faces again would take hours. So an entry of the manifest holds for the photo that has its
content; of two, for the one that has its name, too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..files.atomic import replacing
from .crop_files import OF_ONE_FILE, content
from .crop_note import with_photo
from .crop_places import crop_file, is_crop_of
from .manifest import Entry
from .photo import PhotoError, read_bytes


@dataclass(frozen=True)
class Known:
    """The part of an earlier run that still holds.

    Attributes
    ----------
    done : dict of Entry
        Entries by photo; those of renamed photos have the new name.
    former : dict of str
        For each renamed photo its name in the manifest.
    held : dict of Entry
        Photos that cannot be read at the moment, or lie in a folder that cannot be opened. Their
        crops stay.
    lost : tuple of str
        Photos of the manifest that are gone, or have other bytes.
    """

    done: dict[str, Entry]
    former: dict[str, str]
    held: dict[str, Entry]
    lost: tuple[str, ...]


def recognise(
    photos: Path, names: Sequence[str], closed: Iterable[str], earlier: dict[str, Entry]
) -> Known:
    """Compare the photos `names` below `photos` with the entries of an `earlier` run.

    `closed` are the folders, with '/' at the end, that could not be opened.
    """
    closed = tuple(closed)
    held = {name: entry for name, entry in earlier.items() if closed and name.startswith(closed)}
    believed = {name: e for name, e in earlier.items() if e.content and name not in held}
    done, former, contents = {}, {}, {}
    for name in filter(believed.__contains__, names):
        try:
            contents[name] = content(read_bytes(photos / name))
        except PhotoError:
            if believed[name].kept:
                held[name] = believed[name]
        else:
            if contents[name] == believed[name].content:
                done[name] = believed[name]
    loose = defaultdict(list)
    for name, entry in believed.items():
        if name not in done and name not in held:
            loose[entry.content].append(entry)
    for name in names if loose else ():
        if name in done or name in held:
            continue
        try:
            same = loose.get(contents.get(name) or content(read_bytes(photos / name)))
        except PhotoError:
            continue
        if same:
            entry = same.pop(0)
            done[name], former[name] = replace(entry, photo=name), entry.photo
    left = tuple(entry.photo for entries in loose.values() for entry in entries)
    return Known(done, former, held, left)


def to_be_moved(out: Path, known: Known) -> list[str]:
    """Return the renamed photos that have an untouched crop where it was written."""
    return [
        name
        for name, before in known.former.items()
        if any(is_crop_of(out / crop, before) for crop in known.done[name].crops if crop)
    ]


def with_moved_crops(out: Path, entry: Entry, before: str, base: str) -> Entry:
    """Copy the crops of a photo that was called `before` to the places that `base` gives.

    The old ones stay, to be removed once the manifest names the new ones.
    """
    crops = []
    for face, crop in zip(entry.faces, entry.crops, strict=True):
        if crop and is_crop_of(out / crop, before):
            new = crop_file(base, face.number if entry.rule == "all" else 1)
            data = with_photo(read_bytes(out / crop), entry.photo)
            try:
                with replacing(out / new) as temporary:
                    temporary.write_bytes(data)
                crop = new
            except OSError as error:
                if error.errno not in OF_ONE_FILE:
                    raise
        crops.append(crop)
    return replace(entry, crops=tuple(crops))
