"""From the bytes of a photo to upright pixels, or to the reason why not.

A photo file is more than its pixels. A phone held upright stores them sideways and adds an EXIF
note, "turn me by 90 degrees". A PNG may be transparent, a print file has four inks, a scan 16 bits
a pixel. None of this is the learner's problem, so it ends here: whatever goes in, out comes one
plain array, the right way up, with values 0..255 in RGB order, or in one channel when the photo
has no colour. And what cannot be read becomes one sentence that a person understands.
"""

import os
import warnings
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

# Pillow also opens vector files (EPS starts Ghostscript), video and scientific data. A photo folder
# needs none of these, so they are never tried, whatever a file's name says.
_WANTED = {"AVIF", "BMP", "GIF", "JPEG", "JPEG2000", "MPO", "PNG", "PPM", "TIFF", "WEBP"}
Image.init()
_FORMATS = sorted(_WANTED & set(Image.OPEN))
_HEIC = {".heic", ".heif"}

EXTENSIONS = frozenset(
    _HEIC | {e for e, f in Image.registered_extensions().items() if f in _WANTED}
)
"""Lower-case endings of photo files. HEIC is among them so that it is refused with a reason."""


class PhotoError(ValueError):
    """A photo that cannot be read: `path`, and `reason` in a person's words."""

    def __init__(self, path: str | os.PathLike, reason: str):
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"{os.fspath(self.path)}: {self.reason}"


def read_photo(path: str | os.PathLike) -> np.ndarray:
    """Read a photo file as upright pixels.

    Parameters
    ----------
    path : str or path
        The file. Its bytes are read by Python, so any Unicode name works; its content decides how
        they are decoded, whatever its ending. Of an animation, the first image is taken.

    Returns
    -------
    ndarray of shape (H, W, 3) or (H, W, 1), uint8
        Upright (all eight EXIF orientations are undone), in RGB order, or one channel if the file
        stores grey. Transparent parts lie on white; 16-bit grey is scaled to 8 bits.

    Raises
    ------
    PhotoError
        If there is nothing to read: with the path and the reason.
    """
    return decode_photo(read_bytes(path), path)


def read_bytes(path: str | os.PathLike) -> bytes:
    """The content of a file; PhotoError with the reason if it cannot be opened or is empty."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise PhotoError(path, f"the file cannot be opened ({error.strerror})") from None
    if not data:
        raise PhotoError(path, "the file is empty (0 bytes): copy it again")
    return data


def decode_photo(data: bytes, path: str | os.PathLike) -> np.ndarray:
    """Decode the bytes of a photo; `path` only names it in the error. See `read_photo`."""
    try:
        with warnings.catch_warnings():
            # Harmless oddities, such as a broken EXIF date, are not worth a line; size is.
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(BytesIO(data), formats=_FORMATS) as image:
                # `open` reads the header only: a truncated file fails when its pixels are loaded.
                image.load()
                return _pixels(ImageOps.exif_transpose(image))
    except Exception as error:  # A damaged file makes a decoder raise almost anything.
        raise PhotoError(path, _reason(error, data)) from None


def _pixels(image: Image.Image) -> np.ndarray:
    """An upright Pillow image of any mode as an array of shape (H, W, 3) or (H, W, 1), uint8."""
    if image.mode == "F":
        raise ValueError("floating-point pixels have no agreed white; save it as 8-bit PNG or JPEG")
    if image.mode == "I" or image.mode.startswith("I;16"):
        return _eight_bits(image)[..., None]
    if image.has_transparency_data:
        image = _on_white(image)
    pixels = np.array(image.convert("L" if image.mode in ("1", "L") else "RGB"))
    return pixels.reshape(*pixels.shape[:2], -1)


def _eight_bits(image: Image.Image) -> np.ndarray:
    """Scale 16-bit grey to 8 bits: 65535 becomes 255, since 65535 = 255 * 257.

    Returns an array of shape (H, W), uint8. Pillow's own `convert` clips at 255 instead, which
    turns a 16-bit photo white.
    """
    values = np.asarray(image).astype(np.int32)
    if values.min() < 0 or values.max() > 65535:
        raise ValueError(
            f"32-bit grey ({values.min()}..{values.max()}) has no agreed white; "
            "save it as 8-bit PNG or JPEG"
        )
    grey = ((values + 128) // 257).astype(np.uint8)
    # A PNG may declare one grey value transparent; it lies on white like all transparency.
    grey[values == image.info.get("transparency", -1)] = 255
    return grey


def _on_white(image: Image.Image) -> Image.Image:
    """Lay a partly transparent image on white; grey stays grey ('L'), the rest becomes 'RGB'."""
    has_colour = image.mode not in ("1", "L", "LA")
    layer = image.convert("RGBA" if has_colour else "LA")
    plain = "RGB" if has_colour else "L"
    canvas = Image.new(plain, layer.size, "white")
    canvas.paste(layer.convert(plain), mask=layer.getchannel("A"))
    return canvas


def _reason(error: Exception, data: bytes) -> str:
    """What went wrong, and what to do about it, in one sentence."""
    if isinstance(error, (Image.DecompressionBombError, Image.DecompressionBombWarning)):
        return f"too many pixels to open safely; make the photo smaller ({error})"
    if isinstance(error, UnidentifiedImageError):
        if data[4:8] == b"ftyp" and data[8:11] in (b"hei", b"hev", b"mif", b"msf"):
            return "HEIC photos are not supported: save it as JPEG"
        return f"not a photo, or one too damaged to recognise (it starts with {data[:12]!r})"
    if "truncated" in str(error).lower():
        return f"the file is truncated: copy it again ({error})"
    return f"the image cannot be decoded: {str(error) or type(error).__name__}"
