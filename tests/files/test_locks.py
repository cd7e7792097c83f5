import errno
import os
import signal
import subprocess
import sys
import threading

import pytest

from minifacenet.files import locks
from minifacenet.files.atomic import holds_anything, sweep
from minifacenet.files.locks import LOCK, locked, locked_name

HOLD = """
import sys
from minifacenet.files.atomic import replacing
from minifacenet.files.locks import locked
with locked(sys.argv[1]), replacing(sys.argv[1] + "/a.txt") as temporary:
    temporary.write_text("half")
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """Another process at work in the folder `out`, in the middle of writing a file."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "out")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout.readline() == "held\n"
    with process:
        yield process
        process.kill()


def test_a_second_process_is_refused_and_does_not_sweep(tmp_path, holder):
    out = tmp_path / "out"
    with (
        pytest.raises(ValueError, match=f"{out}: another minifacenet is at work in it"),
        locked(out),
    ):
        pass
    sweep(out)
    holder.stdin.close()
    assert holder.wait() == 0
    assert [path.name for path in out.iterdir()] == ["a.txt"]
    with locked(out):
        pass


def test_a_killed_process_keeps_nobody_out(tmp_path, holder):
    out = tmp_path / "out"
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    assert len(list(out.iterdir())) == 2  # the lock's file and the hidden folder
    with locked(out):
        sweep(out)
        assert [path.name for path in out.iterdir()] == [LOCK]
    assert not list(out.iterdir())


def test_a_thread_may_lock_twice_and_another_thread_may_not(tmp_path):
    refused = []

    def other():
        with pytest.raises(ValueError, match="at work"), locked(tmp_path):
            pass
        refused.append(True)

    with locked(tmp_path):
        with locked(tmp_path / "." / ".." / tmp_path.name):
            pass
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert refused
    with locked(tmp_path):
        pass


def test_a_name_is_locked_and_not_its_neighbours(tmp_path):
    path = tmp_path / ("e" * 255)
    with locked_name(path):
        with pytest.raises(ValueError, match="another minifacenet writes it"), locked_name(path):
            pass
        with locked_name(tmp_path / "other"), locked(tmp_path):
            assert not holds_anything(tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_lock_of_a_name_keeps_nobody_out_after_a_kill(tmp_path):
    with locked_name(tmp_path / "out"):
        (file,) = tmp_path.iterdir()
    file.touch()  # as a kill leaves it
    with locked_name(tmp_path / "out"):
        pass
    assert not list(tmp_path.iterdir())


def test_folders_are_made_and_those_that_stay_empty_go_again(tmp_path):
    with pytest.raises(KeyError), locked(tmp_path / "a" / "b"):
        raise KeyError
    assert not list(tmp_path.iterdir())
    with locked(tmp_path / "a" / "b"):
        (tmp_path / "a" / "file").touch()
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["file"]


def test_a_file_in_the_way_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="file is no folder: choose"), locked(tmp_path / "file"):
        pass
    below = tmp_path / "file" / "a" / "b"
    with pytest.raises(ValueError, match=rf"file is no folder, so {below} cannot"), locked(below):
        pass


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EROFS, errno.EACCES, errno.ENOSPC])
def test_a_disk_without_locks_does_without(tmp_path, monkeypatch, number):
    def fail(*_):
        raise OSError(number, "no")

    monkeypatch.setattr(locks, "_lock", fail)
    with locked(tmp_path):
        (tmp_path / "a").touch()
    assert (tmp_path / "a").exists()


def test_a_lock_on_a_file_that_is_gone_does_not_count(tmp_path, monkeypatch):
    real, calls = locks._lock, []

    def late(number):
        calls.append(number)
        if len(calls) == 1:
            (tmp_path / LOCK).unlink()  # as the one who had it does at the end
        real(number)

    monkeypatch.setattr(locks, "_lock", late)
    with locked(tmp_path):
        assert len(calls) == 2
        with pytest.raises(BlockingIOError):
            locks.take(tmp_path)
