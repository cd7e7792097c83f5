"""Every check, both ways: the worked answer passes, typical mistakes do not and are told why."""

import importlib
import inspect

import numpy as np
import pytest
from exercises import check, core, hint, solution
from exercises.core import WIDTH, Wrong, expect, load_exercises, say

from tests.conftest import text

EXERCISES = load_exercises()


def mistakes(number):
    module = importlib.import_module(f"tests.lessons.mistakes_{number[:2]}")
    return module.MISTAKES[number]


@pytest.mark.parametrize("number", EXERCISES)
def test_the_worked_answer_is_right(number, capsys):
    exercise = EXERCISES[number]
    check(number, exercise.worked())
    printed = capsys.readouterr().out
    assert printed.startswith(f"✓ {number}: right."), printed
    assert f"1 of {len(EXERCISES)} solved." in text(printed)


@pytest.mark.parametrize(
    ("number", "wrong", "words"),
    [(n, wrong, words) for n in EXERCISES for wrong, words in mistakes(n).items()],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_mistakes_are_told(number, wrong, words, capsys):
    check(number, wrong)
    printed = capsys.readouterr().out
    assert printed.startswith(f"✗ {number}:"), printed
    assert text(words) in text(printed)
    code = printed.partition("of your cell")[0]
    assert all(len(line) <= WIDTH or " " not in line.strip() for line in code.splitlines())


@pytest.mark.parametrize("number", EXERCISES)
def test_every_exercise_has_mistakes_three_hints_and_a_solution(number, capsys):
    assert len(mistakes(number)) >= 2
    hints = EXERCISES[number].hints
    assert len(set(hints)) == 3
    assert min(map(len, hints)) > 20
    assert "?" in hints[0]  # the first one asks
    solution(number)
    worked = EXERCISES[number].worked()
    assert inspect.getsource(worked) in capsys.readouterr().out


def unfinished(*arguments, **keywords):
    raise NotImplementedError


def broken(*arguments, **keywords):
    return np.zeros(3) @ np.zeros(4)


def test_what_is_not_attempted_or_breaks_never_ends_a_lesson(capsys):
    number = next(iter(EXERCISES))
    check(number, unfinished)
    printed = capsys.readouterr().out
    assert printed == f"○ {number} is waiting for you. 0 of {len(EXERCISES)} solved.\n"
    check(number, broken)
    printed = capsys.readouterr().out
    assert "your code raised ValueError" in printed
    assert "np.zeros(3) @ np.zeros(4)" in printed


@pytest.mark.parametrize(
    "found", ["7", "[[1], {}, 2, null]", '{"00.1": 1}', '["99.9"]', "[" * 10**5]
)
def test_a_damaged_file_of_what_was_solved_counts_for_nothing(found, capsys):
    core.SOLVED.write_text(found)
    assert core.progress() == f"0 of {len(EXERCISES)} solved."
    number = next(iter(EXERCISES))
    check(number, EXERCISES[number].worked())
    assert f"1 of {len(EXERCISES)} solved." in text(capsys.readouterr().out)


def test_no_hint_comes_before_an_attempt_and_three_come_after(capsys):
    hint("10.3")
    check("10.3", unfinished)
    hint("10.3")
    early = capsys.readouterr().out
    assert early.count("Try 10.3 first") == 2
    assert not any(one in early for one in EXERCISES["10.3"].hints)
    check("10.3", lambda embeddings: None)
    capsys.readouterr()
    for rung in (1, 2, 3, 3):
        hint("10.3")
        printed = capsys.readouterr().out
        assert printed.startswith(f"{rung} of 3, ")
        assert text(EXERCISES["10.3"].hints[rung - 1]) in text(printed)
    hint("10.3", 1)
    assert text(EXERCISES["10.3"].hints[0]) in text(capsys.readouterr().out)
    with pytest.raises(ValueError, match="1 to 3: got 4"):
        hint("10.3", 4)


def test_a_message_breaks_between_words_and_keeps_its_lines(capsys):
    say(f"✗ 10.3: {'semi-hard ' * 12}\n  and a second line\n{'x' * 100}")
    lines = capsys.readouterr().out.splitlines()
    assert [len(line) <= WIDTH for line in lines] == [True, True, True, False]
    assert lines[1].startswith("  semi-hard")
    assert lines[2] == "  and a second line"


def test_an_unknown_number_names_the_others():
    with pytest.raises(ValueError, match=r"no exercise '99\.9': they are .*10\.1"):
        check("99.9", None)


def test_a_closed_copy_keeps_its_solutions(capsys):
    from exercises import core

    core.CLOSED.touch()
    solution("10.1")
    printed = capsys.readouterr().out
    assert "lecturer" in printed
    assert "def " not in printed
    check("10.1", lambda *arguments: 1.0)
    hint("10.1", 3)
    assert "solution" not in capsys.readouterr().out  # nobody is sent to a closed door


@pytest.mark.parametrize(
    ("got", "words"),
    [
        (None, "dx is None"),
        ("text", "no array of numbers but str"),
        (np.zeros((2, 4)), r"shape \(2, 4\), expected \(2, 3\)"),
        (np.full((2, 3), np.nan), "6 NaN"),
        (np.array([[0, 1, 2], [3, 9, 5]]), r"dx\[1, 1\] is 9, expected 4"),
    ],
)
def test_expect_says_where(got, words):
    with pytest.raises(Wrong, match=words):
        expect("dx", got, np.arange(6.0).reshape(2, 3))
    expect("dx", np.arange(6).reshape(2, 3), np.arange(6.0).reshape(2, 3))
