"""Dots for several seeds and candidates: they show what the mean hides."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from ..files.words import printable
from .style import AS_IT_IS, BOLD, DIFFERENT, SAME, new_axes


def seed_dots(
    panels: Mapping[str, Mapping[str, ArrayLike]],
    measure: Mapping[str, str] | str,
    columns: int | None = None,
    marked: Mapping[str, str] | None = None,
    share_axis: bool = False,
) -> np.ndarray:
    """Draw one panel per question, one line per candidate: seeds as dots, the mean with its error.

    Parameters
    ----------
    panels : mapping of titles to (mapping of candidates' names to values, one per seed)
        The first candidate stands on top.
    measure : str, or mapping of titles to str
        What the values are: the label of the axis.
    columns : int, optional
        Panels in a row; by default all of them.
    marked : mapping of titles to names, optional
        The candidate of each panel whose mean is drawn as a line, to compare with.
    share_axis : bool
        One range of values for all panels.

    Returns
    -------
    ndarray of Axes, one per panel
    """
    if not panels:
        raise ValueError("no panels to draw")
    columns = columns or len(panels)
    rows = -(-len(panels) // columns)
    tallest = max(map(len, panels.values()))
    figure = Figure(figsize=(4.4 * columns, rows * (0.8 + 0.42 * tallest)), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, sharex=share_axis).ravel()
    for panel in grid[len(panels) :]:
        panel.axis("off")
    for ax, (title, candidates) in zip(grid, panels.items(), strict=False):
        label = measure if isinstance(measure, str) else measure[title]
        _panel(new_axes(ax, 0, 0), title, candidates, label, (marked or {}).get(title))
    figure.supxlabel("dots: seeds; diamonds: their mean ± standard error", fontsize=9, color="0.4")
    return grid[: len(panels)]


def _panel(ax: Axes, title: str, candidates, label: str, marked: str | None) -> None:
    for line, (name, values) in enumerate(candidates.items()):
        values = np.asarray(values, dtype=np.float64)
        colour = DIFFERENT if name == marked else SAME
        ax.plot(values, np.full(len(values), line + 0.16), "o", color=colour, alpha=0.35, ms=4)
        error = values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else 0
        ax.errorbar(values.mean(), line - 0.12, xerr=error, fmt="D", ms=5, color=colour, capsize=4)
        if name == marked:
            ax.axvline(values.mean(), color=colour, linestyle=":", linewidth=1, zorder=0)
    ax.set_yticks(range(len(candidates)), list(map(printable, candidates)), **AS_IT_IS)
    ax.set_ylim(len(candidates) - 0.5, -0.5)
    ax.tick_params(labelbottom=True)
    ax.set_title(printable(title), **BOLD)
    ax.set_xlabel(printable(label), **AS_IT_IS)
