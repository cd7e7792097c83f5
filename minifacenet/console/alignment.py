"""The summary of `minifacenet align`: numbers that add up, reasons, files, the next step."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..preprocessing.listing import FolderError, photos_below
from .screen import say

if TYPE_CHECKING:
    from ..preprocessing.align_folder import Alignment
    from ..preprocessing.manifest import Entry

KEPT = {
    "largest": "the largest is kept",
    "center": "the one nearest the centre is kept",
    "all": "all are kept",
}
FILES = ("manifest.csv", "faces", "faces.png", "rejected.png", "show")


def counted(number: int, one: str, many: str | None = None) -> str:
    """Return '1 photo', '2 photos', '12,000 photos'."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def tell_alignment(result: Alignment, rule: str) -> None:
    """Print a summary whose numbers add up, and the reasons, the most frequent first."""
    entries = result.entries
    empty = [entry for entry in entries if not entry.kept]
    unread = [entry for entry in empty if not entry.content and not entry.found]
    without = [entry for entry in empty if entry.content or entry.found]
    faces, found = sum(e.kept for e in entries), sum(e.found for e in entries)
    counts = [f"{len(entries) - len(unread) - len(without):,} with a face"]
    counts += [f"{len(without):,} without"] * bool(without)
    counts += [f"{len(unread):,} that cannot be read"] * bool(unread)
    say(f"{counted(len(entries), 'photo')}: {', '.join(counts)}")
    if found:
        several = sum(entry.found > 1 for entry in entries)
        text = f"{counted(faces, 'face')} kept of {found:,} found"
        shows = f"{counted(several, 'photo shows', 'photos show')} several, {KEPT[rule]}"
        say(f"{text}; {shows}" if several else text)
    turned = sum(face.turned > 0 for entry in entries for face in entry.faces)
    if turned:
        say(f"  {turned:,} found only in the turned photo: look at them")
    for entries_of_kind in (without, unread):
        _tell_reasons(entries_of_kind)
    if result.ignored:
        say(f"  {counted(len(result.ignored), 'other file')}: {_first(result.ignored)}")
    for folder, reason in result.closed[:3]:
        say(f"  {folder} {reason}")
    if len(result.closed) > 3:
        say(f"  {counted(len(result.closed) - 3, 'more folder')} that cannot be opened")
    _tell_earlier(result)


def _tell_earlier(result: Alignment) -> None:
    """Print what an earlier run had done, and what became of it."""
    if before := result.before - len(result.held):
        done = "photo was done before and has", "photos were done before and have"
        say(f"  {counted(before, *done)} not changed")
    if result.renamed:
        known = "of them has another name now", "of them have other names now"
        say(f"  {counted(len(result.renamed), *known)}; crops that lay in their places moved along")
    if result.held:
        now = "photo cannot be read now", "photos cannot be read now"
        stay = "what was cut of them before stays"
        say(f"  {counted(len(result.held), *now)}, and {stay} ({_first(result.held)})")
    if result.away:
        crops = "crop was", "crops were"
        again = "moved or removed by hand: not made again without --force"
        say(f"  {counted(len(result.away), *crops)} {again} ({_first(result.away)})")
    if result.removed:
        say(f"  {counted(result.removed, 'crop')} removed that no photo gives any more")
    if result.changed:
        crops = "crop was", "crops were"
        stay = "changed by hand, and stay" + "s" * (len(result.changed) == 1)
        text = f"  {counted(len(result.changed), *crops)} {stay}, though no photo gives it any more"
        say(f"{text} ({_first(result.changed)})")


def _tell_reasons(entries: list[Entry]) -> None:
    """Print each kind of reason once, with its count and its first photos."""
    kinds: dict[str, list[str]] = {}
    for entry in entries:
        kind, size, _ = entry.reason.partition(" found in ")  # the number of pixels is a detail
        kind = f"{kind} found" if size else kind.split(" (")[0]
        kinds.setdefault(kind, []).append(entry.photo)
    for kind, names in sorted(kinds.items(), key=lambda item: -len(item[1])):
        say(f"  {len(names):,} x {kind} ({_first(names)})")


def _first(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + ", ..." * (len(names) > 3)


def tell_files(out: Path, result: Alignment, left: int, force: bool) -> None:
    """Print what is in `out`, and what to do next; `left` pictures of `show/` were not drawn."""
    there = [name + "/" * (out / name).is_dir() for name in FILES if (out / name).exists()]
    say(f"In {out}: {', '.join(there)}")
    if result.left or left:
        pictures = counted(left, "picture of show/", "pictures of show/")
        what = counted(result.left, "photo") if result.left else pictures
        say(f"Interrupted: {what} left. Go on with the same command{', without --force' * force}.")
        return
    # As they are now: they may have been sorted by hand.
    try:
        kept = photos_below(out / "faces").photos
    except FolderError:
        return
    flat = [photo for photo in kept if "/" not in photo]
    deep = [photo for photo in kept if photo.count("/") > 1]
    lie = "photo lies", "photos lie"
    for photos, where in (
        (flat if len(flat) < len(kept) else [], "beside the folders, not in one"),
        (deep, "deeper than FACES/person/photo"),
    ):
        if photos:
            text = f"{counted(len(photos), *lie)} {where}, such as {photos[0]}"
            say(f"  {text}: `run` and `train` pass over what is not FACES/person/photo")
    faces = shlex.quote(str(out / "faces"))
    if len(flat) + len(deep) < len(kept):
        say(f"Train on them: minifacenet run {faces} --out RUN")
    else:
        say(f"Group them: minifacenet cluster {faces} --model RUN")
