"""Photos with boxes and names drawn in: `OUT/drawn/`.

Each holds in a comment what was drawn, so a later run draws only what is new or has other names. A
picture that is not ours, or that somebody has changed, has no such comment, and stays.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from io import BytesIO
from pathlib import Path

from PIL import Image

from ..classification.named_faces import NamedFace
from ..classification.recognition import Recognition
from ..files.atomic import digest, sweep
from ..files.jpeg import write_jpeg
from ..files.words import count_text
from ..preprocessing.crop_note import KEY
from ..preprocessing.crop_places import crop_names
from ..preprocessing.draw_boxes import draw_names
from ..preprocessing.earlier_run import remove_file
from ..preprocessing.photo import PhotoError, decode_reduced, read_bytes

FOLDER = "drawn"


def write_drawn(
    out: Path,
    photos: Path,
    found: Recognition,
    progress: Callable[[int, int], None] = lambda done, total: None,
    stop: Callable[[], bool] = lambda: False,
) -> str:
    """Draw boxes and names into each photo that shows a face; return in words what is left."""
    folder = out / FOLDER
    sweep(folder, below=True)
    rows: dict[str, list[NamedFace]] = {}
    for row in found.rows:
        rows.setdefault(row.photo, []).append(row)
    contents = {entry.photo: entry.content for entry in found.entries}
    names = crop_names(list(rows), free=lambda photo, name: _free(folder / f"{name}.jpg"))
    for done, (photo, faces) in enumerate(rows.items()):
        progress(done, len(rows))
        if stop():
            return count_text(len(rows) - done, "photo") + " to draw into"
        path = folder / f"{names[photo]}.jpg"
        drawn = digest(photo, contents[photo], *(f"{row.box} {row.name}" for row in faces))
        if _note(path) != drawn:
            with suppress(PhotoError):  # gone since its faces were cut out
                _draw(photos / photo, path, faces, drawn)
    current = {folder / f"{name}.jpg" for name in names.values()}
    for path in folder.rglob("*.jpg") if folder.is_dir() else ():
        if path not in current and _note(path):
            remove_file(path, folder)
    return ""


def _draw(photo: Path, path: Path, faces: list[NamedFace], note: str) -> None:
    pixels, scale = decode_reduced(read_bytes(photo), photo)
    boxes, names = [row.box for row in faces], [row.name if row.known else "" for row in faces]
    write_jpeg(path, draw_names(pixels, boxes, names, scale), 90, comment=f"{KEY} {note}")


def _free(path: Path) -> bool:
    return not path.exists() or bool(_note(path))


def _note(path: Path) -> str:
    """Return the digest in a picture of ours; '' in another file, or where there is none."""
    try:
        with Image.open(BytesIO(read_bytes(path)), formats=("JPEG",)) as picture:
            key, _, note = picture.info.get("comment", b"").decode("ascii").partition(" ")
    except (OSError, ValueError):
        return ""
    return note if key == KEY else ""
