"""The note of a crop, in a chunk of its PNG: words and a name come out, whatever it says."""

from __future__ import annotations

import json
from io import BytesIO
from random import Random

from PIL import Image

from minifacenet.preprocessing.crop_note import (
    KEY,
    how_cut,
    is_crop,
    noted,
    untouched_photo,
    with_photo,
)

from .forms import chunks_of, mutated_png, png_of
from .fuzzing import Inner, Reader, fuzzed
from .mutations import json_text, mutated_json

NOTE = {"crop": "aligned", "template": "portrait", "margin": 0.1, "photo": "Ada/1.jpg"}
PATHS = ("Ada/1.png", "first/Ada/1.png", "1.png")


def small_png() -> bytes:
    file = BytesIO()
    Image.new("RGB", (3, 2), "red").save(file, "PNG")
    return file.getvalue()


def seeds() -> list[bytes]:
    png = small_png()
    notes = (NOTE, {**NOTE, "crop": "box"}, {**NOTE, "crop": "centre", "margin": 0})
    return [png, *(noted(png, note) for note in notes)]


def mutated_note(data: bytes, rng: Random, inner: Inner) -> bytes | None:
    """Damage the JSON of the note, or the PNG around it."""
    chunks, key = chunks_of(data), f"{KEY}\0".encode()
    at = [i for i, (name, content) in enumerate(chunks or []) if content.startswith(key)]
    if not chunks or not at or rng.random() < 0.3:
        return mutated_png(data, rng, inner)
    text = chunks[at[0]][1][len(key) :]
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        text = inner(text)
    else:
        text = json_text(mutated_json(value, rng), rng)
    chunks[at[0]] = (b"tEXt", key + text)
    return png_of(chunks)


def read(data: bytes) -> None:
    for path in PATHS:
        cut, photo = how_cut(data, path)
        assert isinstance(cut, str)
        assert isinstance(photo, str)
        assert photo
    crop, photo = is_crop(data), untouched_photo(data)
    assert photo is None or (crop and isinstance(photo, str)), photo
    if photo is not None:
        assert untouched_photo(with_photo(data, "b/2.jpg")) == "b/2.jpg"


fuzzed(
    Reader(
        name="fuzz-crop-note",
        what="crops whose note in the PNG is damaged, with checksums mended: words and the name of "
        "a photo, whatever it says",
        read=read,
        seeds=seeds,
        errors=(),
        guided_by=("minifacenet.preprocessing.crop_note",),
        mutate=mutated_note,
    )
)
