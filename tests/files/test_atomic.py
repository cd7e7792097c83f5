import errno
import json
import os
import re
import shutil
import stat
from contextlib import ExitStack

import numpy as np
import pytest

from minifacenet.files.atomic import digest, holds_anything, replacing, sweep, workplace, write_json


def test_a_file_appears_whole_with_its_folder_and_nothing_else(tmp_path):
    path = tmp_path / "new" / "a.json"
    write_json(path, {"é": 1})
    assert json.loads(path.read_text(encoding="utf-8")) == {"é": 1}
    assert [p.name for p in path.parent.iterdir()] == ["a.json"]
    assert path.stat().st_mode & stat.S_IROTH  # not private, as temporary files are


def test_a_failure_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def fail():
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_nan_is_not_json(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", {"auc": float("nan")})
    assert not list(tmp_path.iterdir())


def test_every_name_that_a_disk_allows_can_be_written(tmp_path):
    path = tmp_path / ("e" * 250 + ".json")
    write_json(path, 1)
    assert list(tmp_path.iterdir()) == [path]


def _fail(error, *contexts):
    with ExitStack() as stack:
        for context in contexts:
            stack.enter_context(context)
        raise error


@pytest.mark.parametrize(
    "error",
    [OSError(errno.ENOSPC, "No space left on device"), OSError("3072 requested and 992 written")],
)
def test_an_error_of_writing_names_the_file_and_not_the_hidden_folder(tmp_path, error):
    path = tmp_path / "a.npy"
    text = f"{path}: cannot be written ({error.strerror or error})"
    with pytest.raises(OSError, match=f"^{re.escape(text)}$"):
        _fail(error, replacing(path))
    with pytest.raises(OSError, match=f"^{re.escape(text)}$"):
        _in_a_folder(path, error)
    with pytest.raises(
        OSError, match=rf"^{re.escape(str(path))}: cannot .*\(Input/output error\)$"
    ):
        _unwritable(path)
    assert not list(tmp_path.iterdir())


def _in_a_folder(path, error):
    with workplace(path) as folder:
        folder.mkdir()
        _fail(error, replacing(folder / "inner"))


def _unwritable(path):
    with replacing(path) as temporary:
        raise OSError(errno.EIO, "Input/output error", str(temporary))


def test_a_place_that_takes_no_file_is_named(tmp_path):
    (tmp_path / "folder" / "full").mkdir(parents=True)
    (tmp_path / "file").touch()
    for path in (tmp_path / "folder", tmp_path / "file" / "a.txt", tmp_path / "file" / "b" / "a"):
        with pytest.raises(OSError, match=f"^{re.escape(str(path))}: cannot be written"):
            write_json(path, 1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


def test_an_error_of_reading_keeps_its_own_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="missing"), replacing(tmp_path / "a") as temporary:
        shutil.copyfile(tmp_path / "missing", temporary)


def test_what_a_killed_process_left_is_swept_away_and_nothing_else(tmp_path):
    files = {".gitignore", ".model-0a1b2c3d.txt.tmp", "model-0a1b2c3d.tmp"}
    for name in files:
        (tmp_path / name).write_text("")
    folders = {".run.tmp", ".run-0a1b2c3d", "run-0a1b2c3d.tmp"}
    left = {".model-0a1b2c3d.tmp", ".minifacenet-0a1b2c3d.tmp"}
    for name in folders | left:
        (tmp_path / name).mkdir()
        (tmp_path / name / ".tmpXYZ").write_text("half")
    sweep(tmp_path, name="other.txt")  # where not everything is ours
    assert {path.name for path in tmp_path.iterdir()} == files | folders | {".model-0a1b2c3d.tmp"}
    sweep(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == files | folders
    sweep(tmp_path / "missing")


@pytest.mark.parametrize("name", ["V.npy", "V"])
def test_of_older_versions_the_hidden_folder_of_the_same_file_goes(tmp_path, name):
    (tmp_path / ".V-0a1b2c3d.tmp").mkdir()
    sweep(tmp_path, name=name)
    assert not list(tmp_path.iterdir())


def test_folders_below_are_swept_and_links_not_followed(tmp_path):
    for place in ("out/a/b", "elsewhere"):
        (tmp_path / place / ".minifacenet-0a1b2c3d.tmp" / "x").mkdir(parents=True)
    (tmp_path / "out" / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "out" / ".minifacenet-00000000.tmp").symlink_to(tmp_path / "elsewhere")
    sweep(tmp_path / "out")
    assert list((tmp_path / "out" / "a" / "b").iterdir())
    sweep(tmp_path / "out", below=True)
    assert not list((tmp_path / "out" / "a" / "b").iterdir())
    assert list((tmp_path / "elsewhere").iterdir())
    assert (tmp_path / "out" / "link").is_symlink()


def test_what_is_being_written_is_not_swept_away(tmp_path):
    path = tmp_path / "a.txt"
    with replacing(path) as temporary:
        sweep(tmp_path)
        temporary.write_text("whole")
    assert path.read_text() == "whole"


def test_a_sweep_between_the_folder_and_its_lock_does_no_harm(tmp_path, monkeypatch):
    from minifacenet.files import atomic as files

    taken, real = [], files.take

    def late(folder):
        if not taken:
            taken.append(folder)
            sweep(tmp_path)  # takes it itself, and removes the folder
        return real(folder)

    monkeypatch.setattr(files, "take", late)
    write_json(tmp_path / "a.json", 1)
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_on_a_disk_without_locks_only_what_is_old_is_swept_away(tmp_path, monkeypatch):
    from minifacenet.files import atomic as files

    def no_locks(folder):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(files, "take", no_locks)
    write_json(tmp_path / "a.json", 1)
    for number in (0, 1):
        (tmp_path / f".minifacenet-0000000{number}.tmp").mkdir()
    os.utime(tmp_path / ".minifacenet-00000000.tmp", (0, 0))
    sweep(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"a.json", ".minifacenet-00000001.tmp"}


def test_a_folder_with_nothing_but_leftovers_holds_nothing(tmp_path):
    (tmp_path / ".minifacenet-0a1b2c3d.tmp").mkdir()
    (tmp_path / ".align-0a1b2c3d.tmp").mkdir()
    (tmp_path / ".minifacenet.lock").touch()
    assert not holds_anything(tmp_path)
    (tmp_path / "a").touch()
    assert holds_anything(tmp_path)


def test_what_a_library_leaves_beside_its_file_goes_and_its_mode_is_ours(tmp_path):
    path = tmp_path / "a.txt"
    path.touch()
    mode = path.stat().st_mode
    with replacing(path) as temporary:
        (temporary.parent / ".tmpXYZ").write_text("half")
        (private := temporary.parent / "private").touch(0o600)
        private.replace(temporary)
    assert path.stat().st_mode == mode
    assert list(tmp_path.iterdir()) == [path]


def test_a_digest_tells_contents_apart_and_not_layouts():
    a = np.arange(6, dtype=np.float32).reshape(2, 3)
    same = [a.copy(), np.asfortranarray(a), a.astype(">f4"), a.repeat(2, axis=1)[:, ::2]]
    assert {digest("x", array) for array in same} == {digest("x", a)}
    assert re.fullmatch("[0-9a-f]{16}", digest("x", a))
    flipped = a.copy()
    flipped.view(np.uint32)[1, 2] ^= 1
    others = [("y", a), (a, "x"), ("x", a.T), ("x", a.reshape(6)), ("x", a.view(np.int32))]
    others += [("x", flipped), ("x",), (a,), ("xx", a), ("x", "x", a)]
    assert len({digest(*parts) for parts in [("x", a), *others]}) == 1 + len(others)
    assert digest("a", "bc") != digest("ab", "c")
    assert digest("a", "b") != digest("atext:b")
    assert digest(np.float32([0.0])) != digest(np.float32([-0.0]))
