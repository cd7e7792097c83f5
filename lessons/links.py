"""Files that a lesson's text names become links, so that JupyterLab and code hosts open them.

A text writes `minifacenet/nn/conv.py`, or `conv.py` where only one file of the library is called
so, or a file of the lessons (`studies.py`, `lessons/results/ablations.png`). `build.py` makes
links of them, relative to the notebook.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
NAMED = re.compile(r"(?<!\[)`([\w./]+\.(?:py|csv|png|jpg|toml|md))`(?!\])")
LEARNERS = "my_answers.py"  # which is not there until somebody has solved something
IN_LESSONS = (HERE, HERE / "results", HERE / "figures", HERE / "exercises")


class NoSuchFile(Exception):
    """A text names a file that is not there, or one of several."""


def linked(text: str) -> str:
    """The text with a link wherever it names a file in a code span; `NoSuchFile` if it may not."""
    return NAMED.sub(lambda named: _link(named[1]), text)


def _link(name: str) -> str:
    if name.endswith(LEARNERS):
        return f"`{name}`"
    found = _called(name)
    if len(found) != 1:
        others = ", ".join(path.relative_to(ROOT).as_posix() for path in found) or "none"
        raise NoSuchFile(f"a text names `{name}`, and of the files these are called so: {others}")
    return f"[`{name}`](../{found[0].relative_to(ROOT).as_posix()})"


@cache
def _called(name: str) -> list[Path]:
    """The files that a text may mean: the one of that path, or else those of that name."""
    for folder in (ROOT, ROOT / "minifacenet", *IN_LESSONS):
        if (folder / name).is_file():
            return [folder / name]
    return sorted((ROOT / "minifacenet").rglob(name)) if "/" not in name else []
