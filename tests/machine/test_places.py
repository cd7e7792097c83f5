"""Where data and weights are looked for."""

import errno
import os

import pytest

from minifacenet.machine import places
from minifacenet.machine.places import user_folder, where


@pytest.fixture(autouse=True)
def empty(tmp_path, monkeypatch):
    """A machine on which nothing lies yet, and a clone elsewhere."""
    monkeypatch.delenv("MINIFACENET_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "user" / "share"))
    monkeypatch.setattr(places.platformdirs, "user_data_path", lambda *_, **__: tmp_path / "user")
    monkeypatch.setattr(places, "CLONE", tmp_path / "clone")
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")


def put(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def test_what_lies_nowhere_belongs_to_the_users_folder(tmp_path):
    assert where("thing") == tmp_path / "user" / "thing"
    assert not (tmp_path / "user").exists()


def test_a_clone_then_the_user_then_the_project_wins(tmp_path):
    clone = put(tmp_path / "clone" / "data" / "thing")
    assert where("thing") == tmp_path / "user" / "thing"  # an installed package is no clone
    put(tmp_path / "clone" / "pyproject.toml")
    assert where("thing") == clone
    user = put(tmp_path / "user" / "thing")
    assert where("thing") == user
    project = put(tmp_path / "work" / "data" / "thing")
    assert where("thing") == project


def test_the_environment_stands_for_the_users_folder_and_the_clone(tmp_path, monkeypatch):
    put(tmp_path / "clone" / "pyproject.toml")
    put(tmp_path / "clone" / "data" / "thing")
    put(tmp_path / "user" / "thing")
    monkeypatch.setenv("MINIFACENET_HOME", str(tmp_path / "home"))
    assert where("thing") == tmp_path / "home" / "thing"
    monkeypatch.setenv("MINIFACENET_HOME", "~/faces")
    assert user_folder() == tmp_path / "user" / "faces"
    monkeypatch.setenv("MINIFACENET_HOME", "beside")
    assert user_folder() == tmp_path / "work" / "beside"
    monkeypatch.setenv("MINIFACENET_HOME", "")
    assert user_folder() == tmp_path / "user"


def test_a_home_that_may_not_be_looked_into_holds_nothing(tmp_path, monkeypatch):
    put(tmp_path / "clone" / "pyproject.toml")
    clone, stat = put(tmp_path / "clone" / "data" / "thing"), os.stat

    def closed(path, *rest, **more):
        if str(path).startswith(str(tmp_path / "user")):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return stat(path, *rest, **more)

    monkeypatch.setattr(os, "stat", closed)
    assert where("thing") == clone
    assert places.at_hand(tmp_path / "user" / "thing") == clone
