"""The pictures of `bench`: one bar per row, and curves of how cost grows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..plots.style import BOLD, DIFFERENT, SAME, new_axes
from .card import Card, rate
from .clock import Timing
from .scaling import Cost
from .sides import PEERS, WHOLE

BARS: tuple[dict[str, Any], ...] = (
    {"color": SAME},
    {"color": "white", "edgecolor": DIFFERENT, "hatch": "////"},
)


def timing_bars(timings: Sequence[Timing], title: str) -> Axes:
    """Draw one bar per row and pass: our ms or, with a yardstick, the ratio.

    Milliseconds are drawn without the rows for the whole network, which would dwarf them. A ratio's
    bar begins at 1, where both sides are equally fast, on a logarithmic axis: the bar of twice
    as fast is as long as that of half as fast. Rows without a ratio have no bar.
    """
    if timings[0].theirs:
        ax = _bars(timings, title, lambda timing, which: timing.ratio(which), start=1)
        _ratio_axis(ax)
        ax.set_xlabel(f"{PEERS[timings[0].peer]}'s time / ours: right of 1 we are faster")
        return ax
    timings = [timing for timing in timings if timing.name not in WHOLE]
    ax = _bars(timings, title, lambda timing, which: 1000 * timing.ours[which])
    ax.set_xlabel("ms")
    return ax


def share_bars(timings: Sequence[Timing], card: Card, title: str) -> Axes:
    """Draw one bar per row and pass: its share of the card's fp32 peak or, where there is nothing
    to multiply, of a copy's bandwidth."""

    def percent(timing, which):
        found = rate(timing, which, card)
        return 100 * found.share if found and found.share is not None else None

    ax = _bars(timings, title, percent, form=".0f")
    ax.set_xlim(0, max(100, 1.08 * ax.dataLim.xmax))
    ax.axvline(100, color="black", linewidth=1)
    ax.set_xlabel(
        "% of the card's fp32 peak; where there is nothing to multiply, of a copy's bytes a second"
    )
    return ax


def _bars(timings: Sequence[Timing], title: str, value, start=0, form=".2f") -> Axes:
    """Draw bars of value(timing, pass), none for None; they begin at `start`."""
    passes = list(timings[0].ours)
    ax = new_axes(None, 8, 1.4 + 0.36 * len(timings))
    height = 0.8 / len(passes)
    for number, which in enumerate(passes):
        found = [value(timing, which) for timing in timings]
        values = np.array([np.nan if number is None else number for number in found])
        places = np.arange(len(timings)) + (number - (len(passes) - 1) / 2) * height
        bars = ax.barh(
            places, values - start, height * 0.9, left=start, label=which, **BARS[number]
        )
        labels = ["" if np.isnan(value) else format(value, form) for value in values]
        ax.bar_label(bars, labels, padding=3, fontsize=7)
    ax.set_yticks(range(len(timings)), [timing.name for timing in timings])
    ax.set_ylim(len(timings) - 0.4, -0.6)
    ax.grid(axis="y", visible=False)
    ax.set_title(title, **BOLD)
    ax.figure.legend(loc="outside lower center", ncols=2, frameon=False)
    return ax


def _ratio_axis(ax: Axes) -> None:
    """Label powers of two, at least 1/2 to 2, and draw a line at 1."""
    ax.axvline(1, color="black", linewidth=1)
    ax.set_xscale("log", base=2)
    low, high = np.log2(ax.dataLim.intervalx)
    low, high = min(-1, np.floor(low - 0.3)), max(1, np.ceil(high + 0.3))
    ticks = 2.0 ** np.arange(low, high + 1)
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.minorticks_off()
    ax.set_xlim(ticks[0], ticks[-1])


def cost_curves(costs: Sequence[Cost], title: str) -> np.ndarray:
    """Draw milliseconds per image (above) and memory (below) against batch, width and size.

    Returns
    -------
    ndarray of Axes, shape (2, settings varied)
    """
    varied = list(dict.fromkeys(cost.varied for cost in costs))
    figure = Figure(figsize=(3.6 * len(varied), 6), layout="constrained")
    figure.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
    axes = figure.subplots(2, len(varied), squeeze=False)
    for column, what in enumerate(varied):
        own = [cost for cost in costs if cost.varied == what]
        at = [cost.value for cost in own]
        for row, unit, figures in (
            (0, "ms an image", [(1000 * cost.forward, 1000 * cost.step) for cost in own]),
            (1, "memory, MiB", [(c.forward_memory / 2**20, c.step_memory / 2**20) for c in own]),
        ):
            ax = new_axes(axes[row, column], 0, 0)
            forward, step = np.transpose(figures)
            ax.plot(at, step, "s--", color=DIFFERENT, label="step with Adam")
            ax.plot(at, forward, "o-", color=SAME, label="forward")
            ax.set_xscale("log", base=2) if what == "batch" else None
            ax.set_xticks(at, [f"{value:g}" for value in at])
            ax.minorticks_off()
            ax.set_ylim(bottom=0)
            ax.set_xlabel(LABELS[what])
            ax.set_ylabel(unit)
    axes[0, 0].legend(frameon=False)
    return axes


LABELS = {"batch": "photos in a batch", "width": "width (1: as named)", "size": "side of a photo"}
