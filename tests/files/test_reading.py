"""Files are read if they are files: a device never ends, and a pipe may never begin."""

import os
from pathlib import Path
from threading import Thread

import pytest

from minifacenet.classification.pair_lists import PairsError, read_pairs
from minifacenet.classification.renames import read_wishes
from minifacenet.files import reading
from minifacenet.files.reading import open_table, read_whole
from minifacenet.preprocessing.manifest import load_manifest

ZERO = Path("/dev/zero")
pytestmark = pytest.mark.skipif(os.name == "nt", reason="devices and pipes are those of POSIX")


def fed(path, data):
    """A pipe into which somebody writes."""
    os.mkfifo(path)
    Thread(target=path.write_bytes, args=(data,), daemon=True).start()
    return path


def test_a_file_is_read_whole_and_a_table_row_by_row(tmp_path):
    (tmp_path / "file").write_bytes(b"a\r\nb")
    assert read_whole(tmp_path / "file") == b"a\r\nb"
    with open_table(tmp_path / "file") as file:
        assert [*file] == ["a\r\n", "b"]


@pytest.mark.parametrize("read", [read_whole, open_table, load_manifest])
def test_devices_and_pipes_are_refused_before_they_are_opened(read, tmp_path):
    with pytest.raises(OSError, match="it is a device"):
        read(ZERO)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match=r"it is a pipe.*pipe"):
        read(tmp_path / "pipe")


def test_lists_of_a_user_may_come_through_a_pipe(tmp_path):
    pairs = read_pairs(fed(tmp_path / "pairs", b"a.png\tb.png\t1\n"))
    assert pairs.first == ("a.png",)
    [wish] = read_wishes(fed(tmp_path / "wishes", b"photo,face,name\na.png,1,Ada\n"))
    assert wish.name == "Ada"


def test_a_pipe_that_does_not_end_is_left(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "MOST_PIPED", 1000)
    with pytest.raises(OSError, match="more comes through it"):
        read_whole(fed(tmp_path / "pipe", bytes(2000)), piped=True)


def test_a_device_as_a_list_is_an_error_of_one_line():
    with pytest.raises(PairsError, match=r"/dev/zero.*it is a device"):
        read_pairs(ZERO)
    with pytest.raises(ValueError, match=r"/dev/zero.*it is a device"):
        read_wishes(ZERO)
