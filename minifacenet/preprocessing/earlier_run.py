"""What an earlier run left in OUT: may a run continue it, and what of it is to be removed?

The settings and the photos' folder stand in align.json. A crop fits them or it does not, and its
file does not show which: only the manifest says that a crop is finished. So the order of the writes
counts, since a kill may come between any two of them:

    1. the old manifest forgets the contents of its photos, if its crops are not to be believed
    2. align.json is written with the new settings
    3. crops, and a manifest of those that are finished

If step 1 is the last before a kill, the next run finds no finished crop, and makes all again. In
the other order it would find old crops under new settings.

The manifest also says where we have put crops. Only there are any removed, and only while they are
as we wrote them: whoever moves a crop, or edits it, or brings others, keeps them.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from ..files.atomic import holds_anything, sweep, write_json
from ..files.reading import read_whole
from ..files.stored import json_object
from ..files.words import shortened
from .choose_and_cut import CropSettings
from .crop_places import is_below_faces, is_crop_of
from .known import Known
from .manifest import Entry, load_manifest, save_manifest

FORMAT = 1
MOST = 4  # settings that a message names


@dataclass(frozen=True)
class Earlier:
    """An earlier run: its entries by photo, and its photos' folder, '' if it is the same now."""

    entries: dict[str, Entry]
    elsewhere: str = ""


def read_earlier(out: Path, photos: Path, settings: CropSettings, force: bool) -> Earlier:
    """Return what an earlier run left in `out`; with `force` its entries have no content.

    Raises
    ------
    ValueError
        `out` holds something else, was made with other settings, or is damaged.
    """
    path = out / "align.json"
    if not path.exists():
        if out.exists() and holds_anything(out):
            raise ValueError(f"{out} holds something else: choose a new folder")
        return Earlier({})
    ours, elsewhere = _settings(photos, settings), ""
    if not force:
        elsewhere = _check_same(path, ours)
    try:
        entries = load_manifest(out / "manifest.csv")
    except ValueError:
        if not force:
            raise
        entries = {}
    entries = {n: e for n, e in entries.items() if all(map(is_below_faces, filter(None, e.crops)))}
    if force:
        entries = {name: replace(entry, content="") for name, entry in entries.items()}
    return Earlier(entries, elsewhere)


def check_moved(out: Path, photos: Path, earlier: Earlier, known: Known) -> None:
    """Refuse photos in another folder than the earlier run's, unless they are the same photos.

    They are the same ones, moved or copied, if half of them or more are there by their content, and
    no other is left in the old folder.
    """
    if not earlier.elsewhere:
        return
    old = Path(earlier.elsewhere)
    left = [photo for photo in known.lost if os.path.lexists(old / photo)]
    if left or len(known.done) < len(known.lost):
        total = len(known.done) + len(known.lost)
        raise ValueError(
            f"{out} was made from {shortened(str(old))[1:-1]}, not from {photos}, where "
            f"{len(known.done):,} of the {total:,} photos of then lie: choose another folder, or "
            "say --force to do all photos anew"
        )


def begin(
    out: Path, photos: Path, settings: CropSettings, entries: dict[str, Entry], force: bool
) -> None:
    """Make `out` this run's from now on."""
    out.mkdir(parents=True, exist_ok=True)
    sweep(out, below=True)
    if force:
        save_manifest(out / "manifest.csv", entries.values())
    write_json(out / "align.json", _settings(photos, settings))


def _settings(photos: Path, settings: CropSettings) -> dict:
    root = str(photos).encode("utf-8", "backslashreplace").decode("utf-8")  # JSON takes this form
    return {"format": FORMAT, "photos": root, **asdict(settings)}


def _check_same(path: Path, ours: dict) -> str:
    """Return the earlier photos' folder, if it is another; raise ValueError for other settings."""
    out = path.parent
    try:
        theirs = json_object(read_whole(path))
    except ValueError:
        theirs = None
    if theirs is None or not isinstance(theirs.get("photos", ""), str):
        raise ValueError(f"{path} is damaged: say --force to do all photos anew")
    differ = [name for name in ours if name != "photos" and theirs.get(name) != ours[name]]
    if differ:
        texts = [f"{n} {shortened(theirs.get(n), 40)}, now {ours[n]!r}" for n in differ[:MOST]]
        texts += ["..."] * (len(differ) > MOST)
        raise ValueError(
            f"{out} was made with other settings ({'; '.join(texts)}): choose another folder, "
            "or say --force to do all photos anew"
        )
    photos = theirs.get("photos", ours["photos"])
    return "" if photos == ours["photos"] else photos


def remove_crops(out: Path, entry: Entry, current: Iterable[str] = ()) -> tuple[int, list[str]]:
    """Remove the crops of an earlier run's entry that are not `current` any more.

    Returns how many, and those that stay because they are not as we wrote them.
    """
    removed, kept, current = 0, [], set(current)
    for crop in entry.crops:
        if not crop or crop in current or not os.path.lexists(out / crop):
            continue
        if is_crop_of(out / crop, entry.photo):
            remove_file(out / crop, out / "faces")
            removed += 1
        else:
            kept.append(crop)
    return removed, kept


def remove_file(path: Path, top: Path) -> None:
    """Remove a file, and the folders from its own up to `top` that this leaves empty."""
    path.unlink()
    with suppress(OSError):  # a folder that holds something
        for folder in path.parents:
            folder.rmdir()
            if folder == top:
                break
