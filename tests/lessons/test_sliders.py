"""Sliders show any setting, and where there are none a few settings stand side by side."""

import sys
from io import BytesIO

import pictures
import pytest
import show
import sliders
from matplotlib.text import Text
from PIL import Image

from .test_lessons import build

WHAT = "A line whose slope is what the slider says."
STILL = [{"slope": 1.0}, {"slope": 2.0}]


def line(ax, slope):
    ax.plot([0, 1], [0, slope])
    ax.set_title(f"slope {slope}")
    return f"It rises by {slope}."


@pytest.fixture
def shown(monkeypatch):
    """What a notebook shows."""
    told = []
    for module in (pictures, sliders):
        monkeypatch.setattr(module, "in_a_notebook", lambda: True)
    monkeypatch.setattr(pictures, "_display", lambda data, metadata, **options: told.append(data))
    return told


@pytest.fixture
def box(shown, monkeypatch):
    """The sliders of `line`, its picture, and what is said of it."""
    pytest.importorskip("ipywidgets")
    boxes = []
    monkeypatch.setattr("IPython.display.display", boxes.append)
    show.play(line, WHAT, STILL, slope=(0, 3, 1))
    [box] = boxes
    return box


def test_settings_stand_side_by_side_and_say_what_came_of_them(shown, monkeypatch):
    monkeypatch.setitem(sys.modules, "ipywidgets", None)  # as if it were not installed
    drawn = []

    def noticed(panels, what, **options):
        drawn.extend(panels)
        return pictures.picture(panels, what, **options)

    monkeypatch.setattr(sliders, "picture", noticed)
    show.play(line, WHAT, STILL, slope=(0, 3, 1))
    titles = [text.get_text() for text in drawn[0].figure.findobj(Text)]
    assert {"slope 1.0", "slope 2.0"} <= set(titles)
    assert shown[0]["text/plain"] == f"{WHAT} It rises by 1.0. It rises by 2.0."


def test_a_slider_draws_its_setting_below_it(box, shown):
    slider, picture, said = box.children
    assert (slider.value, slider.min, slider.max) == (1, 0, 3)
    assert said.value == "It rises by 1.0."
    before = picture.value
    slider.value = 3
    assert picture.value != before
    assert said.value == "It rises by 3.0."
    assert len(shown) == 2  # what stands side by side stays: a picture, and its words


def test_no_setting_moves_what_is_below_its_picture(box):
    slider, picture, _ = box.children
    sizes = set()
    for slope in (0, 1, 3):
        slider.value = slope
        with Image.open(BytesIO(picture.value)) as image:
            assert image.width == pictures.SHARP * int(picture.width)
            sizes.add((image.size, picture.width, picture.height))
    assert len(sizes) == 1


def test_a_slider_of_whole_numbers_shows_them_without_a_fraction(box):
    assert box.children[0].readout_format == ".0f"


def test_what_is_said_is_no_html(shown, monkeypatch):
    pytest.importorskip("ipywidgets")
    boxes = []
    monkeypatch.setattr("IPython.display.display", boxes.append)
    show.play(lambda ax, x: f"Here {x} < 2.", WHAT, [{"x": 1.0}], x=(0, 2, 0.5))
    assert boxes[0].children[-1].value == "Here 1.0 &lt; 2."
    assert boxes[0].children[0].readout_format == ".2f"


def test_a_stored_notebook_has_no_sliders():
    widget = {"output_type": "display_data", "data": {build.WIDGET: {}, "text/plain": "VBox()"}}
    assert not build._stays(widget)
    assert not build._stays({"output_type": "stream", "name": "stderr"})
    assert build._stays({"output_type": "display_data", "data": {"image/png": ""}})
