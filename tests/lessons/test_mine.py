"""What a learner has written is kept, runs in another notebook, and is never trusted blindly."""

import linecache
import os

import numpy as np
import pytest
from exercises import check, core, kept, mine, solution
from exercises.core import load_exercises
from exercises.kept import NotKept
from exercises.standins import STANDINS

from tests.conftest import text as one_line

EXERCISES = load_exercises()

NOTEBOOK = """\
import numpy as np
from numpy.linalg import norm as length
from exercises import mine

AXIS = 1
table = np.eye(3)


def lengths(x: "nothing that exists"):
    return length(x, axis=AXIS, keepdims=True)


def l2_gradient(dout, x, *, axis=AXIS):
    norm, rows = lengths(x), [np.sum(d * y) for d, y in zip(dout, x)]
    y = x / norm
    return (dout - (dout * y).sum(axis=axis, keepdims=True) * y) / norm


def spread(embeddings):
    return mine["10.3"](embeddings).sum() / (len(embeddings) * (len(embeddings) - 1))


def with_a_table(dout, x):
    table.sum()
    return l2_gradient(dout, x)


def outer(scale):
    def inner(dout, x):
        return scale * l2_gradient(dout, x)

    return inner


inner = outer(1)
doubled = lambda dout, x: l2_gradient(dout, x)
"""


@pytest.fixture
def notebook(monkeypatch):
    """The names of a notebook's cells, whose source Python can find, as in Jupyter."""
    lines = NOTEBOOK.splitlines(keepends=True)
    monkeypatch.setitem(linecache.cache, "<cell>", (len(NOTEBOOK), None, lines, "<cell>"))
    names = {"__name__": "__main__"}
    exec(compile(NOTEBOOK, "<cell>", "exec", dont_inherit=True), names)
    return names


@pytest.fixture
def another_kernel():
    """Forgets what a session knows."""

    def restart():
        kept.SESSION.clear()
        mine._told.clear()

    return restart


def test_a_right_answer_is_kept_and_runs_in_another_notebook(notebook, another_kernel, capsys):
    check("05.4", notebook["l2_gradient"])
    assert mine["05.4"] is notebook["l2_gradient"]
    assert "05.4" in mine
    text = kept.FILE.read_text(encoding="utf-8")
    assert "# %% 05.4 l2_gradient\n" in text
    assert "import numpy as np\nfrom numpy.linalg import norm as length" in text
    assert text.index("AXIS = 1") < text.index("def lengths") < text.index("def l2_gradient")
    assert "table" not in text
    compile(text, "my_answers.py", "exec")  # whoever opens it finds Python

    another_kernel()
    capsys.readouterr()
    answer = mine["05.4"]
    told = "05.4: yours. Running l2_gradient of my_answers.py ... right.\n"
    assert capsys.readouterr().out == told
    assert answer is not notebook["l2_gradient"]
    dout, x = np.random.default_rng(0).standard_normal((2, 3, 4))
    assert np.array_equal(answer(dout, x), notebook["l2_gradient"](dout, x))
    assert mine["05.4"] is answer  # once
    assert capsys.readouterr().out == ""


def test_it_says_so_before_it_runs(notebook, another_kernel, capsys):
    check("05.4", notebook["l2_gradient"])
    another_kernel()
    text = kept.FILE.read_text(encoding="utf-8").replace("AXIS = 1", "print('it runs')\nAXIS = 1")
    kept.FILE.write_text(text, encoding="utf-8")
    capsys.readouterr()
    mine["05.4"]
    printed = capsys.readouterr().out
    assert printed.index("Running l2_gradient of my_answers.py") < printed.index("it runs")


def test_a_wrong_answer_is_not_kept(notebook):
    check("05.4", lambda dout, x: dout)
    assert not kept.FILE.exists()
    assert "05.4" not in mine


def test_an_answer_may_use_another(notebook, another_kernel, capsys):
    check("11.2", notebook["spread"])
    another_kernel()
    capsys.readouterr()
    mine["11.2"]
    printed = capsys.readouterr().out
    assert printed.endswith("right.\n")
    assert "10.3: the library's, until yours has passed its check." in printed


