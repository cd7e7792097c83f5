"""Figures of the distances of pairs: two histograms, and ROC curves.

Each function takes arrays, draws on the Axes that it is given or on a new figure, and returns the
Axes. Distances are **squared** L2.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from ..files.words import printable
from .style import AS_IT_IS, DASHES, DIFFERENT, HUES, SAME, entitle, new_axes


def distance_histograms(
    distances: ArrayLike, same: ArrayLike, threshold: float | None = None, ax: Axes | None = None
) -> Axes:
    """Draw the distances of two photos of one person, and of two people, each out of 100 %.

    Parameters
    ----------
    distances, same : ndarray of shape (M,), float and bool
        All pairs, as from `verification.pair_distances`. One of the two kinds may be missing.
    threshold : float, optional
        Drawn with its VAL and FAR: the shares at or below it.
    """
    distances, same = np.asarray(distances, dtype=np.float64), np.asarray(same, dtype=bool)
    if distances.ndim != 1 or distances.shape != same.shape or not distances.size:
        raise ValueError(
            f"expected one distance and one flag per pair, got {distances.shape} and {same.shape}"
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
        offset: dict[str, Any] = {"xytext": (6 if low else -6, -4), "textcoords": "offset points"}
        place = {"ha": "left" if low else "right", "va": "top", **offset}
        ax.annotate("\n".join(lines), (threshold, 1), xycoords=("data", "axes fraction"), **place)
    ax.set_xlim(0, edges[-1])
    ax.set_ylim(0, 1.3 * ax.dataLim.y1)  # headroom for the legend
    ax.legend(loc="upper right" if low else "upper left", frameon=False)
    entitle(ax, "Distances between two photos", "share of the pairs (%)", "squared L2 distance")
    return ax


def roc(curves: Mapping[str, tuple], ax: Axes | None = None) -> Axes:
    """Draw VAL against FAR of several methods, the first one in front.

    The axis of FAR is logarithmic, because the rates that matter are small, and a logarithm has no
    place for FAR = 0. The smallest rate above 0 is 1 / (number of different pairs): the grey band,
    labelled 0, stands for everything below it, and a curve crosses the band at its VAL without any
    false accept. Curves are steps, as in 'VAL at FAR 0.001': the best at that rate or a lower
    one, never a value between two thresholds.

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
    entitle(ax, "Verification: ROC curves", "VAL: share of same pairs accepted", far)
    return ax
