"""Packed faces: a folder of people as one array, for a training that would hold too many photos.

    OUT/faces.npy     (N, S, S, C), uint8: np.load("OUT/faces.npy", mmap_mode="r") opens it
    OUT/faces.csv     row i says whom and which photo row i of the array shows
    OUT/pack.json     how they were read, and what became of all other files

    faces = read_pack("OUT")          # what `read_faces` gave for the folder, in all its fields
    faces.images[batch]               # some rows, read from the file

A photo of 96 x 96 pixels is 28 kB of the array, so a million of them take 28 GB of disk and none of
memory, and a training begins without decoding them. See packing.py for how a pack is made.

The array is read row by row and not mapped into memory: of a mapped file the system counts each
page that was touched as memory of the process.
"""

from __future__ import annotations

import csv
import hashlib
import io
from pathlib import Path

import numpy as np

from ..files.npy import read_header
from ..files.reading import read_whole
from ..files.stored import is_text, json_object
from ..files.words import printable, shortened
from .centre_square import in_channels
from .crop_note import are_words
from .faces import Faces
from .lazy_images import LazyImages
from .listing import FolderError
from .person_names import is_person_name
from .photo import MOST_SIDE

ARRAY, TABLE, ABOUT = "faces.npy", "faces.csv", "pack.json"
FORMAT = "packed faces 1"
COLUMNS = ("index", "path", "person", "origin")
_TEXTS, _PAIRS, _GROUPS = "texts", "pairs of texts", "lists of texts"
KEYS = {
    "photos": "a text", "size": "a number of pixels", "channels": "1 or 3",
    "cut": "a way to cut faces", "table": "a text", "people": "names", "ignored": _TEXTS,
    "dropped": _TEXTS,
    "skipped": _PAIRS, "duplicates": _GROUPS,
}  # fmt: skip


class PackedImages(LazyImages):
    """Rows of a .npy file of shape (N, S, S, C), uint8, which is opened for each reading.

    Parameters
    ----------
    path : Path
    channels : int, optional
        1 or 3, if not as they were stored.

    Raises
    ------
    FolderError
        The file is missing, or damaged, or holds something else.
    """

    def __init__(self, path: Path, channels: int | None = None):
        (count, size, _, self.stored), self.offset = _header(path)
        super().__init__(count, size, channels or self.stored)
        self.path = path

    def read(self, rows: np.ndarray) -> np.ndarray:
        size, _, channels = self.one
        stored = np.empty((len(rows), size, size, self.stored), np.uint8)
        with self.path.open("rb", buffering=0) as file:
            for image, row in zip(stored, rows.tolist(), strict=True):
                file.seek(self.offset + row * image.size)
                if file.readinto(image.reshape(-1).data) != image.size:
                    raise FolderError(f"{self.path} ends before row {row}: pack the faces anew")
        if channels == self.stored:
            return stored
        out = np.empty((len(rows), *self.one), np.uint8)
        for image, crop in zip(out, stored, strict=True):
            image[...] = in_channels(crop, channels)
        return out


def is_pack(folder: Path) -> bool:
    """Return whether a folder holds packed faces."""
    return (folder / ABOUT).is_file() and (folder / ARRAY).is_file()


def read_pack(folder: str | Path, size: int | None = None, channels: int | None = None) -> Faces:
    """Return packed faces as `read_faces` gave them; their pixels stay on the disk.

    Parameters
    ----------
    folder : str or path
    size : int, optional
        The side that is needed.
    channels : {None, 1, 3}
        Grey or RGB, if not as they were packed: the bits are those of reading the folder so.

    Raises
    ------
    FolderError
        A file is missing or damaged, the files are not of one pack, or the faces have another size
        or no colours.
    """
    folder = Path(folder)
    about = _about(folder / ABOUT)
    if size is not None and about["size"] != size:
        raise FolderError(
            f"{folder} holds faces of {about['size']} pixels, and these would be of {size}: pack "
            f"the photos with --size {size}"
        )
    if about.get("asked") == 1 and channels == 3:
        raise FolderError(
            f"{folder} holds grey faces, as --channels 1 made them, and colours are wanted: pack "
            "the photos without --channels"
        )
    images = PackedImages(folder / ARRAY, channels)
    paths, names, origins = _table(folder / TABLE, about["table"])
    if len(images) != len(paths) or images.one[0] != about["size"]:
        raise FolderError(
            f"{folder}: {ARRAY} holds {len(images)} faces of {images.one[0]} pixels, and {TABLE} "
            f"and {ABOUT} say {len(paths)} of {about['size']}: pack the faces anew"
        )
    people = tuple(about["people"])
    number = {name: i for i, name in enumerate(people)}
    unknown = next((name for name in names if name not in number), None)
    if unknown is not None:
        raise FolderError(f"{folder / TABLE}: nobody in {ABOUT} is called {shortened(unknown)}")
    return Faces(
        images=images,
        labels=np.array([number[name] for name in names], np.int64),
        people=people,
        paths=paths,
        skipped=tuple((path, reason) for path, reason in about["skipped"]),
        ignored=tuple(about["ignored"]),
        dropped=tuple(about["dropped"]),
        duplicates=tuple(tuple(group) for group in about["duplicates"]),
        cut=about["cut"],
        origins=origins,
    )


