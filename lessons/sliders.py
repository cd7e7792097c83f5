"""Something to play with: sliders in a notebook; where there are none, a few settings in a row.

Sliders want a running kernel and ipywidgets. A notebook that is only read, in print or on a code
host, has the settings side by side; `build.py` leaves the sliders out of what it stores.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from matplotlib.figure import Figure
from pictures import live

from minifacenet.plots.style import new_axes

SIZE = (6.5, 3.6)  # inches: of one setting
WIDE, HIGH = 9.5, 3.1  # of all that are shown side by side


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
    shown = live(panels, " ".join([what, *told]), quality=85)
    if shown is not None:
        _sliders(partial(_moved, draw, what, shown, size), still[0], ranges)


def _moved(draw, what, shown, size, said, **setting) -> None:
    """Draw a setting in the place of what was shown, and say what came of it."""
    ax = new_axes(None, *size)
    said.value = draw(ax, **setting)
    live(ax, f"{what} {said.value}", shown, quality=85)


def _sliders(moved: Callable, start: dict, ranges: dict) -> None:
    """Show a slider for each setting, which can be moved by keyboard, too."""
    try:
        import ipywidgets
    except ImportError:
        return
    from IPython.display import display

    long = {"description_width": "initial"}
    said = ipywidgets.HTML()
    sliders = {
        name: ipywidgets.FloatSlider(
            value=start[name], min=low, max=high, step=step, description=name, style=long,
            readout_format=".2f", continuous_update=False,
        )
        for name, (low, high, step) in ranges.items()
    }  # fmt: skip

    def react(_):
        moved(said, **{name: slider.value for name, slider in sliders.items()})

    for slider in sliders.values():
        slider.observe(react, names="value")
    display(ipywidgets.VBox([*sliders.values(), said]))
