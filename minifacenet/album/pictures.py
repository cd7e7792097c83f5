"""The pictures of an album: a small copy of each photo that shows a face, and each face.

They are named after the photo's content and the face's place in it, so a later run makes only those
that are new, and removes those that no photo gives any more.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from ..classification.named_faces import NamedFace
from ..files.atomic import digest, sweep
from ..files.jpeg import write_jpeg
from ..preprocessing.choose_and_cut import UPSIDE, Face
from ..preprocessing.manifest import Entry
from ..preprocessing.photo import PhotoError, decode_reduced, read_bytes
from ..preprocessing.photo_facts import PhotoFacts, photo_facts

MARGIN = 0.4  # round a face, as a share of its box
_OURS = re.compile(r"[0-9a-f]{16}(-[0-9a-f]{16})?\.jpg")


@dataclass(frozen=True)
class Sizes:
    """Sides of photos and faces in pixels, and the quality of their JPEGs."""

    photo: int = 1024
    face: int = 224
    quality: int = 80


BESIDE = Sizes()
INSIDE = Sizes(photo=720, face=144, quality=72)  # of one file, which has to hold them all


@dataclass(frozen=True)
class Shot:
    """A photo of an album: its file, relative to the folder of pictures, and those of its faces."""

    photo: str
    file: str
    facts: PhotoFacts
    faces: dict[int, str] = field(default_factory=dict)


def make_pictures(
    folder: Path,
    photos: Path,
    entries: Iterable[Entry],
    rows: Sequence[NamedFace],
    sizes: Sizes,
    progress: Callable[[int, int], None],
    stop: Callable[[], bool],
) -> tuple[dict[str, Shot], int]:
    """Write the pictures that are missing; return all by photo, and how many photos are left.

    A photo that cannot be read any more has none.
    """
    shown: dict[str, set[int]] = {}
    for row in rows:
        shown.setdefault(row.photo, set()).add(row.face)
    todo = [entry for entry in entries if entry.photo in shown]
    folder.mkdir(parents=True, exist_ok=True)
    sweep(folder)
    shots: dict[str, Shot] = {}
    for done, entry in enumerate(todo):
        progress(done, len(todo))
        if stop():
            return shots, len(todo) - done
        faces = [face for face in entry.faces if face.number in shown[entry.photo]]
        with suppress(PhotoError):  # gone, or damaged, since its faces were cut out
            shots[entry.photo] = _shot(folder, photos / entry.photo, entry, faces, sizes)
    _remove_others(folder, shots.values())
    return shots, 0


def _shot(folder: Path, path: Path, entry: Entry, faces: Sequence[Face], sizes: Sizes) -> Shot:
    facts = photo_facts(path)
    key = entry.content or digest(entry.photo)
    files = {face.number: f"{key}-{digest(str(face.box), str(face.turned))}.jpg" for face in faces}
    shot = Shot(entry.photo, f"{key}.jpg", facts, files)
    if all(os.path.isfile(folder / name) for name in (shot.file, *files.values())):
        return shot
    photo, scale = decode_reduced(read_bytes(path), path)
    for face in faces:
        crop = _face(photo, face, scale)
        _save(crop, folder / files[face.number], sizes.face, sizes.quality)
    _save(photo, folder / shot.file, sizes.photo, sizes.quality)
    return shot


def _face(photo: np.ndarray, face: Face, scale: int) -> np.ndarray:
    """Return a face with some room around it, upright: a square that lies within the photo."""
    assert face.box is not None
    x0, y0, x1, y1 = (edge / scale for edge in face.box)
    height, width = photo.shape[:2]
    side = max(1, round(min((1 + 2 * MARGIN) * max(x1 - x0, y1 - y0), height, width)))
    left = round(min(max((x0 + x1 - side) / 2, 0), width - side))
    top = round(min(max((y0 + y1 - side) / 2, 0), height - side))
    return np.rot90(photo[top : top + side, left : left + side], UPSIDE[face.turned])


def _save(pixels: np.ndarray, path: Path, side: int, quality: int) -> None:
    pixels = np.ascontiguousarray(pixels)
    image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    image.thumbnail((side, side), Image.Resampling.BICUBIC)
    write_jpeg(path, image, quality, optimize=True)


def _remove_others(folder: Path, shots: Iterable[Shot]) -> None:
    current = {name for shot in shots for name in (shot.file, *shot.faces.values())}
    for path in folder.iterdir():
        if path.name not in current and _OURS.fullmatch(path.name):
            path.unlink()
