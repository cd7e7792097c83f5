"""Curves of a run: what the training did, what the distances say (faces: `face_plots.py`).

Each function takes arrays, draws on the Axes that it is given or on a new figure, and returns the
Axes. Nothing here touches pyplot or the global settings, so a report may draw without a screen and
in any thread. In a notebook `ax.figure` is the picture; :func:`save` writes it.

Distances are **squared** L2. Images are ndarrays of shape (N, H, W, C), uint8, C = 1 or 3. The
colours are Okabe and Ito's, which colour-blind readers can tell apart, and colour never speaks
alone: lines differ in their dashes, verdicts carry a mark.

Names come from outside: texts that hold one are drawn `AS_IT_IS`, or a '$' would begin a formula,
and on one line.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from .files import replacing
from .words import printable

SAME, DIFFERENT = "#0072B2", "#D55E00"  # blue: same person, right; vermilion: the others, wrong
HUES = (SAME, "#E69F00", "#009E73", "#CC79A7", "#56B4E9", DIFFERENT, "#F0E442", "#000000")
DASHES = ("-", "--", "-.", ":")
AS_IT_IS = {"parse_math": False, "usetex": False}
BOLD = {"loc": "left", "fontsize": 11, "fontweight": "bold", "family": "DejaVu Sans", **AS_IT_IS}


def training_curves(
    records: Iterable | Mapping[str, ArrayLike],
    scores: Sequence[tuple[float, ...]] | None = None,
    ax: Sequence[Axes] | None = None,
    margin: float | None = None,
    measure: str = "AUC",
) -> np.ndarray:
    """The health of a training: a panel each for loss, active pairs, distances, spread, scores.

    Parameters
    ----------
    records : iterable of StepRecord, or mapping of its field names to columns
    scores : sequence of (step, score) or (step, score, standard error), optional
        Measured on faces outside the training; adds the fifth panel.
    ax : four Axes, or five with `scores`, optional
    margin : float, optional
        Drawn into the panels of the loss and of the distances.
    measure : str
        What the scores are.

    Returns
    -------
    ndarray of Axes, shape (4,) or (5,)
        Faint lines are single steps, strong ones running means over 1/25 of the run.
    """
    step, loss, active, positive, negative, spread = _columns(records)
    axes = _panels(ax, 5 if scores else 4)
    distance, guide = "squared L2 distance", {"color": "0.4", "linestyle": ":"}
    _name(axes[0], "Loss of the active triplets", distance)
    _curve(axes[0], step, loss, HUES[7])
    _name(axes[1], "Active anchor-positive pairs", "share of the pairs (%)")
    _curve(axes[1], step, 100 * active, HUES[2])
    _name(axes[2], "Mean distances to negatives and positives", distance)
    _curve(axes[2], step, negative, DIFFERENT, "--", "d(a,n)")
    _curve(axes[2], step, positive, SAME, "-", "d(a,p)")
    _name(axes[3], "Spread: mean distance of all pairs", distance)
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
        _name(axes[4], f"Held-out faces: {measure} along the training, best {best}", measure)
        axes[4].plot(at, score, color=SAME, marker="o", linewidth=2)
        if error:
            axes[4].errorbar(at, score, error[0], color=SAME, fmt="none", capsize=3, label="± SE")
            axes[4].legend(loc="lower right", frameon=False)
        axes[4].set_ylim(min(0.5, score.min()), 1.02)
    for panel in axes[2:]:
        panel.tick_params(labelbottom=True)
    for panel in axes[4:] if scores else axes[2:]:
        panel.set_xlabel("training step")
    return axes


def distance_histograms(
    distances: ArrayLike, same: ArrayLike, threshold: float | None = None, ax: Axes | None = None
) -> Axes:
    """How far apart two photos of one person lie, and of two people, each out of 100 %.

    Parameters
    ----------
    distances, same : ndarray of shape (M,), float and bool
        Of all pairs, as from `verification.pair_distances`. One of the two kinds may be missing.
    threshold : float, optional
        Drawn with its VAL and FAR: the shares at or below it.
    """
    distances, same = np.asarray(distances, dtype=np.float64), np.asarray(same, dtype=bool)
    if distances.ndim != 1 or distances.shape != same.shape or not distances.size:
        raise ValueError(
            f"expected one distance and one flag a pair, got {distances.shape} and {same.shape}"
        )
    ax = new_axes(ax, 9, 4.5)
    edges = np.linspace(0, max(distances.max(), threshold or 0, 1e-6) * 1.02, 61)
    kinds = {"same person": (same, SAME, "-"), "different people": (~same, DIFFERENT, "--")}
    for name, (kind, colour, dash) in kinds.items():
        share = 100 * np.histogram(distances[kind], edges)[0] / max(kind.sum(), 1)
        label = f"{name} ({kind.sum():,} pairs)"
        ax.stairs(share, edges, fill=True, color=colour, alpha=0.3)
        ax.stairs(share, edges, color=colour, linestyle=dash, linewidth=1.8, label=label)
    low = threshold is None or threshold < edges[-1] / 2
    if threshold is not None:
        ax.axvline(threshold, color="black", linewidth=1.5)
        lines = [f"threshold {threshold:.2f}"]
        for name, kind in (("VAL", same), ("FAR", ~same)):
            if kind.any():
                lines.append(f"{name} {100 * np.mean(distances[kind] <= threshold):.1f} %")
        offset = {"xytext": (6 if low else -6, -4), "textcoords": "offset points"}
        place = {"ha": "left" if low else "right", "va": "top", **offset}
        ax.annotate("\n".join(lines), (threshold, 1), xycoords=("data", "axes fraction"), **place)
    ax.set_xlim(0, edges[-1])
    ax.set_ylim(0, 1.3 * ax.dataLim.y1)  # headroom for the legend
    ax.legend(loc="upper right" if low else "upper left", frameon=False)
    _name(ax, "Distances between two photos", "share of the pairs (%)", "squared L2 distance")
    return ax


def roc(curves: Mapping[str, tuple], ax: Axes | None = None) -> Axes:
    """VAL against FAR of several methods, the first one in front.

    The axis of FAR is logarithmic, because the rates that matter are small, and a logarithm has no
    place for FAR = 0. The smallest rate above is 1 / (number of different pairs): the grey band,
    labelled 0, stands for everything below, and a curve crosses it at the VAL that it reaches
    without any false accept. Curves are steps, as in 'VAL at FAR 0.001': the best at that rate or
    a lower one, never something between two thresholds.

    Parameters
    ----------
    curves : mapping of names to (far, val) or (far, val, auc)
        `far` and `val` of shape (K,), the first two of `verification.roc`; `auc` a number.
    """
    if not curves:
        raise ValueError("no curves to draw")
    ax = new_axes(ax, 9, 5.5)
    floor = min(np.min(far, where=np.asarray(far) > 0, initial=1) for far, *_ in curves.values())
    edge = floor / 3
    for number, (name, (far, val, *auc)) in enumerate(curves.items()):
        order = np.lexsort((val, far))
        far, val = np.asarray(far)[order], np.asarray(val)[order]
        ax.plot(
            np.concatenate([[edge], far[far > 0]]),
            np.concatenate([[val[far == 0].max(initial=0)], val[far > 0]]),
            drawstyle="steps-post",
            color=HUES[number % len(HUES)],
            linestyle=DASHES[number % len(DASHES)],
            linewidth=2 if number else 2.8,
            zorder=4 - number / len(curves),
            label=printable(f"{name}, AUC {auc[0]:.3f}" if auc else name),
        )
    chance = np.geomspace(floor, 1, 200)
    ax.plot(chance, chance, color="0.6", linewidth=1, label="chance")
    ax.axvspan(edge, floor, color="0.92")
    ax.set_xscale("log")
    ax.minorticks_off()
    decades = 10.0 ** np.arange(np.ceil(np.log10(floor)), 1)
    names = [np.format_float_positional(decade, trim="-") for decade in decades]
    ax.set_xticks([np.sqrt(edge * floor), *decades], ["0", *names])
    ax.set_xlim(edge, 1)
    ax.set_ylim(0, 1.02)
    for text in ax.legend(loc="lower right", framealpha=1).get_texts():
        text.set(**AS_IT_IS)
    far = "FAR: share of different pairs accepted (logarithmic; grey: none at all)"
    _name(ax, "Verification: ROC curves", "VAL: share of same pairs accepted", far)
    return ax


def save(ax: Axes | np.ndarray, path: str | Path, dpi: int = 150) -> None:
    """The whole figure of these Axes as a PNG, atomically: the old file or the new one."""
    with replacing(path) as temporary:
        np.ravel(ax)[0].figure.savefig(temporary, format="png", dpi=dpi)


def new_axes(ax: Axes | None, width: float, height: float) -> Axes:
    """The given Axes or those of a new figure of this size in inches, with a light frame."""
    if ax is None:
        ax = Figure(figsize=(width, height), layout="constrained").add_subplot()
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(color="0.92", linewidth=0.8)
    ax.set_axisbelow(True)
    return ax


def _name(ax: Axes, title: str, y: str, x: str = "") -> None:
    ax.set_title(title, **BOLD)
    ax.set_ylabel(y)
    ax.set_xlabel(x)


def _panels(axes: Sequence[Axes] | None, count: int) -> np.ndarray:
    """Two by two panels over the same steps, and a fifth below them."""
    if axes is None:
        rows, heights = ("ab;cd", [1, 1]) if count == 4 else ("ab;cd;ee", [1, 1, 0.8])
        figure = Figure(figsize=(9, 2.7 * sum(heights)), layout="constrained")
        mosaic = figure.subplot_mosaic(rows, sharex=True, height_ratios=heights)
        axes = list(mosaic.values())
    axes = np.ravel(axes)
    if len(axes) != count:
        raise ValueError(f"these curves need {count} Axes, got {len(axes)}")
    return np.array([new_axes(panel, 0, 0) for panel in axes])


def _columns(records: Iterable | Mapping[str, ArrayLike]) -> list[np.ndarray]:
    """The fields that :func:`training_curves` draws, step first, each of shape (steps,)."""
    fields = ("step", "loss", "active", "positive_distance", "negative_distance", "spread")
    if not isinstance(records, Mapping):
        records = list(records)
        records = {name: [getattr(record, name) for record in records] for name in fields}
    columns = [np.asarray(records[name], dtype=np.float64) for name in fields]
    if not columns[0].size:
        raise ValueError("no steps to draw: records is empty")
    return columns


def _curve(ax, step, values, colour, dash="-", label=None) -> None:
    """Every step faintly, the running mean strongly."""
    ax.plot(step, values, color=colour, alpha=0.25, linewidth=0.8)
    marker = "o" if len(step) == 1 else None
    ax.plot(step, _smooth(values), dash, color=colour, linewidth=2, marker=marker, label=label)


def _smooth(values: np.ndarray) -> np.ndarray:
    """Mean over a window around each step, of the values that there are (NaN: no value)."""
    window = np.ones(len(values) // 50 * 2 + 1)  # odd, so that it has a middle
    known = np.isfinite(values)
    total = np.convolve(np.where(known, values, 0), window, "same")
    count = np.convolve(known, window, "same")
    return np.divide(total, count, out=np.full(len(values), np.nan), where=count > 0.5)
