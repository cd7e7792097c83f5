"""Places for the crops of photos, and a check which files there are still as `align` wrote them.

Whatever lies among the crops and is not as we wrote it, for this photo, is somebody's: a crop that
was moved here by hand, or edited, or a picture from elsewhere. Nothing is written over it.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from itertools import chain, count
from pathlib import Path, PurePosixPath

from ..files.names import as_a_disk_sees, fitting
from .crop_note import untouched_photo
from .manifest import Entry
from .photo import PhotoError, read_bytes

_ENDING = re.compile(r"(\.face[0-9]+)?\.png$")


def crop_file(base: str, number: int) -> str:
    """Return the file of a photo's first, second, ... crop; `base` comes from `crop_names`."""
    return f"faces/{base}{f'.face{number}' if number > 1 else ''}.png"


def crop_names(
    photos: Iterable[str],
    wanted: Iterable[str] | None = None,
    free: Callable[[str, str], bool] = lambda photo, name: True,
    room: int = len(".face9999.png"),
) -> dict[str, str]:
    """Return each photo's place for crops, below `faces/`, without '.png'; no two are the same.

    'Ada/1.jpg' gives 'Ada/1'. It keeps its ending, 'Ada/1.jpg', where 'Ada/1.png' is there as well,
    or where it could be taken for the second face of another photo, 'Ada/1.face2'. The names suit
    disks that ignore case, or the way in which accents are written, and that limit their length.

    Parameters
    ----------
    photos : iterable of str
        All photos that there are.
    wanted : iterable of str, optional
        Those of them that get a name; all if left out.
    free : callable(photo, name) -> bool
        Whether that photo may have that name.
    room : int
        Bytes of the longest ending that is added to a name.
    """

    def without_ending(photo):
        return photo.rpartition(".")[0] or photo  # a manifest may name what no photo is called

    photos = list(photos)
    stems = Counter(as_a_disk_sees(without_ending(photo)) for photo in photos)
    names, taken = {}, set()
    for photo in photos if wanted is None else wanted:
        stem = without_ending(photo)
        alone = stems[as_a_disk_sees(stem)] == 1 and not re.search(r"\.face[0-9]+$", stem)
        short = [stem] if alone and Path(stem).name else []
        more = (f"{photo}-{number}" for number in count(2))
        possible = (fitting(name, room) for name in chain(short, [photo], more))
        names[photo] = next(
            name for name in possible if as_a_disk_sees(name) not in taken and free(photo, name)
        )
        taken.add(as_a_disk_sees(names[photo]))
    return names


def is_crop_of(path: Path, photo: str) -> bool:
    """Return whether a file is a crop of this photo, as `align` wrote it."""
    try:
        return not path.is_symlink() and untouched_photo(read_bytes(path)) == photo
    except (PhotoError, OSError):
        return False


def is_below_faces(crop: str) -> bool:
    """Return whether a crop's name in a manifest is one that we could have written."""
    parts = PurePosixPath(crop).parts
    return (
        parts[:1] == ("faces",) and ".." not in parts and "\0" not in crop and crop.endswith(".png")
    )


class Occupied:
    """The files in `out` that must not be overwritten: crops of `entries`, and people's own.

    `former` gives the names of photos when their crops were written, where they have changed.
    """

    def __init__(self, out: Path, entries: Iterable[Entry], former: dict[str, str]):
        self.out, self.former = out, former
        self.owners = defaultdict(set)
        for entry in entries:
            for crop in filter(None, entry.crops):
                self.owners[_base(crop)].add(entry.photo)
        self.folders: dict[str, dict[str, list[Path]]] = {}

    def free(self, photo: str, name: str) -> bool:
        """Return whether the crops of `photo` may have this name."""
        first = crop_file(name, 1)
        if self.owners[_base(first)] - {photo}:
            return False
        folder = first.rpartition("/")[0]
        if folder not in self.folders:
            self.folders[folder] = self._crops(folder)
        there = self.folders[folder].get(_base(first), ())
        called = {photo, self.former.get(photo, photo)}
        return all(any(is_crop_of(path, known) for known in called) for path in there)

    def _crops(self, folder: str) -> dict[str, list[Path]]:
        """Return the files named like crops there, by the name that a photo's crops share."""
        found = defaultdict(list)
        try:
            for path in (self.out / folder).iterdir():
                if path.suffix.lower() == ".png":
                    found[_base(f"{folder}/{path.name}")].append(path)
        except OSError:  # no such folder: nothing lies in it
            pass
        return found


def _base(file: str) -> str:
    """Return what the files of a photo's crops have in common, as a disk sees them."""
    return _ENDING.sub("", as_a_disk_sees(file))
