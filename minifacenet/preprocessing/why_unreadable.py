"""Say why a file cannot be used as a photo, in one line for a person.

A decoder says "unrecognized data stream contents" or raises a SyntaxError. Whoever has to find one
bad file among thousands needs three other things: what the file is, what is wrong with it, and what
to do. Its first bytes show what a file is, and its name never does: a format begins with a
signature, so that a program can refuse early. A web page saved as `photo.jpg` begins with `<html`.
"""

from PIL import Image, UnidentifiedImageError

LONGEST = 300
"""Characters of a reason. A decoder may quote a whole damaged file."""

_PHOTOS = {
    b"\xff\xd8\xff": "a JPEG",
    b"\x89PNG": "a PNG",
    b"GIF8": "a GIF",
    b"II*\0": "a TIFF",
    b"MM\0*": "a TIFF",
    b"\0\0\0\x0cjP": "a JPEG 2000",
    b"\xff\x4f\xff\x51": "a JPEG 2000",
    b"BM": "a BMP",
}
_OTHERS = {
    b"%PDF": "a PDF document",
    b"%!PS": "PostScript",
    b"PK\x03\x04": "a ZIP archive or an office document",
    b"\x1f\x8b": "a gzip archive",
    b"Rar!": "a RAR archive",
    b"8BPS": "a Photoshop file",
    b"\0\0\1\0": "an icon",
    b"\x1aE\xdf\xa3": "a video (Matroska, WebM)",
    b"\0\0\1\xba": "a video (MPEG)",
    b"FUJIFILM": "a raw photo of a camera",
}
# A "box file" names its brand in its bytes 4 to 12, and compatible brands in those that follow.
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}


class Refusal(ValueError):
    """The error for a photo that is refused on purpose; its text is the whole reason."""


def photo_kind(data: bytes) -> str | None:
    """Return 'a JPEG', 'a HEIC', ... by the first bytes of a photo; None if they are no photo's."""
    if data[4:8] == b"ftyp":
        brand = data[8:12]
        if brand in (b"avif", b"avis") or (brand == b"mif1" and b"avif" in data[16:64]):
            return "an AVIF"
        return "a HEIC" if brand in _HEIC_BRANDS else None
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "a WEBP"
    return next((kind for start, kind in _PHOTOS.items() if data.startswith(start)), None)


def reason_for(error: Exception, data: bytes) -> str:
    """Return what is wrong with the bytes of a photo, and what to do about it, in one line."""
    # Decoders put line breaks and rows of spaces into their messages.
    return " ".join(_sentence(error, data).split())[:LONGEST]


def _sentence(error: Exception, data: bytes) -> str:
    kind = photo_kind(data)
    detail = str(error) or type(error).__name__
    if isinstance(error, Refusal):
        return detail
    if isinstance(error, Image.DecompressionBombError):
        return f"too many pixels to open safely; make the photo smaller ({detail})"
    if isinstance(error, MemoryError):
        return f"{kind or 'a photo'} that does not fit into memory: make it smaller"
    if kind == "an AVIF" and "AVIF" not in Image.OPEN:
        return "an AVIF photo, which needs Pillow 11.3 or newer: update it, or save it as JPEG"
    if isinstance(error, UnidentifiedImageError):
        if kind is None or not data.strip(b"\0"):
            return _what_else(data)
        return f"{kind} too damaged to open: copy it again"
    if "truncated" in detail.lower():
        return f"{kind or 'a photo'} that is truncated: copy it again ({detail})"
    return f"{kind or 'a photo'} too damaged to decode: copy it again ({detail})"


def _what_else(data: bytes) -> str:
    """Return what a file is that is not a photo at all."""
    if not data:
        return "the file is empty (0 bytes): copy it again"
    start = data[:24]
    for signature, kind in _OTHERS.items():
        if data.startswith(signature):
            return f"not a photo but {kind}"
    if data[4:8] == b"ftyp" or (data[:4] == b"RIFF" and data[8:12] == b"AVI "):
        return "not a photo but a video"
    if not data.strip(b"\0"):
        return f"not a photo: {len(data)} zero bytes, as after a copy that failed"
    if all(byte in b"\t\n\r" or 32 <= byte < 127 for byte in start):
        return f"not a photo but text (it starts with {start.decode('ascii')!r})"
    return f"not a photo, or one too damaged to recognise (it starts with {start!r})"
