"""What reaches a terminal, a pipe or a file: nothing that is obeyed, nothing that is cut."""

import contextlib
import io
import os
import pty
import re
import shutil
import subprocess
import sys
import threading
import tty

import numpy as np
import pytest
from PIL import Image
from rich.progress import Progress
from rich.text import Text

from minifacenet import cli
from minifacenet.console import screen
from minifacenet.console.screen import Screen, Table, say, show

EVIL = "evil\x1b]52;c;T1dORUQ=\x07\x1b]0;title\x1b\\\x1b[2J\x9b31m\u202eadA\u2069\r\nerror: forged"
SHOWN = r"evil\x1b]52;c;T1dORUQ=\x07\x1b]0;title\x1b\\x1b[2J\x9b31m\u202eadA\u2069\r\nerror: forged"
END = "<the end of what the command wrote>"
OURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")  # colours, and the movements of a progress bar
FOREIGN = re.compile("[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]|\r(?!\n)")


@pytest.fixture
def written(monkeypatch):
    """What a coloured terminal gets."""
    file = io.StringIO()
    to = {"emoji": False, "highlight": False, "force_terminal": True, "width": 200, "height": 25}
    terminal = Screen(file=file, color_system="truecolor", **to)
    monkeypatch.setattr(screen, "screen", terminal)
    monkeypatch.setattr(screen, "errors", terminal)
    return file.getvalue


def obeyed(text: str) -> list[str]:
    return FOREIGN.findall(OURS.sub("", text))


def test_lines_say_names_and_obey_none(written):
    say(EVIL, "two")
    say(EVIL, lead=EVIL, style="yellow")
    screen.complain(EVIL, "error: ", "red")
    assert obeyed(written()) == []
    lines = OURS.sub("", written()).splitlines()
    assert lines == [SHOWN, "two", SHOWN + SHOWN, "error: " + SHOWN]
    assert written().count("\x1b[33m") == 1  # our own styles stay


def test_tables_say_names_and_obey_none(written):
    table = Table()
    for column in ("name", "[markup]"):
        table.add_column(column)
    table.add_row("[bold]A[/bold]", EVIL)
    table.add_row(Text("yellow", "yellow"), "")
    show(table)
    assert obeyed(written()) == []
    assert SHOWN in written()
    assert "[bold]A[/bold]" in written()
    assert "\x1b[33myellow " in written()


def test_what_goes_to_the_screen_in_other_ways_is_written_out_too(written):
    screen.screen.print(Text(EVIL))
    screen.screen.print(EVIL, markup=False)
    with Progress(console=screen.screen) as bar:
        bar.add_task(f"of {EVIL}", total=2)
    plain = OURS.sub("", written()).replace("\r", "")
    assert FOREIGN.findall(plain) == []
    assert plain.count(r"\x1b]52;c") >= 3


@pytest.fixture
def terminal(monkeypatch):
    """Runs a command in a pseudo-terminal of 80 columns; returns what was written to it."""

    def run(*arguments) -> str:
        leader, follower = pty.openpty()
        tty.setraw(follower)
        got = []
        reader = threading.Thread(target=_read, args=(leader, got))
        reader.start()
        with open(follower, "w", encoding="utf-8") as file, monkeypatch.context() as patch:
            patch.setattr("sys.stdout", file)
            patch.setattr("sys.stderr", file)
            patch.setattr("sys.argv", ["minifacenet", *map(str, arguments)])
            for name, value in {"TERM": "xterm", "COLUMNS": "80", "LINES": "40"}.items():
                patch.setenv(name, value)
            with contextlib.suppress(SystemExit):
                cli.main()
            file.write(END)
        reader.join()
        os.close(leader)
        return b"".join(got).decode().removesuffix(END)

    return run


def _read(leader: int, got: list[bytes]) -> None:
    """Until END: a process that the command started may hold the other end open for ever."""
    while not b"".join(got[-2:]).endswith(END.encode()):
        got.append(os.read(leader, 65536))


@pytest.mark.skipif(os.name == "nt", reason="such names, and pseudo-terminals, are POSIX'")
def test_no_command_lets_a_name_reach_the_terminal(terminal, people, model, tmp_path):
    faces = tmp_path / "faces"
    shutil.copytree(people, faces)
    shutil.copytree(people / "Ada", faces / EVIL)
    photo, bad = faces / EVIL / "0.png", f"{EVIL}.png"
    (faces / EVIL / bad).write_bytes(b"no photo")
    with_model = ("--model", model)
    for arguments in (
        ("classify", "fit", faces, *with_model, "--out", tmp_path / "p"),
        ("classify", "predict", faces, "--people", tmp_path / "p"),
        ("cluster", faces, *with_model),
        ("embed", faces, *with_model, "--out", tmp_path / EVIL),
        ("verify", faces, *with_model),
        ("align", faces, tmp_path / "crops", "--already-cropped", "--strict"),
        ("make-pairs", faces, "--out", tmp_path / "pairs", "--folds", 2, "--per-fold", 5),
        ("train", faces, "--out", tmp_path / "t", "--plan", "--size", 32, "--people", 3),
        ("compare", photo, faces / EVIL / bad, *with_model),
        ("verify", EVIL, *with_model),
    ):
        written = terminal(*arguments)
        assert obeyed(written) == [], arguments
        assert re.search(r"\\x1b\]52;c;", written), (arguments, written)
        if "predict" not in arguments:  # its table folds the name at a blank
            assert not re.search("^error: forged", OURS.sub("", written), re.M), arguments
    for arguments in (  # of which Typer speaks
        (EVIL,),
        ("embed", photo, EVIL, *with_model, "--out", tmp_path / "v"),
        ("summary", "--size", EVIL),
    ):
        written = terminal(*arguments)
        assert obeyed(written) == [], arguments
        assert arguments[0] == "summary" or "evil" in written  # not every version quotes a number


