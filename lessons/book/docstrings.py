"""Docstrings as reStructuredText: ours are plain text, formulas set in, and numpydoc's lists."""

from __future__ import annotations

import re

SPAN = re.compile(r"(`[^`\n]+`)")


def as_rst(app, what, name, obj, options, lines: list[str]) -> None:
    """Change the lines of a docstring in place; autodoc calls it for each."""
    lines[:] = rst(lines)


def rst(lines: list[str]) -> list[str]:
    """A set-in block stays as it stands, stars and bars mean nothing, `x` is code."""
    lines = _with_set_in_tables(lines)
    found: list[str] = []
    block = listed = False
    sections = len(lines)
    for number, line in enumerate(lines[1:], 1):
        if line and not line.strip("-") and lines[number - 1].strip():
            sections = number - 1
            break
    for number, line in enumerate(lines):
        set_in = line.startswith("    ") and number < sections
        after_a_gap = not found or not found[-1].strip()
        if line.strip() and not set_in:
            listed = line.startswith(("- ", "* ")) or (listed and line.startswith(" "))
            block = False
        if set_in and not block and not listed and after_a_gap:
            found += ["::", ""]
            block = True
        found.append(line if block else _inline(line))
    return found


def _with_set_in_tables(lines: list[str]) -> list[str]:
    """A paragraph in columns, which is as good as set in, set in."""
    text = "\n".join(lines)
    paragraphs = re.split(r"(\n\s*\n)", text)
    for number in range(0, len(paragraphs), 2):
        part = paragraphs[number]
        if re.match(r"\S", part) and re.search(r"\S {3,}\S", part):
            paragraphs[number] = "\n".join(f"    {line}" for line in part.split("\n"))
    return "".join(paragraphs).split("\n")


def _inline(line: str) -> str:
    """One line of words: backticks are code, and nothing else is markup."""
    if not line.strip("- "):
        return line
    parts = SPAN.split(line)
    for number in range(0, len(parts), 2):
        parts[number] = re.sub(r"(?<!\\)([*|])", r"\\\1", parts[number])
        parts[number] = re.sub(r"(?<=\w)_(?=\W|$)", r"\\_", parts[number])
    for number in range(1, len(parts), 2):
        before = r"\ " if re.search(r"\w$", parts[number - 1]) else ""
        after = r"\ " if re.match(r"[\w^*]", parts[number + 1]) else ""
        parts[number] = f"{before}`{parts[number]}`{after}"
    if parts[0].startswith(r"\* "):  # a list
        parts[0] = parts[0][1:]
    return "".join(parts)
