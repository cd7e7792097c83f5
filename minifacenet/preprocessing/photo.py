"""From the bytes of a photo to upright pixels, or to the reason why not.

A photo file is more than its pixels. A phone held upright stores them sideways and adds an EXIF
note, "turn me by 90 degrees". A PNG may be transparent, a print file has four inks, a scan 16 bits
per pixel. None of this is the learner's problem, so it ends here: whatever goes in, one plain array
comes out, the right way up, with values 0..255 in RGB order, or in one channel when the photo has
no colour. And a file that cannot be read becomes one sentence that a person understands.

Memory is bounded. A header of 30 bytes can promise 10 gigapixels, so the size is read first, and no
more than `MOST_PIXELS` are decoded, at 7 bytes each (8 in a TIFF that must be turned). A larger
JPEG is reduced while it is decoded: JPEG keeps each block of 8 x 8 pixels as 64 waves, and the
coarse waves alone give the same block at 4 x 4, 2 x 2 or 1 x 1. Other formats can only be decoded
whole, so there a larger photo is refused. A progressive JPEG keeps all of its waves until the last
of them has come, on top of the pixels: see jpeg.py; they may take as much again as 64 megapixels.

Time is bounded, too. A file of few bytes can hold a million pieces without content, over each of
which a decoder spends some microseconds: so the number of reads is limited.

Nothing is printed, with one exception: libtiff writes what it finds in a damaged TIFF straight to
standard error, and Pillow has no switch for it. The reason says the same in fewer words.

    jpeg.py              what a JPEG costs, known before it is decoded
    pixel_modes.py       what the numbers in a file mean: palettes, inks, transparency, deep levels
    why_unreadable.py    what a file is, if it is no photo, and what is wrong with it
"""

import logging
import os
import stat
import warnings
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image
from PIL.JpegImagePlugin import JpegImageFile

from .jpeg import check_cost
from .pixel_modes import eight_bits
from .why_unreadable import Refusal, photo_kind, reason_for

MOST_PIXELS = 64_000_000
"""Pixels that are decoded of one photo, unless the caller says otherwise: 8000 x 8000."""
ENOUGH_PIXELS = 16_000_000
"""Pixels of a JPEG that are enough to find and cut out faces: a larger one is reduced."""
MOST_BYTES = 2**30
"""Bytes of a file that is read: twice what 64 megapixels take, with four channels of 16 bits."""
MOST_SIDE = 1_000_000
"""Pixels of a side. Each row costs memory and time of its own, whatever its width."""
MOST_READS = 400_000
"""Calls of `read` by a decoder: some three for each of the pieces that a PNG or GIF comes in. The
largest PNG that is decoded takes half of them, in pieces of the usual 8 kB."""
BYTES_A_PIXEL = 7  # while it is decoded

# Pillow also opens vector files (EPS starts Ghostscript), video and scientific data. A photo folder
# needs none of these, so they are never tried, whatever a file's name says.
_WANTED = {"AVIF", "BMP", "GIF", "JPEG", "JPEG2000", "MPO", "PNG", "PPM", "TIFF", "WEBP"}
Image.init()
logging.getLogger("PIL").addHandler(logging.NullHandler())  # Otherwise its log lands on the screen.
_FORMATS = sorted(_WANTED & set(Image.OPEN))

EXTENSIONS = frozenset(
    {".avif", ".heic", ".heif"}
    | {e for e, f in Image.registered_extensions().items() if f in _WANTED}
)
"""Lower-case endings of photo files. Those that need a package are refused with a reason."""

# The turns that bring the picture in the file upright, by the value of its EXIF note.
_UPRIGHT = {
    1: lambda stored: stored,
    2: lambda stored: stored[:, ::-1],
    3: lambda stored: stored[::-1, ::-1],
    4: lambda stored: stored[::-1],
    5: lambda stored: stored.swapaxes(0, 1),
    6: lambda stored: np.rot90(stored, -1),
    7: lambda stored: stored[::-1, ::-1].swapaxes(0, 1),
    8: lambda stored: np.rot90(stored, 1),
}


class PhotoError(ValueError):
    """The error for an unreadable photo: its `path`, and a `reason` in plain words, on one line."""

    def __init__(self, path: str | os.PathLike, reason: str):
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        # A name in no known encoding holds half characters, which no screen or log file takes.
        name = str(self.path).encode("utf-8", "backslashreplace").decode("utf-8")
        return f"{name}: {self.reason}"


class _Counted(BytesIO):
    """The bytes of a photo, which may be read in a limited number of pieces."""

    left = MOST_READS

    def read(self, size: int | None = -1, /) -> bytes:
        self.left -= 1
        if self.left < 0:
            raise Refusal(f"it is in too many pieces: over {MOST_READS:,} reads. Save it again")
        return super().read(size)


def read_photo(path: str | os.PathLike, most_pixels: int = MOST_PIXELS) -> np.ndarray:
    """Read a photo file as upright pixels.

    Parameters
    ----------
    path : str or path
        The file. Its bytes are read by Python, so any name works, in any Unicode form and in none;
        its content decides how they are decoded, whatever its ending. Of an animation or of several
        pages, the first image is taken. HEIC needs the package pillow-heif.
    most_pixels : int
        Decode no more than this, at 7 bytes of memory each; a progressive JPEG may take as much
        again as MOST_PIXELS do. A larger JPEG comes out at 1/2, 1/4 or 1/8 of its sides; a larger
        photo of another format is refused. Pillow itself refuses more than 179 megapixels in these,
        whatever the value here.

    Returns
    -------
    ndarray of shape (H, W, 3) or (H, W, 1), uint8
        Upright (all eight EXIF orientations are undone), in RGB order, or one channel if the file
        stores grey. Transparent parts lie on white; deep grey is scaled to 8 bits: see
        pixel_modes.py.

    Raises
    ------
    PhotoError
        If the photo cannot be read: with the path and the reason.
    """
    return decode_photo(read_bytes(path), path, most_pixels)


