"""Something to play with: sliders in a notebook; where there are none, a few settings in a row.

Sliders want a running kernel and ipywidgets. A notebook that is only read, in print or on a code
host, has the settings side by side; `build.py` leaves the sliders out of what it stores.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from html import escape

from matplotlib.figure import Figure
from pictures import as_drawn, in_a_notebook, picture

from minifacenet.plots.style import new_axes

SIZE = (6.5, 3.6)  # inches: of one setting
WIDE, HIGH = 9.5, 3.1  # of all that are shown side by side
WIDEST = 520  # pixels: of a slider, which is as wide as its picture


def play(
    draw: Callable, what: str, still: list[dict], size: tuple[float, float] = SIZE, **ranges
) -> None:
    """Show some settings of a picture side by side, and let sliders show any other one.

    `draw(ax, **setting)` draws a setting on Axes, and returns a sentence that says what came of it.
    `what` says what the picture shows, as in `picture`. `still` are the settings that stand side by
    side, the first of which the sliders begin with. `ranges` are, by the settings' names,
    (lowest, highest, step). Arrays that another cell may change are best bound as defaults of
    `draw`: sliders are moved later.
    """
    figure = Figure(figsize=(WIDE, HIGH), layout="constrained")
    panels = figure.subplots(1, len(still), squeeze=False)[0]
    told = [draw(new_axes(ax, *size), **setting) for ax, setting in zip(panels, still, strict=True)]
    picture(panels, " ".join([what, *told]))
    if in_a_notebook():
        _sliders(partial(_drawn, draw, size), still[0], ranges)


def _drawn(draw: Callable, size: tuple[float, float], **setting):
    """What came of a setting, a sentence, and its picture: PNG, width and height."""
    ax = new_axes(None, *size)
    return draw(ax, **setting), as_drawn(ax)


def _sliders(drawn: Callable, start: dict, ranges: dict) -> None:
    """Show a slider for each setting, which can be moved by keyboard, too, above its picture.

    The picture is a widget of its own, as large for one setting as for another: nothing else on the
    page moves, and a browser keeps the old one until the new one is there.
    """
    try:
        import ipywidgets
    except ImportError:
        return
    from IPython.display import display

    long, wide = {"description_width": "initial"}, {"width": "100%", "max_width": f"{WIDEST}px"}
    said, shown = ipywidgets.HTML(), ipywidgets.Image()
    sliders = {
        name: ipywidgets.FloatSlider(
            value=start[name], min=low, max=high, step=step, description=name, style=long,
            layout=wide, readout_format=f".{0 if step == int(step) else 2}f",
        )
        for name, (low, high, step) in ranges.items()
    }  # fmt: skip

    def react(_=None):
        sentence, (shown.value, shown.width, shown.height) = drawn(
            **{name: slider.value for name, slider in sliders.items()}
        )
        said.value = escape(sentence)

    for slider in sliders.values():
        slider.observe(react, names="value")
    react()
    display(ipywidgets.VBox([*sliders.values(), shown, said]))
