"""What a photo's header says: its size as one looks at it, and when it was taken."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from PIL import ExifTags, Image

from .photo import PhotoError, opened, read_bytes
from .why_unreadable import reason_for

_SIDEWAYS = (5, 6, 7, 8)  # EXIF orientations that swap width and height
_DATES = (ExifTags.Base.DateTimeOriginal, ExifTags.Base.DateTimeDigitized)


@dataclass(frozen=True)
class PhotoFacts:
    """The facts of a photo.

    Attributes
    ----------
    width, height : int
        In pixels, upright.
    taken : datetime
        By the camera's note (EXIF), else the file's own date.
    """

    width: int
    height: int
    taken: datetime


def photo_facts(path: str | os.PathLike) -> PhotoFacts:
    """Read a photo's header.

    Raises
    ------
    PhotoError
        It cannot be read; the message has the reason.
    """
    data = read_bytes(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with opened(data) as image:
                width, height = _stored_size(image)
                exif = image.getexif()
                taken, turned = _date(exif), exif.get(ExifTags.Base.Orientation)
    except Exception as error:  # as in `photo`: a damaged file makes a decoder raise anything
        raise PhotoError(path, reason_for(error, data)) from None
    if turned in _SIDEWAYS:
        width, height = height, width
    return PhotoFacts(width, height, taken or _of_file(Path(path)))


def _stored_size(image: Image.Image) -> tuple[int, int]:
    """Return width and height as they lie in the file. Pillow gives those of a TIFF upright."""
    tags = getattr(image, "tag_v2", {})
    size = tags.get(ExifTags.Base.ImageWidth), tags.get(ExifTags.Base.ImageLength)
    return size if image.format == "TIFF" else image.size


def _date(exif: Image.Exif) -> datetime | None:
    try:
        inner = exif.get_ifd(ExifTags.IFD.Exif)
        texts = [inner.get(tag) for tag in _DATES] + [exif.get(ExifTags.Base.DateTime)]
        first = str(next(filter(None, texts)))
        return datetime.strptime(first.strip("\0 ")[:19], "%Y:%m:%d %H:%M:%S")
    except Exception:  # without a date, or with a broken one
        return None


def _of_file(path: Path) -> datetime:
    try:
        return datetime.fromtimestamp(path.stat().st_mtime)
    except (OSError, OverflowError, ValueError):
        return datetime.min
