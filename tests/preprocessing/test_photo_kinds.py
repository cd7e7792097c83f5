"""A table of kinds of photo files: what each must give, pixel by pixel.

Every file is made here. Lossless ones must come out exactly, except where a line names a tolerance.
"""

import struct
from importlib.util import find_spec

import numpy as np
import pytest
from PIL import Image, features

from minifacenet.preprocessing.photo import decode_photo
from minifacenet.preprocessing.pixel_modes import eight_bits
from minifacenet.preprocessing.why_unreadable import Refusal
from tests.conftest import need

from .made_files import encoded, png, tiff, without_segment

ORIENTATION = 0x0112  # The EXIF tag.

# How a camera that writes this orientation has laid the upright picture down in the file.
STORED = {
    1: lambda upright: upright,
    2: lambda upright: upright[:, ::-1],
    3: lambda upright: upright[::-1, ::-1],
    4: lambda upright: upright[::-1],
    5: lambda upright: upright.transpose(1, 0, 2),
    6: lambda upright: np.rot90(upright, 1),
    7: lambda upright: upright[::-1, ::-1].transpose(1, 0, 2),
    8: lambda upright: np.rot90(upright, -1),
}


def smooth(height=40, width=64):
    """A picture without symmetry that a lossy format keeps well, (height, width, 3), uint8."""
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    return np.stack([255 * x, 255 * y, 200 * (1 - x) * y], axis=-1).round().astype(np.uint8)


def luma(rgb):
    return (rgb @ [0.299, 0.587, 0.114]).round().astype(np.uint8)[..., None]


