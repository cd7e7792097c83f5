"""These functions make HTML in which nothing that comes from outside can become markup.

People's names, file names and credits are text that somebody else wrote. So there is one rule:
whatever is not an :class:`Html` is text, and `tag` escapes it. Only this file, `charts` for the
curves of Matplotlib, and `document` for our own scripts and styles make an `Html` out of a string.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from html import escape
from typing import TypeAlias

VOID = ("meta", "br", "img", "input")  # elements without an end tag
Content: TypeAlias = "str | float | Iterable[Content] | None"  # None shows nothing
Attribute: TypeAlias = str | float | None


class Html(str):
    """A string that is HTML already."""

    __slots__ = ()


def tag(name: str, /, *content: Content, **attributes: Attribute) -> Html:
    """Make an element: `tag("a", "here", href="#map", class_="link")`.

    Content is text, numbers, elements, or iterables of these; None is left out. An attribute that
    is None or False is left out, and of one that is True the name stands alone. In the name of an
    attribute '_' becomes '-', and one at the end is dropped.
    """
    shown = [
        f" {_attribute(key)}" if value is True else f' {_attribute(key)}="{text(value)}"'
        for key, value in attributes.items()
        if value is not None and value is not False
    ]
    start = f"<{name}{''.join(shown)}>"
    return Html(start if name in VOID else f"{start}{join(*content)}</{name}>")


def join(*content: Content) -> Html:
    """Put all content together, one after the other."""
    parts: list[Html] = []
    for item in content:
        if isinstance(item, Iterable) and not isinstance(item, str):
            parts.append(join(*item))
        elif item is not None:
            parts.append(item if isinstance(item, Html) else text(item))
    return Html("".join(parts))


def text(value: object) -> Html:
    """Escape a value, for elements and attributes alike.

    A file name may hold bytes that are no UTF-8. Python gives them as lone surrogates, which cannot
    be written to a file: they become '?'.
    """
    return Html(escape(str(value).encode("utf-8", "replace").decode("utf-8"), quote=True))


def table(
    caption: str,
    header: Sequence[Content],
    rows: Iterable[Sequence[Content]],
    kind: str = "numbers",
) -> Html:
    """Make a table whose first column names the rows; a wide one scrolls within itself."""
    head = tag("tr", (tag("th", cell, scope="col") for cell in header))
    body = (
        tag("tr", tag("th", row[0], scope="row"), (tag("td", cell) for cell in row[1:]))
        for row in rows
    )
    whole = tag(
        "table",
        tag("caption", caption),
        tag("thead", head) if header else None,
        tag("tbody", body),
        class_=kind,
    )
    # A region that scrolls must be reachable by keyboard.
    return tag("div", whole, class_="scroll", role="region", aria_label=caption, tabindex=0)


def json_block(id: str, value: object) -> Html:
    """Store data for the script in an element that is not run.

    JSON may write any character as an escape, so none is left that could end the element.
    """
    data = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    for character in "<>&":
        data = data.replace(character, f"\\u{ord(character):04x}")
    return tag("script", Html(data), type="application/json", id=id)


def percent(rate: float | None) -> str:
    """Write a rate as '98.0 %', or a dash where there is none."""
    return "–" if rate is None else f"{100 * rate:.1f} %"


def decimal(value: float | None, digits: int = 3) -> str:
    """Write a value as '0.969', or a dash where there is none."""
    return "–" if value is None else f"{value:.{digits}f}"


def _attribute(key: str) -> str:
    return key.rstrip("_").replace("_", "-")
