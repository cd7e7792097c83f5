import csv
import os
import shutil
import stat

import numpy as np
import pytest

from minifacenet.classification.group_folders import folder_names, write_groups


@pytest.fixture
def photos(tmp_path):
    root = tmp_path / "photos"
    for path in ("a.jpg", "Ada/1.jpg", "Grace/1.jpg", "x/y-z.jpg", "x-y/z.jpg", "x/y/Z.JPG"):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(path)
    return root


PATHS = ("a.jpg", "Ada/1.jpg", "Grace/1.jpg", "x/y-z.jpg", "x-y/z.jpg", "x/y/Z.JPG")


@pytest.mark.parametrize("link", [False, True])
def test_every_photo_lies_in_the_folder_of_its_group(photos, tmp_path, link):
    out = tmp_path / "new" / "groups"
    write_groups(out, photos, PATHS, np.array([0, 0, 1, 0, 0, -1]), link)
    assert {p.name for p in out.iterdir()} == {"group-01", "group-02", "others", "groups.csv"}
    with (out / "groups.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["photo"] for row in rows] == list(PATHS)
    for row in rows:
        copy = out / row["file"]
        assert copy.read_text() == row["photo"]
        assert copy.is_symlink() == link
        assert copy.parent.name == row["group"]
    assert len({row["file"].casefold() for row in rows}) == 6
    assert (out / "group-01" / "a.jpg").exists()
    assert {p.name for p in out.parent.iterdir()} == {"groups"}


def test_names_that_would_collide_are_told_apart(photos, tmp_path):
    write_groups(tmp_path / "out", photos, PATHS, np.zeros(6, int))
    names = {p.name for p in (tmp_path / "out" / "group-01").iterdir()}
    assert names == {
        "a.jpg", "Ada-1.jpg", "Grace-1.jpg", "y-z.jpg", "x-y-z.jpg", "x-y-Z-2.JPG",
    }  # fmt: skip
    write_groups(tmp_path / "apart", photos, PATHS, np.arange(6))
    for group, path in enumerate(PATHS, start=1):
        assert (tmp_path / "apart" / f"group-{group:02}" / path.split("/")[-1]).exists()


def test_joined_names_are_no_longer_than_a_disk_allows(tmp_path):
    deep = "a" * 130, "b" * 120, "\u7167" * 83 + ".jpg"  # the last of 253 bytes
    paths = ("/".join(deep), f"c/{deep[1]}/{deep[2]}", f"C/{deep[1]}/{deep[2]}", f"{'d' * 251}.jpg")
    paths += (f"e/{paths[-1].upper()}",)
    for path in paths:
        (tmp_path / "photos" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "photos" / path).write_text(path)
    write_groups(tmp_path / "out", tmp_path / "photos", paths, np.zeros(len(paths), int))
    with (tmp_path / "out" / "groups.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        assert (tmp_path / "out" / row["file"]).read_text() == row["photo"]
        name = row["file"].split("/")[-1]
        assert len(name.encode()) <= 255
        assert name.lower().endswith(".jpg")
    assert len({row["file"].casefold() for row in rows}) == len(paths)


@pytest.mark.skipif(os.name == "nt", reason="modes are those of POSIX")
def test_a_copy_is_as_open_as_the_photo_and_the_umask_allow(photos, tmp_path):
    modes = {0o777: 0o640, 0o644: 0o640, 0o600: 0o600, 0o440: 0o640}
    for path, mode in zip(PATHS, modes, strict=False):
        (photos / path).chmod(mode)
    os.utime(photos / PATHS[0], (10, 20))
    before = os.umask(0o027)
    try:
        write_groups(tmp_path / "out", photos, PATHS, np.arange(6))
    finally:
        os.umask(before)
    copies = [next((tmp_path / "out" / f"group-0{n}").iterdir()) for n in range(1, 5)]
    assert [stat.S_IMODE(copy.stat().st_mode) for copy in copies] == [*modes.values()]
    assert copies[0].stat().st_mtime == 20


def test_a_folder_that_holds_something_is_left_alone(photos, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    write_groups(out, photos, PATHS, np.zeros(6, int))
    with pytest.raises(FileExistsError, match="is not empty: choose a new folder"):
        write_groups(out, photos, PATHS, np.zeros(6, int))


def test_a_failure_leaves_nothing_behind(photos, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "copyfile", lambda *arguments: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_groups(tmp_path / "out", photos, PATHS, np.zeros(6, int))
    assert {p.name for p in tmp_path.iterdir()} == {"photos"}


def test_as_many_digits_as_the_groups_need():
    assert folder_names([0, 9, -1]) == ["group-01", "group-10", "others"]
    assert folder_names([0, 99]) == ["group-001", "group-100"]
