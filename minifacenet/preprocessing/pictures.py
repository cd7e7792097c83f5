"""Draw the pictures of an alignment: its crops, its rejected photos, what the detector saw.

show.csv records which pictures of `show/` we have drawn. They are treated as crops are (see
preprocessing/earlier_run.py): one that was moved or removed by hand is not drawn again, and none is
removed that somebody has changed.
"""

from __future__ import annotations

import csv
import os
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from io import BytesIO
from pathlib import Path, PurePosixPath

import numpy as np
from matplotlib.axes import Axes
from PIL import Image

from ..files.atomic import write_csv
from ..files.jpeg import write_jpeg
from ..files.names import as_a_disk_sees
from ..files.reading import open_table
from ..plots.sheets import crop_sheet, rejected_sheet, small
from ..plots.style import save
from .align_folder import SAVE_SECONDS, Alignment
from .choose_and_cut import Face
from .crop_files import content
from .crop_note import KEY
from .crop_places import crop_names
from .draw_boxes import draw_faces
from .earlier_run import remove_file
from .manifest import Entry
from .photo import PhotoError, decode_reduced, read_bytes

MOST_CROPS, MOST_REJECTED = 64, 25  # on a sheet
SMALL = 1_000_000  # pixels of a photo that is only looked at
SHOWS = ("photo", "picture", "content")  # the columns of show.csv

Drawn = dict[str, tuple[str, str]]  # photo -> its picture, relative to OUT, and that file's content


def draw_sheets(photos: Path, out: Path, entries: Sequence[Entry], credit: str | None) -> None:
    """Write `faces.png` and `rejected.png`; one that would show nothing is removed."""
    kept = [
        (face.score, crop, entry.photo.rpartition(".")[0] + _number(entry, face))
        for entry in entries
        for face, crop in zip(entry.faces, entry.crops, strict=True)
        if crop and os.path.isfile(out / crop)  # otherwise it was moved or removed by hand
    ]
    if kept:
        least = sorted(kept, key=lambda row: row[0] or 0)[:MOST_CROPS]
        tiles = [(_thumbnail(out / crop), name, score) for score, crop, name in least]
        tiles = [tile for tile in tiles if tile[0] is not None]  # without damaged ones
        images, names, scores = zip(*tiles, strict=True) if tiles else ((), (), ())
        _save(crop_sheet(images, names, scores, len(kept), credit=credit), out / "faces.png")
    else:
        (out / "faces.png").unlink(missing_ok=True)
    lost = [entry for entry in entries if not entry.kept]
    if lost:
        shown = lost[:MOST_REJECTED]
        sheet = rejected_sheet(
            [_thumbnail(photos / entry.photo) for entry in shown],
            [entry.photo for entry in shown],
            [entry.reason for entry in shown],
            len(lost),
            credit=credit,
        )
        _save(sheet, out / "rejected.png")
    else:
        (out / "rejected.png").unlink(missing_ok=True)


def _number(entry: Entry, face: Face) -> str:
    return f" #{face.number}" if entry.found > 1 else ""


def _save(sheet: Axes, path: Path) -> None:
    with warnings.catch_warnings():  # given per letter that no font here has
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
        save(sheet, path)


def draw_shows(
    photos: Path,
    out: Path,
    result: Alignment,
    progress: Callable[[int, int], None],
    stop: Callable[[], bool] = lambda: False,
) -> int:
    """Write boxes and landmarks into each photo: `show/NAME.jpg`, NAME as for its crop.

    A picture that an earlier run drew of a photo that it did is not drawn again. Returns how many
    pictures are left, if `stop` ended the work.
    """
    drawn, last_save = _load(out), time.monotonic()
    todo = [entry for entry in result.entries if entry.photo not in drawn]
    pictures = _pictures(out, result, todo, drawn)
    try:
        for done, entry in enumerate(todo):
            if stop():
                return len(todo) - done
            progress(done, len(todo))
            path = out / pictures[entry.photo]
            # A kill may have come between the picture and show.csv.
            there = entry.photo not in result.fresh and _is_show(path)
            if there or _show(photos / entry.photo, path, entry.faces):
                drawn[entry.photo] = pictures[entry.photo], content(read_bytes(path))
            if time.monotonic() > last_save + SAVE_SECONDS:
                _save_drawn(out, drawn)
                last_save = time.monotonic()
    finally:
        _save_drawn(out, drawn)
    return 0


def remove_shows(out: Path, result: Alignment) -> None:
    """Remove pictures of `show/` whose photo is gone, or was done again since they were drawn."""
    drawn = _load(out)
    current = {entry.photo for entry in result.entries} - result.fresh
    old = [] if result.left else [photo for photo in drawn if photo not in current]
    for photo in old:
        picture, digest = drawn.pop(photo)
        if _content(out / picture) == digest:
            remove_file(out / picture, out / "show")
    if old:
        _save_drawn(out, drawn)


def _show(photo: Path, path: Path, faces: Sequence[Face]) -> bool:
    """Draw the faces into a photo; return False if it cannot be read."""
    pixels, scale = _reduced(photo)
    if pixels is None:
        return False
    write_jpeg(path, draw_faces(pixels, faces, scale), 90, comment=KEY)
    return True


def _pictures(out: Path, result: Alignment, todo: Sequence[Entry], drawn: Drawn) -> dict[str, str]:
    """Return where pictures of `todo` go: never over those of others, or files not drawn by us."""
    taken = {as_a_disk_sees(picture) for picture, _ in drawn.values()}

    def free(photo: str, name: str) -> bool:
        path = out / "show" / f"{name}.jpg"
        there = os.path.lexists(path)
        return as_a_disk_sees(f"show/{name}.jpg") not in taken and (not there or _is_show(path))

    photos = [entry.photo for entry in result.entries]
    names = crop_names(photos, [entry.photo for entry in todo], free)
    return {photo: f"show/{name}.jpg" for photo, name in names.items()}


def _load(out: Path) -> Drawn:
    """Load show.csv; a missing or damaged one gives nothing, and then no picture is removed."""
    with (
        suppress(OSError, ValueError, csv.Error),
        open_table(out / "show.csv") as file,
    ):
        header, *rows = csv.reader(file)
        parts = [PurePosixPath(picture).parts for _, picture, _ in rows]
        if tuple(header) == SHOWS and all(p[:1] == ("show",) and ".." not in p for p in parts):
            return {photo: (picture, digest) for photo, picture, digest in rows}
    return {}


def _save_drawn(out: Path, drawn: Drawn) -> None:
    write_csv(out / "show.csv", SHOWS, ((photo, *row) for photo, row in drawn.items()))


def _content(path: Path) -> str | None:
    try:
        return None if path.is_symlink() else content(read_bytes(path))
    except (PhotoError, OSError):
        return None


def _is_show(path: Path) -> bool:
    """Return whether `draw_shows` wrote a file: it leaves a comment in each."""
    try:
        with Image.open(BytesIO(read_bytes(path)), formats=("JPEG",)) as picture:
            return picture.info.get("comment") == KEY.encode()
    except (OSError, ValueError):
        return False


def _thumbnail(path: Path) -> np.ndarray | None:
    """Return a small photo for a tile: of 25 large ones, only one lies in memory whole."""
    photo = _reduced(path)[0]
    return None if photo is None else small(photo)


def _reduced(path: Path) -> tuple[np.ndarray | None, int]:
    """Return a photo to look at, None if unreadable, and the factor by which it was reduced."""
    try:
        return decode_reduced(read_bytes(path), path, enough=SMALL)
    except PhotoError:
        return None, 1
