"""From an opened image of any kind to 8-bit grey or RGB.

A file says what its numbers mean: levels of grey, places in a palette, amounts of four inks, light
that shines through a transparent part. Here each becomes light on a screen, 0..255:

    palette         p  ->  palette[p]
    four inks       (c, m, y, k)  ->  r = (1 - c) (1 - k), likewise g from m and b from y
    alpha           c, a  ->  a c + (1 - a) 255, which lays the image on white
    deep levels     v  ->  255 (v - black) / (white - black), rounded

The last line needs `white`, and this is where files disagree. With 16 bits it is 65535 (4095 with
12 bits), by the formats' own rules. 32-bit and floating-point numbers have no rule. The habit is
1, 255 or 65535, so the smallest of them that no value exceeds is taken, and if even the brightest
value lies far below it, or one below 0, the photo is refused: a guess would give a black face.

Colour profiles (ICC) are not applied. This costs a photo in a wide gamut a little saturation, and
faces are found and told apart as before.
"""

import numpy as np
from PIL import Image

from .why_unreadable import Refusal

BACKGROUND = "white"
"""What shines through where a photo is transparent."""

_GREY = {"1", "L", "LA", "La"}
_WHITES = (1, 255, 65535)
_DARKEST = 0.05  # The least value that is believed as the brightest, as a part of white.
_BITS, _PHOTOMETRIC, _WHITE_IS_ZERO = 258, 262, 0  # TIFF's words.
_BAND = 2**18  # Pixels that are converted at a time.


def eight_bits(image: Image.Image) -> np.ndarray:
    """Return the pixels of a loaded image.

    The image is converted in bands of rows, so that no third copy of a large photo lies in memory
    beside the image and the result.

    Returns
    -------
    ndarray of shape (H, W, 3) or (H, W, 1), uint8
        RGB, or one channel where the image stores grey.

    Raises
    ------
    Refusal
        The values have no agreed white.
    """
    width, height = image.size
    deep = image.mode in ("I", "F") or image.mode.startswith("I;16")
    ends = _black_and_white(image) if deep else None
    mode = "L" if ends or _stores_grey(image) else "RGB"
    channels = len(mode)
    pixels = np.empty((height, width, channels), np.uint8)
    rows = max(1, _BAND // width)
    for top in range(0, height, rows):
        band = image.crop((0, top, width, min(top + rows, height)))
        flat = _scaled(band, *ends) if ends else np.asarray(_plain(band, mode))
        pixels[top : top + rows] = flat.reshape(-1, width, channels)
    return pixels


def _stores_grey(image: Image.Image) -> bool:
    """Return whether an image is grey. A GIF has only palettes, and these may be all grey."""
    if image.mode == "P":
        colours = np.reshape(image.getpalette("RGB") or [], (-1, 3))
        return bool((colours == colours[:, :1]).all())
    return image.mode in _GREY


def _plain(image: Image.Image, mode: str) -> Image.Image:
    """Convert at most 8 bits per channel to 'L' or 'RGB'; transparent parts go on BACKGROUND."""
    if not image.has_transparency_data:
        return image.convert(mode)
    layer = image.convert("LA" if mode == "L" else "RGBA")
    canvas = Image.new(mode, layer.size, BACKGROUND)
    canvas.paste(layer.convert(mode), mask=layer.getchannel("A"))
    return canvas


def _scaled(image: Image.Image, black: float, white: float) -> np.ndarray:
    """Return deep grey as uint8 of shape (H, W), such that `black` becomes 0 and `white` 255."""
    values = np.asarray(image)
    if not np.isfinite(values).all():
        raise Refusal("floating-point pixels with NaN or infinity: save it as 8-bit PNG or JPEG")
    levels = values.astype(np.float32)
    levels -= black
    levels *= 255 / (white - black)
    grey = np.rint(levels).astype(np.uint8)
    # A PNG may declare one value transparent. Pillow's own conversions would miss it here.
    grey[values == image.info.get("transparency", -1)] = 255
    return grey


def _black_and_white(image: Image.Image) -> tuple[float, float]:
    """Return the values of a deep image that mean black and white."""
    tags = getattr(image, "tag_v2", {})  # Only a TIFF has them.
    if image.mode.startswith("I;16"):
        white = 2 ** tags.get(_BITS, (16,))[0] - 1
    elif image.mode == "I" and image.format == "PPM":
        white = 65535  # Pillow has scaled it from the file's own white.
    else:
        white = _likely_white(image)
    return (white, 0) if tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO else (0, white)


def _likely_white(image: Image.Image) -> int:
    """Return the habitual white of 32-bit or floating-point values; see the module."""
    low, high = np.ravel(image.getextrema())  # of one channel, so two numbers
    white = next((white for white in _WHITES if high <= white), None)
    if low < 0 or white is None or 0 < high < _DARKEST * white:
        kind = "floating-point" if image.mode == "F" else "32-bit"
        raise Refusal(
            f"{kind} pixels from {low:g} to {high:g} have no agreed white, such as 1, 255 or "
            "65535: save it as 8-bit PNG or JPEG"
        )
    return white