def table_digest(data: bytes) -> str:
    """Return 16 hex digits of the bytes of a table: those that its pack has written down."""
    return hashlib.sha256(data).hexdigest()[:16]


def _header(path: Path) -> tuple[tuple[int, ...], int]:
    """Return the shape of a whole file of faces, and where its pixels begin."""
    try:
        with path.open("rb") as file:
            header = read_header(file)
    except (OSError, ValueError) as error:
        reason = printable(str(error))[:300]
        raise FolderError(
            f"{path}: not a whole .npy file ({reason}): pack the faces anew"
        ) from None
    shape = header.shape
    square = len(shape) == 4 and shape[0] > 0 and shape[1] == shape[2] > 0 and shape[3] in (1, 3)
    if header.dtype != np.uint8 or header.fortran or not square:
        raise FolderError(
            f"{path}: packed faces are uint8 of shape (N, S, S, 1 or 3), got {header.dtype} "
            f"{shortened(shape)}"
        )
    return shape, header.offset


def _about(path: Path) -> dict:
    """Read what a pack says of itself, and check it."""
    try:
        about = json_object(read_whole(path))
    except OSError as error:
        raise FolderError(f"{path}: cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise FolderError(f"{path}: damaged, it is {error}") from None
    if about.get("format") != FORMAT:
        found = shortened(about.get("format"), 40)
        raise FolderError(f"{path}: not of packed faces, its format is {found}, not {FORMAT!r}")
    for key, kind in KEYS.items():
        if not _fits(about.get(key), kind):
            found = shortened(about.get(key), 60)
            raise FolderError(f"{path}: damaged, its {key!r} is {found} and not {kind}")
    return about


def _fits(value: object, kind: str) -> bool:
    if kind == "a text":
        return is_text(value)
    if kind == "a way to cut faces":
        return isinstance(value, str) and are_words(value)
    if kind == "a number of pixels":
        return type(value) is int and 0 < value <= MOST_SIDE
    if kind == "1 or 3":
        return type(value) is int and value in (1, 3)
    if not isinstance(value, list):
        return False
    if kind == "names":
        return all(map(is_person_name, value)) and len(set(value)) == len(value)
    if kind == _TEXTS:
        return all(map(is_text, value))
    length = 2 if kind == _PAIRS else None
    return all(
        isinstance(one, list) and length in (None, len(one)) and all(map(is_text, one))
        for one in value
    )


def _table(path: Path, expected: str) -> tuple[tuple[str, ...], list[str], tuple[str, ...]]:
    """Return the path, the person and the origin of each row."""
    paths: list[str] = []
    names: list[str] = []
    origins: list[str] = []
    same: dict[str, str] = {}  # one object for a text that comes again
    try:
        data = read_whole(path)
        if (found := table_digest(data)) != expected:
            raise ValueError(f"its digest is {found}, and {ABOUT} says {shortened(expected, 40)}")
        rows = csv.reader(io.StringIO(data.decode(), newline=""), strict=True)
        if tuple(next(rows, ())) != COLUMNS:
            raise ValueError(f"its columns are not {', '.join(COLUMNS)}")
        for i, (index, name, person, origin) in enumerate(rows):
            if index != str(i):
                raise ValueError(f"row {i} has index {shortened(index)}")
            paths.append(name)
            names.append(same.setdefault(person, person))
            origins.append(name if origin == name else same.setdefault(origin, origin))
    except OSError as error:
        raise FolderError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, csv.Error) as error:
        raise FolderError(f"{path}: damaged, {error}: pack the faces anew") from None
    return tuple(paths), names, tuple(origins)
