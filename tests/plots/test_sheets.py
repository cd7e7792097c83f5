"""Contact sheets of an alignment: their words, and no more paper than they need."""

import tracemalloc

import numpy as np
import pytest
from PIL import Image

from minifacenet.files.words import printable
from minifacenet.plots.sheets import crop_sheet, rejected_sheet
from minifacenet.plots.style import save
from minifacenet.preprocessing.crop_files import lost
from minifacenet.preprocessing.pictures import draw_sheets

FACE = np.full((8, 8, 1), 90, np.uint8)


def words(ax):
    return [text.get_text() for text in ax.texts]


def test_crops_are_named_and_no_score_is_rounded_up():
    names = ["Ada/1", "Lise/IMG_20240101_123456 #7", "deep/er/Ada/2"]
    ax = crop_sheet([FACE] * 3, names, [0.9996, 1.0, None], of=3)
    assert words(ax) == ["Ada/1", "0.999", "Lise/…_123456 #7", "0.999", "Ada/2"]


def test_rejected_photos_have_their_folder_and_reason():
    ax = rejected_sheet([FACE, None], ["Ada/1.jpg", "x.jpg"], ["no face", "empty"], of=2)
    assert words(ax) == ["Ada/1.jpg\nno face", "cannot be read", "x.jpg\nempty"]


@pytest.mark.parametrize("count", [1, 7, 20])
def test_the_paper_ends_below_the_last_row(count):
    names = ["Ada/1"] * count
    for ax in (
        crop_sheet([FACE] * count, names, [0.9] * count, of=count),
        rejected_sheet([FACE] * count, names, ["no face found in 30 x 30"] * count, of=count),
    ):
        ax.figure.draw_without_rendering()
        lowest = min(text.get_window_extent().y0 for text in ax.texts) / ax.figure.dpi
        assert 0 <= lowest < 0.2


@pytest.fixture
def peak():
    """Bytes of arrays that lay in memory at once since the test began."""
    tracemalloc.start()
    yield lambda: tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()


@pytest.mark.parametrize("shape", [(8000, 1, 1), (1, 8000, 3), (1200, 1600, 3)])
@pytest.mark.parametrize("sheet", ["crops", "rejected"])
def test_the_shape_of_a_photo_costs_no_memory(sheet, shape, peak):
    """A white square about 1 x 8000 pixels has 64 million, and Matplotlib copies it."""
    photo = np.full(shape, 90, np.uint8)
    if sheet == "rejected":
        ax = rejected_sheet([photo], ["1.png"], ["no face"], of=1)
    else:
        ax = crop_sheet([photo], ["1.png"], [None], of=1)
    ax.figure.canvas.draw()
    assert peak() < photo.nbytes + 20e6


def test_of_many_large_photos_one_lies_in_memory(tmp_path, peak):
    names = [f"{number}.png" for number in range(6)]
    for name in names:
        Image.new("RGB", (2000, 1500)).save(tmp_path / name)
    draw_sheets(tmp_path, tmp_path, [lost(name, "no face") for name in names], credit=None)
    assert (tmp_path / "rejected.png").exists()
    assert peak() < 9e6 + 30e6  # one photo, and the sheet


def test_no_name_or_reason_is_a_formula_or_breaks_a_line(tmp_path):
    names = ["A$AP Ke$ha/price $5", "$$", "$_$/$ #1 $", "a\x1b[31m/b\nc"]
    shown = ["A$AP…/price $5", "$$", "$_$/$ #1 $", r"a\x1b…m/b\nc"]
    ax = crop_sheet([FACE] * 4, names, [None] * 4, of=4, credit="$_$")
    save(ax, tmp_path / "faces.png")
    assert [word[-6:] for word in words(ax)] == [word[-6:] for word in shown]
    assert all("\n" not in word and "\x1b" not in word for word in words(ax))
    ax = rejected_sheet([FACE] * 4, names, ["no $face$_, \x1b\n"] * 4, of=4, credit="$$")
    save(ax, tmp_path / "rejected.png")
    assert words(ax) == [f"{printable(name)}\nno $face$_, \\x1b\\n" for name in names]
