"""What a JPEG costs is known before it is decoded, and no ordinary photo is refused for it."""

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFile

from minifacenet.preprocessing import jpeg as module
from minifacenet.preprocessing.jpeg import check_cost
from minifacenet.preprocessing.photo import MOST_PIXELS, PhotoError, decode_photo, decode_reduced
from minifacenet.preprocessing.why_unreadable import Refusal

from .made_files import encoded, jpeg_of_nothing
from .test_photo_kinds import smooth

SUBSAMPLINGS = {"4:4:4": 3, "4:2:2": 2, "4:2:0": 1.5}  # and components' worth of blocks


def cost(data):
    """The bytes of waves that a JPEG needs: the least limit that it passes."""
    low, high = 0, 2**40
    while low < high:
        middle = (low + high) // 2
        try:
            check_cost(data, middle)
            high = middle
        except Refusal:
            low = middle + 1
    return low


@pytest.fixture
def undecoded(monkeypatch):
    def never(*_):
        raise AssertionError("decoded")

    monkeypatch.setattr(ImageFile.ImageFile, "load", never)


@pytest.fixture
def any_scans(monkeypatch):
    monkeypatch.setattr(module, "SCANS_OF_THE_LARGEST", 10**9)


@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
def test_the_waves_of_a_progressive_jpeg_are_counted(subsampling, any_scans):
    image = Image.new("RGB", (640, 320))
    data = encoded(image, "JPEG", subsampling=subsampling, progressive=True)
    assert cost(data) == 640 * 320 * 2 * SUBSAMPLINGS[subsampling]
    assert cost(encoded(image, "JPEG", subsampling=subsampling)) == 0


def test_blocks_at_the_border_are_whole(any_scans):
    assert cost(encoded(Image.new("L", (9, 17)), "JPEG", progressive=True)) == 2 * 3 * 128


@pytest.mark.parametrize("frame", [0xC0, 0xC1])
def test_a_scan_for_each_component_keeps_all_waves_too(frame, any_scans):
    data = jpeg_of_nothing(80, 80, 3, frame=frame)
    assert cost(data) == 6 * 80 * 80
    assert cost(jpeg_of_nothing(80, 80, 3, scans=0, frame=frame)) == 0


@pytest.mark.parametrize(
    ("width", "height", "components"),
    [(31000, 31000, 1), (20000, 20000, 3), (65500, 65500, 3), (65500, 3500, 1)],
)
def test_waves_that_fill_the_memory_are_refused(width, height, components, undecoded):
    """However small the photo would come out."""
    data = jpeg_of_nothing(width, height, components)
    with pytest.raises(PhotoError) as caught:
        decode_reduced(data, "photo", enough=1000)
    start = f"a progressive JPEG of {width} x {height} pixels, which takes "
    assert caught.value.reason.startswith(start)
    assert caught.value.reason.endswith("more than 448: save it as a baseline JPEG, or smaller")


def test_scans_without_end_are_refused(undecoded):
    data = jpeg_of_nothing(8000, 8000, scans=2000)
    with pytest.raises(PhotoError, match="8000 x 8000 pixels in 2,001 scans, more than any photo"):
        decode_photo(data, "photo")


@pytest.mark.parametrize("piece", [b"\xff\xe1\0\2", b"\xff\xda\0\2", b"\xff\xd8"])
def test_segments_without_end_are_refused(piece):
    data = encoded(smooth(), "JPEG")
    for at in (2, len(data) - 2):
        with pytest.raises(PhotoError, match="more than 100,000 segments"):
            decode_photo(data[:at] + piece * 500_000 + data[at:], "photo")


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("size", [(1, 1), (8, 8), (640, 480)])
def test_an_ordinary_progressive_jpeg_is_read(mode, size):
    for options in (
        {},
        {"quality": 95},
        {"quality": 1, "optimize": True, "restart_marker_rows": 1},
    ):
        data = encoded(Image.new(mode, size, 90), "JPEG", progressive=True, **options)
        assert decode_photo(data, "photo").shape[:2] == size[::-1]


def test_a_progressive_photo_of_24_megapixels_keeps_its_size():
    photo = Image.new("RGB", (6000, 4000), "red")
    data = encoded(photo, "JPEG", quality=95, subsampling=0, progressive=True)
    assert decode_photo(data, "photo").shape == (4000, 6000, 3)


def test_a_progressive_photo_as_large_as_is_decoded_passes():
    side = int(MOST_PIXELS**0.5)
    check_cost(jpeg_of_nothing(side, side, 3, scans=10), 7 * MOST_PIXELS)


def test_more_may_be_asked_for(undecoded):
    data = jpeg_of_nothing(9000, 9000, 3)
    with pytest.raises(PhotoError, match="takes 486 MB"):
        decode_photo(data, "photo")
    with pytest.raises(PhotoError, match="decoded"):
        decode_photo(data, "photo", 81_000_000)


@given(st.data())
def test_damage_is_left_to_the_decoder(data):
    file = bytearray(encoded(np.zeros((16, 16, 3), np.uint8), "JPEG", progressive=True))
    for _ in range(data.draw(st.integers(1, 6))):
        file[data.draw(st.integers(2, len(file) - 1))] = data.draw(st.integers(0, 255))
    with suppress(Refusal):  # the size is among the bytes that may change
        check_cost(bytes(file[: data.draw(st.integers(2, len(file)))]), 7 * MOST_PIXELS)


@pytest.mark.parametrize(
    "frame", [b"", b"\x08\0\x08\0\x08", b"\x08\0\x08\0\x08\0", b"\x08\0\x08\0\x08\x03"]
)
def test_a_frame_without_components_costs_nothing(frame):
    """It is damage, which is left to the decoder."""
    start = jpeg_of_nothing(8, 8).index(b"\xff\xc2")
    data = jpeg_of_nothing(8, 8)
    segment = b"\xff\xc2" + (len(frame) + 2).to_bytes(2, "big") + frame
    check_cost(data[:start] + segment + data[start + 13 :], 0)
    with pytest.raises(PhotoError, match="a JPEG too damaged to decode"):
        decode_photo(data[:start] + segment + data[start + 13 :], "photo")
