"""Reading photos: names and limits, and a reason in words for every file that gives no pixels.

What each kind of file gives, by pixels, stands in test_photo_kinds.py.
"""

import os
import pickle
import subprocess
import sys
import warnings
import zlib

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile

from minifacenet.preprocessing import photo as module
from minifacenet.preprocessing.photo import (
    EXTENSIONS,
    PhotoError,
    decode_photo,
    decode_reduced,
    read_photo,
)
from minifacenet.preprocessing.why_unreadable import LONGEST

from .made_files import encoded, png, tiff
from .test_photo_kinds import RGB, SMOOTH, STORED, compare, smooth, turned


def reason(path, **options):
    with pytest.raises(PhotoError) as caught:
        read_photo(path, **options)
    assert caught.value.path == path
    assert str(caught.value) == f"{path}: {caught.value.reason}"
    return caught.value.reason


def half(kind, **options):
    data = encoded(
        np.random.default_rng(1).integers(0, 256, (40, 40, 3), np.uint8), kind, **options
    )
    return data[: len(data) // 2]


def damaged(data, position, byte):
    return data[:position] + bytes([byte]) + data[position + 1 :]


NOISE = encoded(np.random.default_rng(2).integers(0, 256, (40, 40, 3), np.uint8))
HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"

# Name: the content of the file, and the words that the reason must hold.
BAD = {
    "empty": (b"", ["the file is empty (0 bytes)", "copy it again"]),
    "half a JPEG": (half("JPEG"), ["a JPEG that is truncated: copy it again"]),
    "half a progressive JPEG": (half("JPEG", progressive=True), ["a JPEG that is truncated"]),
    "a JPEG's first bytes": (b"\xff\xd8\xff\xe0\0\x10JFIF", ["a JPEG that is truncated"]),
    "half a PNG": (half("PNG"), ["a PNG that is truncated: copy it again"]),
    "half a GIF": (half("GIF"), ["a GIF that is truncated: copy it again"]),
    "half a BMP": (half("BMP"), ["a BMP that is truncated: copy it again"]),
    "half a TIFF": (half("TIFF"), ["a TIFF that is truncated: copy it again"]),
    "half a PPM": (half("PPM"), ["a photo that is truncated: copy it again"]),
    # A packed TIFF keeps its header at the end, and a WEBP its length at the start.
    "half a packed TIFF": (half("TIFF", compression="tiff_lzw"), ["a TIFF too damaged to open"]),
    "half a WEBP": (half("WEBP"), ["a WEBP too damaged to decode: copy it again"]),
    "a PNG's first bytes": (NOISE[:20], ["a PNG that is truncated: copy it again"]),
    "a PNG of nothing": (NOISE[:8] + b"/\xc5}P", ["a PNG too damaged to open: copy it again"]),
    "a PNG with a wrong bit": (
        damaged(NOISE, 60, 1),
        ["a PNG too damaged to decode: copy it again"],
    ),
    "text": (b"this is not a photo", ["not a photo but text", "'this is not a photo'"]),
    "a web page": (b"<!DOCTYPE html>\n<html>", ["not a photo but text", "'<!DOCTYPE html>"]),
    "a PDF": (b"%PDF-1.7\n", ["not a photo but a PDF document"]),
    "EPS": (b"%!PS-Adobe-3.0 EPSF-3.0\n", ["not a photo but PostScript"]),
    "an archive": (b"PK\x03\x04\x14\0", ["not a photo but a ZIP archive or an office document"]),
    "an icon": (b"\0\0\1\0\1\0\x10\x10", ["not a photo but an icon"]),
    "a video": (b"\0\0\0\x18ftypisom\0\0\0\0", ["not a photo but a video"]),
    "zero bytes": (bytes(5000), ["not a photo: 5000 zero bytes, as after a copy that failed"]),
    "noise": (b"\x93\xfa\0\x01", [r"one too damaged to recognise (it starts with b'\x93\xfa\x00"]),
    "a bomb in GIF": (
        b"GIF89a\xff\xff\xff\xff\0\0\0,\0\0\0\0\xff\xff\xff\xff\0\2\2D\1\0;",
        ["too many pixels to open safely; make the photo smaller", "4294836225"],
    ),
    "a bomb in PNG": (
        png([b"\0"], 100_000_000, 8, 0),
        ["too many pixels: 100000000 x 1 = 100,000,000, and at most 64,000,000", "most_pixels"],
    ),
    "a column that is too long": (
        png([b"\0"] * 1_000_001, 1, 8, 0),
        ["1 x 1000001 pixels: no side may exceed 1,000,000"],
    ),
    "floats": (
        encoded(Image.new("F", (2, 2), -1), "TIFF"),
        ["floating-point pixels from -1 to -1"],
    ),
    "seven channels": (tiff(bytes(14), 2, 1, 8, samples=7), ["a TIFF too damaged to open"]),
}


@pytest.mark.parametrize("kind", BAD)
def test_reason_of_a_bad_file(tmp_path, kind):
    content, words = BAD[kind]
    path = tmp_path / "photo.jpg"
    path.write_bytes(content)
    found = reason(path)
    assert len(found) <= LONGEST
    assert found.isprintable()  # so it is one line
    for word in words:
        assert word in found


def test_reasons_are_short_and_on_one_line(monkeypatch):
    def fail(_):
        raise OSError("first\nsecond " * 100)

    monkeypatch.setattr(module, "opened", fail)
    with pytest.raises(PhotoError) as caught:
        decode_photo(NOISE, "photo")
    assert "a PNG too damaged to decode: copy it again (first second first" in caught.value.reason
    assert len(caught.value.reason) == LONGEST


def test_reason_without_memory(monkeypatch):
    def fail(_):
        raise MemoryError

    monkeypatch.setattr(module, "opened", fail)
    with pytest.raises(PhotoError, match="a PNG that does not fit into memory: make it smaller"):
        decode_photo(NOISE, "photo")


def test_nothing_but_libtiff_prints(tmp_path):
    """Pillow logs what it finds in this TIFF, and a log that nobody reads goes to the screen."""
    path = tmp_path / "photo.tif"
    path.write_bytes(tiff(bytes(14), 2, 1, 8, samples=7))
    code = f"""
from minifacenet.preprocessing.photo import PhotoError, read_photo
try:
    read_photo({str(path)!r})
except PhotoError as error:
    print(error.reason)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "a TIFF too damaged to open: copy it again\n"
    assert done.stderr == ""


def test_heic_without_its_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)  # importing it fails
    with pytest.raises(PhotoError) as caught:
        decode_photo(HEIC, "photo")
    assert caught.value.reason == (
        "a HEIC photo, which needs the package pillow-heif: pip install 'minifacenet[heic]', "
        "or save it as JPEG"
    )


def test_avif_without_a_pillow_that_knows_it(monkeypatch):
    monkeypatch.setattr(module, "_FORMATS", ["JPEG", "PNG"])
    monkeypatch.delitem(Image.OPEN, "AVIF", raising=False)
    for start in (b"\0\0\0\x1cftypavif\0\0\0\0", b"\0\0\0\x1cftypmif1\0\0\0\0mif1avif"):
        with pytest.raises(PhotoError, match=r"an AVIF photo, which needs Pillow 11.3 or newer"):
            decode_photo(start, "photo")


@pytest.mark.parametrize("kind", ["PNG", "GIF", "BMP", "TIFF", "WEBP"])
def test_content_decides_and_not_the_ending(tmp_path, kind):
    path = tmp_path / "photo.jpg"
    path.write_bytes(encoded(Image.new("RGB", (5, 4), "red"), kind, **{"lossless": True}))
    compare(read_photo(path), np.full((4, 5, 3), [255, 0, 0]), 0)


@pytest.mark.parametrize(
    "name",
    [
        "näme with späce.png",
        "u\u0308.png",  # two characters that show as one; not the same name as "\xfc"
        "\xfc.png",
        "顔.png",
        "👩\u200d🔬.png",
        "line\nbreak.png",
        "-.png",
        "no ending",
        "photo.txt",
    ],
)
def test_any_name_is_read(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(encoded(RGB))
    compare(read_photo(path), RGB, 0)
    compare(read_photo(str(path)), RGB, 0)


@pytest.mark.skipif(sys.platform != "linux", reason="names there are Unicode")
def test_a_name_in_no_encoding_is_read_and_printed(tmp_path):
    path = tmp_path / os.fsdecode(b"\xff\xfe.png")
    path.write_bytes(encoded(RGB))
    compare(read_photo(path), RGB, 0)
    path.write_bytes(b"no photo")
    with pytest.raises(PhotoError) as caught:
        read_photo(path)
    assert caught.value.path == path
    assert (
        str(caught.value).encode().endswith(rb"\udcff\udcfe.png: " + caught.value.reason.encode())
    )


def test_reason_of_a_path_without_a_file(tmp_path):
    assert reason(tmp_path / "absent.jpg") == (
        "the file cannot be opened (No such file or directory)"
    )
    assert reason(tmp_path) == "the file cannot be opened (it is a folder or a device)"
    assert "File name too long" in reason(tmp_path / ("long" * 100))
    assert "null" in reason("zero\0byte.jpg")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with a name")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    assert "it is a folder or a device" in reason(tmp_path / "pipe.jpg")


def test_a_huge_file_is_not_read(tmp_path):
    path = tmp_path / "film.jpg"
    path.touch()
    os.truncate(path, 2**40)  # takes no place on the disk
    assert "1,099,511,627,776 bytes, more than the 1,073,741,824 of any photo" in reason(path)


def test_error_is_quiet_and_survives_a_process_boundary(tmp_path):
    with pytest.raises(PhotoError) as caught:
        read_photo(tmp_path / "absent.jpg")
    assert caught.value.__context__ is None
    with pytest.raises(PhotoError) as caught:
        decode_photo(b"no photo", "photo")
    assert caught.value.__suppress_context__
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (copy.path, copy.reason) == (caught.value.path, caught.value.reason)


@pytest.mark.parametrize(
    ("most_pixels", "scale"), [(40 * 64, 1), (40 * 64 - 1, 2), (20 * 32 - 1, 4), (50, 8), (40, 8)]
)
@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("progressive", [False, True])
def test_a_large_jpeg_is_reduced(most_pixels, scale, orientation, progressive):
    data = turned("JPEG", SMOOTH, orientation, quality=95, subsampling=0, progressive=progressive)
    photo, found = decode_reduced(data, "photo", most_pixels)
    assert found == scale
    means = SMOOTH.reshape(40 // scale, scale, 64 // scale, scale, 3).mean((1, 3))
    compare(photo, means, 8)
    compare(decode_photo(data, "photo", most_pixels), photo, 0)


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_grey_and_inks_are_reduced_too(mode):
    image = Image.fromarray(smooth(41, 63)).convert(mode)
    photo, scale = decode_reduced(encoded(image, "JPEG", quality=95), "photo", 700)
    assert scale == 2
    assert photo.shape == (21, 32, 1 if mode == "L" else 3)  # a border of half blocks is kept
    expected = np.asarray(image.convert("L" if mode == "L" else "RGB"), float).reshape(41, 63, -1)
    means = expected[:40, :62].reshape(20, 2, 31, 2, -1).mean((1, 3))
    np.testing.assert_allclose(photo[:20, :31], means, atol=8)


@pytest.mark.parametrize(("most_pixels", "scale"), [(21 * 32, 2), (21 * 32 - 1, 4)])
def test_a_border_of_half_blocks_counts(most_pixels, scale):
    data = encoded(smooth(41, 63), "JPEG")
    photo, found = decode_reduced(data, "photo", most_pixels)
    assert found == scale
    assert photo.shape[0] * photo.shape[1] <= most_pixels


def test_a_jpeg_beyond_pillows_limit_is_reduced(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)  # Pillow refuses 2560 = 64 x 40
    photo, scale = decode_reduced(encoded(SMOOTH, "JPEG", quality=95), "photo", 1000)
    assert (photo.shape, scale) == ((20, 32, 3), 2)


@pytest.mark.parametrize("kind", ["PNG", "GIF", "BMP", "TIFF", "WEBP", "PPM"])
def test_other_large_photos_are_refused_before_they_are_decoded(kind, monkeypatch):
    def never(*_):
        raise AssertionError("decoded")

    data = encoded(SMOOTH, kind)
    assert decode_photo(data, "photo", 2560).shape == (40, 64, 3)
    monkeypatch.setattr(ImageFile.ImageFile, "load", never)
    with pytest.raises(PhotoError) as caught:
        decode_photo(data, "photo", 2559)
    assert caught.value.reason == (
        "too many pixels: 64 x 40 = 2,560, and at most 2,559 are decoded: "
        "make the photo smaller, or raise most_pixels"
    )


def test_a_jpeg_that_no_reduction_makes_small_enough_is_refused():
    for photo in (SMOOTH, smooth(3, 200)):  # the second has no eighth of its height
        with pytest.raises(PhotoError, match="at most 39 are decoded"):
            decode_photo(encoded(photo, "JPEG"), "photo", 39)


def in_pieces(kind):
    """A tiny photo in 300,000 pieces, most of them empty."""
    if kind == "PNG":
        return png([b"\0"], 1, 8, 0, *[(b"tEXt", b"a\0")] * 300_000)
    start, piece = {"GIF": (b",\0\0\0\0", b"!\xfe\0"), "PPM": (b"1 1", b"#a\n")}[kind]
    data = encoded(np.zeros((1, 1, 1), np.uint8), kind)
    at = data.index(start)
    return data[:at] + piece * 300_000 + data[at:]


@pytest.mark.parametrize("kind", ["PNG", "GIF", "PPM"])
def test_a_photo_in_pieces_without_end_is_refused(kind):
    with pytest.raises(PhotoError, match="it is in too many pieces: over 400,000 reads"):
        decode_photo(in_pieces(kind), "photo")


def test_a_large_png_in_small_pieces_is_read():
    """In 62,500 pieces: those of 64 megapixels of four deep channels, at libpng's 8 kB each."""
    stream = zlib.compress(bytes(8000 * 8001), 0)
    pieces = [(b"IDAT", stream[at : at + 1024]) for at in range(0, len(stream), 1024)]
    assert decode_photo(png([b""] * 8000, 8000, 8, 0, *pieces), "photo").shape == (8000, 8000, 1)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(
    ("kind", "most_pixels", "bytes_a_pixel"),
    [("JPEG", 64e6, 7), ("JPEG", 1e6, 7 / 16), ("PNG", 64e6, 7), ("TIFF", 64e6, 8)],
)
def test_memory_is_bounded(tmp_path, kind, most_pixels, bytes_a_pixel):
    path = tmp_path / "photo"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (4000, 3000), "red").save(path, kind, exif=exif)
    size = path.stat().st_size
    code = f"""
from minifacenet.preprocessing.photo import read_photo
def peak():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if "VmHWM" in line)
read_photo({str(path.with_name("small"))!r})
before = peak()
photo = read_photo({str(path)!r}, {int(most_pixels)})
assert photo[5, 5].tolist() == [254, 0, 0] or photo[5, 5].tolist() == [255, 0, 0]
print(peak() - before)
"""
    Image.new("RGB", (40, 30)).save(path.with_name("small"), kind, exif=exif)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    used = int(done.stdout) * 1024 - size
    assert used < bytes_a_pixel * 12e6 + 12e6, f"{used / 12e6:.1f} bytes a pixel"


