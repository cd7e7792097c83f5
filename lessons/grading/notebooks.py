"""What a learner has written, cell by cell, and what the lesson gives them to begin with."""

from __future__ import annotations

import ast
import json
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

MOST_BYTES = 20 << 20
CALL = re.compile(r"""check\(\s*["'](\d\d\.\d+)["']\s*,\s*(\w+)""")
CONSTANTS = (ast.Constant, ast.UnaryOp, ast.USub, ast.Tuple, ast.List, ast.Load)
DEFINITIONS = (ast.FunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)


class Unreadable(Exception):
    """Why a notebook cannot be read, in half a sentence."""


@dataclass(frozen=True)
class Notebook:
    """The code cells of a submission: their texts, and whether each has the tag 'exercise'."""

    lesson: str  # '05'
    cells: list[tuple[str, bool]]


def read(path: Path) -> Notebook:
    """Read a submitted notebook; `Unreadable` if it is none of this course."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise Unreadable(f"it is larger than {MOST_BYTES >> 20} MiB")
        content = json.loads(path.read_text(encoding="utf-8"))
        cells = [
            ("".join(cell["source"]), "exercise" in (cell.get("metadata") or {}).get("tags", []))
            for cell in content["cells"]
            if cell["cell_type"] == "code"
        ]
    except OSError as error:
        raise Unreadable(f"it cannot be read ({error.strerror or error})") from None
    except (ValueError, RecursionError):
        raise Unreadable("it is no JSON") from None
    except (KeyError, TypeError, AttributeError):
        raise Unreadable("it is no notebook") from None
    return Notebook(_lesson_of(path, cells), cells)


def _lesson_of(path: Path, cells: list[tuple[str, bool]]) -> str:
    """By the checks that it calls; by its name, if it calls none."""
    called = Counter(number[:2] for text, _ in cells for number, _ in CALL.findall(text))
    if called:
        return called.most_common(1)[0][0]
    if re.match(r"\d\d", path.name):
        return path.name[:2]
    raise Unreadable("it calls no check, and its name begins with no number of a lesson")


def answers_of(source: Path) -> dict[str, str]:
    """Number and name of each exercise of a lesson, by the lecturer's own file."""
    return dict(CALL.findall(source.read_text(encoding="utf-8")))


def given_by(source: Path) -> list[str]:
    """What a lesson gives: its imports, functions, and plain constants. Nothing is computed.

    What is asked for is not given, so that a cell that does not run is told as such.
    """
    text, asked = source.read_text(encoding="utf-8"), answers_of(source).values()
    found = functions(text)
    stubs = {found[name] for name in asked if name in found}
    return [statement for statement, _ in _statements(text) if statement not in stubs]


def constants_of(source: Path) -> set[str]:
    """The names of the plain constants that a lesson gives, such as TILE."""
    return set().union(*(names for _, names in _statements(source.read_text(encoding="utf-8"))))


def _statements(text: str) -> list[tuple[str, set[str]]]:
    """Imports, functions and constants, each with the names of the constants that it sets."""
    found = []
    for node in ast.parse(text).body:
        if isinstance(node, DEFINITIONS):
            found.append((ast.unparse(node), set()))
        elif isinstance(node, ast.Assign):
            parts = [part for target in node.targets for part in ast.walk(target)]
            names = {part.id for part in parts if isinstance(part, ast.Name)}
            named = all(isinstance(part, ast.Name | ast.Tuple | ast.Store) for part in parts)
            if named and all(isinstance(part, CONSTANTS) for part in ast.walk(node.value)):
                found.append((ast.unparse(node), names))
    return found


def definitions(text: str) -> list[str]:
    """The imports, functions and constants of a learner's cell; none if it is no Python."""
    try:
        return [statement for statement, _ in _statements(_without_magics(text))]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []


def functions(text: str) -> dict[str, str]:
    """The texts of the functions of a learner's cell, by name, as they are parsed."""
    try:
        body = ast.parse(_without_magics(text)).body
        return {one.name: ast.unparse(one) for one in body if isinstance(one, ast.FunctionDef)}
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {}


def _without_magics(text: str) -> str:
    return "\n".join("pass" if re.match(r"[%!?]", line) else line for line in text.splitlines())
