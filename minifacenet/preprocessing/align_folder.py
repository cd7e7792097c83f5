"""From a folder of photos to a folder of square faces, with a record of every photo.

    OUT/faces/Ada/1.png       the crops, in the folders that the photos have
    OUT/manifest.csv          what became of each photo: see manifest.py
    OUT/align.json            the settings and PHOTOS, so that two runs into one folder agree

Cropping is done once and takes the longest, so it can be interrupted, by Ctrl-C or by a power cut:
the next run reads the manifest and does only photos that are new or whose bytes have changed,
wherever they lie by now: see known.py. A run that comes to its end removes the crops that no photo
gives any more. The crops are there to be sorted by hand, so one that was moved stays where it is,
one that was removed is not made again, and one that was edited is not touched: see earlier_run.py.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from ..files.locks import locked
from ..machine.workers import Engine
from .choose_and_cut import CropSettings
from .crop_files import cropped
from .crop_places import Occupied, crop_names
from .earlier_run import begin, check_moved, read_earlier, remove_crops
from .known import Known, recognise, to_be_moved, with_moved_crops
from .listing import FolderError, Listing, photos_below
from .manifest import Entry, save_manifest
from .mtcnn import MTCNN
from .results import refuse_among

SAVE_SECONDS = 20  # between two saves of the manifest: a power cut costs no more


@dataclass(frozen=True)
class Alignment:
    """The results of a run.

    Attributes
    ----------
    entries : tuple of Entry
        One per photo, in natural order; only those that were done, if the run was interrupted.
    ignored : tuple of str
        Files that are no photos.
    closed : tuple of (str, str)
        Folders that cannot be opened, with the reason.
    fresh : frozenset of str
        The photos that this run did; an earlier one had done the others.
    renamed : frozenset of str
        Photos that an earlier run had done under another name.
    held : tuple of str
        Photos that an earlier run had done, but that cannot be read at the moment.
    away : tuple of str
        Crops that an earlier run made, and that somebody moved or removed since.
    removed : int
        Crops removed because no photo gives them any more.
    changed : tuple of str
        Crops that no photo gives any more, and that stay: somebody has edited them.
    left : int
        Photos that an interruption left over.
    """

    entries: tuple[Entry, ...]
    ignored: tuple[str, ...]
    closed: tuple[tuple[str, str], ...]
    fresh: frozenset[str]
    renamed: frozenset[str]
    held: tuple[str, ...]
    away: tuple[str, ...]
    removed: int
    changed: tuple[str, ...]
    left: int

    @property
    def before(self) -> int:
        """Return how many photos an earlier run had done."""
        return len(self.entries) - len(self.fresh)


def align_folder(
    photos: str | os.PathLike,
    out: str | os.PathLike,
    settings: CropSettings,
    weights: str | os.PathLike | None = None,
    workers: int | Engine = 1,
    force: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
    stop: Callable[[], bool] = lambda: False,
    only: Collection[str] | None = None,
) -> Alignment:
    """Find, choose and cut out the faces of all photos at and below `photos`.

    Parameters
    ----------
    photos, out : path
        `out` may hold an earlier run over the same folder with the same settings, which is then
        continued. The folder, and photos in it, may have moved: they are known by their bytes.
    settings : CropSettings
    weights : path, optional
        The detector's; see `MTCNN.load`. They are not read for the crop 'centre'.
    workers : int or Cluster
        Processes of this machine, or a Dask cluster: see machine/cluster.py. With more than one
        process, a script has to guard its start with `if __name__ == "__main__":`, as always with
        processes that are started afresh.
    force : bool
        Do all photos again, whatever `out` holds of an earlier run.
    progress : callable(done, total), optional
        Called at the start, too, with the photos that an earlier run has done.
    stop : callable, optional
        Called after each photo; True ends the run, to be continued later.
    only : collection of str, optional
        Do these photos alone, paths relative to `photos`. What an earlier run has done of others
        stays, unless there is `force`.

    Raises
    ------
    FolderError
        There are no photos, or `photos` is no folder.
    CheckpointError
        The detector's weights are missing or not the right ones.
    ValueError
        `out` lies among the photos, was made from others or with other settings, or is damaged; or
        another process is at work in it.
    OSError
        The disk is full, or the like; the message names the file.
    """
    photos, out = Path(photos).absolute(), Path(out).absolute()
    refuse_among(out, photos)
    if os.path.isfile(photos):
        raise FolderError(f"'{photos}' is a file: align takes a folder of photos")
    listing = photos_below(photos)
    if settings.crop != "centre":
        MTCNN.load(weights)  # an error here is better than one in every process
    with locked(out):
        earlier = read_earlier(out, photos, settings, force)
        if only is not None:
            wanted = {*only} if force else {*only, *earlier.entries}
            listed = tuple(photo for photo in listing.photos if photo in wanted)
            listing = replace(listing, photos=listed)
        closed = [folder for folder, _ in listing.closed]
        known = recognise(photos, listing.photos, closed, earlier.entries)
        check_moved(out, photos, earlier, known)
        begin(out, photos, settings, earlier.entries, force)
        run = _Run(photos, out, settings, listing, earlier.entries, known)
        run.crop(weights, workers, progress, stop)
        return run.result()


class _Run:
    """The work in `out`, and its results: `entries`, a part of which is known beforehand."""

    def __init__(
        self,
        photos: Path,
        out: Path,
        settings: CropSettings,
        listing: Listing,
        earlier: dict[str, Entry],
        known: Known,
    ):
        self.photos, self.out, self.settings = photos, out, settings
        self.listing, self.earlier, self.known = listing, earlier, known
        self.names = list(dict.fromkeys([*listing.photos, *known.held]))
        self.entries = {**known.done, **known.held}
        self.todo = [name for name in self.names if name not in self.entries]
        self.replaced = set(earlier) - set(known.former.values())  # other photos have their names
        self.removed = 0
        self.changed: list[str] = []

    def crop(self, weights, workers: int | Engine, progress, stop) -> None:
        """Crop the photos that are left; save the manifest now and then, and whatever happens."""
        places, last_save = self._places(), time.monotonic()
        arguments = (self.photos, self.out, self.settings, weights, places)
        progress(len(self.entries), len(self.names))
        try:
            with closing(cropped(self.todo, arguments, workers)) as entries:
                for entry in entries:
                    self.entries[entry.photo] = entry
                    if entry.photo in self.replaced:
                        self._remove(self.earlier[entry.photo], entry.crops)
                    progress(len(self.entries), len(self.names))
                    if time.monotonic() > last_save + SAVE_SECONDS:
                        self._save()
                        last_save = time.monotonic()
                    if stop():
                        break
        finally:
            self._save()

    def _places(self) -> dict[str, str]:
        """Return where crops of the photos to do go, and where those of renamed ones move."""
        known, room = self.known, len(".png")
        moving = to_be_moved(self.out, known)
        occupied = Occupied(self.out, self.entries.values(), known.former)
        if self.settings.select == "all":
            room = len(".face9999.png")
        wanted = [*moving, *self.todo]
        places = crop_names(self.listing.photos, wanted, occupied.free, room)
        for name in moving:
            before, base = known.former[name], places[name]
            self.entries[name] = with_moved_crops(self.out, self.entries[name], before, base)
        return {name: places[name] for name in self.todo}

    def result(self) -> Alignment:
        done = [self.entries[name] for name in self.names if name in self.entries]
        left = len(self.names) - len(done)
        former = self.known.former
        for name, before in former.items():
            remove_crops(self.out, self.earlier[before], self.entries[name].crops)
        if not left:
            gone = set(self.earlier) - set(self.entries) - set(former.values())
            for name in sorted(gone):
                self._remove(self.earlier[name])
            self._save(whole=True)
        fresh = frozenset(self.todo) & frozenset(self.entries)
        crops = (crop for entry in done for crop in entry.crops if crop)
        return Alignment(
            entries=tuple(done),
            ignored=self.listing.others,
            closed=self.listing.closed,
            fresh=fresh,
            renamed=frozenset(former),
            held=tuple(self.known.held),
            away=tuple(crop for crop in crops if not os.path.lexists(self.out / crop)),
            removed=self.removed,
            changed=tuple(self.changed),
            left=left,
        )

    def _remove(self, entry: Entry, current: tuple[str, ...] = ()) -> None:
        removed, kept = remove_crops(self.out, entry, current)
        self.removed += removed
        self.changed += kept

    def _save(self, whole: bool = False) -> None:
        """Write the manifest. Unless it is `whole`, it also records where older crops lie."""
        entries = [self.entries[name] for name in self.names if name in self.entries]
        if not whole:
            entries += (e for name, e in self.earlier.items() if name not in self.entries)
        save_manifest(self.out / "manifest.csv", entries)
