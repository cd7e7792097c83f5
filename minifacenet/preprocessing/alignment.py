"""From a folder of photos to a folder of square faces, with a record of every photo.

    OUT/faces/Ada/1.png       the crops, in the folders that the photos have
    OUT/manifest.csv          what became of each photo: see manifest.py
    OUT/align.json            the settings and PHOTOS, so that two runs into one folder agree

Cropping is done once and takes the longest, so it can be interrupted, by Ctrl-C or by a power cut:
the next run reads the manifest and does only photos that are new or whose bytes have changed. A run
that comes to its end removes the crops that no photo gives any more: see earlier.py.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from . import boxes
from .cropper import Cropper, content, crop_names, lost
from .cutting import CropSettings
from .earlier import is_crop_file, open_folder, remove_others
from .listing import FolderError, photos_below
from .manifest import Entry, save_manifest
from .mtcnn import MTCNN
from .photo import PhotoError, read_bytes
from .workers import Died, in_processes

SAVE_SECONDS = 20  # between two saves of the manifest: what a power cut costs at most
PHOTOS_A_WORKER = 8  # a process takes a second to start, so few photos need no second one


@dataclass(frozen=True)
class Alignment:
    """What a run did.

    Attributes
    ----------
    entries : tuple of Entry
        One a photo, in natural order; only those that were done, if the run was interrupted.
    ignored : tuple of str
        Files that are no photos.
    fresh : frozenset of str
        The photos that this run did; an earlier one had done the others.
    removed : int
        Crops removed since no photo gives them any more.
    left : int
        Photos that an interruption left over.
    """

    entries: tuple[Entry, ...]
    ignored: tuple[str, ...]
    fresh: frozenset[str]
    removed: int
    left: int

    @property
    def before(self) -> int:
        """Photos that an earlier run had done."""
        return len(self.entries) - len(self.fresh)


def align_folder(
    photos: str | os.PathLike,
    out: str | os.PathLike,
    settings: CropSettings,
    weights: str | os.PathLike | None = None,
    workers: int = 1,
    force: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
    stop: Callable[[], bool] = lambda: False,
) -> Alignment:
    """Find, choose and cut out the faces of all photos at and below `photos`.

    Parameters
    ----------
    photos, out : path
        `out` may hold an earlier run over the same folder with the same settings, which is then
        gone on with.
    settings : CropSettings
    weights : path, optional
        The detector's; see `MTCNN.load`. Not read for the crop 'centre'.
    workers : int
        Processes. With more than one, a script has to guard its start with
        `if __name__ == "__main__":`, as always with processes that are started afresh.
    force : bool
        Do all photos anew, whatever `out` holds of an earlier run.
    progress : callable(done, total), optional
        Told at the start, too, of what an earlier run has done.
    stop : callable, optional
        Asked after each photo; True ends the run, to be gone on with later.

    Raises
    ------
    FolderError
        There are no photos, or `photos` is no folder.
    CheckpointError
        The detector's weights are missing or not the right ones.
    ValueError
        `out` lies among the photos, was made from others or with other settings, or is damaged.
    """
    photos, out = Path(photos).absolute(), Path(out).absolute()
    if out.resolve().is_relative_to(photos.resolve()):
        raise ValueError(f"{out} lies among the photos: choose a folder outside of {photos}")
    if photos.is_file():
        raise FolderError(f"'{photos}' is a file: align takes a folder of photos")
    names, ignored = photos_below(photos)
    crops = crop_names(names)
    if settings.crop != "centre":
        MTCNN.load(weights)  # an error here is better than one in every process
    known = open_folder(out, photos, settings, force)
    entries = {
        name: known[name]
        for name in names
        if name in known and _unchanged(photos, out, known[name], crops[name])
    }
    todo, last_save = [name for name in names if name not in entries], time.monotonic()
    progress(len(entries), len(names))
    try:
        with closing(_cropped(todo, (photos, out, settings, weights, crops), workers)) as cropped:
            for entry in cropped:
                entries[entry.photo] = entry
                progress(len(entries), len(names))
                if time.monotonic() > last_save + SAVE_SECONDS:
                    _save(out, names, entries)
                    last_save = time.monotonic()
                if stop():
                    break
    finally:
        _save(out, names, entries)
    done = tuple(entries[name] for name in names if name in entries)
    left = len(names) - len(done)
    made = (out / crop for entry in done for crop in entry.crops if crop)
    removed = 0 if left else remove_others(out / "faces", made, is_crop_file)
    fresh = frozenset(entry.photo for entry in done) & frozenset(todo)
    return Alignment(done, tuple(ignored), fresh, removed, left)


def _cropped(names: list[str], arguments: tuple, workers: int) -> Iterator[Entry]:
    workers = min(workers, len(names) // PHOTOS_A_WORKER)
    if workers < 2:
        cropper = Cropper(*arguments) if names else None
        yield from map(cropper, names)
        return
    # The first process compiles the kernels for all: at once they would do the same work, and write
    # the same files.
    alone = 0 if boxes.compiled() else 1
    first = in_processes(names[:alone], Cropper, arguments, 1)
    rest = in_processes(names[alone:], Cropper, arguments, workers)
    with closing(first), closing(rest):
        for name, entry in chain(first, rest):
            if isinstance(entry, Died):
                reason = "the process that read it ended: the file may be damaged, or memory short"
                entry = lost(name, reason)
            yield entry


def _save(out: Path, names: list[str], entries: dict[str, Entry]) -> None:
    save_manifest(out / "manifest.csv", (entries[name] for name in names if name in entries))


def _unchanged(photos: Path, out: Path, entry: Entry, name: str) -> bool:
    """Whether an entry of an earlier run still holds: the photo's bytes, the crops' files."""
    if not entry.content or not all((out / crop).is_file() for crop in entry.crops if crop):
        return False
    if any(crop and not crop.startswith(f"faces/{name}.") for crop in entry.crops):
        return False
    try:
        return content(read_bytes(photos / entry.photo)) == entry.content
    except PhotoError:
        return False
