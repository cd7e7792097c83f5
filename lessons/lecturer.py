"""For who teaches: every exercise with its answer, the reason, and the errors to expect.

    python lessons/lecturer.py             # writes build/solutions.md
    python lessons/lecturer.py 05 10 --out two.md

Made of what the tests hold the checks to: the worked answers (`exercises/answers_NN.py`, or the
library), the third hint and the check's last word, which say why, and the wrong answers of
`tests/lessons/mistakes_NN.py`, each with what the check tells a learner who writes it. All of them
are run, so it takes a minute or two, and nothing in it is older than the exercises.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import inspect
import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from exercises.core import Exercise, Wrong, load_exercises  # noqa: E402
from grading.notebooks import answers_of  # noqa: E402

ABOUT = """\
# Solutions, with reasons and common errors

For lecturers. Each exercise: what is asked, a worked answer, why, and the errors that are known,
with the sentence that `check` has for each.
"""


def chapter(source: Path) -> str:
    """The exercises of a lesson, as Markdown."""
    text = source.read_text(encoding="utf-8")
    title = re.search(r"^# # (.+)$", text, re.MULTILINE)
    parts = [f"## {title[1] if title else source.stem}"]
    for number, name in answers_of(source).items():
        exercise = load_exercises()[number]
        parts += [f"### {number}: `{name}`", _asked(text, name), _answer(exercise)]
        parts += [_reason(exercise), _errors(exercise)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _asked(lesson: str, name: str) -> str:
    for node in ast.parse(lesson).body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return f"```text\n{ast.get_docstring(node) or ''}\n```"
    return ""


def _answer(exercise: Exercise) -> str:
    worked = exercise.worked()
    if worked is None:
        raise SystemExit("the worked answers are not here: this is a student's copy")
    worked = getattr(worked, "py_func", worked)
    own = worked.__module__.startswith("exercises.")
    origin = "" if own else f"It is the library's, `{worked.__module__.replace('.', '/')}.py`.\n\n"
    return f"{origin}```python\n{inspect.getsource(worked).rstrip()}\n```"


def _reason(exercise: Exercise) -> str:
    said = exercise.verify(exercise.worked())
    return f"**Why.** {exercise.hints[2]} {said or ''}".rstrip()


def _errors(exercise: Exercise) -> str:
    module = importlib.import_module(f"tests.lessons.mistakes_{exercise.number[:2]}")
    found = ["**Common errors.**", ""]
    for wrong in module.MISTAKES[exercise.number]:
        name = getattr(wrong, "__name__", "unnamed").replace("_", " ")
        found.append(f"- *{name}*: {_told(exercise, wrong)}")
    return "\n".join(found)


def _told(exercise: Exercise, wrong) -> str:
    try:
        exercise.verify(wrong)
    except Wrong as error:
        return " ".join(str(error).split())
    except Exception as error:
        return " ".join(f"it raises {type(error).__name__}: {error}".split())
    return "the check accepts it"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lessons", nargs="*", help="numbers, such as 05; all if left out")
    parser.add_argument("--out", type=Path, default=HERE.parent / "build" / "solutions.md")
    arguments = parser.parse_args()
    chapters = [ABOUT]
    for source in sorted(HERE.glob("[0-9][0-9]_*.py")):
        asked = not arguments.lessons or source.name[:2] in arguments.lessons
        if asked and answers_of(source):
            print(source.stem, flush=True)
            chapters.append(chapter(source))
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text("\n".join(chapters), encoding="utf-8")
    print(arguments.out)


if __name__ == "__main__":
    main()
