"""grade.py: right and wrong notebooks, and those that want a mark without the work."""

import csv
import importlib.util
import json
import os
import sys

import numpy as np
import pytest

from .conftest import LESSONS

SPEC = importlib.util.spec_from_file_location("grade", LESSONS / "grade.py")
grade = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(grade)

from grading import kernels, messages, notebooks  # noqa: E402 - beside grade.py

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name != "posix", reason="grade.py needs POSIX"),
]

RIGHT = """
def squared_distance(a, b):
    return np.square(a - b).sum()
""", """
def best_threshold(distances, same):
    found = np.unique(distances)
    val = np.array([(distances[same] <= d).mean() for d in found])
    far = np.array([(distances[~same] <= d).mean() for d in found])
    return found[(val + 1 - far).argmax()]
"""  # fmt: skip
WRONG = RIGHT[0].replace("np.square", "np.abs")
UNTOUCHED = 'def squared_distance(a, b):\n    """As it was."""\n    raise NotImplementedError\n'
FAKED = """
import builtins, sys
import exercises
def check(*arguments): print("✓ 00.1: right. 46 of 46 solved.")
exercises.check = check
for name, module in list(sys.modules.items()):
    if "exercises" in name or name in ("judge", "messages"):
        for one in ("check", "verify", "expect", "_judge"):
            setattr(module, one, lambda *arguments, **keywords: None)
np.isclose = np.allclose = lambda *arguments, **keywords: True
class Equal(float):
    def __eq__(self, other): return True
    def __lt__(self, other): return False
    __gt__ = __lt__
    __hash__ = float.__hash__
def squared_distance(a, b):
    print("✓ 00.1: right.")
    return Equal(7)
"""
WRITTEN = """
def squared_distance(a, b):
    with open({table!r}, "a") as table:
        table.write("Written,00.1,1,right")
    return 0.0
"""
READ = """
def squared_distance(a, b):
    text = open({answers!r}).read()
    names = {{}}
    exec(text, names)
    return names["squared_distance"](a, b)
"""
SENT = """
import os
def squared_distance(a, b):
    told = b'{"solved": true, "message": "right", "result": 0.0}'
    for number in range(3, 40):
        try:
            os.write(number, len(told).to_bytes(8, "big") + told)
        except OSError:
            pass
    return 0.0
"""
KNOWN = """
def squared_distance(a, b):
    return {known}[len(a)]
"""
STOLEN = """
import subprocess
def squared_distance(a, b):
    return float(subprocess.run(["echo", "1"], capture_output=True).stdout)
"""
LOOP = "def squared_distance(a, b):\n    while True: pass\n"
BOMB = "def squared_distance(a, b):\n    return np.ones((1 << 16, 1 << 16)).sum()\n"
LEFT = "def squared_distance(a, b):\n    import sys; sys.exit(0)\n"
KILLED = "def squared_distance(a, b):\n    import os; os._exit(0)\n"
FUNCTION = "def squared_distance(a, b):\n    return lambda: 1\n"


def numbers_of_the_check():
    """What 00.1 asks for with the seed that learners know."""
    rng = np.random.default_rng(0)
    pairs = {size: rng.standard_normal((2, size)) for size in (128, 3, 1)}
    return {size: float(np.square(a - b).sum()) for size, (a, b) in pairs.items()}


def write(path, cells, tagged=True):
    tags = {"tags": ["exercise"]} if tagged else {}
    cells = [{"cell_type": "code", "metadata": tags, "source": text} for text in cells]
    cells += [{"cell_type": "code", "metadata": {}, "source": 'check("00.1", squared_distance)'}]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"cells": cells}), encoding="utf-8")


@pytest.fixture(scope="module")
def marks(tmp_path_factory):
    """{submission: {number: (solved, message)}}, as the table has it."""
    folder = tmp_path_factory.mktemp("graded") / "handed_in"
    table = folder.parent / "grades.csv"
    sent = {
        "Ada": RIGHT,
        "Wrong": [WRONG, RIGHT[1]],
        "Empty": [UNTOUCHED],
        "Loop": [LOOP, RIGHT[1]],
        "Bomb": [BOMB, RIGHT[1]],
        "Read": [READ.format(answers=str(LESSONS / "exercises" / "answers_00.py"))],
        "Faked": [FAKED],
        "Left": [LEFT, RIGHT[1]],
        "Killed": [KILLED, RIGHT[1]],
        "Written": [WRITTEN.format(table=str(table))],
        "Sent": [SENT],
        "Known": [KNOWN.format(known=numbers_of_the_check())],
        "Stolen": [STOLEN],
        "Function": [FUNCTION],
        "Broken cell": ["def squared_distance(a, b) return 0", RIGHT[1]],
        "=cmd()": [WRONG],
    }
    for name, cells in sent.items():
        write(folder / name / "00_one_distance.ipynb", cells)
    write(folder / "Renamed" / "homework (2).ipynb", RIGHT)
    write(folder / "Untagged.ipynb", RIGHT, tagged=False)
    (folder / "No JSON").mkdir()
    (folder / "No JSON" / "00_one_distance.ipynb").write_text("{")
    (folder / "No notebook").mkdir()
    (folder / "No notebook" / "00_one_distance.ipynb").write_text('{"cells": [1, {"a": "=1"}]}')
    argv = ["grade.py", str(folder), "--seconds", "4", "--memory", "400", "--seed", "5"]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sys, "argv", argv)
        grade.main()
    found: dict = {}
    with table.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            solved = row["solved"] == "1"
            found.setdefault(row["submission"], {})[row["number"]] = solved, row["message"]
    return found


