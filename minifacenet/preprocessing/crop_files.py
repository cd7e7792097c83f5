"""One photo file goes in; its crops on disk and its entry in the manifest come out.

A crop is an 8-bit PNG: grey if the photo is, without EXIF, with the photo's name and the settings
as text inside. So each crop says what it is: see crop_note.py.
"""

from __future__ import annotations

import errno
import hashlib
import os
import zlib
from collections.abc import Generator
from contextlib import closing
from dataclasses import asdict, replace
from io import BytesIO
from itertools import chain
from pathlib import Path

import numpy as np
from PIL import Image

from ..files.atomic import WriteError, replacing
from ..machine.places import at_hand
from ..machine.workers import Died, Engine, in_processes
from . import boxes
from .choose_and_cut import CropSettings, Face, cut
from .crop_note import is_crop, noted
from .crop_places import crop_file
from .detector import Detector
from .manifest import Entry
from .mtcnn import default_file
from .photo import PhotoError, decode_reduced, read_bytes

# Errors in the name or the folder of one crop. The next crop meets all others, such as a full disk,
# too.
OF_ONE_FILE = {
    errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ, errno.ELOOP, errno.ENOTDIR, errno.EISDIR,
    errno.EEXIST, errno.EACCES, errno.EPERM,
}  # fmt: skip
TOGETHER = 4  # photos on their way to another machine: what a death there costs
PHOTOS_A_WORKER = 8  # a process takes a second to start, so few photos need no second one
# Five times as fast as zlib's search for repetitions, which photos hardly have; 3 % more bytes.
QUICK = {"compress_level": 1, "compress_type": zlib.Z_RLE}
FACE_ALREADY = Face(0, reason="already a face cut out by align")


class Cropper:
    """A function from a photo's path to its `Entry`, which writes its crops: one per process."""

    def __init__(
        self,
        photos: Path,
        out: Path,
        settings: CropSettings,
        weights: str | os.PathLike | None,
        crops: dict,
    ):
        self.photos, self.out, self.settings, self.crops = photos, out, settings, crops
        self.detector = None
        if settings.crop != "centre":
            thresholds = (0.6, 0.7, settings.min_score)
            found = None if weights is None else at_hand(weights)
            self.detector = Detector(found, settings.min_size, thresholds)

    def __call__(self, name: str) -> Entry:
        try:
            data = read_bytes(self.photos / name)
            if self.detector is not None and is_crop(data):
                return Entry(name, self.settings.select, content(data), (FACE_ALREADY,), ("",))
            photo, scale = decode_reduced(data, name)
            found = cut(photo, self.settings, self._detect(scale), scale)
        except PhotoError as error:
            return lost(name, error.reason)
        except Exception as error:  # whatever one photo does, the others go on
            return lost(name, f"unexpected {type(error).__name__}: {error}")
        written = [(*self._written(name, face, crop), crop) for face, crop in found]
        # A crop that could not be written is tried again: an entry without content is not believed.
        whole = all(file for _, file, crop in written if crop is not None)
        faces, files, _ = zip(*written, strict=True)
        rule = "already cropped" if self.detector is None else self.settings.select
        return Entry(name, rule, content(data) if whole else "", faces, files)

    def _detect(self, scale: int):
        if self.detector is None:
            return None
        self.detector.min_size = max(12, self.settings.min_size / scale)
        return self.detector.detect

    def _written(self, name: str, face: Face, crop: np.ndarray | None) -> tuple[Face, str]:
        """Return the face and its crop's file, or '' if it has none; the face gives the reason.

        OSError is raised where no photo's crop could be written.
        """
        if crop is None:
            return face, ""
        file = crop_file(self.crops[name], face.number if self.settings.select == "all" else 1)
        buffer = BytesIO()
        image = Image.fromarray(crop[..., 0] if crop.shape[2] == 1 else crop)
        image.save(buffer, "PNG", **QUICK)
        note = {"photo": name, **asdict(self.settings)}
        try:
            with replacing(self.out / file) as temporary:
                temporary.write_bytes(noted(buffer.getvalue(), note))
        except WriteError as error:
            if error.errno not in OF_ONE_FILE:
                raise
            return replace(face, reason=f"its crop cannot be written ({error.reason})"), ""
        return face, file


class _Travelling:
    """A `Cropper` that learns with each photo where its crops go: the places of a million photos
    need not be known to every process."""

    def __init__(self, photos: Path, out: Path, settings: CropSettings, weights: Path | None):
        self.cropper = Cropper(photos, out, settings, weights, {})

    def __call__(self, item: tuple[str, str]) -> Entry:
        name, place = item
        self.cropper.crops = {name: place}
        return self.cropper(name)


def cropped(names: list[str], arguments: tuple, workers: int | Engine) -> Generator[Entry]:
    """Yield the entries of photos, in the order in which they are ready, by several processes.

    `arguments` are those of `Cropper`. Close it where it may be left early: see machine/workers.py.
    """
    alone = 0
    if isinstance(workers, int):
        workers = min(workers, len(names) // PHOTOS_A_WORKER)
        if workers < 2:
            if names:
                yield from map(Cropper(*arguments), names)
            return
        # The first process compiles the kernels for all: at the same time they would do the same
        # work, and write the same files.
        alone = 0 if boxes.compiled() else 1
    photos, out, settings, weights, places = arguments
    photos, out = Path(photos).absolute(), Path(out).absolute()  # others have other current folders
    if settings.crop != "centre":
        weights = Path(weights or default_file()).absolute()
    shared = {"reads": lambda item: photos / item[0], "writes": out, "together": TOGETHER}
    arguments, items = (photos, out, settings, weights), [(name, places[name]) for name in names]
    first = in_processes(items[:alone], _Travelling, arguments, 1, **shared)
    rest = in_processes(items[alone:], _Travelling, arguments, workers, **shared)
    with closing(first), closing(rest):
        for (name, _), entry in chain(first, rest):
            if isinstance(entry, Died):
                reason = "the process that read it ended: the file may be damaged, or memory short"
                yield lost(name, reason)
            else:
                yield entry


def lost(name: str, reason: str) -> Entry:
    """Return the entry of a photo that could not be read, without content, so that the next run
    tries again. A missing package may be there by then."""
    return Entry(name, "", "", (Face(0, reason=reason),), ("",))


def content(data: bytes) -> str:
    """Return 16 hex digits of the SHA-256 of a file's bytes."""
    return hashlib.sha256(data).hexdigest()[:16]
