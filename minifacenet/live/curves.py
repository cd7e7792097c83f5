"""Curves as SVG, drawn by hand: Matplotlib would take longer than many a training step.

The drawing stretches to the width that it gets, and its lines keep their strength; what is written
beside it is HTML, so that it is as large on a phone as on a screen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..report.html import Html, join, tag

MOST = 500  # points of a curve
GRAIN = 1000  # units of a drawing, in each direction


@dataclass(frozen=True)
class Curve:
    """A curve with a band around it.

    Attributes
    ----------
    steps, values, low, high : ndarray of shape (N,)
        Each value with the band's ends: of the steps that it stands for, the smallest and largest.
    per : int
        Steps that a point stands for, as their mean.
    """

    steps: np.ndarray
    values: np.ndarray
    low: np.ndarray
    high: np.ndarray
    per: int = 1


def thinned(steps: ArrayLike, values: ArrayLike, error: ArrayLike = 0.0, most: int = MOST) -> Curve:
    """Make a curve of at most `most` points, whose band keeps every extreme.

    Parameters
    ----------
    steps, values : array of shape (N,)
        Values that are not finite are left out.
    error : array of shape (N,), or a number
        Half the height of the band, where one point stands for one step; NaN counts as 0.
    most : int
        Points of the outline of the band; the line in it has half as many.
    """
    at, mean = np.asarray(steps, float), np.asarray(values, float)
    spread = np.nan_to_num(np.broadcast_to(np.asarray(error, float), mean.shape))
    there = np.isfinite(mean)
    at, mean, spread = at[there], mean[there], spread[there]
    low, high = mean - spread, mean + spread
    if len(at) <= most:
        return Curve(at, mean, low, high)
    per = -(-2 * len(at) // most)
    starts = np.arange(0, len(at), per)
    sizes = np.append(starts[1:], len(at)) - starts
    where = at[starts + sizes // 2]
    where[[0, -1]] = at[[0, -1]]
    return Curve(
        where,
        np.add.reduceat(mean, starts) / sizes,
        np.minimum.reduceat(low, starts),
        np.maximum.reduceat(high, starts),
        per,
    )


@dataclass(frozen=True)
class Line:
    """A curve in a panel: its name, its style in the style sheet, and whether it has dots.

    Where it has dots, a bar through each shows the band.
    """

    name: str
    kind: str
    curve: Curve
    dots: bool = False


def panel(
    title: str,
    lines: Sequence[Line],
    last_step: int,
    top: float | None = None,
    percent: bool = False,
    rule: tuple[str, float] | None = None,
    note: str = "",
) -> Html:
    """Draw a panel: steps to the right from 0 to `last_step`, values upwards from 0.

    Parameters
    ----------
    title : str
    lines : sequence of Line
        Those without a point are left out.
    last_step : int
    top : float, optional
        The largest value that is shown; None: of the curves.
    percent : bool
        Whether values are shares.
    rule : (text, value), optional
        A horizontal line.
    note : str
        What stands there if no line has a point.
    """
    lines = [line for line in lines if len(line.curve.steps)]
    if not lines:
        return tag("figure", tag("figcaption", tag("h3", title)), tag("p", note), class_="panel")
    values = [line.curve.high.max() for line in lines] + ([rule[1]] if rule else [])
    across = ticks(max(last_step, 1), 5)
    highest = top or max(float(max(values)), 1e-9)
    up = ticks(highest, 5)
    if up[-1] < 0.999 * highest:
        up.append(up[-1] + up[1])
    scale = _Scale(max(last_step, 1), top or up[-1])
    said = ", ".join(f"{line.name} {_number(line.curve.values[-1], percent)}" for line in lines)
    grid = join(
        tag("path", d="".join(f"M0 {scale.y(v)}H{GRAIN}" for v in up), class_="grid"),
        tag("path", d=f"M0 {scale.y(rule[1])}H{GRAIN}", class_="rule") if rule else None,
    )
    drawing = tag(
        "svg",
        grid,
        (_band(line, scale) for line in lines),
        (_line(line, scale) for line in lines),
        viewBox=f"0 0 {GRAIN} {GRAIN}",
        preserveAspectRatio="none",
        role="img",
        aria_label=f"{title}, at step {lines[0].curve.steps[-1]:.0f}: {said}.",
    )
    return tag(
        "figure",
        tag("figcaption", tag("h3", title), tag("p", _keys(lines, percent, rule), class_="keys")),
        tag(
            "div",
            (tag("span", _number(v, percent, short=True), class_="up",
                 style=f"top:{scale.y(v) / GRAIN:.1%}") for v in up),
            drawing,
            (tag("span", "step " * (v == across[-1]) + f"{v:,.0f}", class_="across",
                 style=f"left:{scale.x(v) / GRAIN:.1%}") for v in across),
            class_="plot",
        ),
        class_="panel",
    )  # fmt: skip


def ticks(end: float, about: int) -> list[float]:
    """Return round numbers from 0 to at most `end`, `about` as many as that."""
    rough = end / about
    power = 10.0 ** np.floor(np.log10(rough))
    step = next(f * power for f in (1, 2, 5, 10) if f * power >= rough * 0.999)
    return [float(i * step) for i in range(int(end / step + 1e-6) + 1)]


@dataclass(frozen=True)
class _Scale:
    """Turns steps and values into whole units of the drawing."""

    last: float
    top: float

    def x(self, step: float) -> int:
        return round(GRAIN * min(step / self.last, 1))

    def y(self, value: float) -> int:
        return round(GRAIN * (1 - min(max(value / self.top, 0), 1)))

    def points(self, steps: np.ndarray, values: np.ndarray) -> str:
        pairs = zip(steps.tolist(), values.tolist(), strict=True)
        return "L".join(f"{self.x(step)} {self.y(value)}" for step, value in pairs)


def _line(line: Line, scale: _Scale) -> Html:
    curve = line.curve
    drawn = tag("path", d=f"M{scale.points(curve.steps, curve.values)}", class_=f"line {line.kind}")
    if not (line.dots or len(curve.steps) == 1):
        return drawn
    pairs = zip(curve.steps.tolist(), curve.values.tolist(), strict=True)
    dots = "".join(f"M{scale.x(step)} {scale.y(value)}h0" for step, value in pairs)
    ends = zip(curve.steps.tolist(), curve.low.tolist(), curve.high.tolist(), strict=True)
    bars = "".join(f"M{scale.x(at)} {scale.y(low)}V{scale.y(high)}" for at, low, high in ends)
    return join(
        tag("path", d=bars, class_=f"bars {line.kind}"),
        drawn,
        tag("path", d=dots, class_=f"dots {line.kind}"),
    )


def _band(line: Line, scale: _Scale) -> Html | None:
    curve = line.curve
    if line.dots or not (curve.high > curve.low).any():
        return None
    there = scale.points(curve.steps, curve.high)
    back = scale.points(curve.steps[::-1], curve.low[::-1])
    return tag("path", d=f"M{there}L{back}Z", class_=f"band {line.kind}")


def _keys(lines: Sequence[Line], percent: bool, rule: tuple[str, float] | None) -> list[Html]:
    """Name the lines with their last values."""
    keys = [
        tag("span", tag("i", class_=line.kind), line.name, " ",
            tag("b", _number(line.curve.values[-1], percent)))
        for line in lines
    ]  # fmt: skip
    if rule is not None:
        keys.append(tag("span", tag("i", class_="rule"), rule[0]))
    return keys


def _number(value: float, percent: bool, short: bool = False) -> str:
    if percent:
        return f"{100 * value:.0f} %"
    return f"{value:.4g}" if short else f"{value:.3f}"
