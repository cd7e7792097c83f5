"""How a folder of people becomes packed faces (packed.py): in one pass, which may be interrupted.

A million photos take the best part of an hour to decode (LFW's to 220 pixels: 2.8 ms of one core
each). While that goes on, OUT holds

    unfinished.npy     the pixels so far, behind the header of the array
    unfinished.keys    33 bytes per row: the SHA-256 of the file that the face came from, and
                       whether it was grey (1) or in colour (3)
    unfinished.json    the photos and the settings

Pixels are on the disk before their keys are, so each key has its row, whenever the power fails. The
next run reads the bytes of each photo again, and while they are those of the keys, in the same
order, it decodes none of them. From the first photo that is new, gone or changed it goes on as if
it had begun there. So the array never depends on interruptions.

Rows are grey until the first photo in colour; then those so far are written once more, with three
equal channels. That is what reading the folder gives: grey only if all photos are grey.
"""

from __future__ import annotations

import hashlib
import os
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.lib import format as npy_format

from ..files.atomic import replacing, sweep, write_csv, write_json
from ..files.locks import locked
from ..files.reading import read_whole
from ..files.stored import json_object
from ..files.words import shortened
from .centre_square import in_channels, square_crop
from .faces import Faces
from .listed_images import Gathered
from .listing import FolderError
from .packed import ABOUT, ARRAY, COLUMNS, FORMAT, TABLE, PackedImages, read_pack, table_digest
from .photo import decode_photo
from .read_folder import read_faces, read_listed
from .results import refuse_among

PIXELS, KEYS, SETTINGS = "unfinished.npy", "unfinished.keys", "unfinished.json"
KEY_BYTES = 33
HEADER = 128  # bytes in front of the pixels, whatever their number
ROWS, SECONDS = 1024, 20  # between two writes, at most


class Packer(Gathered):
    """Gathers faces in files of a folder; those that an interrupted run has gathered stay.

    Parameters
    ----------
    out : Path
    size : int
    channels : {None, 1, 3}
        As in `Gathered`.

    Attributes
    ----------
    earlier : bytes
        The keys of an earlier run whose rows are whole.
    written : int
        The rows on the disk that count: those that were taken over, and those of this run.
    """

    def __init__(self, out: Path, size: int, channels: int | None):
        super().__init__(size, channels, memory=None)
        self.out, self.stored = out, channels or 1
        self.pending: list[tuple[bytes, np.ndarray]] = []
        self.last_write = time.monotonic()
        self.written = 0
        self.earlier = self._earlier()

    def add(self, data: bytes, file: Path) -> None:
        """Add the face that a file's bytes hold; PhotoError if they hold none."""
        content, place = hashlib.sha256(data).digest(), self.written * KEY_BYTES
        if content == self.earlier[place : place + KEY_BYTES - 1]:
            self.deepest = max(self.deepest, self.earlier[place + KEY_BYTES - 1])
            self.written += 1
            return
        crop = square_crop(decode_photo(data, file), self.size)
        if self.earlier:  # its other rows may be in another order; no key outlives its pixels
            _append(self.out / KEYS, place, [])
            self.earlier = b""
        self.deepest = max(self.deepest, crop.shape[2])
        self._store_in(self.channels or max(self.stored, self.deepest))
        self.pending.append((content + bytes([crop.shape[2]]), in_channels(crop, self.stored)))
        if len(self.pending) >= ROWS or time.monotonic() > self.last_write + SECONDS:
            self.write()

    def write(self) -> None:
        """Write what is in memory: first pixels, then keys. What lies behind them is cut off."""
        pixels, keys = self.out / PIXELS, self.out / KEYS
        crops = [crop.tobytes() for _, crop in self.pending]
        _append(pixels, HEADER + self.written * self._row(), crops)
        _append(keys, self.written * KEY_BYTES, [key for key, _ in self.pending])
        self.written += len(self.pending)
        self.pending.clear()
        self.last_write = time.monotonic()

    def images(self) -> PackedImages:
        """Finish the array, and return it."""
        self.write()
        self._store_in(self.channels or self.deepest)
        with _naming(self.out / PIXELS), (self.out / PIXELS).open("r+b") as file:
            file.write(_header(self.written, self.size, self.stored))
            _to_disk(file)
        return PackedImages(self.out / PIXELS)

    def _row(self) -> int:
        return self.size * self.size * self.stored

    def _earlier(self) -> bytes:
        """Return the keys of an earlier run; make the files if there is none."""
        pixels, keys = self.out / PIXELS, self.out / KEYS
        if not keys.exists() or not pixels.exists() or pixels.stat().st_size < HEADER:
            with _naming(pixels):
                pixels.write_bytes(_header(0, self.size, self.stored))
            with _naming(keys):
                keys.write_bytes(b"")
            return b""
        if self.channels is None:
            with pixels.open("rb") as file:
                self.stored = 3 if b", 3)" in file.read(HEADER) else 1
        data = read_whole(keys)
        whole = (pixels.stat().st_size - HEADER) // self._row()
        channels = data[KEY_BYTES - 1 :: KEY_BYTES]
        right = next((i for i, one in enumerate(channels) if one not in (1, 3)), len(channels))
        return data[: min(right, whole) * KEY_BYTES]

    def _store_in(self, channels: int) -> None:
        """Give the rows so far as many channels: three equal ones for one, or one of equal ones."""
        if channels == self.stored:
            return
        self.write()
        before = self._row()
        with (self.out / PIXELS).open("rb") as old, replacing(self.out / PIXELS) as temporary:
            old.seek(HEADER)
            with temporary.open("wb") as new:
                new.write(_header(0, self.size, channels))
                while part := old.read(ROWS * before):
                    pixels = np.frombuffer(part, np.uint8)
                    new.write((np.repeat(pixels, 3) if channels == 3 else pixels[::3]).tobytes())
        self.stored = channels