RGB = np.random.default_rng(7).integers(0, 256, (6, 9, 3), dtype=np.uint8)
GREY = RGB[..., :1]
SMOOTH = smooth()
ALPHA = np.random.default_rng(8).integers(0, 256, (6, 9, 1), dtype=np.uint8)
ALPHA[:2] = 0
ALPHA[2:4] = 255
PALETTE = np.random.default_rng(9).integers(0, 256, (16, 3), dtype=np.uint8)
PLACES = np.random.default_rng(10).integers(0, 16, (6, 9), dtype=np.uint8)
DEEP = np.array([[0, 128, 129, 257, 32768, 65535]], np.uint16)
DEEP_AS_8 = [[0, 0, 1, 1, 128, 255]]
FRAMES = [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue", "lime")]
RED = np.full((16, 16, 3), [255, 0, 0])
LAST = {"save_all": True, "append_images": FRAMES[1:]}


def on_white(pixels, alpha=ALPHA):
    return pixels * (alpha / 255) + 255 * (1 - alpha / 255)


def joined(mode, *channels):
    return Image.merge(mode, [Image.fromarray(c.reshape(c.shape[:2])) for c in channels])


def paletted(palette=PALETTE, alpha=False):
    image = joined("PA", PLACES, ALPHA) if alpha else Image.fromarray(PLACES).convert("P")
    image.putpalette(palette.tobytes())
    return image


def inks(rgb):
    """Cyan, magenta and yellow, without black, as an image."""
    return joined("CMYK", *np.moveaxis(255 - rgb, -1, 0), np.zeros_like(rgb[..., 0]))


def lab():
    """White, a grey and sRGB's red. In a file a and b are signed bytes."""
    return Image.frombytes("LAB", (3, 1), bytes([255, 0, 0, 128, 0, 0, 138, 81, 70]))


def grey_rows(levels, depth):
    """One row of a PNG with `depth` bits a level, padded with zero bits."""
    bits = "".join(f"{level:0{depth}b}" for level in levels)
    bits += "0" * (-len(bits) % 8)
    return [int(bits, 2).to_bytes(len(bits) // 8, "big")]


def big_endian(values):
    return [np.asarray(row).astype(">u2").tobytes() for row in values]


# Name: the file, the pixels it must give, and how far they may be off.
KINDS = {
    "RGB in BMP": (encoded(RGB, "BMP"), RGB, 0),
    "RGB in JPEG": (encoded(SMOOTH, "JPEG", quality=95), SMOOTH, 8),
    "RGB in progressive JPEG": (encoded(SMOOTH, "JPEG", quality=95, progressive=True), SMOOTH, 8),
    "RGB in PNG": (encoded(RGB), RGB, 0),
    "RGB in PPM": (encoded(RGB, "PPM"), RGB, 0),
    "RGB in TIFF": (encoded(RGB, "TIFF"), RGB, 0),
    "RGB in TIFF, LZW": (encoded(RGB, "TIFF", compression="tiff_lzw"), RGB, 0),
    "RGB in TIFF, deflate": (encoded(RGB, "TIFF", compression="tiff_adobe_deflate"), RGB, 0),
    "RGB in TIFF, JPEG": (encoded(SMOOTH, "TIFF", compression="jpeg", quality=95), SMOOTH, 12),
    "RGB in lossless WEBP": (encoded(RGB, "WEBP", lossless=True), RGB, 0),
    "RGB in WEBP": (encoded(SMOOTH, "WEBP", quality=95), SMOOTH, 12),
    "RGB in PNG, 16 bits": (
        png(big_endian(RGB.reshape(6, -1) * np.uint16(257)), 9, 16, 2),
        RGB,
        0,
    ),
    "grey in BMP": (encoded(GREY, "BMP"), GREY, 0),
    "grey in GIF": (encoded(GREY, "GIF"), GREY, 0),
    "grey in JPEG": (encoded(SMOOTH[..., :1], "JPEG", quality=95), SMOOTH[..., :1], 4),
    "grey in PGM": (encoded(GREY, "PPM"), GREY, 0),
    "grey in PNG": (encoded(GREY), GREY, 0),
    "grey in TIFF": (encoded(GREY, "TIFF"), GREY, 0),
    "grey in TIFF, white is zero": (tiff(GREY.tobytes(), 9, 6, 8, photometric=0), 255 - GREY, 0),
    "grey in PNG, 2 bits": (png(grey_rows([0, 1, 2, 3], 2), 4, 2, 0), [[0, 85, 170, 255]], 0),
    "grey in PNG, 4 bits": (png(grey_rows([0, 1, 8, 15], 4), 4, 4, 0), [[0, 17, 136, 255]], 0),
    "1 bit in PNG": (encoded(Image.fromarray(GREY[..., 0] > 127)), 255 * (GREY > 127), 0),
    "1 bit in PBM": (encoded(Image.fromarray(GREY[..., 0] > 127), "PPM"), 255 * (GREY > 127), 0),
    "1 bit in TIFF, fax": (
        encoded(Image.fromarray(GREY[..., 0] > 127), "TIFF", compression="group4"),
        255 * (GREY > 127),
        0,
    ),
    "grey palette in PNG": (encoded(paletted(PALETTE[:, [0, 0, 0]])), PALETTE[PLACES][..., :1], 0),
    "grey palette in PNG, one level transparent": (
        encoded(paletted(PALETTE[:, [0, 0, 0]]), transparency=3),
        np.where(PLACES[..., None] == 3, 255, PALETTE[PLACES][..., :1]),
        0,
    ),
    "palette in BMP": (encoded(paletted(), "BMP"), PALETTE[PLACES], 0),
    "palette in GIF": (encoded(paletted(), "GIF"), PALETTE[PLACES], 0),
    "palette in PNG": (encoded(paletted()), PALETTE[PLACES], 0),
    "palette in TIFF": (encoded(paletted(), "TIFF"), PALETTE[PLACES], 0),
    "palette in GIF, one colour transparent": (
        encoded(paletted(), "GIF", transparency=3),
        np.where(PLACES[..., None] == 3, 255, PALETTE[PLACES]),
        0,
    ),
    "palette in PNG, one colour transparent": (
        encoded(paletted(), transparency=3),
        np.where(PLACES[..., None] == 3, 255, PALETTE[PLACES]),
        0,
    ),
    "palette in PNG, alpha for each colour": (
        encoded(paletted(), transparency=bytes(range(0, 256, 16))),
        on_white(PALETTE[PLACES], PLACES[..., None] * 16.0),
        1,
    ),
    "grey and alpha in PNG": (encoded(joined("LA", GREY, ALPHA)), on_white(GREY), 1),
    # Pillow opens this one as RGBA.
    "grey and alpha in PNG, 16 bits": (
        png(big_endian(np.dstack([GREY, ALPHA]).reshape(6, -1) * np.uint16(257)), 9, 16, 4),
        np.repeat(on_white(GREY), 3, axis=-1),
        1,
    ),
    "RGB and alpha in PNG": (encoded(np.dstack([RGB, ALPHA])), on_white(RGB), 1),
    "RGB and alpha in PNG, 16 bits": (
        png(big_endian(np.dstack([RGB, ALPHA]).reshape(6, -1) * np.uint16(257)), 9, 16, 6),
        on_white(RGB),
        1,
    ),
    "RGB and alpha in TIFF": (encoded(np.dstack([RGB, ALPHA]), "TIFF"), on_white(RGB), 1),
    "RGB and alpha in WEBP": (
        encoded(np.dstack([RGB, ALPHA]), "WEBP", lossless=True, exact=True),
        on_white(RGB),
        1,
    ),
    "RGB in PNG, one colour transparent": (
        encoded(RGB, transparency=tuple(RGB[2, 3].tolist())),
        np.where((RGB[2, 3] == RGB).all(-1, keepdims=True), 255, RGB),
        0,
    ),
    "grey in PNG, one level transparent": (
        encoded(GREY, transparency=int(GREY[2, 3, 0])),
        np.where(GREY[2, 3] == GREY, 255, GREY),
        0,
    ),
    "16-bit grey in PNG, one level transparent": (
        encoded(Image.fromarray(DEEP), transparency=257),
        [[0, 0, 1, 255, 128, 255]],
        0,
    ),
    "inks in TIFF": (encoded(inks(RGB), "TIFF"), RGB, 1),
    "inks in JPEG, inverted as Adobe does": (
        encoded(inks(SMOOTH), "JPEG", quality=95),
        SMOOTH,
        8,
    ),
    # Programs that write inks without Adobe's mark invert them all the same.
    "inks in JPEG, without Adobe's mark": (
        without_segment(encoded(inks(SMOOTH), "JPEG", quality=95), b"\xff\xee"),
        SMOOTH,
        8,
    ),
    "black ink in TIFF": (
        encoded(Image.new("CMYK", (1, 1), (0, 102, 255, 51)), "TIFF"),
        [[[255 * 0.8, 255 * 0.6 * 0.8, 0]]],
        1,
    ),
    "YCbCr in JPEG": (
        encoded(Image.fromarray(SMOOTH).convert("YCbCr"), "JPEG", quality=95),
        SMOOTH,
        8,
    ),
    "LAB in TIFF": (encoded(lab(), "TIFF"), [[[255] * 3, [119] * 3, [255, 0, 0]]], 6),
    "16-bit grey in PNG": (encoded(Image.fromarray(DEEP)), DEEP_AS_8, 0),
    "16-bit grey in TIFF": (encoded(Image.fromarray(DEEP), "TIFF"), DEEP_AS_8, 0),
    "16-bit grey in TIFF, big-endian": (
        encoded(Image.frombytes("I;16B", (6, 1), big_endian(DEEP)[0]), "TIFF"),
        DEEP_AS_8,
        0,
    ),
    "16-bit grey in PGM": (b"P5 6 1 65535\n" + big_endian(DEEP)[0], DEEP_AS_8, 0),
    "16-bit grey in PGM, a dark photo": (b"P5 2 1 65535\n" + bytes([0, 0, 2, 2]), [[0, 2]], 0),
    "10-bit grey in PGM": (b"P5 2 1 1023\n" + big_endian([[1023, 512]])[0], [[255, 128]], 0),
    "16-bit grey in TIFF, white is zero": (
        tiff(DEEP.astype("<u2").tobytes(), 6, 1, 16, photometric=0),
        [[255, 255, 254, 254, 127, 0]],
        0,
    ),
    "12-bit grey in TIFF": (
        tiff(bytes.fromhex("fff000800801"), 4, 1, 12),
        [[255, 0, round(0x800 / 4095 * 255), round(0x801 / 4095 * 255)]],
        0,
    ),
    "32-bit grey in TIFF, white at 65535": (
        encoded(Image.fromarray(DEEP.astype(np.int32)), "TIFF"),
        DEEP_AS_8,
        0,
    ),
    "32-bit grey in TIFF, white at 255": (
        encoded(Image.fromarray(GREY[..., 0].astype(np.int32)), "TIFF"),
        GREY,
        0,
    ),
    "floats in TIFF, white at 1": (
        encoded(Image.fromarray(GREY[..., 0].astype(np.float32) / 255), "TIFF"),
        GREY,
        0,
    ),
    "floats in TIFF, white is zero": (
        tiff(np.array([0, 0.2, 1], "<f4").tobytes(), 3, 1, 32, photometric=0, sample_format=3),
        [[255, 204, 0]],
        0,
    ),
    "floats in TIFF, white at 255": (
        encoded(Image.fromarray(GREY[..., 0].astype(np.float32)), "TIFF"),
        GREY,
        0,
    ),
    "floats in PFM": (
        b"Pf\n3 1\n-1.0\n" + np.array([0, 0.2, 1], "<f4").tobytes(),
        [[0, 51, 255]],
        0,
    ),
    "first image of a GIF": (encoded(FRAMES[0], "GIF", **LAST), RED, 0),
    "first image of a PNG": (encoded(FRAMES[0], **LAST), RED, 0),
    "first image of a WEBP": (encoded(FRAMES[0], "WEBP", lossless=True, **LAST), RED, 0),
    "first page of a TIFF": (encoded(FRAMES[0], "TIFF", **LAST), RED, 0),
    "first image of an MPO": (encoded(FRAMES[0], "MPO", **LAST), RED, 2),
}
if features.check("jpg_2000"):
    KINDS["RGB in JPEG 2000"] = (encoded(RGB, "JPEG2000"), RGB, 0)
    KINDS["16-bit grey in JPEG 2000"] = (
        encoded(Image.fromarray(DEEP), "JPEG2000"),
        DEEP_AS_8,
        0,
    )
if "AVIF" in Image.SAVE:
    KINDS["RGB in AVIF"] = (encoded(SMOOTH, "AVIF", quality=95), SMOOTH, 12)
    KINDS["RGB and alpha in AVIF"] = (
        encoded(Image.new("RGBA", (16, 16), (0, 0, 255, 0)), "AVIF", quality=95),
        np.full((16, 16, 3), 255),
        3,
    )
    KINDS["first image of an AVIF"] = (encoded(FRAMES[0], "AVIF", quality=95, **LAST), RED, 6)


def compare(photo, expected, tolerance):
    expected = np.asarray(expected, float)
    expected = expected.reshape(*expected.shape[:2], -1)
    assert photo.dtype == np.uint8
    assert photo.flags.c_contiguous
    assert photo.flags.writeable
    assert photo.shape == expected.shape
    np.testing.assert_allclose(photo, expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_kind_of_file_gives(kind):
    data, expected, tolerance = KINDS[kind]
    compare(decode_photo(data, "photo"), expected, tolerance)


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (Image.frombytes("HSV", (3, 1), bytes([0, 255, 255, 85, 255, 255, 0, 0, 51])), "HSV"),
        (Image.fromarray(RGB).convert("YCbCr"), "YCbCr"),
        (joined("LA", GREY, ALPHA).convert("La"), "La"),
        (Image.fromarray(np.dstack([RGB, ALPHA])).convert("RGBa"), "RGBa"),
        (paletted(alpha=True), "PA"),
        (Image.frombytes("I;16L", (6, 1), DEEP.astype("<u2").tobytes()), "deep"),
    ],
    ids=["HSV", "YCbCr", "La", "RGBa", "PA", "I;16L"],
)
def test_modes_that_no_file_here_has(image, expected):
    exact = {
        "HSV": [[[255, 0, 0], [0, 255, 0], [51, 51, 51]]],
        "YCbCr": RGB,
        "La": on_white(GREY),
        "RGBa": on_white(RGB),
        "PA": on_white(PALETTE[PLACES]),
        "deep": DEEP_AS_8,
    }[expected]
    compare(eight_bits(image), exact, 3)  # levels are rounded on the way there and back


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "P", "I;16", "F"])
def test_bands_of_rows_join_without_a_seam(mode, monkeypatch):
    monkeypatch.setattr(
        "minifacenet.preprocessing.pixel_modes._BAND", 20
    )  # two rows of nine pixels
    made = {
        "RGB": (Image.fromarray(RGB), RGB),
        "L": (Image.fromarray(GREY[..., 0]), GREY),
        "RGBA": (Image.fromarray(np.dstack([RGB, ALPHA])), on_white(RGB)),
        "P": (paletted(), PALETTE[PLACES]),
        "I;16": (Image.fromarray(GREY[..., 0] * np.uint16(257)), GREY),
        "F": (Image.fromarray(GREY[..., 0].astype(np.float32)), GREY),
    }
    image, expected = made[mode]
    compare(eight_bits(image), expected, 1)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.array([[0.0, np.nan]], np.float32), "floating-point pixels with NaN or infinity"),
        (np.array([[-0.5, 1.0]], np.float32), "floating-point pixels from -0.5 to 1 have no"),
        (np.array([[0.0, 1.01]], np.float32), "floating-point pixels from 0 to 1.01 have no"),
        (np.array([[0.0, 70000]], np.float32), "from 0 to 70000 have no agreed white"),
        (np.array([[0.0, np.inf]], np.float32), "from 0 to inf have no agreed white"),
        (np.array([[0, 300]], np.int32), "32-bit pixels from 0 to 300 have no agreed white"),
        (np.array([[0, 70000]], np.int32), "32-bit pixels from 0 to 70000 have no agreed white"),
        (np.array([[-1, 200]], np.int32), "32-bit pixels from -1 to 200 have no agreed white"),
    ],
)
def test_no_white_is_guessed(values, words):
    with pytest.raises(Refusal) as caught:
        eight_bits(Image.fromarray(values))
    assert words in str(caught.value)


