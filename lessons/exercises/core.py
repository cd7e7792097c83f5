"""How an exercise is asked, checked and counted. The exercises stand in `lesson_NN.py`.

A check never ends a notebook: what is not attempted may wait, what is wrong gets a sentence about
where, what an answer raises is told with its line. What is right is kept (`kept.py`), and used by
later lessons (`mine.py`). The cells behind an exercise use the library, so a learner may go on and
come back.
"""

from __future__ import annotations

import inspect
import json
import pkgutil
import textwrap
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import numpy as np

import minifacenet

from . import kept

HERE = Path(__file__).parent
SOLVED = HERE.parent / ".solved.json"  # which exercises were solved here, whatever the notebook
CLOSED = HERE / "CLOSED"  # `make student` writes it: solutions are the lecturer's
WIDTH = 88  # columns of a message: JupyterLab breaks longer lines anywhere, in words too
RUNGS = ("a question", "where to look", "the shape of the code")

ATTEMPTED: set[str] = set()  # in this session: no hint comes before an attempt
CLIMBED: dict[str, int] = {}  # how many rungs of its hints were shown


class Wrong(Exception):
    """What is wrong with an answer, in a sentence that helps to find it."""


@dataclass(frozen=True)
class Exercise:
    """One exercise. `verify(answer)` raises `Wrong`, and returns what is worth knowing when right.

    `answer` is the dotted name of a worked answer: a function of the library, or of `answers.py`.
    `hints` are three: a question, where to look, and the shape of the code.
    """

    number: str
    hints: tuple[str, str, str]
    answer: str
    verify: Callable

    def worked(self) -> Callable | None:
        """The worked answer itself; None in a student's copy, which has only the library's."""
        module, _, name = self.answer.rpartition(".")
        try:
            return getattr(import_module(module), name)
        except ModuleNotFoundError:
            return None


EXERCISES: dict[str, Exercise] = {}


def exercise(number: str, hints: tuple[str, str, str], answer: str) -> Callable:
    """Turns a function `verify(answer) -> str` into the exercise of that number."""

    def register(verify: Callable) -> Callable:
        EXERCISES[number] = Exercise(number, hints, answer, verify)
        return verify

    return register


def load_exercises() -> dict[str, Exercise]:
    """All exercises by number, in order."""
    for module in pkgutil.iter_modules([str(HERE)]):
        if module.name.startswith("lesson_"):
            import_module(f"exercises.{module.name}")
    return dict(sorted(EXERCISES.items()))


def check(number: str, answer) -> None:
    """Judge an answer, and print what to do next."""
    exercise = find(number)
    try:
        praise = exercise.verify(answer)
    except NotImplementedError:
        print(f"○ {number} is waiting for you. {progress()}")
        return
    except Wrong as wrong:
        helpers = "helps" if CLOSED.exists() else f"and solution({number!r}) help"
        say(f"✗ {number}: {wrong}\n  hint({number!r}) {helpers}.")
    except Exception as error:
        say(f"✗ {number}: your code raised {type(error).__name__}: {error}")
        print(_line_of(error), end="")  # with a line of code, which stays as it is
    else:
        _remember(number)
        alone = kept.keep(number, answer)
        say(f"✓ {number}: right. {praise} {progress()}".replace("  ", " "))
        if alone:
            say(f"  It is kept until the kernel stops, not in {kept.FILE.name}: {alone}.")
    ATTEMPTED.add(number)


def hint(number: str, rung: int | None = None) -> None:
    """Print a hint: the next of three at each call, or the one asked for; none before an attempt.

    1 is a question, 2 says where to look, 3 has the shape of the code.
    """
    exercise = find(number)
    if number not in ATTEMPTED | _solved():
        say(
            f"Try {number} first, be it with a guess: check({number!r}, ...) says what is wrong "
            "with it, and then there are three hints."
        )
        return
    if rung is None:
        rung = min(CLIMBED.get(number, 0) + 1, len(RUNGS))
    if rung not in (1, 2, 3):
        raise ValueError(f"there are three hints, 1 to 3: got {rung!r}")
    CLIMBED[number] = max(rung, CLIMBED.get(number, 0))
    last = "that is the last one" if CLOSED.exists() else f"solution({number!r}) has the rest"
    more = "hint again for more" if rung < len(RUNGS) else last
    say(f"{rung} of {len(RUNGS)}, {RUNGS[rung - 1]}: {exercise.hints[rung - 1]}  ({more})")