def pack_faces(
    photos: str | os.PathLike,
    out: str | os.PathLike,
    size: int = 96,
    channels: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    began: Callable[[int], None] = lambda rows: None,
    force: bool = False,
) -> Faces:
    """Pack the photos `photos/person/photo` as one array in `out`, or go on with that.

    Parameters
    ----------
    photos, size, channels, progress
        As in `read_faces`.
    out : path
        A folder of its own.
    began : callable(rows), optional
        Called with the number of faces that an interrupted run may have left.
    force : bool
        Begin anew, whatever `out` holds; packed faces that are there stay until the new ones are
        whole.

    Returns
    -------
    Faces
        Those of `read_pack(out)`.

    Raises
    ------
    FolderError
        As `read_faces`.
    ValueError
        `out` holds packed faces, or an unfinished pack of other photos or settings; or another
        process is at work in it.
    OSError
        The disk is full, or the like; the message names the file.
    """
    photos, out = Path(photos).absolute(), Path(out)
    settings = {"format": FORMAT, "photos": str(photos), "size": size, "channels": channels}
    refuse_among(out, photos)
    with locked(out):
        _begin(out, settings, force)
        packer = Packer(out, size, channels)
        began(len(packer.earlier) // KEY_BYTES)
        try:
            faces = read_faces(
                photos, size, channels, progress, reader=partial(read_listed, gathered=packer)
            )
        except FolderError:
            if not packer.written:  # nothing to go on with, and nothing in the way of another try
                _forget_unfinished(out)
            raise
        finally:
            if (out / KEYS).exists():
                packer.write()
        _finish(out, settings, faces)
        return read_pack(out)


def _forget_unfinished(out: Path) -> None:
    for name in (SETTINGS, KEYS, PIXELS):
        (out / name).unlink(missing_ok=True)


def _begin(out: Path, settings: dict, force: bool) -> None:
    """Check what is in the folder, and write the settings of a new pack."""
    sweep(out)
    if force:
        _forget_unfinished(out)
    elif (out / ABOUT).exists():
        if not (out / PIXELS).exists():
            _forget_unfinished(out)  # killed when all but this was done
            raise ValueError(
                f"{out} holds packed faces already: choose another OUT, or say --force"
            )
    elif (out / ARRAY).exists() and (out / KEYS).exists() and not (out / PIXELS).exists():
        os.replace(out / ARRAY, out / PIXELS)  # killed after the array, and before the table
    if not (out / SETTINGS).exists():
        _forget_unfinished(out)
        write_json(out / SETTINGS, settings)
        return
    try:
        before = json_object(read_whole(out / SETTINGS))
    except ValueError:
        before = {}
    if before != settings:
        photos = shortened(before["photos"]) if "photos" in before else "who knows what"
        raise ValueError(
            f"{out} holds an unfinished pack of {photos} at "
            f"{shortened(before.get('size'), 40)} pixels: choose another OUT, or say --force"
        )


def _finish(out: Path, settings: dict, faces: Faces) -> None:
    """Give the array its name and write the tables; the last file makes the pack whole."""
    rows = zip(faces.paths, (faces.people[i] for i in faces.labels), faces.origins, strict=True)
    (out / ABOUT).unlink(missing_ok=True)
    os.replace(out / PIXELS, out / ARRAY)
    write_csv(out / TABLE, COLUMNS, ((i, *row) for i, row in enumerate(rows)))
    about = {
        **settings,
        "channels": faces.images.shape[3],
        "asked": settings["channels"],
        "cut": faces.cut,
        "table": table_digest(read_whole(out / TABLE)),
        "people": faces.people,
        "skipped": faces.skipped,
        "ignored": faces.ignored,
        "dropped": faces.dropped,
        "duplicates": faces.duplicates,
    }
    write_json(out / ABOUT, about)
    for name in (SETTINGS, KEYS):
        (out / name).unlink()


def _append(path: Path, length: int, parts: Sequence[bytes]) -> None:
    """Cut a file off at a length, and append; all of it is on the disk at the end."""
    with _naming(path), path.open("r+b") as file:
        file.truncate(length)
        file.seek(length)
        for part in parts:
            file.write(part)
        _to_disk(file)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Name the file that cannot be written: Python does when it is opened, and not later."""
    try:
        yield
    except OSError as error:
        raise OSError(f"{path}: cannot be written ({error.strerror})") from None


def _to_disk(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _header(rows: int, size: int, channels: int) -> bytes:
    """Return what stands in a .npy file before the pixels: as long for each number of rows."""
    shape = (rows, size, size, channels)
    text = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}"
    about = text.ljust(HEADER - 11) + "\n"
    return npy_format.magic(1, 0) + struct.pack("<H", len(about)) + about.encode("latin1")
