"""What an answer gave, as plain numbers, or a sentence about what it should give."""

from __future__ import annotations

from .core import Wrong


def numbers(got, names: str, count: int) -> list[float]:
    """The numbers that an answer returned, NaN among them allowed; `Wrong` if it did not.

    `names` says what they are: 'two numbers, the mean and its error'.
    """
    try:
        values = [float(value) for value in got]
    except (TypeError, ValueError):
        values = []
    if len(values) != count:
        raise Wrong(f"you return {_short(got)}: it should be {names}")
    return values


def number(got, name: str) -> float:
    """The one number that an answer returned."""
    try:
        return float(got)
    except (TypeError, ValueError):
        raise Wrong(f"you return {_short(got)}: it should be {name}") from None


def _short(got) -> str:
    text = " ".join(repr(got).split())
    return text if len(text) <= 60 else text[:59] + "…"
