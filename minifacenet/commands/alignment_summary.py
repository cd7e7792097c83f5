"""What `minifacenet align` says at its end: numbers that add up, reasons, files, the next step."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..screen import say

if TYPE_CHECKING:
    from ..preprocessing.alignment import Alignment
    from ..preprocessing.manifest import Entry

KEPT = {
    "largest": "the largest is kept",
    "center": "the one nearest the centre is kept",
    "all": "all are kept",
}
FILES = ("manifest.csv", "faces", "faces.png", "rejected.png", "show")


def counted(number: int, one: str, many: str | None = None) -> str:
    """'1 photo', '2 photos', '12,000 photos'."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def tell_alignment(result: Alignment, rule: str) -> None:
    """A summary whose numbers add up, and the reasons by how often they came."""
    entries = result.entries
    unread = [entry for entry in entries if not entry.content]
    without = [entry for entry in entries if entry.content and not entry.kept]
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
    if result.before:
        done = "photo was done before and has", "photos were done before and have"
        say(f"  {counted(result.before, *done)} not changed")
    if result.removed:
        say(f"  {counted(result.removed, 'crop')} removed that no photo gives any more")


def _tell_reasons(entries: list[Entry]) -> None:
    """Each kind of reason once, with how often it came and the first photos."""
    kinds: dict[str, list[str]] = {}
    for entry in entries:
        kind, size, _ = entry.reason.partition(" found in ")  # so many pixels: a detail
        kind = f"{kind} found" if size else kind.split(" (")[0]
        kinds.setdefault(kind, []).append(entry.photo)
    for kind, names in sorted(kinds.items(), key=lambda item: -len(item[1])):
        say(f"  {len(names):,} x {kind} ({_first(names)})")


def _first(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + ", ..." * (len(names) > 3)


def tell_files(out: Path, result: Alignment, left: int, force: bool) -> None:
    """What lies in `out`, and what to do next; `left` pictures of `show/` were not drawn."""
    there = [name + "/" * (out / name).is_dir() for name in FILES if (out / name).exists()]
    say(f"In {out}: {', '.join(there)}")
    if result.left or left:
        pictures = counted(left, "picture of show/", "pictures of show/")
        what = counted(result.left, "photo") if result.left else pictures
        say(f"Interrupted: {what} left. Go on with the same command{', without --force' * force}.")
        return
    kept = [entry.photo for entry in result.entries if entry.kept]
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
    elif kept:
        say(f"Group them: minifacenet cluster {faces} --model RUN")
