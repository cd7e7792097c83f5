"""The confusion matrix of names: rows say who it was, columns say what was answered."""

from __future__ import annotations

import numpy as np

from ..classification.classifier import UNKNOWN
from .html import Html, join, tag
from .parts import Naming

MOST = 40  # people are shown at most, those with mistakes first
CELL, LETTER = 14, 5.5  # their widths, in units of the drawing
LETTERS = 14  # of a name are shown at most


def confusion_matrix(naming: Naming) -> Html:
    """Draw one square per (person, answer) that happened: the larger its share of the row, the
    darker it is."""
    present = {*naming.expected.tolist(), *naming.answers.tolist()}
    people = [name for name in naming.faces.people if name in present]
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
    margin = 8 + LETTER * min(LETTERS, max(map(len, names)))
    side = margin + CELL * len(names)
    drawing = tag(
        "svg",
        [_label(name, i, margin) for name, i in where.items()],
        [_cell(pair, count, totals[pair[0]], where, margin) for pair, count in counts.items()],
        tag("rect", x=margin, y=margin, width=side - margin, height=side - margin, class_="frame"),
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


def _label(name: str, i: int, margin: float) -> Html:
    middle = margin + CELL * i + CELL * 0.75
    short = name if len(name) <= LETTERS else name[: LETTERS - 1] + "…"
    column = f"rotate(-90 {middle} {margin - 4})"
    return join(
        tag("text", short, x=margin - 4, y=middle, text_anchor="end"),
        tag("text", short, x=middle, y=margin - 4, transform=column),
    )


def _cell(
    pair: tuple[str, str], count: int, total: int, where: dict[str, int], margin: float
) -> Html:
    expected, answer = pair
    return tag(
        "rect",
        tag("title", f"{expected} → {answer}: {count} of {total}"),
        x=margin + CELL * where[answer],
        y=margin + CELL * where[expected],
        width=CELL,
        height=CELL,
        class_="right" if expected == answer else "wrong",
        fill_opacity=f"{0.25 + 0.75 * count / total:.2f}",
    )