@pytest.mark.parametrize("dtype", [np.float32, np.int32])
def test_black_is_black(dtype):
    compare(eight_bits(Image.fromarray(np.zeros((2, 3), dtype))), np.zeros((2, 3)), 0)


def turned(kind, upright, orientation, **options):
    """A file of this kind that stores the picture as its orientation says."""
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    stored = np.ascontiguousarray(STORED[orientation](upright))
    return encoded(stored, kind, exif=exif.tobytes(), **options)


TURNED = {
    "AVIF": (SMOOTH, 12, {"quality": 95}),
    "JPEG": (SMOOTH, 8, {"quality": 95, "subsampling": 0}),
    "MPO": (SMOOTH, 8, {"quality": 95, "subsampling": 0, **LAST}),
    "PNG": (RGB, 0, {}),
    "TIFF": (RGB, 0, {}),
    "WEBP": (RGB, 0, {"lossless": True}),
}


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("kind", TURNED)
def test_exif_orientation_is_undone(kind, orientation):
    if kind == "AVIF" and "AVIF" not in Image.SAVE:
        pytest.skip("this Pillow has no AVIF")
    upright, tolerance, options = TURNED[kind]
    compare(
        decode_photo(turned(kind, upright, orientation, **options), "photo"), upright, tolerance
    )


