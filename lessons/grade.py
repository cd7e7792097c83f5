"""Grade notebooks: run what learners wrote, judge it on fresh numbers, write a table.

    python lessons/grade.py SUBMISSIONS/                    # writes SUBMISSIONS/../grades.csv
    python lessons/grade.py SUBMISSIONS/ --out marks.csv --seconds 20 --memory 500

SUBMISSIONS holds a folder for each learner, with notebooks in it, or notebooks, each of a learner.
Of each notebook it takes the cells tagged 'exercise', and the imports, functions and constants of
the others, runs them, and has every exercise of that lesson checked. The table has a row for each:
submission, number, solved, message. A notebook that cannot be read is a row, too.

What is sound. The checks and their verdicts are in this process. What a learner wrote runs in
another one, which is sent arguments and sends back numbers. So a notebook that overwrites `check`,
mends the exercises, prints 'right' or writes a table changes nothing here. Numbers are drawn anew
for each run of this script, and are the same for all (`--seed` repeats them). The kernels of
lessons 06 and 07 have to run beside their checks; only loops, arrays and arithmetic are permitted
there.

What is not. The other process has limits of time and memory, and an audit hook of Python refuses
the course's own files, other processes, writing and the network. That stops accidents, and who
tries the obvious. It is no sandbox: who knows CPython well gets past the hook, and can then do
what you can. Notebooks of strangers belong into a container without a network. The limits of memory
hold on Linux; the script needs POSIX.
"""

from __future__ import annotations

import argparse
import csv
import io
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from exercises.core import load_exercises  # noqa: E402
from grading import notebooks  # noqa: E402
from grading.judge import Ended, Limits, NeedsCode, Worker, kernel_verdict, verdict  # noqa: E402

from minifacenet.files.atomic import write_text  # noqa: E402

COLUMNS = ("submission", "number", "solved", "message")
MOST_CHARACTERS = 400
FORBIDDEN = [str(HERE), str(HERE.parent / "tests")]
DRAWS = 3  # a check that fails its own worked answer has drawn badly: it draws again


def submissions(folder: Path) -> Iterator[tuple[str, Path]]:
    """Who has handed in, and their notebooks, in order."""
    for path in sorted(folder.rglob("*.ipynb")):
        inside = path.relative_to(folder)
        if path.is_file() and not any(part.startswith(".") for part in inside.parts):
            yield inside.parts[0].removesuffix(".ipynb"), path


def grade(path: Path, limits: Limits, seed: int, forbidden: list[str]) -> list[tuple]:
    """Judge a notebook: (number, solved, message) for each exercise of its lesson."""
    try:
        notebook = notebooks.read(path)
        [source] = HERE.glob(f"{notebook.lesson}_*.py")
    except notebooks.Unreadable as reason:
        return [("", False, f"{path.name}: {reason}")]
    except ValueError:
        return [("", False, f"{path.name}: there is no lesson {notebook.lesson}")]
    parts = [[text, False] for text in notebooks.given_by(source)]
    written: dict[str, str] = {}
    for text, tagged in notebook.cells:
        parts += [[text, True]] if tagged else [[one, False] for one in notebooks.definitions(text)]
        written |= notebooks.functions(text)
    rows, worker = [], None
    for number, name in notebooks.answers_of(source).items():
        if name not in written and not any(tagged for _, tagged in notebook.cells):
            rows.append((number, False, f"not found: there is no function {name}"))
            continue
        solved, message, worker = _judged(
            number, name, written, source, parts, worker, (limits, seed, forbidden)
        )
        rows.append((number, solved, message))
    if worker is not None:
        worker.close()
    return rows


def _judged(number, name, written, source, parts, worker, settings):
    """One exercise; returns the process, too, if it lives, for the next one."""
    limits, seed, forbidden = settings
    exercise = load_exercises()[number]
    for draw in range(DRAWS):
        try:
            if worker is None:
                worker = Worker("data", {"parts": parts}, limits, forbidden)
            solved, message = verdict(exercise, worker, name, seed + draw)
        except NeedsCode:
            solved, message = kernel_verdict(exercise, written, name, source, limits, seed + draw)
        except Ended as reason:
            if worker is not None:
                worker.close()
            return False, f"no answer: {reason}", None
        if solved or not _worked_answer_fails(exercise, seed + draw):
            break
    return solved, message, worker


def _worked_answer_fails(exercise, seed: int) -> bool:
    from grading.draws import drawn_anew

    worked = exercise.worked()
    if worked is None:  # a copy without the worked answers
        return False
    try:
        with drawn_anew(seed):
            exercise.verify(worked)
    except Exception:
        return True
    return False


def plain(text: str) -> str:
    """One line that a spreadsheet takes for text, whatever a notebook has put into it."""
    text = "".join(c if c.isprintable() else " " for c in text)
    text = " ".join(text.split())[:MOST_CHARACTERS]
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") else text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("submissions", type=Path, help="a folder of folders, or of notebooks")
    parser.add_argument(
        "--out", type=Path, help="the table; grades.csv beside SUBMISSIONS if left out"
    )
    parser.add_argument("--seconds", type=int, default=60, help="for one exercise")
    parser.add_argument("--memory", type=int, default=1024, help="MiB for one notebook")
    parser.add_argument("--seed", type=int, help="draws the numbers of an earlier run again")
    arguments = parser.parse_args()
    folder = arguments.submissions.resolve()
    if not folder.is_dir():
        raise SystemExit(
            f"there is no folder {arguments.submissions}: give one with notebooks in it"
        )
    out = arguments.out or folder.parent / "grades.csv"
    seed = secrets.randbelow(1 << 30) if arguments.seed is None else arguments.seed
    limits = Limits(arguments.seconds, arguments.memory)
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(COLUMNS)
    found = list(submissions(folder))
    for count, (who, path) in enumerate(found, 1):
        rows = grade(path, limits, seed, [*FORBIDDEN, str(folder)])
        writer.writerows((plain(who), number, int(ok), plain(said)) for number, ok, said in rows)
        right = sum(ok for _, ok, _ in rows)
        print(
            f"{count} of {len(found)}: {plain(who)}, {path.name}: {right} of {len(rows)}",
            flush=True,
        )
    write_text(out, table.getvalue())
    print(f"{out}: {len(found)} notebooks; --seed {seed} repeats it")


if __name__ == "__main__":
    main()
