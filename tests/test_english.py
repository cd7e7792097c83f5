"""What docstrings, help, README and guide may not say: patterns that need a second reading."""

import ast
import re
from pathlib import Path

import pytest

import minifacenet

PACKAGE = Path(minifacenet.__file__).parent
ROOT = PACKAGE.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "lessons").rglob("*.md"))]
PAGES = [page for page in PAGES if "made" not in page.parts]  # copies, for the book
THINGS = "row|line|bar|panel|block|thread|file|folder|table|flag|number|vector|square"
PATTERNS = {
    rf"\b([Aa]|[Oo]ne) ({THINGS}) an? (?!photo costs|thread works)\w+": "'one row per layer'",
    r"\b[Ss]hall\b": "'should' or 'must'",
    r"\b([Hh]e|[Hh]im|[Hh]is)\b(?!-| et al|\))": "'they'",
    r"\bnamed right\b": "'accuracy', or 'named correctly'",
    r"\blet in\b": "'accepted'",
    r"\b(rows|layers) in a row\b": "'one after another'",
}


def said(text):
    """What people read of a file: its docstrings and texts; all of a Markdown file."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.stem)
def test_a_module_says_it_plainly(path):
    for line, text in said(path.read_text(encoding="utf-8")):
        for pattern, better in PATTERNS.items():
            found = re.search(pattern, text)
            assert not found, f"{path}, text at line {line}: {found[0]!r}: say {better}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_says_it_plainly(page):
    text = page.read_text(encoding="utf-8")
    for pattern, better in PATTERNS.items():
        found = re.search(pattern, text)
        assert not found, f"{found[0]!r}: say {better}"
