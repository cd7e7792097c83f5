"""A folder of crops is somebody's work once they have sorted it: a second run only adds to it."""

import csv
import errno
import os
import sys

import pytest
from PIL import Image

from minifacenet.preprocessing import crop_files as cropper
from minifacenet.preprocessing.align_folder import align_folder
from minifacenet.preprocessing.choose_and_cut import CropSettings
from minifacenet.preprocessing.crop_note import how_cut, untouched_photo
from minifacenet.preprocessing.crop_places import crop_names

CENTRE = CropSettings(size=8, crop="centre")


def save(path, level=100, size=(30, 20)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", size, level).save(path)


def files(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def listed(out):
    with (out / "manifest.csv").open(newline="", encoding="utf-8") as file:
        return {row["photo"]: row["crop"] for row in csv.DictReader(file)}


def level(path):
    with Image.open(path) as crop:
        return crop.getpixel((4, 4))


@pytest.fixture
def photos(tmp_path):
    root = tmp_path / "photos"
    for number in range(1, 6):
        save(root / f"IMG_{number}.png", 10 * number)
    return root


@pytest.fixture
def out(photos, tmp_path):
    align_folder(photos, tmp_path / "out", CENTRE)
    return tmp_path / "out"


def test_only_new_photos_are_cut(photos, out):
    """The crops are moved into folders of people, a bad one is deleted, photos come in."""
    faces = out / "faces"
    (faces / "Ada").mkdir()
    (faces / "Bob").mkdir()
    (faces / "IMG_1.png").rename(faces / "Ada" / "IMG_1.png")
    (faces / "IMG_2.png").rename(faces / "Ada" / "IMG_2.png")
    (faces / "IMG_3.png").rename(faces / "Bob" / "the best.png")
    (faces / "IMG_4.png").unlink()
    save(faces / "Bob" / "scan.png", 7)
    (faces / "Ada" / "copy.png").write_bytes((faces / "Ada" / "IMG_1.png").read_bytes())
    before = {name: (faces / name).read_bytes() for name in files(faces)}
    save(photos / "IMG_6.png", 60)
    result = align_folder(photos, out, CENTRE)
    assert result.fresh == {"IMG_6.png"}
    assert result.away == tuple(f"faces/IMG_{number}.png" for number in (1, 2, 3, 4))
    assert (result.removed, result.changed) == (0, ())
    assert {n: (faces / n).read_bytes() for n in files(faces) if n != "IMG_6.png"} == before
    assert level(faces / "IMG_6.png") == 60
    again = align_folder(photos, out, CENTRE)
    assert (again.fresh, again.away) == (frozenset(), result.away)
    align_folder(photos, out, CENTRE, force=True)  # asked for: those that were removed are back
    assert level(faces / "IMG_4.png") == 40
    assert all((faces / name).read_bytes() == data for name, data in before.items())


def test_a_photo_that_goes_takes_its_own_crop_and_no_other(photos, out):
    faces = out / "faces"
    (faces / "IMG_1.png").rename(faces / "mine.png")
    (faces / "IMG_2.png").rename(faces / "IMG_1.png")  # of another photo
    with Image.open(faces / "IMG_3.png") as crop:  # worked on
        crop.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(faces / "IMG_3.png")
    for number in (1, 2, 3, 4):
        (photos / f"IMG_{number}.png").unlink()
    result = align_folder(photos, out, CENTRE)
    assert files(faces) == ["IMG_1.png", "IMG_3.png", "IMG_5.png", "mine.png"]
    assert (result.removed, result.changed) == (1, ("faces/IMG_1.png", "faces/IMG_3.png"))


def test_a_new_crop_is_not_written_over_what_was_moved_there(photos, out):
    faces = out / "faces"
    (faces / "Ada").mkdir()
    (faces / "IMG_1.png").rename(faces / "Ada" / "1.png")
    (photos / "IMG_1.png").unlink()
    save(photos / "Ada" / "1.jpg", 200)
    align_folder(photos, out, CENTRE)
    assert level(faces / "Ada" / "1.png") == 10
    assert level(faces / "Ada" / "1.jpg.png") == 200
    assert listed(out)["Ada/1.jpg"] == "faces/Ada/1.jpg.png"


def test_a_library_on_another_disk_is_known(photos, out, tmp_path):
    before = files(out)
    times = {name: (out / "faces" / name).stat().st_mtime_ns for name in files(out / "faces")}
    moved = tmp_path / "disk" / "library"
    moved.parent.mkdir()
    photos.rename(moved)
    save(moved / "IMG_9.png", 90)
    (moved / "IMG_5.png").unlink()
    result = align_folder(moved, out, CENTRE)
    assert (result.fresh, result.removed) == ({"IMG_9.png"}, 1)
    assert files(out) == sorted({*before, "faces/IMG_9.png"} - {"faces/IMG_5.png"})
    for number in range(1, 5):
        name = f"IMG_{number}.png"
        assert (out / "faces" / name).stat().st_mtime_ns == times[name]
    assert not align_folder(moved, out, CENTRE).fresh


@pytest.mark.parametrize("kept", [0, 2, 3, 5])
def test_other_photos_are_asked_about(photos, out, tmp_path, kept):
    """A part of the photos, by itself: those that it lacks are still in their old place."""
    before, part = files(out), tmp_path / "part"
    save(part / "x.png", 99)
    for number in range(1, kept + 1):
        (part / f"IMG_{number}.png").write_bytes((photos / f"IMG_{number}.png").read_bytes())
    if kept == 5:  # a whole copy
        assert align_folder(part, out, CENTRE).fresh == {"x.png"}
        return
    with pytest.raises(ValueError, match=f"where {kept} of the 5 photos of then lie: choose"):
        align_folder(part, out, CENTRE)
    assert files(out) == before
    for path in photos.iterdir():
        path.unlink()
    if kept < 3:  # too few to be the same library
        with pytest.raises(ValueError, match=f"where {kept} of the 5 photos of then lie: choose"):
            align_folder(part, out, CENTRE)
    else:
        assert align_folder(part, out, CENTRE).fresh == {"x.png"}


def test_photos_of_a_renamed_folder_keep_their_crops(tmp_path):
    photos, out = tmp_path / "photos", tmp_path / "out"
    for number in (1, 2, 3):
        save(photos / "s1" / f"{number}.png", 10 * number)
    align_folder(photos, out, CENTRE)
    (out / "faces" / "s1" / "2.png").rename(out / "faces" / "mine.png")
    (photos / "s1").rename(photos / "Ada")
    result = align_folder(photos, out, CENTRE)
    assert result.fresh == frozenset()
    assert result.renamed == {"Ada/1.png", "Ada/2.png", "Ada/3.png"}
    assert (result.removed, result.away) == (0, ("faces/s1/2.png",))
    assert files(out / "faces") == ["Ada/1.png", "Ada/3.png", "mine.png"]
    data = (out / "faces" / "Ada" / "1.png").read_bytes()
    assert how_cut(data, "Ada/1.png") == ("centre square", "//Ada/1.png")
    assert untouched_photo(data) == "Ada/1.png"
    (photos / "Ada" / "3.png").unlink()  # the new place is what the next run goes by
    assert align_folder(photos, out, CENTRE).removed == 1
    assert files(out / "faces") == ["Ada/1.png", "mine.png"]


def test_photos_that_change_names_lose_no_crop(photos, out):
    """Two swap theirs; a new photo takes the name of one that was renamed."""
    (photos / "IMG_1.png").rename(photos / "x")
    (photos / "IMG_2.png").rename(photos / "IMG_1.png")
    (photos / "x").rename(photos / "IMG_2.png")
    (photos / "IMG_3.png").rename(photos / "old.png")
    save(photos / "IMG_3.png", 99)
    result = align_folder(photos, out, CENTRE)
    assert (result.fresh, result.removed, result.changed) == ({"IMG_3.png"}, 0, ())
    levels = {photo: level(out / crop) for photo, crop in listed(out).items()}
    expected = {"IMG_1": 20, "IMG_2": 10, "IMG_3": 99, "IMG_4": 40, "IMG_5": 50, "old": 30}
    assert levels == {f"{name}.png": value for name, value in expected.items()}
    assert len(files(out / "faces")) == 6


def test_what_cannot_be_read_at_the_moment_keeps_its_crop(photos, out, monkeypatch):
    save(photos / "more" / "1.png", 5)
    align_folder(photos, out, CENTRE)
    before, listing = files(out), os.listdir

    def closed(path="."):
        if os.path.basename(path) == "more":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return listing(path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "listdir", closed)
        (photos / "IMG_2.png").rename(photos / "kept")
        (photos / "IMG_2.png").symlink_to(photos / "nowhere.png")
        result = align_folder(photos, out, CENTRE)
    assert set(result.held) == {"IMG_2.png", "more/1.png"}
    assert result.closed == (("more/", "cannot be opened (Permission denied)"),)
    assert (result.removed, len(result.entries)) == (0, 6)
    (photos / "IMG_2.png").unlink()
    (photos / "kept").rename(photos / "IMG_2.png")
    assert not align_folder(photos, out, CENTRE).fresh
    assert files(out) == before


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_among_the_crops_is_not_opened(photos, out):
    (out / "faces" / "IMG_1.png").unlink()
    for name in ("IMG_1.png", "x.png"):
        os.mkfifo(out / "faces" / name)
    (photos / "IMG_1.png").unlink()
    result = align_folder(photos, out, CENTRE)
    assert result.changed == ("faces/IMG_1.png",)
    align_folder(photos, out, CENTRE, force=True)
    assert (out / "faces" / "IMG_1.png").is_fifo()


def test_a_crop_that_cannot_be_written_is_a_reason(photos, out, tmp_path):
    save(photos / "Ada" / "1.png")
    (out / "faces" / "Ada").write_text("a file where the folder should be")
    result = align_folder(photos, out, CENTRE)
    lost = next(entry for entry in result.entries if not entry.kept)
    assert lost.photo == "Ada/1.png"
    assert lost.reason.startswith("its crop cannot be written (")
    (out / "faces" / "Ada").unlink()
    assert align_folder(photos, out, CENTRE).fresh == {"Ada/1.png"}  # tried again


def test_a_full_disk_ends_the_run_and_names_the_file(photos, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(cropper, "noted", full)
    with pytest.raises(OSError, match=r"IMG_1\.png.*No space left on device"):
        align_folder(photos, tmp_path / "full", CENTRE)


@pytest.mark.skipif(sys.platform == "win32", reason="paths there have 260 characters in all")
@pytest.mark.parametrize("select", ["largest", "all"])
def test_names_as_long_as_a_disk_allows(tmp_path, select):
    photos, out = tmp_path / "photos", tmp_path / "out"
    names = ["\u7167" * 81 + ".png", "e" * 251 + ".png", "e" * 251 + ".bmp", "z.png"]
    for number, name in enumerate(names):
        save(photos / name, number)
    settings = CropSettings(size=8, crop="centre", select=select)
    result = align_folder(photos, out, settings)
    assert [entry.kept for entry in result.entries] == [1, 1, 1, 1]
    for photo, crop in listed(out).items():
        assert level(out / crop) == names.index(photo)
        assert len(crop.split("/")[-1].encode()) <= 255
    assert not align_folder(photos, out, settings).fresh


def test_crop_names_never_meet():
    names = crop_names(
        ["1.jpg", "1.PNG", "2.jpg", "a/2.jpg", "b/Ü.jpg", "b/U\u0308.png", "c.jpg", "c.face2.png",
         "1.jpg.png"]
    )  # fmt: skip
    assert names == {
        "1.jpg": "1.jpg",
        "1.PNG": "1.PNG",
        "2.jpg": "2",
        "a/2.jpg": "a/2",
        "b/Ü.jpg": "b/Ü.jpg",
        "b/U\u0308.png": "b/U\u0308.png",
        "c.jpg": "c",
        "c.face2.png": "c.face2.png",
        "1.jpg.png": "1.jpg.png",
    }
    long = crop_names(["x" * 251 + ending for ending in (".jpg", ".png")] + ["y" * 251 + ".jpg"])
    assert len(set(long.values())) == 3
    assert {len(name) for name in long.values()} == {255 - len(".face9999.png")}
