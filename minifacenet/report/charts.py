"""The curves of `plots` stand as SVG inside the page: sharp at any size, with no file beside it.

Matplotlib names the parts of every picture alike, and an id must be unique in a page. So only the
ids that are pointed at stay, and each gets the picture's name in front.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .. import plots
from ..classification.methods import OURS, Method
from ..classification.verification import pair_distances
from ..classification.verification import roc as roc_points
from ..training.log import read_log
from .html import Html, tag

ROWS = 1000  # of a log that are drawn at most
POINTER = re.compile(r"(^#|url\(#)([^)]+)")


def training_charts(name: str, log: Path, margin: float) -> Html | None:
    """Draw the four panels of a training from its `log.csv`; None where there is no such file."""
    try:
        records = read_log(log)
    except FileNotFoundError:
        return None
    records = records[:: -(-len(records) // ROWS)] if records else []
    if not records:
        return None
    axes = [_axes(4.6, 2.7) for _ in range(4)]
    plots.training_curves(records, ax=axes, margin=margin)
    for ax in axes:
        ax.set_xlabel("training step")
    last = records[-1]
    alts = (
        f"Loss of the active triplets, at the end {last.loss:.3f}.",
        f"Share of active anchor-positive pairs, at the end {100 * last.active:.0f} %.",
        f"Mean squared distance to negatives, at the end {last.negative_distance:.2f}, and to "
        f"positives, {last.positive_distance:.2f}.",
        f"Mean squared distance of all pairs in a batch, at the end {last.spread:.2f}.",
    )
    charts = (
        inline_svg(ax, f"{name}-{number}", alt)
        for number, (ax, alt) in enumerate(zip(axes, alts, strict=True))
    )
    return tag("div", charts, class_="charts")


def roc_chart(
    methods: Sequence[Method],
    vectors: Mapping[str, np.ndarray],
    labels: np.ndarray,
    scores: Mapping,
    targets: Sequence[float],
) -> Html:
    """Draw the ROC curves of all methods.

    Dots mark our VAL at those target FARs that allow at least one pair.
    """
    curves = {}
    for method in (method for method in methods if method.key in vectors):
        far, val, _ = roc_points(*pair_distances(vectors[method.key], labels))
        curves[method.title] = (*corners(far, val), scores[method.key]["auc"])
    ax = plots.roc(curves, _axes(5, 4.4))
    ax.set_xlabel("FAR: different pairs accepted (logarithmic; grey: none)")
    ours = scores[OURS.key]
    at = [target for target in targets if ours[f"false_accepts_allowed_at_far_{target:g}"]]
    vals = [ours[f"val_at_far_{target:g}"] for target in at]
    ax.plot(at, vals, "o", color=plots.SAME, markersize=8, zorder=4.5)
    for target, val in zip(at, vals, strict=True):
        place, unit = (-6, 6), "offset points"
        ax.annotate(
            f"{val:.2f}", (target, val), place, textcoords=unit, ha="right", fontweight="bold"
        )
    said = ", ".join(f"{name} {area:.3f}" for name, (*_, area) in curves.items())
    return inline_svg(ax, "roc", f"ROC curves; area under each: {said}. The table has the values.")


def distance_chart(
    name: str,
    title: str,
    vectors: np.ndarray,
    labels: np.ndarray,
    threshold: float,
    marks: Iterable[tuple[str, float]] = (),
) -> Html:
    """Draw the distances of all pairs; `marks` are further thresholds, as (text, value)."""
    distances, same = pair_distances(vectors, labels)
    ax = plots.distance_histograms(distances, same, threshold, _axes(4.8, 3.4))
    ax.set_title(title, **plots.BOLD, pad=20)
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, fontsize=8, frameon=False)
    ax.set_ylim(0, 1.1 * ax.dataLim.y1)
    for text, value in marks:
        ax.axvline(value, color="0.4", linestyle=":", linewidth=1.5)
        middle = 0.5 * ax.get_ylim()[1]
        ax.text(value, middle, text, rotation=90, ha="right", va="center", fontsize=8, color="0.3")
    one, two = np.median(distances[same]), np.median(distances[~same])
    alt = (
        f"{title}: histogram of squared distances. The median is {one:.2f} for pairs of one person "
        f"and {two:.2f} for pairs of two people; "
        f"the threshold is {threshold:.2f}."
    )
    return inline_svg(ax, name, alt)


def inline_svg(ax: Axes, name: str, alt: str) -> Html:
    """Make the figure of these Axes an element of the page."""
    figure: Any = ax.figure
    data = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none"}):  # text stays text
        figure.savefig(data, format="svg", transparent=True, metadata={"Date": None})
    root = ElementTree.fromstring(data.getvalue())
    _strip(root)
    _rename(root, name)
    for key in ("width", "height"):  # the style sheet decides
        del root.attrib[key]
    root.set("role", "img")
    root.set("aria-label", alt)
    root.set("class", "chart")
    return Html(ElementTree.tostring(root, encoding="unicode"))


def _strip(root: ElementTree.Element) -> None:
    """Remove namespaces, metadata and style sheet.

    HTML knows the namespaces, and the style sheet would hold for the whole page.
    """
    for element in list(root.iter()):
        for child in list(element):
            if child.tag.endswith(("}metadata", "}style")):
                element.remove(child)
        element.tag = element.tag.rpartition("}")[2]
        for key in [key for key in element.attrib if "}" in key]:
            element.set(key.rpartition("}")[2], element.attrib.pop(key))
        if "d" in element.attrib:  # hundredths of a point are enough
            element.set("d", re.sub(r"(\.\d\d)\d+", r"\1", element.attrib["d"]))


def _rename(root: ElementTree.Element, name: str) -> None:
    """Call the ids that are pointed at `name`-0, `name`-1, ..., and remove the others."""
    ids: dict[str, str] = {}

    def renamed(match: re.Match[str]) -> str:
        return match[1] + ids.setdefault(match[2], f"{name}-{len(ids)}")

    for element in root.iter():
        for key, value in element.attrib.items():
            if key == "href" or "url(" in value:  # elsewhere '#' begins a colour
                element.set(key, POINTER.sub(renamed, value))
    for element in root.iter():
        if "id" in element.attrib:
            old = element.attrib.pop("id")
            if old in ids:
                element.set("id", ids[old])


def corners(far: np.ndarray, val: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Keep the points of a curve at which its steps rise: the others draw nothing new."""
    last = np.append(far[1:] != far[:-1], True)  # the highest VAL of each FAR
    far, val = far[last], val[last]
    rises = np.append(True, val[1:] != val[:-1])
    rises[[int(np.searchsorted(far, 0, "right")), -1]] = True  # smallest FAR above 0, and the end
    return far[rises], val[rises]


def _axes(width: float, height: float) -> Axes:
    return Figure(figsize=(width, height), layout="constrained").add_subplot()
