"""Curves of a training, from its log: loss, active pairs, distances, spread, scores."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from .style import DIFFERENT, HUES, SAME, entitle, new_axes


def training_curves(
    records: Iterable | Mapping[str, ArrayLike],
    scores: Sequence[tuple[float, ...]] | None = None,
    ax: Sequence[Axes] | None = None,
    margin: float | None = None,
    measure: str = "AUC",
) -> np.ndarray:
    """Draw the health of a training: loss, active pairs, distances, spread, scores, one panel each.

    Parameters
    ----------
    records : iterable of StepRecord, or mapping of its field names to columns
    scores : sequence of (step, score) or (step, score, standard error), optional
        Scores of faces outside the training; they add the fifth panel.
    ax : four Axes, or five with `scores`, optional
    margin : float, optional
        Drawn into the panels of the loss and of the distances; without one it is no triplet loss.
    measure : str
        Name of the scores.

    Returns
    -------
    ndarray of Axes, shape (4,) or (5,)
        Faint lines are single steps, strong ones are running means over 1/25 of the run.
    """
    step, loss, active, positive, negative, spread = _columns(records)
    axes = _panels(ax, 5 if scores else 4)
    distance, guide = "squared L2 distance", {"color": "0.4", "linestyle": ":"}
    entitle(axes[0], "Loss" if margin is None else "Loss of the active triplets", distance)
    _curve(axes[0], step, loss, HUES[7])
    entitle(axes[1], "Active anchor-positive pairs", "share of the pairs (%)")
    _curve(axes[1], step, 100 * active, HUES[2])
    entitle(axes[2], "Mean distances to negatives and positives", distance)
    _curve(axes[2], step, negative, DIFFERENT, "--", "d(a,n)")
    _curve(axes[2], step, positive, SAME, "-", "d(a,p)")
    entitle(axes[3], "Spread: mean distance of all pairs", distance)
    _curve(axes[3], step, spread, HUES[3])
    axes[3].axhline(2, label="random points on the sphere", **guide)
    if margin is not None:
        axes[0].axhline(margin, label=f"margin {margin:g}", **guide)
        axes[2].plot(step, _smooth(positive) + margin, label=f"d(a,p) + {margin:g}", **guide)
    for panel in axes[:4]:
        top = panel.dataLim.y1  # -inf if there is no value at all
        panel.set_ylim(0, 1.25 * top if top > 0 else 1)  # headroom for the legend
        if panel.get_legend_handles_labels()[0]:
            panel.legend(loc="upper right", ncols=3, fontsize=9, frameon=False)
    axes[1].set_ylim(0, 105)
    if scores:
        at, score, *error = np.asarray(scores, dtype=np.float64).T
        best = f"{score.max():.3f} at step {at[score.argmax()]:.0f}"
        entitle(axes[4], f"Held-out faces: {measure} along the training, best {best}", measure)
        axes[4].plot(at, score, color=SAME, marker="o", linewidth=2)
        lowest = score.min()
        if error:
            axes[4].errorbar(at, score, error[0], color=SAME, fmt="none", capsize=3, label="± SE")
            axes[4].legend(loc="best", frameon=False)
            lowest = (score - np.nan_to_num(error[0])).min()
        axes[4].set_ylim(min(0.5, lowest - 0.02), 1.02)
    for panel in axes[2:]:
        panel.tick_params(labelbottom=True)
    for panel in axes[4:] if scores else axes[2:]:
        panel.set_xlabel("training step")
    return axes


def _panels(axes: Sequence[Axes] | None, count: int) -> NDArray[np.object_]:
    """Return two by two panels over the same steps, and a fifth one below them."""
    if axes is None:
        rows, heights = ("ab;cd", [1, 1]) if count == 4 else ("ab;cd;ee", [1, 1, 0.8])
        figure = Figure(figsize=(9, 2.7 * sum(heights)), layout="constrained")
        mosaic = figure.subplot_mosaic(rows, sharex=True, height_ratios=heights)
        axes = list(mosaic.values())
    panels = np.ravel(np.asarray(axes, dtype=object))
    if len(panels) != count:
        raise ValueError(f"these curves need {count} Axes, got {len(panels)}")
    return np.array([new_axes(panel, 0, 0) for panel in panels])


def _columns(records: Iterable | Mapping[str, ArrayLike]) -> list[np.ndarray]:
    """Return the fields that :func:`training_curves` draws, step first, of shape (steps,)."""
    fields = ("step", "loss", "active", "positive_distance", "negative_distance", "spread")
    if not isinstance(records, Mapping):
        records = list(records)
        records = {name: [getattr(record, name) for record in records] for name in fields}
    columns = [np.asarray(records[name], dtype=np.float64) for name in fields]
    if not columns[0].size:
        raise ValueError("no steps to draw: records is empty")
    return columns


def _curve(ax, step, values, colour, dash="-", label=None) -> None:
    """Draw every step faintly, the running mean strongly."""
    ax.plot(step, values, color=colour, alpha=0.25, linewidth=0.8)
    marker = "o" if len(step) == 1 else None
    ax.plot(step, _smooth(values), dash, color=colour, linewidth=2, marker=marker, label=label)


def _smooth(values: np.ndarray) -> np.ndarray:
    """Return the mean of the values in a window around each step (NaN: no value)."""
    window = np.ones(len(values) // 50 * 2 + 1)  # odd, so that it has a middle
    known = np.isfinite(values)
    total = np.convolve(np.where(known, values, 0), window, "same")
    count = np.convolve(known, window, "same")
    return np.divide(total, count, out=np.full(len(values), np.nan), where=count > 0.5)
