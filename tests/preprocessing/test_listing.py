"""Folders that cannot be opened or entered, links that lead off, and files that are none."""

import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest
from PIL import Image

from minifacenet.preprocessing.listing import FolderError, photos_below
from minifacenet.preprocessing.read_folder import read_faces, read_photos


def save(path, level=100):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (12, 10), level).save(path)


@pytest.fixture
def root():
    """A folder that anybody may enter, as pytest's own is not, read as somebody without rights."""
    if not hasattr(os, "seteuid"):
        pytest.skip("rights are another thing on Windows")
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    for person in ("Ada", "Bob"):
        save(folder / "photos" / person / "1.png")
        save(folder / "photos" / person / "2.png", 90)
    yield folder / "photos"
    os.seteuid(os.getuid())
    shutil.rmtree(folder)


def without_rights():
    if os.geteuid() == 0:
        os.seteuid(65534)


def test_a_folder_that_cannot_be_opened_is_skipped_and_the_others_are_read(root):
    closed = root / "lost+found"
    closed.mkdir(mode=0o000)
    (root / "Ada" / "more").mkdir(mode=0o000)
    without_rights()
    reason = "cannot be opened (Permission denied)"
    faces = read_faces(root)
    assert faces.skipped == (("lost+found/", reason),)
    assert (faces.people, faces.dropped) == (("Ada", "Bob"), ())
    assert faces.ignored == ("Ada/more/",)
    photos = read_photos(root)
    assert set(photos.skipped) == {("Ada/more/", reason), ("lost+found/", reason)}
    assert len(faces) == len(photos) == 4


def test_a_folder_that_can_be_listed_and_not_entered(root):
    (root / "Bob").chmod(0o744)
    without_rights()
    for read in (read_faces, read_photos):
        faces = read(root)
        assert faces.paths == ("Ada/1.png", "Ada/2.png")
        reason = "the file cannot be opened (Permission denied)"
        assert dict(faces.skipped) == {"Bob/1.png": reason, "Bob/2.png": reason}


def test_nothing_but_closed_folders(root):
    for person in ("Ada", "Bob"):
        (root / person).chmod(0o000)
    without_rights()
    with pytest.raises(FolderError, match=r"Ada' cannot be opened \(Permission denied\), nor can"):
        read_faces(root)
    with pytest.raises(FolderError, match=r"'Ada/' cannot be opened .*\(of 2 such folders\)"):
        read_photos(root)
    os.seteuid(os.getuid())
    root.chmod(0o000)
    without_rights()
    for read in (read_faces, read_photos):
        with pytest.raises(FolderError, match=r"photos' cannot be opened \(Permission denied\)"):
            read(root)
        with pytest.raises(FolderError, match=r"cannot be opened \(Permission denied\)"):
            read(root / "Ada")


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_links_that_lead_off_are_not_followed(tmp_path):
    root = tmp_path / "photos"
    save(root / "Ada" / "1.png")
    save(tmp_path / "elsewhere" / "Bob" / "2.png")
    for name, target in (
        ("all", "/"), ("above", ".."), ("itself", "."), ("loop", "loop"), ("gone", "nowhere"),
        ("cwd", "/proc/self/root"), ("system", "/proc"), ("other", tmp_path / "elsewhere"),
    ):  # fmt: skip
        (root / name).symlink_to(target)
    found = photos_below(root)
    assert found.photos == ("Ada/1.png", "other/Bob/2.png")
    linked = {"all/", "above/", "itself/", "loop", "gone"}
    if os.path.isdir("/proc"):
        linked |= {"cwd/", "system/"}
    assert linked <= set(found.others)


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_a_file_that_the_system_makes_up_is_not_opened(tmp_path):
    """Reading /proc/kmsg, as its root, would wait for ever."""
    save(tmp_path / "Ada" / "1.png")
    (tmp_path / "Ada" / "2.png").symlink_to("/proc/self/status")
    (skipped,) = read_faces(tmp_path).skipped
    assert skipped == ("Ada/2.png", "the file is empty (0 bytes): copy it again")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_is_no_photo(tmp_path):
    save(tmp_path / "Ada" / "1.png")
    os.mkfifo(tmp_path / "Ada" / "2.png")
    for read in (read_faces, read_photos):
        (skipped,) = read(tmp_path).skipped
        assert skipped == ("Ada/2.png", "the file cannot be opened (it is a folder or a device)")
