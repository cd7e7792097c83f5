"""The last lesson runs from a learner's answers alone: no worked answer is within its reach."""

import os
import subprocess
import sys

import pytest
from exercises import kept
from exercises.core import load_exercises
from exercises.standins import STANDINS

from tests.conftest import need

from .conftest import WARNINGS
from .test_lessons import ROOT, build

EXERCISES = load_exercises()
LIBRARYS = ("03.1", "03.2", "03.3", "12.6")  # the worked answer is the library's reference itself
PARTS = sorted(one for one in {*STANDINS, *LIBRARYS} - {"01.2"} if one < "16")


@pytest.mark.slow
@pytest.mark.full
def test_a_network_of_nothing_but_kept_answers_learns(tmp_path, monkeypatch):
    need(
        (ROOT / "data" / "orl").is_dir(), "no ORL faces: `python data_scripts/get_orl.py data/orl`"
    )
    lessons = tmp_path / "lessons"
    build.make_student_copy(lessons)
    (tmp_path / "data").symlink_to(ROOT / "data")
    monkeypatch.setattr(kept, "FILE", lessons / "my_answers.py")
    for number in PARTS:
        assert kept.keep(number, EXERCISES[number].worked()) == ""
    environment = os.environ | {"MPLBACKEND": "Agg", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, *WARNINGS, "16_yours.py"],
        cwd=lessons, env=environment, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert f"{len(PARTS)} of {len(PARTS)} parts are yours." in done.stdout
    assert "the library's, until" not in done.stdout
    assert "step  80: loss" in done.stdout


@pytest.mark.parametrize("number", PARTS)
def test_every_worked_answer_of_it_can_be_kept_as_text(number):
    worked = EXERCISES[number].worked()
    assert kept.keep(number, worked) == ""
    answer = kept.run(*kept.stored(number))
    assert answer is not worked
    EXERCISES[number].verify(answer)
