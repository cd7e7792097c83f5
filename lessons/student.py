"""A copy of the lessons for those who learn: without worked answers and a lecturer's tools."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

HERE = Path(__file__).resolve().parent
NOT_FOR_STUDENTS = (
    "answers*.py", "book", "build.py", "facts.toml", "grade.py", "grading", "lecturer.py",
    "links.py", "make_*.py", "my_answers.py", "prose.py", "slides.py", "student.py",
)  # fmt: skip
OF_LECTURERS = ("For lecturers", "How the notebooks are made")
LINK = re.compile(r"(?<!!)\[([^]]+)\]\((?!https?:|#)([^)#\s]+)[^)\s]*\)")
BESIDE = "../minifacenet/"  # the library, where the copy lies beside it
TOLD = re.compile(r"^[✓✗○] \d\d\.\d|of 3, (a question|where to look|the shape of the code):")


def make_student_copy(target: Path) -> None:
    """Write the copy, with `solution()` closed; SystemExit if there is something already."""
    if target.exists() and any(target.iterdir()):
        raise SystemExit(f"{target} is not empty: choose a new folder")
    ignored = shutil.ignore_patterns(*NOT_FOR_STUDENTS, "__pycache__", ".*")
    shutil.copytree(HERE, target, ignore=ignored, dirs_exist_ok=True)
    (target / "exercises" / "CLOSED").write_text("The solutions are with your lecturer.\n")
    for page in target.rglob("*.md"):
        text = _without_sections(page.read_text(encoding="utf-8"))
        page.write_text(_without_dead_links(text, page.parent), encoding="utf-8")
    for path in target.glob("*.ipynb"):
        notebook = json.loads(path.read_text(encoding="utf-8"))
        for cell in notebook["cells"]:
            _tidy(cell, target)
        text = json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
        path.write_text(text, encoding="utf-8")


def _tidy(cell: dict, folder: Path) -> None:
    """No dead links in a text, and no word of a check, nor a hint, in what is stored."""
    if cell["cell_type"] == "markdown":
        text = _without_dead_links("".join(cell["source"]), folder)
        cell["source"] = text if isinstance(cell["source"], str) else text.splitlines(keepends=True)
    else:
        cell["outputs"] = [one for one in cell["outputs"] if not TOLD.search(_printed(one))]


def _printed(output: dict) -> str:
    return "".join(output.get("text", ""))


def _without_sections(text: str) -> str:
    for title in OF_LECTURERS:
        text = re.sub(rf"^## {title}\n.*?(?=^## |\Z)", "", text, flags=re.MULTILINE | re.DOTALL)
    return text.rstrip() + "\n"


def _without_dead_links(text: str, folder: Path) -> str:
    """Links to what the copy has not become their words."""

    def keep(link: re.Match) -> str:
        there = link[2].startswith(BESIDE) or (folder / link[2]).exists()
        return link[0] if there else link[1]

    return LINK.sub(keep, text)
