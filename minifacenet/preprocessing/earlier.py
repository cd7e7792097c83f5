"""What an earlier run left in OUT: may it be gone on with, and what of it is to be removed.

The settings and the photos' folder stand in align.json. A crop fits them or it does not, and its
file does not show which: only the manifest says that a crop is finished. So the order of the writes
counts, since a kill may come between any two of them:

    1. the old manifest goes, if its crops are not to be believed any more
    2. align.json is written with the new settings
    3. crops, and a manifest of those that are finished

Killed after 1, the next run finds no finished crop, and makes all anew. The other way round it
would find old crops below new settings.

Crops that nobody needs any more go last, after a run that finished. They are found on the disk,
by the note that each crop carries, and not in the manifest, which may be lost. What carries no
note of ours was put there by somebody else, and stays.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path

from ..files import sweep, write_json
from ..stored import json_object
from ..words import shortened
from .crop_note import is_crop
from .cutting import CropSettings
from .manifest import Entry, load_manifest

FORMAT = 1
NOTE_BYTES = 2**16  # the note comes first: a large picture need not be read for it


def open_folder(out: Path, photos: Path, settings: CropSettings, force: bool) -> dict[str, Entry]:
    """What an earlier run has finished in `out`, by photo; from then on `out` is this run's.

    With `force` nothing is finished.

    Raises
    ------
    ValueError
        `out` holds something else, was made from other photos or with other settings, is damaged,
        or cannot be made.
    """
    path, known = out / "align.json", {}
    root = str(photos).encode("utf-8", "backslashreplace").decode("utf-8")  # JSON takes it so
    ours = {"format": FORMAT, "photos": root, **asdict(settings)}
    _check_place(out)
    if path.exists() and not force:
        _check_same(path, ours)
        known = load_manifest(out / "manifest.csv")
    elif not path.exists() and out.exists() and any(out.iterdir()):
        raise ValueError(f"{out} holds something else: choose a new folder")
    out.mkdir(parents=True, exist_ok=True)
    sweep(out)
    if force:
        (out / "manifest.csv").unlink(missing_ok=True)
    write_json(path, ours)
    return known


def _check_place(out: Path) -> None:
    for place in (out, *out.parents):
        if place.is_file():
            raise ValueError(f"{place} is a file: choose another place for the faces than {out}")


def _check_same(path: Path, ours: dict) -> None:
    out = path.parent
    try:
        theirs = json_object(path.read_bytes())
    except ValueError:
        raise ValueError(f"{path} is damaged: say --force to do all photos anew") from None
    if theirs.get("photos", ours["photos"]) != ours["photos"]:
        raise ValueError(
            f"{out} was made from {str(theirs['photos'])[:400]}, not from {ours['photos']}: choose "
            "another folder, or say --force to do all photos anew"
        )
    differ = [name for name in ours if name != "photos" and theirs.get(name) != ours[name]]
    if differ:
        texts = (f"{n} {shortened(theirs.get(n))}, now {ours[n]!r}" for n in differ)
        raise ValueError(
            f"{out} was made with other settings ({'; '.join(texts)}): choose another folder, "
            "or say --force to do all photos anew"
        )


def remove_others(folder: Path, made: Iterable[Path], is_ours: Callable[[Path], bool]) -> int:
    """Remove the files below `folder` that are ours and are not `made`; returns how many.

    Folders that become empty by it go, too. Files are told apart by their identity on the disk:
    a disk may spell a name in another case, or with other accents, than we do.
    """
    removed, kept = 0, {_identity(path) for path in made}
    for place, _, names in os.walk(folder, topdown=False):
        here, gone = Path(place), 0
        for path in (here / name for name in names):
            if _identity(path) not in kept and is_ours(path):
                path.unlink()
                gone += 1
        while gone and here != folder.parent and not any(here.iterdir()):
            here.rmdir()
            here = here.parent
        removed += gone
    return removed


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def is_crop_file(path: Path) -> bool:
    """Whether a file is a crop that `minifacenet align` wrote, going by its note."""
    if path.suffix != ".png":
        return False
    try:
        with path.open("rb") as file:
            return is_crop(file.read(NOTE_BYTES))
    except OSError:
        return False
