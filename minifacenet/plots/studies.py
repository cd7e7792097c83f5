"""A study in two panels: the figures with their errors, and beside them how the paper's fall."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from ..files.words import printable
from .style import AS_IT_IS, DASHES, DIFFERENT, HUES, SAME, entitle, new_axes

MARKS = "osD^v"


def study_panels(
    measures: Mapping[str, tuple[ArrayLike, ArrayLike]],
    shares: tuple[ArrayLike, ArrayLike],
    places: ArrayLike,
    labels: Sequence[str],
    setting: str,
    paper: tuple[Sequence[float], Sequence[float]] = ((), ()),
    paper_labels: Sequence[str] = (),
    compared: str = "VAL",
    relative: str | None = None,
    untouched: bool = False,
) -> np.ndarray:
    """Draw the figures of a study by its settings, and their shares of the best beside the paper's.

    Parameters
    ----------
    measures : mapping of names to (values, standard errors)
        Each of N settings; NaN is an error that is not known.
    shares : (values, standard errors)
        What `compared` is of its best.
    places, labels : of N settings
        Where they stand on the axis (in the units of `paper`), and what is written there.
    setting : str
        What the axis shows.
    paper : (places, shares)
        The paper's own, at its own places.
    paper_labels : sequence of str
        What is written at these places.
    compared : str
        Which figure the shares are of.
    relative : str, optional
        The places are shares of a whole, on a logarithmic axis: this is the right panel's label.
    untouched : bool
        The last setting is no spoiling at all: a line leads to it from the others.

    Returns
    -------
    ndarray of Axes, shape (2,)
    """
    places = np.asarray(places, dtype=np.float64)
    figure = Figure(figsize=(10.5, 4.2), layout="constrained")
    left, right = (new_axes(ax, 0, 0) for ax in figure.subplots(1, 2))
    solid = len(places) - untouched
    for number, (name, (values, errors)) in enumerate(measures.items()):
        style = {"color": HUES[number % len(HUES)], "marker": MARKS[number % len(MARKS)]}
        _line(left, places, values, errors, solid, DASHES[number % len(DASHES)], name, style)
    _line(right, places, *shares, solid, "-", "measured", {"color": SAME, "marker": "o"})
    if len(paper[0]):
        right.plot(*paper, "--", color=DIFFERENT, marker="s", label="the paper, VAL at FAR 0.001")
    for ax in (left, right):
        if relative:
            ax.set_xscale("log")
            ax.minorticks_off()
        ax.set_xticks(places, [printable(label) for label in labels], **AS_IT_IS)
        low, _ = ax.get_ylim()
        ax.set_ylim(max(0, low - 0.3 * (1 - low)), 1.04)  # room for the legend
        ax.legend(loc="lower right", frameon=False, fontsize=9, ncols=2)
    entitle(left, "Measured", "accuracy, AUC, VAL", setting)
    entitle(right, f"{compared}, as a share of its best", "share of the best", relative or setting)
    if paper_labels:
        known = dict(zip([*paper[0], *places], [*paper_labels, *labels], strict=True))
        right.set_xticks([*known], map(printable, known.values()), **AS_IT_IS)
    if relative:
        ticks = 10.0 ** np.arange(np.floor(np.log10(min(*places, *paper[0]))), 1)
        right.set_xticks(ticks, [np.format_float_positional(tick, trim="-") for tick in ticks])
    figure.supxlabel("bars: ± standard error", fontsize=9, color="0.4")
    return np.array([left, right])


def _line(
    ax: Axes,
    places: np.ndarray,
    values: ArrayLike,
    errors: ArrayLike,
    solid: int,
    dash: str,
    name: str,
    style: dict[str, Any],
) -> None:
    """Draw the first `solid` settings as a line, and a pale one to the rest."""
    values, errors = np.asarray(values, np.float64), np.nan_to_num(np.asarray(errors, np.float64))
    ax.errorbar(places, values, errors, fmt=style["marker"], color=style["color"], capsize=3, ms=5)
    ax.plot(places[:solid], values[:solid], dash, linewidth=1.8, label=name, **style, ms=5)
    ax.plot(places[solid - 1 :], values[solid - 1 :], color=style["color"], alpha=0.35)
