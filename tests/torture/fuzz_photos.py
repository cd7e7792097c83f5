"""Photos of all kinds, damaged: upright pixels come out, or one line that says why not."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from random import Random

import numpy as np
from PIL import Image

from minifacenet.preprocessing.jpeg import check_cost
from minifacenet.preprocessing.photo import PhotoError, decode_reduced
from minifacenet.preprocessing.photo_facts import photo_facts
from minifacenet.preprocessing.why_unreadable import Refusal

from ..preprocessing.made_files import encoded, jpeg_of_nothing
from ..preprocessing.test_photo_kinds import KINDS
from .forms import mutated_exif, mutated_jpeg, mutated_photo
from .fuzzing import Inner, Reader, fuzzed

MOST = 200_000  # pixels that are decoded: larger ones cost time, and try nothing else
# What photo.py allows: the waves of the largest JPEG, whatever `most_pixels` says, and the pixels.
MEMORY = 7 * 64_000_000 + 2**26
FILE = Path("photo")
EXIF = b"Exif\0\0"
DATE, INNER, GPS = 0x9003, 0x8769, 0x8825


def of_all_kinds() -> list[bytes]:
    photos = [data for data, *_ in KINDS.values()]
    try:
        import pillow_heif
    except ImportError:
        return photos
    file = BytesIO()
    pillow_heif.from_pillow(Image.new("RGB", (64, 64), "red")).save(file, quality=50)
    return [*photos, file.getvalue()]


def decoded(data: bytes) -> np.ndarray:
    """Decode a photo, and check the pixels."""
    photo, scale = decode_reduced(data, "photo", MOST, MOST)
    assert photo.dtype == np.uint8
    assert photo.flags.c_contiguous
    assert photo.ndim == 3
    assert photo.shape[2] in (1, 3)
    assert 0 < photo.size <= 3 * MOST, photo.shape
    assert scale in (1, 2, 4, 8)
    return photo if scale == 1 else photo[:0]


def with_notes() -> list[bytes]:
    """Make photos in the formats that hold EXIF: with an orientation, dates and a place."""
    image, exif = Image.new("RGB", (8, 5), "green"), Image.Exif()
    exif[0x0112], exif[0x0132], exif[0x010F] = 6, "2020:01:02 03:04:05", "Camera"
    exif.get_ifd(INNER)[DATE] = "2021:02:03 04:05:06"
    exif.get_ifd(GPS)[2] = (1.0, 2.0, 3.5)
    kinds = [kind for kind in ("JPEG", "PNG", "WEBP", "TIFF", "AVIF", "MPO") if kind in Image.SAVE]
    photos = [encoded(image, kind, exif=exif.tobytes()) for kind in kinds]
    exif[0x0112] = 3
    return [*photos, encoded(image, "JPEG", exif=exif.tobytes())]


def mutated_note(data: bytes, rng: Random, inner: Inner) -> bytes | None:
    """Damage the EXIF alone where it lies in a JPEG, half of the time."""
    start = data.find(EXIF)
    if not data.startswith(b"\xff\xd8") or start < 4 or rng.random() < 0.5:
        return mutated_photo(data, rng, inner)
    end = start - 2 + int.from_bytes(data[start - 2 : start], "big")
    note = mutated_exif(data[start:end], rng, inner)[:65000]
    return data[: start - 2] + (len(note) + 2).to_bytes(2, "big") + note + data[end:]


def read_facts(data: bytes) -> None:
    """Read a photo's header: what it says of the size is what comes out."""
    FILE.write_bytes(data)
    facts = photo_facts(FILE)
    assert facts.taken.year >= 1
    try:
        photo = decoded(data)
    except PhotoError:
        return
    if len(photo):
        assert photo.shape[:2] == (facts.height, facts.width)


def jpegs() -> list[bytes]:
    kinds = [data for data, *_ in KINDS.values() if data.startswith(b"\xff\xd8")]
    made = [
        jpeg_of_nothing(8, 8, 3, 2),
        jpeg_of_nothing(60000, 60000),
        jpeg_of_nothing(8, 8, 1, 50),
    ]
    return [*kinds, *made, jpeg_of_nothing(99, 9, 4, 3, 0xC0)]


def read_markers(data: bytes) -> None:
    check_cost(data, 2**20)


OURS = "minifacenet.preprocessing"
PILLOW = ("PIL", "pillow_heif")

fuzzed(
    Reader(
        name="fuzz-photo",
        what="photos of all formats, damaged within their form (checksums and lengths mended) and "
        "without it: upright pixels or one line",
        read=decoded,
        seeds=of_all_kinds,
        errors=(PhotoError,),
        guided_by=(OURS, *PILLOW),
        mutate=mutated_photo,
        memory=MEMORY,
    )
)
fuzzed(
    Reader(
        name="fuzz-exif",
        what="photos with damaged EXIF: date and size by the header, which the decoded pixels have",
        read=read_facts,
        seeds=with_notes,
        errors=(PhotoError,),
        guided_by=(OURS, *PILLOW),
        mutate=mutated_note,
        memory=MEMORY,
    )
)
fuzzed(
    Reader(
        name="fuzz-jpeg-markers",
        what="the walk over a JPEG's markers, before anything is decoded",
        read=read_markers,
        seeds=jpegs,
        errors=(Refusal,),
        guided_by=(f"{OURS}.jpeg",),
        mutate=mutated_jpeg,
    )
)
