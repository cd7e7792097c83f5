"""Sliders show any setting, and where there are none a few settings stand side by side."""

import sys

import pictures
import pytest
import show
import sliders
from matplotlib.text import Text

from .test_lessons import build

WHAT = "A line whose slope is what the slider says."
STILL = [{"slope": 1.0}, {"slope": 2.0}]


def line(ax, slope):
    ax.plot([0, 1], [0, slope])
    ax.set_title(f"slope {slope}")
    return f"It rises by {slope}."


class Shown:
    def __init__(self):
        self.updates = []

    def update(self, data, metadata, raw):
        self.updates.append(data)


@pytest.fixture
def shown(monkeypatch):
    """What a notebook shows: the first output is one that can be updated."""
    told, handle = [], Shown()
    monkeypatch.setattr(pictures, "_in_a_notebook", lambda: True)
    monkeypatch.setattr(
        pictures, "_display", lambda data, metadata, **options: told.append(data) or handle
    )
    return told, handle


def test_settings_stand_side_by_side_and_say_what_came_of_them(shown, monkeypatch):
    monkeypatch.setitem(sys.modules, "ipywidgets", None)  # as if it were not installed
    drawn = []

    def noticed(panels, what, **options):
        drawn.extend(panels)
        return pictures.live(panels, what, **options)

    monkeypatch.setattr(sliders, "live", noticed)
    show.play(line, WHAT, STILL, slope=(0, 3, 1))
    titles = [text.get_text() for text in drawn[0].figure.findobj(Text)]
    assert {"slope 1.0", "slope 2.0"} <= set(titles)
    assert shown[0][0]["text/plain"] == f"{WHAT} It rises by 1.0. It rises by 2.0."


def test_a_slider_draws_its_setting_in_the_place_of_the_others(shown, monkeypatch):
    ipywidgets = pytest.importorskip("ipywidgets")
    boxes = []
    monkeypatch.setattr("IPython.display.display", boxes.append)
    show.play(line, WHAT, STILL, slope=(0, 3, 1))
    [box] = boxes
    slider, said = box.children
    assert (slider.value, slider.min, slider.max) == (1, 0, 3)
    assert shown[1].updates == []
    slider.value = 3
    [new] = shown[1].updates
    assert new["text/plain"] == f"{WHAT} It rises by 3.0."
    assert new["image/png"] != shown[0][0]["image/png"]
    assert said.value == "It rises by 3.0."
    assert isinstance(said, ipywidgets.HTML)


def test_a_stored_notebook_has_no_sliders():
    widget = {"output_type": "display_data", "data": {build.WIDGET: {}, "text/plain": "VBox()"}}
    assert not build._stays(widget)
    assert not build._stays({"output_type": "stream", "name": "stderr"})
    assert build._stays({"output_type": "display_data", "data": {"image/png": ""}})
