"""JPEGs are encoded in memory, and then written.

Left to write by itself, Pillow hands the encoder's bytes to the system and looks for an error, but
not how many were taken. A disk that becomes full takes some of them, and what is left is half a
photo without a word. (Its PNGs go through Python's files, which look.)
"""

from io import BytesIO
from pathlib import Path

from PIL import Image

from .atomic import replacing


def write_jpeg(path: str | Path, image: Image.Image, quality: int, **options: object) -> None:
    """Write an image, atomically, with Pillow's `options` for JPEG.

    Raises
    ------
    OSError
        As `replacing`.
    """
    encoded = BytesIO()
    image.save(encoded, "JPEG", quality=quality, **options)
    with replacing(path) as temporary:
        temporary.write_bytes(encoded.getvalue())
