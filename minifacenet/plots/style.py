"""What all pictures share: colours, dashes, a light frame, and the way into a file.

The colours are Okabe and Ito's, which colour-blind readers can tell apart, and colour is never the
only sign: lines differ in their dashes, verdicts carry a mark. Not all are dark enough for a text,
which takes :func:`ink`. Nothing here touches pyplot or the global settings, so a report may draw
without a screen and in any thread. In a notebook `ax.figure` is the picture; :func:`save` writes
it.

Names come from outside: texts that hold one are drawn `AS_IT_IS`, since a '$' would begin a
formula, and on one line.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ..files.atomic import replacing

SAME, DIFFERENT = "#0072B2", "#D55E00"  # blue: same person, right; vermilion: the others, wrong
HUES = (SAME, "#E69F00", "#009E73", "#CC79A7", "#56B4E9", DIFFERENT, "#F0E442", "#000000")
DASHES = ("-", "--", "-.", ":")
LEAST_CONTRAST = 4.5  # of a text on its ground: WCAG 2.2, success criterion 1.4.3, level AA
AS_IT_IS: dict[str, Any] = {"parse_math": False, "usetex": False}
BOLD: dict[str, Any] = {
    "loc": "left", "fontsize": 11, "fontweight": "bold", "family": "DejaVu Sans", **AS_IT_IS,
}  # fmt: skip


def contrast(one: Any, other: Any) -> float:
    """Return the contrast of two colours, from 1 to 21, as WCAG 2.2 defines it."""
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def ink(colour: Any) -> str:
    """Return the colour, or as little darker as a text on white has to be: `LEAST_CONTRAST`."""
    shade = np.array(to_rgb(colour))
    while contrast(shade, "white") < LEAST_CONTRAST + 0.25:  # the ground may be tinted a little
        shade *= 0.97
    return to_hex(tuple(shade))


def _luminance(colour: Any) -> float:
    shares = np.array(to_rgb(colour))
    linear = np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))


def save(ax: Axes | NDArray[np.object_], path: str | Path, dpi: int = 150) -> None:
    """Write the whole figure of these Axes as a PNG, atomically: the old file stays, or the new."""
    with replacing(path) as temporary:
        first = ax if isinstance(ax, Axes) else ax.ravel()[0]
        figure: Any = first.figure
        figure.savefig(temporary, format="png", dpi=dpi)


def new_axes(ax: Axes | None, width: float, height: float) -> Axes:
    """Return the given Axes or those of a new figure, its size in inches, with a light frame."""
    if ax is None:
        ax = Figure(figsize=(width, height), layout="constrained").add_subplot()
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(color="0.92", linewidth=0.8)
    ax.set_axisbelow(True)
    return ax


def entitle(ax: Axes, title: str, y: str, x: str = "") -> None:
    """Write the title and the names of both axes."""
    ax.set_title(title, **BOLD)
    ax.set_ylabel(y)
    ax.set_xlabel(x)