def read_bytes(path: str | os.PathLike) -> bytes:
    """Return the content of a file; raise PhotoError with the reason if it cannot be read."""
    try:
        found = Path(path).stat()
        # Reading a pipe would never end.
        problem = None if stat.S_ISREG(found.st_mode) else "it is a folder or a device"
        if found.st_size > MOST_BYTES:
            problem = f"it has {found.st_size:,} bytes, more than the {MOST_BYTES:,} of any photo"
        # A file without bytes is not opened: some that the system makes up wait for ever.
        data = b"" if problem or not found.st_size else Path(path).read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a name with a null character.
        problem = getattr(error, "strerror", None) or str(error)
    if problem:
        raise PhotoError(path, f"the file cannot be opened ({problem})")
    return data


def decode_photo(
    data: bytes, path: str | os.PathLike, most_pixels: int = MOST_PIXELS
) -> np.ndarray:
    """Decode the bytes of a photo; `path` only names it in the error. See `read_photo`."""
    return decode_reduced(data, path, most_pixels, most_pixels)[0]


def decode_reduced(
    data: bytes,
    path: str | os.PathLike,
    most_pixels: int = MOST_PIXELS,
    enough: int = ENOUGH_PIXELS,
) -> tuple[np.ndarray, int]:
    """Decode the bytes of a photo, a large JPEG at a fraction of its size; return the scale, too.

    `enough` is to a JPEG what `most_pixels` is to all formats; the rest is as in `read_photo`.

    Returns
    -------
    photo : ndarray of shape (H, W, 3) or (H, W, 1), uint8
        As from `read_photo`.
    scale : {1, 2, 4, 8}
        A pixel (x, y) of `photo` covers the pixels from (scale x, scale y) up to, but without,
        (scale (x + 1), scale (y + 1)) of the whole photo, as it is stored. Turned upright, a border
        that is no multiple of `scale` may lie on the other side.
    """
    try:
        with warnings.catch_warnings():
            # Pillow warns of oddities that spoil no pixel, such as a broken EXIF date, and of
            # sizes that are checked here.
            warnings.simplefilter("ignore")
            stored, orientation, scale = _as_stored(data, most_pixels, min(most_pixels, enough))
    except Exception as error:  # A damaged file makes a decoder raise almost anything.
        raise PhotoError(path, reason_for(error, data)) from None
    return np.ascontiguousarray(_UPRIGHT[orientation](stored)), scale


def _as_stored(data: bytes, most_pixels: int, enough: int) -> tuple[np.ndarray, int, int]:
    """Return pixels as they lie in the file, orientation and scale; Pillow's copy is freed."""
    if photo_kind(data) == "a JPEG":
        check_cost(data, BYTES_A_PIXEL * max(most_pixels, MOST_PIXELS))
    with opened(data) as image:
        scale = _reduce(image, enough if image.format == "JPEG" else most_pixels)
        # `opened` reads the header only: a truncated file fails when its pixels are loaded.
        image.load()
        return eight_bits(image), _orientation(image), scale


def opened(data: bytes) -> Image.Image:
    """Return the image with its header read, by the decoder that the first bytes call for."""
    kind = photo_kind(data)
    if kind == "a JPEG":  # `Image.open` refuses 179 megapixels, before they could be reduced.
        return JpegImageFile(_Counted(data))
    if kind == "a HEIC":
        try:
            from pillow_heif import HeifImageFile
        except ImportError:
            raise Refusal(
                "a HEIC photo, which needs the package pillow-heif: "
                "pip install 'minifacenet[heic]', or save it as JPEG"
            ) from None
        return HeifImageFile(_Counted(data))
    return Image.open(_Counted(data), formats=_FORMATS)


def _reduce(image: Image.Image, most_pixels: int) -> int:
    """Let a JPEG decode at 1/scale of its sides if it is too large; returns the scale."""
    width, height = image.size
    scales = [scale for scale in (1, 2, 4, 8) if scale <= min(image.size)]
    for scale in scales if image.format == "JPEG" else [1]:
        if -(-width // scale) * -(-height // scale) <= most_pixels:
            if max(width, height) > MOST_SIDE:
                raise Refusal(f"{width} x {height} pixels: no side may exceed {MOST_SIDE:,}")
            if scale > 1:
                image.draft(None, (width // scale, height // scale))
            return scale
    raise Refusal(
        f"too many pixels: {width} x {height} = {width * height:,}, and at most {most_pixels:,} "
        "are decoded: make the photo smaller, or raise most_pixels"
    )


def _orientation(image: Image.Image) -> int:
    """Return how a loaded image lies in its file, 1 to 8; 1, upright, without an EXIF note."""
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation)
        return orientation if orientation in _UPRIGHT else 1
    except Exception:  # The pixels are whole, so a damaged note is not worth losing them.
        return 1
