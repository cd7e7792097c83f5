"""Every lesson runs from its source, without a screen and offline, and its notebook is fresh."""

import importlib.util
import inspect
import json
import os
import re
import subprocess
import sys

import pytest
import show
from links import linked

from tests.conftest import need

from .conftest import LESSONS, WARNINGS

ROOT = LESSONS.parent
SPEC = importlib.util.spec_from_file_location("build", LESSONS / "build.py")
build = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(build)

SOURCES = build.sources()


LONGEST = ("06_numba", "07_cuda", "09_nn1", "11_mining", "12_training", "15_studies")


@pytest.mark.slow
@pytest.mark.parametrize(
    "source",
    [pytest.param(s, marks=[pytest.mark.full] * (s.stem in LONGEST), id=s.stem) for s in SOURCES],
)
def test_runs(source, tmp_path):
    text = source.read_text(encoding="utf-8")
    if re.search(r"\bfaces\(", text) and not (ROOT / "data" / "orl").is_dir():
        need(False, "no ORL faces here: `python data_scripts/get_orl.py data/orl` makes them")
    if "from numba import cuda" in text:
        need(importlib.util.find_spec("numba.cuda"), "no numba.cuda here")
    environment = os.environ | {"MPLBACKEND": "Agg", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, *WARNINGS, source.name],
        cwd=LESSONS, env=environment, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_its_notebook_is_fresh_and_says_the_same(source):
    assert build.faults(source) == []
    cells = json.loads(source.with_suffix(".ipynb").read_text(encoding="utf-8"))["cells"]
    text = source.read_text(encoding="utf-8")
    texts = linked(text)
    for cell in cells:
        body = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            body = "\n".join(f"# {line}".rstrip() for line in body.splitlines())
        assert body in (texts if cell["cell_type"] == "markdown" else text)
        outputs = json.dumps(cell.get("outputs", []))
        assert "Traceback" not in outputs
        assert str(ROOT) not in outputs  # nothing of the machine that built it


def test_a_notebook_that_is_not_fresh_is_told(tmp_path, monkeypatch):
    source = tmp_path / "99_x.py"
    source.write_text("import minifacenet.nn.relu\n")
    monkeypatch.setattr(build, "HERE", tmp_path)
    monkeypatch.setattr(build, "ROOT", tmp_path)
    for name in build.SHARED:
        (tmp_path / name).write_text("")
    assert build.faults(source) == ["99_x.ipynb is missing"]
    notebook = {"metadata": {"minifacenet": build.hashes(source)}, "cells": []}
    source.with_suffix(".ipynb").write_text(json.dumps(notebook))
    assert build.faults(source) == []
    source.write_text("import minifacenet.nn.maxpool\n")
    assert build.faults(source) == ["99_x.ipynb was built before 99_x.py changed"]
    source.with_suffix(".ipynb").write_text(json.dumps(notebook) + " " * build.MOST_BYTES)
    assert "more than 400,000" in build.faults(source)[1]


def test_library_files_count(monkeypatch):
    [source] = [s for s in SOURCES if s.name.startswith("10_")]
    assert "minifacenet/embedding/triplet.py" in build.hashes(source)
    assert "lessons/show.py" in build.hashes(source)


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    folder = tmp_path_factory.mktemp("handed") / "course"
    build.make_student_copy(folder)
    return folder


def test_the_student_copy_has_no_answers(course):
    names = {path.relative_to(course).as_posix() for path in course.rglob("*.*")}
    assert "10_triplet_loss.ipynb" in names
    assert not any("answers" in name for name in names)
    assert not {"build.py", "prose.py", "links.py", "facts.toml", "grade.py", "lecturer.py"} & names
    assert (course / "exercises" / "CLOSED").exists()
    with pytest.raises(SystemExit, match="not empty"):
        build.make_student_copy(course)


def cells_of_the_copy(course):
    for path in sorted(course.glob("*.ipynb")):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            yield path, cell


def test_the_student_copy_has_no_dead_link_and_nothing_for_lecturers(course):
    pages = [(path, path.read_text(encoding="utf-8")) for path in course.rglob("*.md")]
    pages += [
        (path, "".join(cell["source"]))
        for path, cell in cells_of_the_copy(course)
        if cell["cell_type"] == "markdown"
    ]
    for path, text in pages:
        assert "For lecturers" not in text
        for target in re.findall(r"\]\((?!https?:|#)([^)#\s]+)[^)\s]*\)", text):
            there = (path.parent / target).exists() or target.startswith("../minifacenet/")
            assert there, f"{path.name} leads to {target}"


def test_the_student_copy_stores_no_hint_and_no_worked_answer(course):
    from exercises.core import load_exercises

    exercises = load_exercises()
    worked = {
        number: inspect.getsource(one.worked()).strip()
        for number, one in exercises.items()
        if one.answer.startswith("exercises.")
    }
    for path, cell in cells_of_the_copy(course):
        stored = "".join("".join(one.get("text", "")) for one in cell.get("outputs", []))
        shown = stored + "".join(cell["source"])
        for number, exercise in exercises.items():
            assert not any(hint in stored for hint in exercise.hints), (path.name, number)
            body = worked.get(number, "\n").partition("\n")[2].strip()
            assert not body or body not in shown, (path.name, number)


def test_without_the_faces_a_lesson_says_how_to_get_them(tmp_path, monkeypatch):
    monkeypatch.setattr(show, "FACES", tmp_path / "orl")
    with pytest.raises(FileNotFoundError, match=r"minifacenet get orl --out '.*orl'"):
        show.faces()
