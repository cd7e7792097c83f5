"""Awkward photos, made here with Pillow: each gives the right pixels or a reason."""

import pickle
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from minifacenet.preprocessing.photo import EXTENSIONS, PhotoError, decode_photo, read_photo

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


def picture(height=6, width=9, channels=3):
    """A picture without any symmetry, shape (height, width, channels), uint8."""
    return np.random.default_rng(7).integers(0, 256, (height, width, channels), dtype=np.uint8)


def encoded(image, kind="PNG", **options):
    buffer = BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def reason(path):
    with pytest.raises(PhotoError) as caught:
        read_photo(path)
    assert caught.value.path == path
    assert str(path) in str(caught.value)
    assert caught.value.reason in str(caught.value)
    return caught.value.reason


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
def test_exif_orientation_is_undone(orientation, kind):
    upright = picture()
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    stored = Image.fromarray(np.ascontiguousarray(STORED[orientation](upright)))
    options = {"lossless": True} if kind == "WEBP" else {}
    data = encoded(stored, kind, exif=exif.tobytes(), **options)
    np.testing.assert_array_equal(decode_photo(data, "photo"), upright)


def test_exif_orientation_of_a_jpeg():
    upright = np.zeros((16, 32, 3), np.uint8)
    upright[:, :8] = 255
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    stored = Image.fromarray(np.ascontiguousarray(STORED[6](upright)))
    photo = decode_photo(encoded(stored, "JPEG", exif=exif, quality=95), "photo").astype(int)
    assert photo.shape == upright.shape
    assert np.abs(photo - upright).max() < 16


def test_rgb_order_is_kept():
    photo = decode_photo(encoded(Image.new("RGB", (2, 3), (250, 120, 5))), "photo")
    assert photo.shape == (3, 2, 3)
    assert photo.dtype == np.uint8
    assert photo[0, 0].tolist() == [250, 120, 5]
    photo[:] = 0  # The caller owns the array.


def test_grey_is_one_channel():
    grey = picture(channels=1)
    for kind in ("PNG", "PPM", "BMP", "TIFF"):
        data = encoded(Image.fromarray(grey[..., 0]), kind)
        np.testing.assert_array_equal(decode_photo(data, "photo"), grey)


def test_one_bit_becomes_black_and_white():
    bits = picture(channels=1) > 127
    photo = decode_photo(encoded(Image.fromarray(bits[..., 0])), "photo")
    np.testing.assert_array_equal(photo, np.where(bits, 255, 0))


def test_transparency_lies_on_white():
    rgba = np.zeros((1, 3, 4), np.uint8)
    rgba[0, :, 0] = 200
    rgba[0, :, 3] = 255, 0, 128
    photo = decode_photo(encoded(Image.fromarray(rgba)), "photo")
    np.testing.assert_array_equal(photo[0, :2], [[200, 0, 0], [255, 255, 255]])
    half = 128 / 255
    expected = half * np.array([200, 0, 0]) + (1 - half) * 255
    np.testing.assert_allclose(photo[0, 2], expected, atol=1)


def test_transparent_grey_stays_one_channel():
    pixels = np.array([[[10, 255], [10, 0]]], np.uint8)
    photo = decode_photo(encoded(Image.fromarray(pixels)), "photo")
    assert photo.tolist() == [[[10], [255]]]


def test_palette_becomes_rgb_and_its_transparency_white():
    image = Image.new("P", (2, 1))
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.putpixel((1, 0), 1)
    assert decode_photo(encoded(image), "photo").tolist() == [[[255, 0, 0], [0, 0, 255]]]
    # A palette with transparency per entry makes Pillow warn; warnings are errors in these tests.
    for transparency in (1, bytes([255, 0])):
        photo = decode_photo(encoded(image, transparency=transparency), "photo")
        assert photo.tolist() == [[[255, 0, 0], [255, 255, 255]]]


def test_cmyk_becomes_rgb():
    photo = decode_photo(encoded(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG"), "photo")
    assert photo.shape == (8, 8, 3)
    np.testing.assert_allclose(photo[4, 4], [255, 0, 0], atol=4)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_are_scaled_not_clipped(kind):
    values = np.array([[0, 128, 129, 257, 32768, 65535]], np.uint16)
    photo = decode_photo(encoded(Image.fromarray(values), kind), "photo")
    assert photo[0, :, 0].tolist() == [0, 0, 1, 1, 128, 255]


def test_sixteen_bit_pgm_is_scaled():
    photo = decode_photo(b"P5 2 1 65535\n" + bytes([255, 255, 128, 0]), "photo")
    assert photo[0, :, 0].tolist() == [255, 128]


def test_transparent_value_of_sixteen_bit_grey_lies_on_white():
    image = Image.fromarray(np.array([[0, 5000, 65535]], np.uint16))
    photo = decode_photo(encoded(image, transparency=5000), "photo")
    assert photo[0, :, 0].tolist() == [0, 255, 255]


def test_first_image_of_an_animation():
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert decode_photo(data, "photo")[0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize("name", ["näme with späce.png", "u\u0308.png", "顔.png", "no ending"])
def test_any_name_is_read(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(encoded(Image.fromarray(picture())))
    np.testing.assert_array_equal(read_photo(path), picture())
    np.testing.assert_array_equal(read_photo(str(path)), picture())


def test_broken_exif_does_not_spoil_the_photo():
    data = encoded(Image.new("RGB", (8, 8), "red"), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff")
    assert decode_photo(data, "photo").shape == (8, 8, 3)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "empty (0 bytes)"),
        (b"this is not a photo", "b'this is not '"),
        (encoded(Image.fromarray(picture(64, 64)), "JPEG")[:900], "truncated"),
        (encoded(Image.fromarray(picture(64, 64)))[:900], "truncated"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC photos are not supported: save it as JPEG"),
        (encoded(Image.new("F", (2, 2)), "TIFF"), "floating-point pixels have no agreed white"),
        (encoded(Image.new("I", (2, 2), 70000), "TIFF"), "32-bit grey (70000..70000)"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a photo"),
    ],
    ids=["empty", "text", "jpeg", "png", "heic", "float", "int32", "eps"],
)
def test_reason_of_an_unreadable_file(tmp_path, content, expected):
    path = tmp_path / "photo.jpg"
    path.write_bytes(content)
    assert expected in reason(path)


@pytest.mark.parametrize("limit", [60, 20], ids=["Pillow warns", "Pillow raises"])
def test_reason_of_a_decompression_bomb(tmp_path, monkeypatch, limit):
    path = tmp_path / "bomb.png"
    path.write_bytes(encoded(Image.new("L", (10, 10))))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    assert "too many pixels to open safely" in reason(path)


def test_reason_of_a_path_without_a_file(tmp_path):
    assert "No such file" in reason(tmp_path / "absent.jpg")
    assert "cannot be opened" in reason(tmp_path)


def test_error_is_quiet_and_survives_a_process_boundary(tmp_path):
    with pytest.raises(PhotoError) as caught:
        read_photo(tmp_path / "absent.jpg")
    assert caught.value.__suppress_context__
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (copy.path, copy.reason) == (caught.value.path, caught.value.reason)


def test_endings_of_photos():
    assert {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif"} <= EXTENSIONS
    assert {".pgm", ".ppm", ".heic"} <= EXTENSIONS
    assert not {".pdf", ".eps", ".h5", ".mpg", ".ico", ".txt"} & EXTENSIONS