def test_several_answers_stand_in_order_and_the_last_one_counts(notebook, another_kernel):
    check("11.2", EXERCISES["11.2"].worked())
    check("05.4", notebook["l2_gradient"])
    check("05.4", EXERCISES["05.4"].worked())
    text = kept.FILE.read_text(encoding="utf-8")
    assert kept.PART.findall(text) == [("05.4", "l2_gradient"), ("11.2", "spread")]
    assert "lengths" not in text
    assert sorted(os.listdir(kept.FILE.parent)) == ["my_answers.py", "solved.json"]  # no half file


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("with_a_table", "it uses table, which a text cannot hold"),
        ("inner", "inner uses variables of a function around it"),
        ("doubled", "it is no function with a def"),
    ],
)
def test_what_no_text_can_hold_is_kept_for_the_session(name, words, notebook, capsys):
    check("05.4", notebook[name])
    printed = one_line(capsys.readouterr().out)
    assert printed.startswith("✓ 05.4")
    assert f"kept until the kernel stops, not in my_answers.py: {words}" in printed
    assert mine["05.4"] is notebook[name]
    assert not kept.FILE.exists()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("/ norm\n", "\n", "no longer passes its check (Wrong: "),
        ("AXIS = 1", "AXIS = ", "no longer passes its check (SyntaxError: "),
        ("AXIS = 1", "import nothing_of_the_kind", "(ModuleNotFoundError: "),
        ("def l2_gradient", "def another", "(KeyError: "),
    ],
)
def test_a_stale_answer_is_told_in_one_line(old, new, words, notebook, another_kernel, capsys):
    check("05.4", notebook["l2_gradient"])
    another_kernel()
    text = kept.FILE.read_text(encoding="utf-8")
    assert old in text
    kept.FILE.write_text(text.replace(old, new), encoding="utf-8")
    capsys.readouterr()
    assert mine["05.4"] is STANDINS["05.4"]
    stale, instead = capsys.readouterr().out.splitlines()
    assert words in stale
    assert instead == "05.4: the library's, until yours has passed its check."


@pytest.mark.parametrize(
    ("damaged", "words"),
    [
        (b"\xff\xfe\x00", "my_answers.py cannot be read: move it away"),
        (b"x = 1\n", "my_answers.py has no part such as"),
    ],
)
def test_a_damaged_file_is_told_once_and_never_written_over(damaged, words, notebook, capsys):
    kept.FILE.write_bytes(damaged)
    assert mine["05.4"] is STANDINS["05.4"]
    mine["10.3"]
    printed = capsys.readouterr().out
    assert printed.count(words) == 1
    assert len(printed.splitlines()) == 3
    check("05.4", notebook["l2_gradient"])
    assert words in one_line(capsys.readouterr().out)
    assert kept.FILE.read_bytes() == damaged
    with pytest.raises(NotKept):
        kept.stored("05.4")


def test_a_folder_that_cannot_be_written_to(notebook, monkeypatch, tmp_path, capsys):
    (tmp_path / "file").touch()
    monkeypatch.setattr(kept, "FILE", tmp_path / "file" / "my_answers.py")
    check("05.4", notebook["l2_gradient"])
    assert "✓ 05.4" in (printed := capsys.readouterr().out)
    assert "until the kernel stops" in one_line(printed)


@pytest.mark.parametrize("number", STANDINS)
def test_what_stands_in_passes_the_check_itself(number):
    EXERCISES[number].verify(STANDINS[number])


def test_a_students_copy_without_worked_answers(monkeypatch, capsys):
    monkeypatch.setattr(core.Exercise, "worked", lambda self: None)
    assert mine["05.4"] is STANDINS["05.4"]
    with pytest.raises(LookupError, match=r"08\.1 has not passed its check yet"):
        mine["08.1"]
    with pytest.raises(ValueError, match="no exercise '77'"):
        mine["77"]
    core.CLOSED.touch()
    solution("05.4")
    assert "lecturer" in capsys.readouterr().out
    assert repr(mine).startswith("Your answers at hand: none. 0 of ")
