"""Texts from outside are made safe to show: names of files and people, values out of files."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from difflib import get_close_matches

import numpy as np

# Unicode's categories of control characters, invisible marks (the bidirectional ones among them),
# halves of surrogate pairs, and the separators of lines and paragraphs.
_UNSAFE = ("Cc", "Cf", "Cs", "Zl", "Zp")
_JOINERS = "\u200c\u200d"  # these hold letters and emoji together, and do no harm


def printable(text: str) -> str:
    """Return `text` on one line, with nothing that a terminal obeys: ESC becomes the text \\x1b.

    Letters of all scripts, accents and emoji stay as they are.
    """
    return "".join(
        _escaped(sign) if unicodedata.category(sign) in _UNSAFE and sign not in _JOINERS else sign
        for sign in text
    )


def _escaped(sign: str) -> str:
    return sign.encode("unicode_escape", "surrogatepass").decode("ascii")


def shortened(value: object, most: int = 200) -> str:
    """Return `repr(value)` for an error message, at most `most` characters of it."""
    text = repr(value)
    return text if len(text) <= most else f"{text[: most - 4]} ..."


def with_error(value: float, error: float) -> str:
    """Return a figure in text, with its standard error where that is known."""
    return f"{value:.3f}" if np.isnan(error) else f"{value:.3f} ± {error:.3f}"


def size_text(size: float) -> str:
    """Return a number of bytes in readable form."""
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{size / 2**20:.0f} MiB"


def duration_text(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.2g} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def count_text(number: int, one: str, many: str | None = None) -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"


def either(names: Iterable[str]) -> str:
    """Return the names to choose from as a text: 'a, b or c'."""
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last


def nearest(name: str, known: Iterable[str], alike: float = 0.6) -> str | None:
    """Return the known name that somebody who typed `name` may have meant; None if none is near.

    `alike`, from 0 to 1, says how near. Capitals, '-' and '.' in place of '_' make no difference.
    """
    plain = {_plain(one): one for one in known}
    return next((plain[one] for one in get_close_matches(_plain(name), plain, 1, alike)), None)


def _plain(name: str) -> str:
    return name.lower().replace("-", "_").replace(".", "_")


def meant(name: str, known: Iterable[str]) -> str:
    """Return the end of an error message about a name that is none of the known ones."""
    names = list(known)
    near = nearest(name, names)
    return f"is {near} meant?" if near else f"there are {', '.join(names)}"
