"""The pictures of an alignment: what was cut out, what gave nothing, what the detector saw."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from PIL import Image

from .files import replacing
from .plots import save
from .preprocessing.alignment import Alignment
from .preprocessing.crop_note import KEY
from .preprocessing.cropper import crop_names
from .preprocessing.cutting import Face
from .preprocessing.drawing import draw_faces
from .preprocessing.earlier import remove_others
from .preprocessing.manifest import Entry
from .preprocessing.photo import PhotoError, decode_reduced, read_bytes, read_photo
from .sheet_plots import crop_sheet, rejected_sheet, small

MOST_CROPS, MOST_REJECTED = 64, 25  # on a sheet
SMALL = 1_000_000  # pixels of a photo that is only looked at


def draw_sheets(photos: Path, out: Path, entries: Sequence[Entry], credit: str | None) -> None:
    """Write `faces.png` and `rejected.png`; where there is nothing to show, an older one goes."""
    kept = [
        (face.score, crop, entry.photo.rpartition(".")[0] + _number(entry, face))
        for entry in entries
        for face, crop in zip(entry.faces, entry.crops, strict=True)
        if crop
    ]
    if kept:
        shown = sorted(kept, key=lambda row: row[0] or 0)[:MOST_CROPS]
        images = [small(read_photo(out / crop)) for _, crop, _ in shown]
        names, scores = [name for _, _, name in shown], [score for score, _, _ in shown]
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
    with warnings.catch_warnings():  # of each letter of a name that no font here has
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

    What an earlier run has drawn of a photo that it did is not drawn again. Returns how many
    pictures are left, if `stop` said so.
    """
    todo = [
        (entry, path)
        for entry, path in zip(result.entries, _shows(out, result), strict=True)
        if entry.photo in result.fresh or not path.exists()
    ]
    for done, (entry, path) in enumerate(todo):
        if stop():
            return len(todo) - done
        progress(done, len(todo))
        photo, scale = _reduced(photos / entry.photo)
        if photo is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(path) as temporary:
                picture = draw_faces(photo, entry.faces, scale)
                picture.save(temporary, "JPEG", quality=90, comment=KEY)
    return 0


def remove_shows(out: Path, result: Alignment) -> None:
    """Remove pictures of `show/` whose photo is gone, or was done again since they were drawn."""
    shows = zip(result.entries, _shows(out, result), strict=True)
    current = (path for entry, path in shows if entry.photo not in result.fresh)
    remove_others(out / "show", current, _is_show)


def _shows(out: Path, result: Alignment) -> list[Path]:
    names = crop_names([entry.photo for entry in result.entries])
    return [out / "show" / f"{names[entry.photo]}.jpg" for entry in result.entries]


def _is_show(path: Path) -> bool:
    """Whether `draw_shows` wrote a file: it leaves a comment in each."""
    try:
        with Image.open(path, formats=("JPEG",)) as picture:
            return picture.info.get("comment") == KEY.encode()
    except (OSError, ValueError):
        return False


def _thumbnail(path: Path) -> np.ndarray | None:
    """A photo for a tile: of 25 large ones, only one lies in memory whole."""
    photo = _reduced(path)[0]
    return None if photo is None else small(photo)


def _reduced(path: Path) -> tuple[np.ndarray | None, int]:
    """A photo to look at, a JPEG reduced by the factor beside it; None if it cannot be read."""
    try:
        return decode_reduced(read_bytes(path), path, enough=SMALL)
    except PhotoError:
        return None, 1
