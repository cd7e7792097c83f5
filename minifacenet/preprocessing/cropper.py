"""One photo file in; its crops on disk and its entry in the manifest out.

A crop is an 8-bit PNG: grey if the photo is, without EXIF, with the photo's name and the settings
as text inside. So a crop says itself what it is: see crop_note.py.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from ..files import replacing
from .crop_note import KEY, is_crop
from .cutting import CropSettings, Face, cut
from .detector import Detector
from .manifest import Entry
from .photo import PhotoError, decode_reduced, read_bytes

FACE_ALREADY = Face(0, reason="already a face cut out by align")


class Cropper:
    """One photo's path in, its `Entry` out, its crops written. Each process makes one of these."""

    def __init__(self, photos: Path, out: Path, settings: CropSettings, weights, crops: dict):
        self.photos, self.out, self.settings, self.crops = photos, out, settings, crops
        self.detector = None
        if settings.crop != "centre":
            thresholds = (0.6, 0.7, settings.min_score)
            self.detector = Detector(weights, settings.min_size, thresholds)

    def __call__(self, name: str) -> Entry:
        try:
            data = read_bytes(self.photos / name)
            if self.detector is not None and is_crop(data):
                return Entry(name, self.settings.select, content(data), (FACE_ALREADY,), ("",))
            photo, scale = decode_reduced(data, name)
            faces = cut(photo, self.settings, self._detect(scale), scale)
        except PhotoError as error:
            return lost(name, error.reason)
        except Exception as error:  # whatever one photo does, the others go on
            return lost(name, f"unexpected {type(error).__name__}: {error}")
        files = ["" if crop is None else self._write(name, face, crop) for face, crop in faces]
        rule = "already cropped" if self.detector is None else self.settings.select
        return Entry(name, rule, content(data), tuple(face for face, _ in faces), tuple(files))

    def _detect(self, scale: int):
        if self.detector is None:
            return None
        self.detector.min_size = max(12, self.settings.min_size / scale)
        return self.detector.detect

    def _write(self, name: str, face: Face, crop: np.ndarray) -> str:
        more = f".face{face.number}" if self.settings.select == "all" and face.number > 1 else ""
        file = f"faces/{self.crops[name]}{more}.png"
        path = self.out / file
        path.parent.mkdir(parents=True, exist_ok=True)
        note = PngInfo()
        note.add_text(KEY, json.dumps({"photo": name, **asdict(self.settings)}))
        with replacing(path) as temporary:
            image = Image.fromarray(crop[..., 0] if crop.shape[2] == 1 else crop)
            image.save(temporary, "PNG", pnginfo=note)
        return file


def lost(name: str, reason: str) -> Entry:
    """The entry of a photo that could not be read: without a content, so that the next run tries
    again. A package may be there by then."""
    return Entry(name, "", "", (Face(0, reason=reason),), ("",))


def content(data: bytes) -> str:
    """16 hex digits of the SHA-256 of a file's bytes."""
    return hashlib.sha256(data).hexdigest()[:16]


def crop_names(photos: list[str]) -> dict[str, str]:
    """Where the crop of each photo goes, below `faces/`, without '.png'; no two the same.

    'Ada/1.jpg' gives 'Ada/1'. It keeps its ending, 'Ada/1.jpg', where 'Ada/1.png' is there as well,
    or where it could be taken for the second face of another photo, 'Ada/1.face2'. Disks that
    ignore case, or the way in which accents are written, are thought of.
    """

    def without_ending(photo):
        return photo[: photo.rindex(".")]

    def seen_by_a_disk(name):
        return unicodedata.normalize("NFC", name).casefold()

    stems = Counter(seen_by_a_disk(without_ending(photo)) for photo in photos)
    names = {}
    for photo in photos:
        stem = without_ending(photo)
        alone = stems[seen_by_a_disk(stem)] == 1 and not re.search(r"\.face[0-9]+$", stem)
        names[photo] = stem if alone and Path(stem).name else photo
    return names
