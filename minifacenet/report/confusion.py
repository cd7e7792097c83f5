"""The confusion matrix of names: who it was by row, what was answered by column."""

from __future__ import annotations

import numpy as np

from ..classification.classifier import UNKNOWN
from .html import Html, join, tag
from .parts import Naming

MOST = 40  # people shown, those with mistakes first
CELL, MARGIN = 14, 90  # in units of the drawing


def confusion_matrix(naming: Naming) -> Html:
    """A square a pair of (person, answer) that happened, the darker the more of the row."""
    people = np.unique(np.concatenate([naming.expected, naming.answers]))
    people = people[people != UNKNOWN].tolist()
    wrong = naming.expected != naming.answers
    mistaken = set(np.concatenate([naming.expected[wrong], naming.answers[wrong]]).tolist())
    shown = sorted(people, key=lambda name: name not in mistaken)[:MOST]
    names = [name for name in people if name in set(shown)] + [UNKNOWN]
    where = {name: i for i, name in enumerate(names)}
    totals = {name: int((naming.expected == name).sum()) for name in names}
    counts: dict[tuple[str, str], int] = {}
    for pair in zip(naming.expected.tolist(), naming.answers.tolist(), strict=True):
        if pair[0] in where and pair[1] in where:
            counts[pair] = counts.get(pair, 0) + 1
    side = MARGIN + CELL * len(names)
    drawing = tag(
        "svg",
        [_label(name, i) for name, i in where.items()],
        [_cell(pair, count, totals[pair[0]], where) for pair, count in counts.items()],
        tag("rect", x=MARGIN, y=MARGIN, width=side - MARGIN, height=side - MARGIN, class_="frame"),
        viewBox=f"0 0 {side} {side}", width=side, height=side, class_="matrix",
        role="img", aria_label="Confusion matrix; the rows with mistakes are listed below",
    )  # fmt: skip
    said = (
        "Rows: who it was. Columns: what was answered. Blue is right, orange wrong; the darker, "
        "the larger the share of the row. The last row are the strangers."
    )
    if len(people) > len(shown):
        said += f" {len(shown)} of {len(people)} people, those with mistakes first."
    scrolling = tag("div", drawing, class_="scroll", role="region", tabindex=0,
                    aria_label="Confusion matrix")  # fmt: skip
    return join(tag("p", said), scrolling)


def _label(name: str, i: int) -> Html:
    middle = MARGIN + CELL * i + CELL * 0.75
    short = name if len(name) <= 14 else name[:13] + "…"
    column = f"rotate(-90 {middle} {MARGIN - 4})"
    return join(
        tag("text", short, x=MARGIN - 4, y=middle, text_anchor="end"),
        tag("text", short, x=middle, y=MARGIN - 4, transform=column),
    )


def _cell(pair: tuple[str, str], count: int, total: int, where: dict[str, int]) -> Html:
    expected, answer = pair
    return tag(
        "rect",
        tag("title", f"{expected} → {answer}: {count} of {total}"),
        x=MARGIN + CELL * where[answer],
        y=MARGIN + CELL * where[expected],
        width=CELL,
        height=CELL,
        class_="right" if expected == answer else "wrong",
        fill_opacity=f"{0.25 + 0.75 * count / total:.2f}",
    )
