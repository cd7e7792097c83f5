"""Bars of what a photo costs, a part for each stage: for the comparisons with face_recognition."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from minifacenet.plots.style import HUES

# Several stages may have one colour in different pictures. A hatch tells two apart in one.
LOOKS: dict[str, tuple[str, str]] = {
    "reading": (HUES[0], ""), "detection": (HUES[1], ""), "alignment": (HUES[2], ""),
    "cutting": (HUES[2], ""), "embedding": (HUES[3], ""), "encoding": (HUES[4], "////"),
    "naming": (HUES[5], ""), "writing": (HUES[6], ""), "reading crops": (HUES[0], "xxxx"),
    "album": ("0.6", ""), "the rest": (HUES[7], ""),
}  # fmt: skip
WORDS = {
    "encoding": "encoding: landmarks, alignment and embedding",
    "writing": "writing crops and tables",
    "reading crops": "reading crops again",
}


def stage_bars(ax: Axes, rows: Sequence[dict[str, str]], stages: Sequence[str]) -> None:
    """Draw a bar for each row, from its `<stage>_ms`, with its `photos_per_second` behind it, and
    its `faces` if it has them."""
    left, places = np.zeros(len(rows)), np.arange(len(rows))
    longest = max(sum(float(one[f"{stage}_ms"]) for stage in stages) for one in rows)
    for stage in stages:
        taken = np.array([float(one[f"{stage}_ms"]) for one in rows])
        colour, hatch = LOOKS[stage]
        look = {"label": WORDS.get(stage, stage), "color": colour, "hatch": hatch}
        bars = ax.barh(places, taken, 0.7, left, edgecolor="white", **look)
        texts = [f"{value:.0f}" if value > 0.03 * longest else "" for value in taken]
        for label in ax.bar_label(bars, texts, label_type="center", fontsize=8):
            if label.get_text():
                label.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 1})
        left += taken
    for place, end, one in zip(places, left, rows, strict=True):
        text = f" {float(one['photos_per_second']):.1f} photos/s"
        if "faces" in one:
            text += f",\n {one['faces']} faces found"
        ax.text(end, place, text, va="center", fontsize=8)
    ax.set_yticks(places, [",\n".join(one["side"].rsplit(", ", 1)) for one in rows])
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.set_xlim(0, 1.2 * longest)
    ax.grid(axis="y", visible=False)
    ax.set_xlabel("ms of one core per photo (processor time)")