FILES = [
    encoded(RGB, "PNG"),
    encoded(Image.fromarray(RGB).convert("P"), "PNG", transparency=1),
    encoded(Image.fromarray(RGB[..., 0] * np.uint16(257))),
    encoded(SMOOTH, "JPEG"),
    encoded(SMOOTH, "JPEG", progressive=True),
    turned("JPEG", SMOOTH, 6),
    encoded(Image.fromarray(SMOOTH).convert("CMYK"), "JPEG"),
    encoded(RGB, "GIF"),
    encoded(RGB, "BMP"),
    encoded(RGB, "TIFF"),
    encoded(RGB, "TIFF", compression="tiff_lzw"),
    encoded(RGB[..., 0] > 99, "TIFF", compression="group4"),
    encoded(SMOOTH, "TIFF", compression="jpeg"),
    encoded(RGB, "WEBP"),
    encoded(RGB, "PPM"),
]


def check(data):
    """Pixels or a PhotoError with a good reason, and never a warning (they are errors here)."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            photo = decode_photo(data, "photo", most_pixels=1_000_000)
        except PhotoError as error:
            photo, reason = None, error.reason
    if photo is None:
        assert 0 < len(reason) <= LONGEST
        assert "\n" not in reason
    else:
        assert photo.dtype == np.uint8
        assert photo.ndim == 3
        assert photo.shape[2] in (1, 3)
        assert 0 < photo.size <= 3_000_000


@given(st.binary(max_size=200))
@settings(max_examples=200)
def test_random_bytes_give_a_reason(data):
    check(data)


@given(
    file=st.sampled_from(FILES),
    flips=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 7)), max_size=6),
    end=st.floats(0, 1),
    cut=st.booleans(),
)
@settings(max_examples=600)
@example(file=FILES[0], flips=[], end=1.0, cut=False)
def test_damaged_files_give_pixels_or_a_reason(file, flips, end, cut):
    data = bytearray(file)
    for place, bit in flips:
        data[int(place * (len(data) - 1))] ^= 1 << bit
    check(bytes(data[: int(end * len(data))] if cut else data))


@given(file=st.sampled_from(FILES), start=st.integers(0, 60), noise=st.binary(max_size=16))
@settings(max_examples=300)
def test_files_with_a_damaged_header_give_pixels_or_a_reason(file, start, noise):
    check(file[:start] + noise + file[start + len(noise) :])


def test_endings_of_photos():
    assert {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif"} <= EXTENSIONS
    assert {".pgm", ".ppm", ".heic", ".heif", ".avif"} <= EXTENSIONS
    assert not {".pdf", ".eps", ".h5", ".mpg", ".ico", ".txt"} & EXTENSIONS
    assert all(ending == ending.lower() for ending in EXTENSIONS)


def test_stored_layouts_differ():
    """Else the tables of orientations could not fail."""
    layouts = {np.ascontiguousarray(turn(RGB)).tobytes() for turn in STORED.values()}
    assert len(layouts) == 8
