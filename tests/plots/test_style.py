"""Every text can be read: its contrast with what it stands on is that of WCAG 2.2, level AA."""

import re
from pathlib import Path

import numpy as np
import pytest
from matplotlib.text import Text

import minifacenet
from minifacenet.plots import faces
from minifacenet.plots.style import DIFFERENT, HUES, LEAST_CONTRAST, SAME, contrast, ink

PAGES = sorted(Path(minifacenet.__file__).parent.glob("*/*.css"))


def test_contrast_is_that_of_the_standard():
    assert contrast("black", "white") == pytest.approx(21)
    assert contrast("#777777", "white") == pytest.approx(4.48, abs=0.005)
    assert contrast("white", "#777777") == contrast("#777777", "white")


@pytest.mark.parametrize("colour", [SAME, *HUES, "0.4", "yellow"])
def test_ink_is_dark_enough_and_no_darker(colour):
    assert contrast(ink(colour), "white") >= LEAST_CONTRAST
    if contrast(colour, "white") < LEAST_CONTRAST:
        assert contrast(ink(colour), "white") < LEAST_CONTRAST + 0.6


def test_a_colour_that_is_dark_enough_stays():
    assert ink(SAME) == SAME.lower()
    assert contrast(DIFFERENT, "white") < LEAST_CONTRAST  # as a line it will do, as a text it won't


def test_numbers_between_faces_can_be_read():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (8, 6, 6, 1), dtype=np.uint8)
    labels = np.repeat(["Ada", "Grace"], 4)
    grid = faces.distance_grid(rng.normal(size=(8, 4)), images, labels, ["Ada", "Grace"])
    sheet = faces.naming_sheet(images, labels, labels[::-1], rng.random(8))
    for ax in (grid, sheet):
        colours = {text.get_color() for text in ax.figure.findobj(Text) if text.get_text()}
        assert len(colours) > 1
        assert min(contrast(colour, "white") for colour in colours) >= LEAST_CONTRAST


def palettes(css):
    """The variables of each ':root' of a style sheet, which begins with a light one."""
    for block in re.findall(r":root \{([^}]*)\}", css):
        yield dict(re.findall(r"--(\w+): (#\w{3,6});", block))


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_texts_of_a_page_can_be_read(page):
    css = page.read_text(encoding="utf-8")
    used = set(re.findall(r"[^-]color: var\(--(\w+)\)", css)) - {"paper"}
    assert {"ink", "soft"} <= used
    found = list(palettes(css))
    assert len(found) >= 3  # light, dark, paper
    for palette in found:
        colours = found[0] | palette
        for name in used & palette.keys():
            assert contrast(colours[name], colours["paper"]) >= LEAST_CONTRAST, (name, palette)