@pytest.mark.parametrize("who", ["Ada", "Renamed", "Untagged"])
def test_right_is_right(marks, who):
    assert marks[who] == {"00.1": (True, "right"), "00.2": (True, "right")}


@pytest.mark.parametrize(
    ("who", "words"),
    [
        ("Wrong", "absolute values"),
        ("Empty", "not attempted"),
        ("Loop", "took too long"),
        ("Bomb", "MemoryError"),
        ("Read", "not for an exercise"),
        ("Faked", "neither a number"),
        ("Left", "SystemExit"),
        ("Killed", "process ended"),
        ("Written", "writes no files"),
        ("Sent", ""),
        ("Known", ""),
        ("Stolen", "not for an exercise"),
        ("Function", "neither a number"),
        ("Broken cell", "SyntaxError"),
        ("'=cmd()", "absolute values"),
    ],
)
def test_a_mark_is_for_the_work(marks, who, words):
    solved, message = marks[who]["00.1"]
    assert not solved
    assert words in message


@pytest.mark.parametrize("who", ["Wrong", "Loop", "Bomb", "Left", "Killed", "Broken cell"])
def test_one_exercise_does_not_spoil_the_next(marks, who):
    assert marks[who]["00.2"] == (True, "right")


def test_what_cannot_be_read_is_a_row(marks):
    assert marks["No JSON"][""] == (False, "00_one_distance.ipynb: it is no JSON")
    assert "no notebook" in marks["No notebook"][""][1]


def test_a_kernel_beside_its_check_is_judged(tmp_path):
    [source] = LESSONS.glob("06_*.py")
    kernel = "def leaky_relu(x, out):\n    for i in range(x.size):\n        out[i] = {}\n"
    right = "x[i] if x[i] > 0 else x.dtype.type(0.1) * x[i]"
    for text, solved, words in (
        (right, True, "right"),
        ("x[i] if x[i] > 0 else 0.1 * x[i]", False, "float64"),
        ("__import__('os')", False, "refused"),
    ):
        write(tmp_path / source.with_suffix(".ipynb").name, [kernel.format(text)])
        [path] = tmp_path.glob("*.ipynb")
        path.write_text(path.read_text().replace('check(\\"00.1\\"', 'check(\\"06.1\\"'))
        [first, second] = grade.grade(path, grade.Limits(60), 3, grade.FORBIDDEN)
        assert first[:2] == ("06.1", solved)
        assert words in first[2]
        assert second[1] is False


@pytest.mark.parametrize(
    "line",
    [
        "import os", "open('x')", "x.__class__", "getattr(x, 'y')", "exec('1')", "np.load('x')",
        "out.array[0] = 1", "x.T = 1", "[i for i in x]", "(lambda: 1)()", "global a",
        "x.whole.reads", "np.ctypeslib", "__builtins__", "eval('1')", "numba.core",
    ],
)  # fmt: skip
def test_a_kernel_is_loops_and_arrays(line):
    with pytest.raises(kernels.Refused):
        kernels.permitted({"k": f"def k(x, out):\n    {line}\n"}, "k", set())


@pytest.mark.parametrize(
    "value",
    [
        None, True, 3, 2.5, "text", 1 + 2j, [1, (2, 3)], {"a": {1, 2}}, np.arange(6).reshape(2, 3),
        np.float32(0.5), np.array(["a", "bc"]), np.zeros((0, 3)),
    ],
    ids=str,
)  # fmt: skip
def test_plain_data_come_back_as_they_were(value):
    back = messages.unpacked(json.loads(json.dumps(messages.packed(value))))
    assert type(back) is type(value)
    np.testing.assert_equal(back, value)


@pytest.mark.parametrize(
    "message",
    [
        {"array": ["O", [1], "AAAA"]}, {"array": ["<f8", [9], "AAAA"]}, {"rng": {}}, {"x": 1},
        {"record": ["os", "system", {"command": "true"}]}, {"function": 0}, {}, {"list": 3},
        {"array": ["<f8", [-1, 0], ""]}, {"set": [{"list": []}]}, {"complex": ["a", 1]},
    ],
    ids=str,
)  # fmt: skip
def test_a_message_is_not_believed(message):
    with pytest.raises(messages.NoMessage):
        messages.unpacked(message)


def test_a_lesson_gives_imports_and_constants_and_computes_nothing():
    [source] = LESSONS.glob("07_*.py")
    given = "\n".join(notebooks.given_by(source))
    assert "import numpy as np" in given
    assert "check(" not in given.replace("import check", "")
    assert notebooks.answers_of(source)["07.1"] == "owner"
    assert {"BLOCK", "TILE"} <= notebooks.constants_of(source)
