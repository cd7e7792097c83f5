"""Pictures that we drew are known by their comment, and damaged or foreign ones are not."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from minifacenet.album.drawn import _note
from minifacenet.preprocessing.pictures import _is_show

from ..preprocessing.made_files import encoded
from .forms import mutated_jpeg
from .fuzzing import Reader, fuzzed

FILE = Path("photo")


def drawn() -> list[bytes]:
    image = Image.new("RGB", (8, 8))
    words = ("minifacenet", "minifacenet 0123456789abcdef", b"\xff\xfe", "")
    return [encoded(image, "JPEG", quality=90, comment=comment) for comment in words]


def read_drawn(data: bytes) -> None:
    """Ask whether a picture is one that we drew."""
    FILE.write_bytes(data)
    assert isinstance(_note(FILE), str)
    assert _is_show(FILE) in (True, False)


fuzzed(
    Reader(
        name="fuzz-drawn",
        what="pictures in the folders of `align --show` and `album`: ours, or not",
        read=read_drawn,
        seeds=drawn,
        errors=(),
        guided_by=("minifacenet.album.drawn", "minifacenet.preprocessing.pictures", "PIL"),
        mutate=mutated_jpeg,
    )
)