LONG = "Maria Magdalena von Hohenstein-Ehrenberg"
PARTY = "2019-07-14 birthday party in the garden of our dear aunt Elisabeth in the countryside.jpg"


@pytest.fixture
def long_names(people, tmp_path):
    faces = tmp_path / "faces"
    for name, folder in (("Ada", LONG), ("Grace", f"{LONG} the Second"), ("Lise", "s")):
        shutil.copytree(people / name, faces / folder)
    (faces / "s" / PARTY).write_bytes(b"hello")
    return faces


def test_nothing_is_cut_where_there_is_no_terminal(run, people, model, long_names, tmp_path):
    enrolled = tmp_path / "p"
    run("classify", "fit", long_names, "--model", model, "--out", enrolled, "--threshold", 0)
    printed = run("classify", "predict", long_names, "--people", enrolled)[1]
    for number in range(6):
        (row,) = [x for x in printed.splitlines() if x.startswith(f"{LONG}/{number}.png")]
        assert len(re.findall(r"\d\.\d{3}\b", row)) == 2
        assert f"unknown ({LONG}" in row
    skipped = [line for line in printed.splitlines() if f"s/{PARTY}: not a photo" in line]
    assert len(skipped) == 1
    printed = run("cluster", long_names, "--model", model, "--distance", 0.01)[1]
    assert f"{LONG} the Second (" in printed
    printed = run("align", long_names, tmp_path / "a", "--already-cropped")[1]
    assert PARTY in printed


@pytest.mark.skipif(os.name == "nt", reason="pseudo-terminals are POSIX'")
def test_in_a_narrow_terminal_names_fold_and_the_photo_stays(
    run, terminal, model, long_names, tmp_path
):
    enrolled = tmp_path / "p"
    run("classify", "fit", long_names, "--model", model, "--out", enrolled, "--threshold", 0)
    written = OURS.sub("", terminal("classify", "predict", long_names, "--people", enrolled))
    table = re.search(r"^photo +name.*^(?=\d+ of 18 photos)", written, re.M | re.S)[0]
    lines = table.replace("\r", "").splitlines()
    assert max(map(len, lines)) <= 80
    assert len(re.findall(r"\d\.\d{3}\b", table)) == 2 * 18
    photos = "".join(line[: lines[0].index("name")].strip() for line in lines)
    for number in range(6):
        assert f"Ehrenberg/{number}.png" in photos


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "cp437", "cp932"])
def test_an_output_that_cannot_say_a_name_gets_it_in_ascii(
    run, monkeypatch, people, model, tmp_path, encoding
):
    faces = tmp_path / "faces"
    shutil.copytree(people / "Ada", faces / "Łukasz")
    shutil.copytree(people / "Grace", faces / "Rene\u0301")
    folder = tmp_path / "p"
    run("classify", "fit", faces, "--model", model, "--out", folder)
    same, other = "Łukasz/0.png\tŁukasz/{0}.png\t1\t{0}\n", "Łukasz/0.png\tRené/0.png\t0\t{0}\n"
    lines = "".join((same + other).format(fold) for fold in (1, 2))
    (tmp_path / "list").write_text(lines, encoding="utf-8")
    for arguments in (
        ("classify", "predict", faces, "--people", folder),
        ("cluster", faces, "--model", model),
        ("verify", faces, "--model", model, "--pairs", tmp_path / "list"),
    ):
        file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
        with monkeypatch.context() as patch:
            patch.setattr("sys.stdout", file)
            assert run(*arguments)[0] == 0
        file.flush()
        printed = file.buffer.getvalue().decode(encoding)
        assert r"\u0141ukasz" in printed or arguments[0] == "verify"
        assert "±" in printed or "+-" in printed or arguments[0] != "verify"
        assert not re.search(r"\\u(?!0141|0301)|\\x(?!e9)", printed)


def python(*arguments, **environment):
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)} | environment,
        capture_output=True, timeout=300,
    )  # fmt: skip


def test_the_doctors_report_can_be_saved_and_sent_in_ascii():
    done = python("-m", "minifacenet", "doctor", PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.decode("ascii").splitlines()
    assert any(line.startswith("+ Python") for line in lines)
    assert "\\u" not in done.stdout.decode("ascii")
    assert any(line.startswith(("+ face detector ", "o face detector ")) for line in lines)


def test_every_sign_of_ours_has_a_text_in_ascii():
    for sign, instead in screen.IN_ASCII.items():
        assert len(sign) == 1
        assert instead.isascii()


@pytest.mark.parametrize("backend", ["module://not_here.backend_inline", "garbage"])
def test_commands_draw_whatever_backend_jupyter_has_exported(people, model, tmp_path, backend):
    style = tmp_path / "matplotlibrc"
    style.write_text("text.usetex: True\n")
    done = python(
        "-m", "minifacenet", "verify", people, "--model", model, "--out", tmp_path / "v",
        MPLBACKEND=backend, MATPLOTLIBRC=str(style),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == b""
    with Image.open(tmp_path / "v" / "roc.png") as picture:
        assert np.ptp(np.asarray(picture)) == 255


def test_the_library_keeps_the_backend_of_a_notebook():
    code = """
import os, sys
from minifacenet import cli, plots
sys.argv[1:] = ["summary"]
try:
    cli.main()
except SystemExit:
    import matplotlib
    print(matplotlib.get_backend(), os.environ["MPLBACKEND"], os.environ.get("MATPLOTLIBRC"))
"""
    done = python("-c", code, MPLBACKEND="svg")
    assert done.stdout.decode().splitlines()[-1] == "svg svg None", done.stderr
