"""The one way to the terminal: lines and tables, in which nothing from outside is obeyed.

Names of people, folders and files, and text from files that somebody sent, may hold codes that a
terminal obeys: they could write its clipboard, clear it, or forge a line. So a line is printed with
:func:`say` and a table with :func:`show`, which write such signs out; and :class:`Screen`, which
both go through, as do the progress bars, lets none pass. Styles are never part of a text.
"""

from __future__ import annotations

import codecs
import sys
from collections.abc import Iterable
from typing import Any

from rich import box
from rich import table as rich_table
from rich.console import Console, ConsoleDimensions, ConsoleOptions, OverflowMethod, RenderableType
from rich.segment import Segment
from rich.text import Text

from ..files.words import printable

UNBOUNDED = 1_000_000  # columns where there is no terminal: a file, a pipe
# Our own signs for an output that is not UTF-8; letters of names become \u0141.
IN_ASCII = {"✓": "+", "✗": "x", "○": "o", "±": "+-", "²": "2", "…": "...", "→": "->", "–": "-"}


class Screen(Console):
    """A terminal that obeys only our styles, or a file, in which no line is too long."""

    @property  # type: ignore[misc]  # nobody sets the size of ours
    def size(self) -> ConsoleDimensions:
        return super().size if self.is_terminal else ConsoleDimensions(UNBOUNDED, 25)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Render as Rich does, but write out control signs, except our styles and line breaks."""
        for segment in super().render(renderable, options):
            if not segment.control:
                lines = segment.text.split("\n")
                segment = Segment("\n".join(map(printable, lines)), segment.style)
            yield segment


screen = Screen(emoji=False, highlight=False)  # ':x:' may be somebody's name
errors = Screen(emoji=False, highlight=False, stderr=True)


def say(*lines: str, style: str = "", lead: str = "", lead_style: str = "bold") -> None:
    """Print lines as they are, the first one after a `lead` in its own style.

    Brackets are not markup, and the terminal wraps a line that is too long.
    """
    for line in lines:
        screen.print(_line(line, style, lead, lead_style), soft_wrap=True)
        lead = ""


def complain(text: str, lead: str, lead_style: str) -> None:
    """Print one line on stderr, as `say` does on stdout."""
    errors.print(_line(text, "", lead, lead_style), soft_wrap=True)


def _line(text: str, style: str, lead: str, lead_style: str) -> Text:
    return Text.assemble((printable(lead), lead_style), (printable(text), style))


class Table(rich_table.Table):
    """A plain table. A cell is one line of text, or a `Text` with a style; a long one is folded."""

    def __init__(self, *headers: str, **settings: Any):
        plain: dict[str, Any] = {"box": box.SIMPLE_HEAD, "show_edge": False, "pad_edge": False}
        super().__init__(*headers, **plain | {"padding": (0, 1, 0, 0)} | settings)

    # Rich's methods take more than lines of text; ours do not.
    def add_column(  # type: ignore[override]
        self, header: str = "", *, overflow: OverflowMethod = "fold", **settings: Any
    ) -> None:
        super().add_column(header, overflow=overflow, **settings)

    def add_row(self, *cells: str | Text, **settings: Any) -> None:  # type: ignore[override]
        texts = (Text(printable(cell)) if isinstance(cell, str) else cell for cell in cells)
        super().add_row(*texts, **settings)


def show(table: rich_table.Table) -> None:
    screen.print(table)


def make_streams_patient() -> None:
    """Let stdout and stderr write in ASCII what they cannot encode, instead of raising an error.

    On Windows a file or a pipe takes a few hundred letters, and names may have others.
    """
    codecs.register_error("minifacenet", _in_ascii)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a file; a notebook's streams are none, and take all
            stream.reconfigure(errors="minifacenet")


def _in_ascii(error: UnicodeError) -> tuple[str, int]:
    """Handle an error of `codecs`: our own signs stay readable, other letters become \\u0141."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    signs = error.object[error.start : error.end]
    texts = (IN_ASCII.get(s) or s.encode("ascii", "backslashreplace").decode() for s in signs)
    return "".join(texts), error.end
