"""Texts from outside, made safe to show: names of files and people, values out of files."""

from __future__ import annotations

import unicodedata

# Of Unicode's categories: control characters, invisible marks (the bidirectional ones among them),
# halves of surrogate pairs, and the separators of lines and paragraphs.
_UNSAFE = ("Cc", "Cf", "Cs", "Zl", "Zp")
_JOINERS = "\u200c\u200d"  # these hold letters and emoji together, and do no harm


def printable(text: str) -> str:
    """`text` on one line, without anything that a terminal obeys: ESC becomes the four signs \\x1b.

    Letters of all scripts, accents and emoji stay as they are.
    """
    return "".join(
        _escaped(sign) if unicodedata.category(sign) in _UNSAFE and sign not in _JOINERS else sign
        for sign in text
    )


def _escaped(sign: str) -> str:
    return sign.encode("unicode_escape", "surrogatepass").decode("ascii")


def shortened(value: object, most: int = 200) -> str:
    """`repr(value)` for an error message, at most `most` characters of it."""
    text = repr(value)
    return text if len(text) <= most else f"{text[: most - 4]} ..."