def solution(number: str) -> None:
    """Print the worked answer: the library's own source, where the library has it."""
    if CLOSED.exists():
        print("The solutions are with your lecturer. hint() helps, and so does the library itself.")
        return
    worked = find(number).worked()
    print(f"# {worked.__module__}.{worked.__name__}\n\n{inspect.getsource(worked)}")


def progress() -> str:
    """How many of all exercises are solved: '7 of 28 solved.'"""
    known = load_exercises()
    return f"{len(_solved() & known.keys())} of {len(known)} solved."


def say(message: str) -> None:
    """Print a message, each of its lines broken between words, and indented where it goes on."""
    for line in message.splitlines():
        print(
            textwrap.fill(
                line, WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
            )
        )


def expect(name: str, got, expected, tolerance: float = 1e-8) -> None:
    """Raise `Wrong` unless an array (or number) is as expected; says the shape, or the worst place.

    `tolerance` is relative to the largest expected value.
    """
    expected = np.asarray(expected)
    if got is None:
        raise Wrong(f"{name} is None: does your function return something?")
    try:
        got = np.asarray(got, dtype=np.result_type(expected.dtype, np.float64))
    except (TypeError, ValueError):
        raise Wrong(f"{name} is no array of numbers but {type(got).__name__}") from None
    if got.shape != expected.shape:
        raise Wrong(f"{name} has shape {got.shape}, expected {expected.shape}")
    if not np.isfinite(got).all():
        raise Wrong(f"{name} holds {int((~np.isfinite(got)).sum())} NaN or infinite values")
    error = np.abs(got - expected)
    allowed = tolerance * max(np.abs(expected).max(), 1e-300) if error.size else 0
    if (error > allowed).any():
        worst = np.unravel_index(error.argmax(), error.shape)
        place = f"[{', '.join(map(str, worst))}]" if worst else ""
        if not name.isidentifier() and place:  # 'dz of 4 photos', 'k=1.5': a bracket would not join
            place = f", at {place},"
        of = f"; {(error > allowed).sum()} of {error.size} values are off" if place else ""
        raise Wrong(f"{name}{place} is {_beside(got[worst], expected[worst])}{of}")


def _beside(got: float, expected: float) -> str:
    """Two numbers that differ, with as many digits as it takes to see that."""
    for digits in (6, 9, 12, 17):
        own, right = f"{got:.{digits}g}", f"{expected:.{digits}g}"
        if own != right:
            break
    rounded = "" if digits == 6 else ": right to some digits only, so something is rounded"
    return f"{own}, expected {right}{rounded}"


def find(number: str) -> Exercise:
    """The exercise of a number; ValueError, with all the numbers, if there is none."""
    exercises = load_exercises()
    if number not in exercises:
        raise ValueError(f"there is no exercise {number!r}: they are {', '.join(exercises)}")
    return exercises[number]


def _line_of(error: Exception) -> str:
    """Where in the learner's code it happened: the innermost line that is not the library's."""
    library = (HERE, Path(minifacenet.__file__).parent, Path(np.__file__).parent)
    own = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not any(folder in Path(frame.filename).parents for folder in library)
    ]
    return f"  in line {own[-1].lineno} of your cell: {own[-1].line}\n" if own else ""


def _solved() -> set[str]:
    try:
        found = json.loads(SOLVED.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return set()
    return {one for one in found if isinstance(one, str)} if isinstance(found, list) else set()


def _remember(number: str) -> None:
    solved = sorted(_solved() | {number})
    with suppress(OSError):  # a folder that cannot be written to: it is solved all the same
        SOLVED.write_text(json.dumps(solved), encoding="utf-8")
