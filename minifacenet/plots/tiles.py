"""Faces side by side on one Axes: what the figures of faces and the contact sheets are made of."""

from __future__ import annotations

from functools import cache

import numpy as np
from matplotlib.axes import Axes
from matplotlib.font_manager import fontManager
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike

from ..files.words import printable
from .style import AS_IT_IS, BOLD, ink, new_axes

OTHER_FONTS = (
    "Noto Sans CJK SC", "Noto Sans CJK JP", "WenQuanYi Zen Hei", "Droid Sans Fallback",
    "Microsoft YaHei", "Yu Gothic", "Malgun Gothic", "PingFang SC", "Hiragino Sans",
    "Arial Unicode MS", "Noto Sans Devanagari", "Nirmala UI",
)  # fmt: skip


def gallery(
    ax: Axes | None, corner: tuple[float, float], title: str, credit: str | None, left: float = -0.5
) -> Axes:
    """Return Axes for faces of size 1 from (0, 0), y downwards, to the lower right `corner`."""
    (right, bottom), top = corner, -0.5
    inches = min(9 / (right - left), 1.8)  # of a face, so that a few do not fill a screen
    ax = new_axes(ax, 9, 0.7 + inches * (bottom - top))
    ax.spines[:].set_visible(False)
    ax.grid(False)
    ax.set(xticks=[], yticks=[], xlim=(left, right), ylim=(bottom, top), anchor="NW")
    ax.set_title(title, **BOLD)
    ax.set_xlabel(printable(credit or ""), fontsize=8, color="0.4", loc="left", **AS_IT_IS)
    return ax


def tile(
    ax: Axes, image: np.ndarray, centre: ArrayLike, colour: str, dash: str = "-", size: float = 1.0
) -> None:
    """Draw one face as a square with a frame; `centre` is (x, y)."""
    left, top = np.asarray(centre) - size / 2
    rgb = np.broadcast_to(image, (*image.shape[:2], 3))
    ax.imshow(rgb, extent=(left, left + size, top + size, top))
    for edge, line in (("white", "-"), (colour, dash)):  # white shows in the gaps of the dashes
        frame = Rectangle((left, top), size, size, fill=False, edgecolor=edge, linestyle=line)
        frame.set(linewidth=2, clip_on=False)
        ax.add_patch(frame)


def write(
    ax: Axes,
    x: float,
    y: float,
    text: str,
    colour: str,
    fontsize: float = 8.5,
    va: str = "center",
    rotation: float = 0,
    box: bool = False,
) -> None:
    place = {"ha": "center", "va": va, "rotation": rotation, "family": _families(), **AS_IT_IS}
    if box:
        place["bbox"] = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
    ax.text(x, y, text, color=ink(colour), fontsize=fontsize, **place)


@cache
def _families() -> list[str]:
    """Return the fonts that are there, in the order in which a letter is looked up.

    DejaVu Sans comes with Matplotlib and has both marks, whatever font the reader has chosen. It
    has no Chinese, Japanese or Korean letters, which names may have.
    """
    there = {font.name for font in fontManager.ttflist}
    return ["DejaVu Sans", *(name for name in OTHER_FONTS if name in there)]


def short(text: str, most: int = 14) -> str:
    """Return a text from outside on one line, cut off if it is too long."""
    text = printable(text)
    return text if len(text) <= most else text[: most - 1] + "…"
