"""The pictures of an alignment: what was cut out, what gave nothing, what the detector saw."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from .files import replacing
from .plots import save
from .preprocessing.cropper import crop_names
from .preprocessing.drawing import draw_faces
from .preprocessing.manifest import Entry
from .preprocessing.photo import PhotoError, decode_reduced, read_bytes, read_photo
from .sheet_plots import crop_sheet, rejected_sheet

MOST_CROPS, MOST_REJECTED = 64, 25  # on a sheet
SMALL = 1_000_000  # pixels of a photo that is only looked at


def draw_sheets(photos: Path, out: Path, entries: Sequence[Entry], credit: str | None) -> list[str]:
    """Write `faces.png` and `rejected.png`, where there is something to show; returns the names."""
    kept = [
        (face.score, crop, entry.photo)
        for entry in entries
        for face, crop in zip(entry.faces, entry.crops, strict=True)
        if crop
    ]
    written = []
    if kept:
        shown = sorted(kept, key=lambda row: row[0] or 0)[:MOST_CROPS]
        images = [read_photo(out / crop) for _, crop, _ in shown]
        names, scores = [name for _, _, name in shown], [score for score, _, _ in shown]
        save(crop_sheet(images, names, scores, len(kept), credit=credit), out / "faces.png")
        written.append("faces.png")
    lost = [entry for entry in entries if not entry.kept]
    if lost:
        shown = lost[:MOST_REJECTED]
        sheet = rejected_sheet(
            [_small(photos / entry.photo)[0] for entry in shown],
            [entry.photo for entry in shown],
            [entry.reason for entry in shown],
            len(lost),
            credit=credit,
        )
        save(sheet, out / "rejected.png")
        written.append("rejected.png")
    else:
        (out / "rejected.png").unlink(missing_ok=True)  # of an earlier run
    return written


def draw_shows(
    photos: Path, out: Path, entries: Sequence[Entry], progress: Callable[[int, int], None]
) -> None:
    """Write boxes and landmarks into each photo: `show/NAME.jpg`, NAME as for its crop."""
    names = crop_names([entry.photo for entry in entries])
    for done, entry in enumerate(entries, start=1):
        photo, scale = _small(photos / entry.photo)
        if photo is not None:
            path = out / "show" / f"{names[entry.photo]}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(path) as temporary:
                draw_faces(photo, entry.faces, scale).save(temporary, "JPEG", quality=90)
        progress(done, len(entries))


def _small(path: Path) -> tuple[np.ndarray | None, int]:
    """A photo to look at, and how far it was reduced; None if it cannot be read."""
    try:
        return decode_reduced(read_bytes(path), path, enough=SMALL)
    except PhotoError:
        return None, 1
