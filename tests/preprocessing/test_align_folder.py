"""A folder of photos to a folder of crops: nothing lost, nothing done twice, nothing left over."""

import csv
import json
import os
import signal
import threading
import time

import numpy as np
import pytest
from PIL import Image

from minifacenet.files.locks import locked
from minifacenet.machine.workers import Died, in_processes
from minifacenet.preprocessing import align_folder as alignment
from minifacenet.preprocessing import crop_files as cropper
from minifacenet.preprocessing.align_folder import align_folder
from minifacenet.preprocessing.choose_and_cut import CropSettings, Face
from minifacenet.preprocessing.detector import Detections
from minifacenet.preprocessing.listing import FolderError
from minifacenet.preprocessing.manifest import COLUMNS, Entry, load_manifest, save_manifest

CENTRE = CropSettings(size=8, crop="centre")
POINTS = np.array([(0.3, 0.4), (0.7, 0.4), (0.5, 0.6), (0.35, 0.8), (0.65, 0.8)], np.float32)


def save(path, level=100, mode="L", size=(30, 20), **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, level).save(path, **options)


@pytest.fixture
def photos(tmp_path):
    root = tmp_path / "photos"
    for number in range(3):
        save(root / "Ada" / f"{number}.png", 50 * number)
    save(root / "Grace" / "deep" / "x.jpg", 200)
    (root / "Grace" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    (root / "Grace" / "notes.txt").write_text("a note")
    save(root / ".hidden" / "y.png")
    return root


@pytest.fixture
def detector(monkeypatch):
    """Stands for the detector: two faces in photos 30 pixels wide, none in others."""

    class Stub:
        def __init__(self, weights, min_size, thresholds):
            assert thresholds[2] == 0.9

        def detect(self, photo):
            count = 2 if photo.shape[1] == 30 else 0
            boxes = np.array([(1, 1, 15, 17), (10, 2, 28, 20)], np.float32)[:count]
            sides = boxes[:, None, 2:] - boxes[:, None, :2]
            scores = np.array([0.99, 0.95], np.float32)[:count]
            return Detections(boxes, scores, boxes[:, None, :2] + POINTS * sides)

    monkeypatch.setattr(cropper, "Detector", Stub)
    monkeypatch.setattr(alignment.MTCNN, "load", lambda path: None)


def rows(out):
    with (out / "manifest.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def files(out):
    return sorted(p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file())


def touch_up(path):
    """Work on a crop as an editor does that keeps the notes of a PNG; returns its new bytes."""
    data = path.read_bytes()
    end = len(data) - 12  # before 'IEND'
    path.write_bytes(data[:end] + b"\0\0\0\0tIME" + b"\0\0\0\0" + data[end:])
    return path.read_bytes()


def test_every_photo_has_a_row(photos, tmp_path, detector):
    save(photos / "empty.png", size=(40, 20))
    out = tmp_path / "out"
    result = align_folder(photos, out, CropSettings(size=16, min_size=12))
    table = rows(out)
    assert [(r["photo"], r["face"], r["crop"]) for r in table] == [
        ("empty.png", "", ""),
        ("Ada/0.png", "1", ""),
        ("Ada/0.png", "2", "faces/Ada/0.png"),
        ("Ada/1.png", "1", ""),
        ("Ada/1.png", "2", "faces/Ada/1.png"),
        ("Ada/2.png", "1", ""),
        ("Ada/2.png", "2", "faces/Ada/2.png"),
        ("Grace/broken.jpg", "", ""),
        ("Grace/deep/x.jpg", "1", ""),
        ("Grace/deep/x.jpg", "2", "faces/Grace/deep/x.png"),
    ]
    assert table[0]["reason"] == "no face found in 40 x 20 pixels"
    assert table[1]["reason"] == "not the largest"
    assert "copy it again" in table[7]["reason"]
    assert [float(table[2][name]) for name in ("x0", "y0", "x1", "y1")] == [10, 2, 28, 20]
    assert float(table[2]["nose_x"]) == 19
    assert {r["rule"] for r in table} == {"largest", ""}
    assert result.ignored == ("Grace/notes.txt",)
    assert [(e.found, e.kept) for e in result.entries[:2]] == [(0, 0), (2, 1)]
    crops = [r["crop"] for r in table if r["crop"]]
    assert files(out) == sorted(["align.json", "manifest.csv", *crops])


def test_crops_are_plain_and_say_what_they_are(tmp_path, detector):
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "a camera"
    save(tmp_path / "photos" / "a.jpg", "red", "RGB", (20, 30), exif=exif)
    align_folder(tmp_path / "photos", tmp_path / "out", CropSettings(size=16, select="all"))
    # Upright it is 30 wide, so two faces are seen.
    assert files(tmp_path / "out" / "faces") == []  # both smaller than 20 pixels
    align_folder(
        tmp_path / "photos", tmp_path / "two", CropSettings(size=16, select="all", min_size=12)
    )
    assert files(tmp_path / "two" / "faces") == ["a.face2.png", "a.png"]
    with Image.open(tmp_path / "two" / "faces" / "a.png") as crop:
        assert (crop.format, crop.mode, crop.size) == ("PNG", "RGB", (16, 16))
        assert not crop.getexif()
        note = json.loads(crop.text["minifacenet"])
    assert note["photo"] == "a.jpg"
    assert note["template"] == "portrait"


def test_goes_on_where_it_stopped_and_does_only_what_changed(photos, tmp_path, monkeypatch):
    out, whole = tmp_path / "out", tmp_path / "whole"
    align_folder(photos, whole, CENTRE)
    first = align_folder(photos, out, CENTRE, stop=lambda: True)
    assert (len(first.entries), first.left) == (1, 4)
    done = []
    real = cropper.Cropper.__call__

    def counted(self, name):
        done.append(name)
        return real(self, name)

    monkeypatch.setattr(cropper.Cropper, "__call__", counted)
    second = align_folder(photos, out, CENTRE)
    assert (second.before, second.left) == (1, 0)
    assert done == ["Ada/1.png", "Ada/2.png", "Grace/broken.jpg", "Grace/deep/x.jpg"]
    assert (out / "manifest.csv").read_bytes() == (whole / "manifest.csv").read_bytes()
    done.clear()
    save(photos / "Ada" / "1.png", 7)  # other bytes
    (out / "faces" / "Ada" / "2.png").unlink()  # a crop that somebody removed
    (photos / "Grace" / "deep" / "x.jpg").unlink()  # a photo that is gone
    third = align_folder(photos, out, CENTRE)
    # What could not be read is tried again: the package that was missing may be there.
    assert done == ["Ada/1.png", "Grace/broken.jpg"]
    assert (third.before, third.removed, third.away) == (2, 1, ("faces/Ada/2.png",))
    assert not (out / "faces" / "Grace").exists()
    with Image.open(out / "faces" / "Ada" / "1.png") as crop:
        assert crop.getpixel((4, 4)) == 7


def test_a_photo_changed_since_gets_a_new_crop_beside_one_that_somebody_worked_on(photos, tmp_path):
    out = tmp_path / "out"
    align_folder(photos, out, CENTRE)
    mine = touch_up(out / "faces" / "Ada" / "1.png")
    save(photos / "Ada" / "1.png", 7)
    result = align_folder(photos, out, CENTRE)
    assert (result.changed, result.removed) == (("faces/Ada/1.png",), 0)
    assert (out / "faces" / "Ada" / "1.png").read_bytes() == mine
    assert rows(out)[1]["crop"] == "faces/Ada/1.png.png"
    with Image.open(out / "faces" / "Ada" / "1.png.png") as crop:
        assert crop.getpixel((4, 4)) == 7


def test_an_error_loses_nothing(photos, tmp_path, monkeypatch):
    real = cropper.Cropper.__call__

    def fails(self, name):
        if name == "Ada/2.png":
            raise KeyboardInterrupt
        return real(self, name)

    monkeypatch.setattr(cropper.Cropper, "__call__", fails)
    with pytest.raises(KeyboardInterrupt):
        align_folder(photos, tmp_path / "out", CENTRE)
    assert [r["photo"] for r in rows(tmp_path / "out")] == ["Ada/0.png", "Ada/1.png"]


def test_a_fault_in_one_photo_is_its_reason(photos, tmp_path, monkeypatch):
    def fails(photo, settings, detect, scale):
        raise RuntimeError("out of luck")

    monkeypatch.setattr(cropper, "cut", fails)
    result = align_folder(photos, tmp_path / "out", CENTRE)
    assert result.entries[0].reason == "unexpected RuntimeError: out of luck"
    assert len(result.entries) == 5


def test_other_settings_are_refused_unless_forced(photos, tmp_path):
    out = tmp_path / "out"
    align_folder(photos, out, CENTRE)
    larger = CropSettings(size=10, crop="centre")
    with pytest.raises(ValueError, match="size 8, now 10") as raised:
        align_folder(photos, out, larger)
    assert "--force" in str(raised.value)
    align_folder(photos, out, larger, force=True)
    with Image.open(out / "faces" / "Ada" / "1.png") as crop:
        assert crop.size == (10, 10)


def test_what_fewer_faces_leave_over_goes_also_after_an_interruption(tmp_path, detector):
    photos, out = tmp_path / "photos", tmp_path / "out"
    for name in "ab":
        save(photos / f"{name}.png")
    every = CropSettings(size=16, min_size=12, select="all")
    align_folder(photos, out, every)
    assert files(out / "faces") == ["a.face2.png", "a.png", "b.face2.png", "b.png"]
    one = CropSettings(size=16, min_size=12)
    align_folder(photos, out, one, force=True, stop=lambda: True)
    assert files(out / "faces") == ["a.png", "b.face2.png", "b.png"]
    align_folder(photos, out, one)
    assert files(out / "faces") == ["a.png", "b.png"]


def test_killed_while_it_does_all_anew_an_old_crop_never_passes_for_a_new_one(
    photos, tmp_path, monkeypatch
):
    out, larger = tmp_path / "out", CropSettings(size=10, crop="centre")
    align_folder(photos, out, CENTRE)

    class Killed(BaseException):
        pass

    def killed(*_):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(cropper.Cropper, "__call__", killed)
        patch.setattr(alignment, "save_manifest", lambda *_: None)  # a kill saves nothing
        with pytest.raises(Killed):
            align_folder(photos, out, larger, force=True)
    result = align_folder(photos, out, larger)
    assert result.before == 0
    with Image.open(out / "faces" / "Ada" / "1.png") as crop:
        assert crop.size == (10, 10)


def test_other_photos_are_refused_unless_forced(photos, tmp_path):
    out, others = tmp_path / "out", tmp_path / "others"
    save(others / "Lise" / "1.png")
    align_folder(photos, out, CENTRE)
    before = files(out)
    with pytest.raises(ValueError, match="choose another folder") as raised:
        align_folder(others, out, CENTRE)
    assert f"was made from {photos}, not from {others}" in str(raised.value)
    assert files(out) == before
    result = align_folder(others, out, CENTRE, force=True)
    assert result.removed == 4
    assert files(out / "faces") == ["Lise/1.png"]


def test_without_a_manifest_nothing_is_removed(photos, tmp_path):
    """Crops that no manifest lists may be somebody's, whatever they say of themselves."""
    out = tmp_path / "out"
    align_folder(photos, out, CENTRE)
    (out / "manifest.csv").unlink()
    before = files(out / "faces")
    (photos / "Ada" / "1.png").unlink()
    result = align_folder(photos, out, CENTRE, force=True)
    assert (result.removed, result.changed) == (0, ())
    assert files(out / "faces") == before


def test_an_interrupted_run_keeps_the_crops_of_photos_that_are_left_over(photos, tmp_path):
    out = tmp_path / "out"
    align_folder(photos, out, CENTRE)
    before = files(out)
    result = align_folder(photos, out, CENTRE, force=True, stop=lambda: True)
    assert (result.left, result.removed) == (4, 0)
    assert files(out) == before
    assert align_folder(photos, out, CENTRE).before == 1


@pytest.mark.parametrize("force", [False, True])
def test_a_kill_in_the_first_moments_blocks_no_folder(photos, tmp_path, force):
    for number, name in enumerate((".minifacenet-0123abcd.tmp", ".align-0123abcd.tmp")):
        out = tmp_path / f"out{number}"
        (out / name).mkdir(parents=True)
        align_folder(photos, out, CENTRE, force=force)
        assert not (out / name).exists()


def test_one_at_a_time(photos, tmp_path):
    out, held, done = tmp_path / "out", threading.Event(), threading.Event()

    def hold():
        with locked(out):
            held.set()
            done.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(60)
    try:
        with pytest.raises(ValueError, match="another minifacenet is at work in it"):
            align_folder(photos, out, CENTRE)
    finally:
        done.set()
        thread.join()
    align_folder(photos, out, CENTRE)


@pytest.mark.parametrize("damage", ["{", "[]", "\udcff"])
def test_a_damaged_folder_is_named(photos, tmp_path, damage):
    out = tmp_path / "out"
    align_folder(photos, out, CENTRE)
    (out / "align.json").write_text(damage, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(ValueError, match=r"align\.json is damaged: say --force"):
        align_folder(photos, out, CENTRE)
    align_folder(photos, out, CENTRE, force=True)


def test_a_file_where_the_folder_should_be_is_named(photos, tmp_path):
    (tmp_path / "file").write_text("!")
    for out in (tmp_path / "file", tmp_path / "file" / "x"):
        with pytest.raises(ValueError, match="choose another place") as raised:
            align_folder(photos, out, CENTRE)
        assert str(raised.value).startswith(f"{tmp_path / 'file'} is no folder")


def test_folders_that_do_not_fit(photos, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("!")
    with pytest.raises(ValueError, match="holds something else"):
        align_folder(photos, tmp_path / "full", CENTRE)
    with pytest.raises(ValueError, match="among the photos"):
        align_folder(photos, photos / "out", CENTRE)
    with pytest.raises(FolderError, match="no photos"):
        align_folder(tmp_path / "full", tmp_path / "out", CENTRE)
    with pytest.raises(FolderError, match="does not exist"):
        align_folder(tmp_path / "nowhere", tmp_path / "out", CENTRE)
    with pytest.raises(ValueError, match="weights of the face detector"):
        align_folder(photos, tmp_path / "out", CropSettings(), weights=tmp_path / "none")
    assert not (tmp_path / "out").exists()


def test_a_manifest_cannot_make_us_remove_other_files(photos, tmp_path):
    out, thesis = tmp_path / "out", tmp_path / "thesis.txt"
    thesis.write_text("!")
    align_folder(photos, out, CENTRE)
    text = (out / "manifest.csv").read_text(encoding="utf-8")
    text = text.replace("faces/Ada/0.png", "faces/../../thesis.txt").replace("Ada/0.png,", "z.png,")
    (out / "manifest.csv").write_text(text, encoding="utf-8")
    align_folder(photos, out, CENTRE)
    assert thesis.exists()


@pytest.mark.slow
@pytest.mark.parametrize("compiled", [True, False])
def test_several_processes_give_the_same(photos, tmp_path, compiled, monkeypatch):
    monkeypatch.setattr(cropper.boxes, "compiled", lambda: compiled)
    for number in range(20):
        save(photos / "Lise" / f"{number}.png", number)
    one, two = tmp_path / "one", tmp_path / "two"
    told = []
    align_folder(photos, one, CENTRE)
    align_folder(
        photos, two, CENTRE, workers=2, progress=lambda done, total: told.append((done, total))
    )
    assert told == [(done, 25) for done in range(26)]
    assert files(one) == files(two)
    for name in files(one):
        assert (one / name).read_bytes() == (two / name).read_bytes()


class Fragile:
    """A worker that one item kills."""

    def __call__(self, item):
        if item == "deadly":
            os._exit(3)
        return item.upper()


@pytest.mark.slow
def test_an_item_that_kills_its_process_is_named_and_the_others_are_done():
    items = ["a", "b", "deadly", "c", "d", "e", "f"]
    answers = dict(in_processes(items, Fragile, (), 2))
    assert isinstance(answers.pop("deadly"), Died)
    assert answers == {item: item.upper() for item in items if item != "deadly"}


class Slow:
    """A worker that takes a minute for all but one item."""

    def __call__(self, item):
        if item != "quick":
            time.sleep(60)
        return item


@pytest.fixture
def interruptible():
    """Ctrl-C raises, though a shell that started the tests in the background has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.slow
@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("first", ["slow", "quick"])
def test_an_interruption_does_not_wait_for_what_is_under_way(first):
    """Also where the wait is that for the last answers, after the caller has left."""
    begin = time.monotonic()
    answers = in_processes([first, "b"], Slow, (), 2)
    if first == "quick":
        next(answers)
    timer = threading.Timer(3, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        answers.close() if first == "quick" else next(answers)
    assert time.monotonic() - begin < 30


def test_the_manifest_comes_back_as_it_was(tmp_path):
    face = Face(1, (1.5, 2.0, 3.25, 4.0), 0.9912, tuple((float(i), i + 0.5) for i in range(5)), 90)
    entries = [
        Entry('a, "b"\n.jpg', "all", "0123", (face, Face(2, (0.0, 0.0, 5.0, 5.0))), ("x", "y")),
        Entry("none.jpg", "all", "4567", (Face(0, reason="no face"),), ("",)),
    ]
    save_manifest(tmp_path / "manifest.csv", entries)
    assert list(load_manifest(tmp_path / "manifest.csv").values()) == entries
    assert load_manifest(tmp_path / "no.csv") == {}


def test_a_damaged_manifest_is_named_with_its_line(tmp_path):
    path = tmp_path / "manifest.csv"
    path.write_text("photo,face\n")
    with pytest.raises(ValueError, match="no manifest of this version"):
        load_manifest(path)
    path.write_text(",".join(COLUMNS) + "\na.jpg,one" + "," * (len(COLUMNS) - 2) + "\n")
    with pytest.raises(ValueError, match=r"manifest\.csv, line 2: .*'one'.*--force"):
        load_manifest(path)
    path.write_text(",".join(COLUMNS) + "\na.jpg,1\n")
    with pytest.raises(ValueError, match=r"line 2: 2 columns instead of 22.*--force"):
        load_manifest(path)