@pytest.mark.parametrize("orientation", STORED)
def test_orientation_of_grey_and_of_deep_photos(orientation):
    for upright, factor in ((GREY, 1), (GREY, 257)):
        values = upright * np.uint16(factor) if factor > 1 else upright
        compare(decode_photo(turned("PNG", values, orientation), "photo"), upright, 0)


def test_orientation_in_an_xmp_note():
    note = b'<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    stored = np.ascontiguousarray(STORED[6](SMOOTH))
    data = encoded(stored, "JPEG", quality=95, subsampling=0, xmp=note)
    compare(decode_photo(data, "photo"), SMOOTH, 8)


@pytest.mark.parametrize("value", [0, 9, 65535])
def test_a_senseless_orientation_leaves_the_photo_as_it_lies(value):
    exif = Image.Exif()
    exif[ORIENTATION] = value
    compare(decode_photo(encoded(RGB, exif=exif.tobytes()), "photo"), RGB, 0)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize(
    "note",
    [b"", b"garbage!", b"II*\0\xff\xff\xff", struct.pack("<4sIH", b"II*\0", 8, 999)],
    ids=["empty", "garbage", "cut", "999 entries"],
)
def test_broken_exif_does_not_spoil_the_photo(kind, note):
    data = encoded(SMOOTH, kind, quality=95, exif=b"Exif\0\0" + note)
    compare(decode_photo(data, "photo"), SMOOTH, 12)


@pytest.mark.extra
def test_heic_with_its_package():
    need(find_spec("pillow_heif"), "pillow-heif is not installed")
    import pillow_heif

    pillow_heif.register_heif_opener()
    for orientation in (1, 6):
        data = turned("HEIF", SMOOTH, orientation, quality=95)
        compare(decode_photo(data, "photo"), SMOOTH, 16)
