"""`minifacenet align` as a user meets it."""

import csv
import os
import signal
from contextlib import contextmanager

import numpy as np
import pytest
from PIL import Image

from minifacenet.commands import preparing
from minifacenet.preprocessing import align_folder as alignment
from minifacenet.preprocessing import boxes
from minifacenet.preprocessing import crop_files as cropper
from minifacenet.preprocessing import pictures as alignment_pictures
from minifacenet.preprocessing.detector import Detections

from ..conftest import text

POINTS = np.array([(0.3, 0.4), (0.7, 0.4), (0.5, 0.6), (0.35, 0.8), (0.65, 0.8)], np.float32)


@pytest.fixture
def photos(tmp_path):
    root = tmp_path / "photos"
    rng = np.random.default_rng(0)
    for name, size in (("Ada/group", (60, 80)), ("Ada/none", (20, 20)), ("Grace/one", (60, 60))):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 256, (*size, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(root / f"{name}.png")
    for number in range(3):
        (root / "Grace" / f"{number}.heic").write_bytes(b"")
    (root / "notes.txt").write_text("a note")
    return root


@pytest.fixture(autouse=True)
def detector(monkeypatch):
    """Sees two faces in wide photos, one in square ones, and none in small ones."""

    class Stub:
        def __init__(self, weights, min_size, thresholds):
            pass

        def detect(self, photo):
            height, width = photo.shape[:2]
            count = 0 if width < 30 else 2 if width > height else 1
            boxes = np.array([(2, 3, 32, 40), (40, 5, 78, 50)], np.float32)[:count]
            sides = boxes[:, None, 2:] - boxes[:, None, :2]
            scores = np.array([0.99, 0.95], np.float32)[:count]
            return Detections(boxes, scores, boxes[:, None, :2] + POINTS * sides)

    monkeypatch.setattr(cropper, "Detector", Stub)
    monkeypatch.setattr(alignment.MTCNN, "load", lambda path: None)


def test_the_summary_adds_up_and_the_pictures_are_there(run, photos, tmp_path):
    out = tmp_path / "out"
    status, printed, _ = run("align", photos, out, "--show", "--size", 40, "--credit", "Us")
    assert status == 0
    printed = text(printed)
    assert "6 photos: 2 with a face, 1 without, 3 that cannot be read" in printed
    assert "2 faces kept of 3 found; 1 photo shows several, the largest is kept" in printed
    assert "1 x no face found (Ada/none.png)" in printed
    assert "3 x the file is empty (Grace/0.heic, Grace/1.heic, Grace/2.heic)" in printed
    assert "1 other file: notes.txt" in printed
    assert f"minifacenet run {out / 'faces'} --out RUN" in printed
    for name in ("faces.png", "rejected.png"):
        with Image.open(out / name) as picture:
            assert picture.width > 600
    shown = sorted(p.relative_to(out / "show").as_posix() for p in out.rglob("*.jpg"))
    assert shown == ["Ada/group.jpg", "Ada/none.jpg", "Grace/one.jpg"]
    with Image.open(out / "faces" / "Ada" / "group.png") as crop:
        assert crop.size == (40, 40)


def test_again_and_strict(run, photos, tmp_path):
    run("align", photos, tmp_path / "out")
    status, printed, error = run("align", photos, tmp_path / "out", "--strict")
    assert status == 1
    assert "3 photos were done before and have not changed" in text(printed)
    assert "--strict: 4 photos gave no face, such as Ada/none.png" in text(error)


def test_nothing_at_all_is_an_error(run, photos, tmp_path):
    (photos / "Ada" / "group.png").unlink()
    (photos / "Grace" / "one.png").unlink()
    status, printed, error = run("align", photos, tmp_path / "out")
    assert status == 1
    assert "no face was cut out of the 4 photos" in text(error)
    assert f"In {tmp_path / 'out'}: manifest.csv, rejected.png" in text(printed)
    assert "RUN" not in printed  # nothing to train on
    with (tmp_path / "out" / "manifest.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 4


def test_cropped_already_asks_no_detector(run, photos, tmp_path, monkeypatch):
    monkeypatch.setattr(cropper, "Detector", None)
    status, printed, _ = run("align", photos, tmp_path / "out", "--already-cropped")
    assert status == 0
    assert "6 photos: 3 with a face, 3 that cannot be read" in text(printed)


def test_layouts_are_told_apart(run, photos, tmp_path):
    (photos / "Ada" / "none.png").rename(photos / "loose.png")
    (photos / "Ada" / "old").mkdir()
    (photos / "Ada" / "group.png").rename(photos / "Ada" / "old" / "group.png")
    out = tmp_path / "my out"
    _, printed, _ = run("align", photos, out, "--already-cropped")
    printed = text(printed)
    assert "1 photo lies beside the folders, not in one, such as loose.png" in printed
    assert "1 photo lies deeper than FACES/person/photo, such as Ada/old/group.png" in printed
    assert f"Train on them: minifacenet run '{out / 'faces'}' --out RUN" in printed
    (photos / "Grace" / "one.png").unlink()
    (photos / "Ada" / "old" / "group.png").unlink()
    _, printed, _ = run("align", photos, out, "--already-cropped")
    assert "lies" not in printed
    assert f"Group them: minifacenet cluster '{out / 'faces'}' --model RUN" in text(printed)


def test_photos_without_a_face_are_no_layout(run, photos, tmp_path):
    (photos / "Ada" / "none.png").rename(photos / "loose.png")
    _, printed, _ = run("align", photos, tmp_path / "out")
    assert "beside the folders" not in text(printed)


def test_what_was_asked_of_a_face_is_in_the_reason(run, photos, tmp_path):
    options = "--min-size", 25, "--min-score", 0.95
    _, printed, _ = run("align", photos, tmp_path / "out", *options)
    sought = "no face of 25 pixels or more with a score of 0.95 or more found"
    assert f"1 x {sought} (Ada/none.png)" in text(printed)
    assert f"{sought} in 20 x 20 pixels" in (tmp_path / "out" / "manifest.csv").read_text()


def test_faces_that_are_seen_only_in_a_turned_photo_are_counted(run, photos, tmp_path, monkeypatch):
    real = cropper.Detector.detect

    def only_tall(self, photo):
        found = real(self, photo)
        none = slice(0 if photo.shape[1] > photo.shape[0] else None)
        return Detections(found.boxes[none], found.scores[none], found.landmarks[none])

    monkeypatch.setattr(cropper.Detector, "detect", only_tall)
    _, printed, _ = run("align", photos, tmp_path / "out", "--try-rotations")
    assert "1 found only in the turned photo" in text(printed)


def test_crops_are_not_cropped_again(run, photos, tmp_path):
    run("align", photos, tmp_path / "out")
    faces = tmp_path / "out" / "faces"
    status, printed, _ = run("align", faces, tmp_path / "again")
    assert status == 1
    assert "2 x already a face cut out by align (Ada/group.png, Grace/one.png)" in text(printed)
    status, _, _ = run("align", faces, tmp_path / "squares", "--already-cropped")
    assert status == 0


def test_pictures_that_belong_to_no_photo_go(run, photos, tmp_path):
    out = tmp_path / "out"
    run("align", photos, out, "--show")
    Image.new("L", (9, 9)).save(out / "show" / "mine.jpg")
    (photos / "Ada" / "none.png").unlink()
    before = (out / "show" / "Ada" / "group.jpg").stat().st_mtime_ns
    run("align", photos, out, "--show")
    shown = sorted(path.name for path in out.rglob("*.jpg"))
    assert shown == ["group.jpg", "mine.jpg", "one.jpg"]
    assert (out / "show" / "Ada" / "group.jpg").stat().st_mtime_ns == before  # not drawn again
    run("align", photos, out, "--force", "--size", 40)
    assert [path.name for path in out.rglob("*.jpg")] == ["mine.jpg"]
    for name in ("Ada/group.png", "Grace/one.png"):
        (photos / name).unlink()
    run("align", photos, out, "--size", 40)
    assert not (out / "faces.png").exists()
    assert not (out / "faces").exists()


def test_pictures_that_were_sorted_by_hand_are_left_alone(run, photos, tmp_path):
    """As crops are: moved, removed and changed ones, and copies of them."""
    show = tmp_path / "out" / "show"
    run("align", photos, tmp_path / "out", "--show")
    (show / "Ada" / "none.jpg").rename(show / "without a face.jpg")
    (show / "Grace" / "one.jpg").unlink()
    changed = (show / "Ada" / "group.jpg").read_bytes() + b"!"
    (show / "Ada" / "group.jpg").write_bytes(changed)
    (show / "copy.jpg").write_bytes(changed)
    sorted_by_hand = {"without a face.jpg", "copy.jpg", "group.jpg"}
    for options in ((), ("--show",)):
        assert run("align", photos, tmp_path / "out", *options)[0] == 0
        assert {path.name for path in show.rglob("*.jpg")} == sorted_by_hand
    (photos / "Ada" / "group.png").unlink()
    run("align", photos, tmp_path / "out", "--show")
    assert {path.name for path in show.rglob("*.jpg")} == sorted_by_hand
    run("align", photos, tmp_path / "out", "--show", "--force")
    assert {path.name for path in show.rglob("*.jpg")} == {*sorted_by_hand, "one.jpg", "none.jpg"}
    assert (show / "Ada" / "group.jpg").read_bytes() == changed


def test_a_picture_of_ones_own_is_not_drawn_over(run, photos, tmp_path):
    mine = tmp_path / "out" / "show" / "Grace" / "one.jpg"
    run("align", photos, tmp_path / "out")
    mine.parent.mkdir(parents=True)
    Image.new("L", (9, 9)).save(mine)
    before = mine.read_bytes()
    run("align", photos, tmp_path / "out", "--show")
    assert mine.read_bytes() == before
    assert len(list(mine.parent.iterdir())) == 2  # the photo's picture has another name


def test_pictures_of_an_older_version_are_taken_as_drawn(run, photos, tmp_path):
    out = tmp_path / "out"
    run("align", photos, out, "--show")
    (out / "show.csv").unlink()
    before = (out / "show" / "Ada" / "group.jpg").stat().st_mtime_ns
    run("align", photos, out, "--show")
    assert (out / "show" / "Ada" / "group.jpg").stat().st_mtime_ns == before
    (out / "show.csv").unlink()
    run("align", photos, out, "--show", "--force")  # what is cut anew is drawn anew
    assert (out / "show" / "Ada" / "group.jpg").stat().st_mtime_ns > before
    (out / "show.csv").write_text("damaged")
    (photos / "Ada" / "group.png").unlink()
    assert run("align", photos, out, "--show")[0] == 0
    assert (out / "show" / "Ada" / "group.jpg").exists()  # nobody says that it is ours


def test_crops_that_were_sorted_by_hand_are_told_of_and_left_alone(run, photos, tmp_path):
    out = tmp_path / "out"
    run("align", photos, out)
    (out / "faces" / "Ada" / "group.png").rename(out / "faces" / "Ada" / "best.png")
    with Image.open(out / "faces" / "Grace" / "one.png") as crop:
        crop.rotate(5).save(out / "faces" / "Grace" / "one.png")
    (photos / "Grace" / "one.png").unlink()
    status, printed, _ = run("align", photos, out)
    printed = text(printed)
    assert status == 0
    away = "1 crop was moved or removed by hand: not made again without --force"
    assert f"{away} (faces/Ada/group.png)" in printed
    stay = "1 crop was changed by hand, and stays, though no photo gives it any more"
    assert f"{stay} (faces/Grace/one.png)" in printed
    assert f"Train on them: minifacenet run {out / 'faces'} --out RUN" in printed
    assert "removed that no photo" not in printed
    assert not (out / "faces.png").exists()  # of the crops that lie where they were cut
    moved = photos.rename(tmp_path / "moved")
    (moved / "Ada").rename(moved / "Lovelace")
    printed = text(run("align", moved, out)[1])
    assert "2 photos were done before and have not changed" in printed
    assert "2 of them have other names now" in printed


def test_what_cannot_be_read_now_is_told(run, photos, tmp_path, monkeypatch):
    out, listing = tmp_path / "out", os.listdir
    run("align", photos, out)

    def closed(path="."):
        if os.path.basename(path) == "Ada":
            raise PermissionError(13, "Permission denied", str(path))
        return listing(path)

    monkeypatch.setattr(os, "listdir", closed)
    printed = text(run("align", photos, out)[1])
    assert "Ada/ cannot be opened (Permission denied)" in printed
    words = "2 photos cannot be read now, and what was cut of them before stays"
    assert f"{words} (Ada/group.png, Ada/none.png)" in printed


def test_interrupted_in_the_pictures_it_says_how_to_go_on(run, photos, tmp_path, monkeypatch):
    real = alignment_pictures.draw_faces

    def interrupted(*arguments):
        signal.raise_signal(signal.SIGINT)
        return real(*arguments)

    monkeypatch.setattr(alignment_pictures, "draw_faces", interrupted)
    status, printed, _ = run("align", photos, tmp_path / "out", "--show")
    assert status == 130
    assert "Interrupted: 5 pictures of show/ left. Go on with the same command." in text(printed)
    monkeypatch.setattr(alignment_pictures, "draw_faces", real)
    run("align", photos, tmp_path / "out", "--show")
    assert len(list((tmp_path / "out" / "show").rglob("*.jpg"))) == 3


@pytest.mark.parametrize(
    ("times", "words"), [(1, "5 photos left. Go on"), (2, "Interrupted at once. Go on")]
)
def test_interrupted_it_says_how_to_go_on(run, photos, tmp_path, monkeypatch, times, words):
    real = cropper.Cropper.__call__

    def interrupted(self, name):
        for _ in range(times):
            signal.raise_signal(signal.SIGINT)
        return real(self, name)

    monkeypatch.setattr(cropper.Cropper, "__call__", interrupted)
    status, printed, _ = run("align", photos, tmp_path / "out", "--force")
    assert status == 130
    assert f"{words} with the same command, without --force." in text(printed)


def test_interrupted_it_keeps_all_pictures(run, photos, tmp_path, monkeypatch):
    real = cropper.Cropper.__call__

    def interrupted(self, name):
        signal.raise_signal(signal.SIGINT)
        return real(self, name)

    run("align", photos, tmp_path / "out", "--show")
    monkeypatch.setattr(cropper.Cropper, "__call__", interrupted)
    assert run("align", photos, tmp_path / "out", "--force")[0] == 130
    assert len(list((tmp_path / "out" / "show").rglob("*.jpg"))) == 3


@pytest.mark.parametrize("there", [True, False])
def test_the_first_time_it_says_why_nothing_moves(run, photos, tmp_path, monkeypatch, there):
    titles = []

    @contextmanager
    def progress(title):
        titles.append(title)
        yield lambda done, total: titles.append((done, total))

    monkeypatch.setattr(preparing, "progress", progress)
    monkeypatch.setattr(boxes, "compiled", lambda: there)
    run("align", photos, tmp_path / "out")
    assert ("kernels are compiled" in titles[0]) is not there
    assert titles[1] == (0, 6)


def test_names_in_any_letters_draw_no_warnings(run, photos, tmp_path):
    (photos / "Ada").rename(photos / "\u65e5\u672c \U00010000")
    _, printed, error = run("align", photos, tmp_path / "out")
    assert "3 faces" in printed or "2 faces" in printed
    assert "Glyph" not in error


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            ("--already-cropped", "--select", "all", "--margin", 0),
            "--margin, --select would change nothing beside --already-cropped",
        ),
        (
            ("--crop", "box", "--template", "openface"),
            "--template would change nothing beside --crop box",
        ),
    ],
)
def test_options_without_effect_are_refused(run, photos, tmp_path, options, words):
    status, _, error = run("align", photos, tmp_path / "out", *options)
    assert status == 1
    assert words in text(error)
    assert not (tmp_path / "out").exists()


def test_a_photo_instead_of_a_folder(run, photos, tmp_path):
    status, _, error = run("align", photos / "Grace" / "one.png", tmp_path / "out")
    assert status == 1
    assert "is a file: align takes a folder of photos" in text(error)


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--template", "dlip", "template must be one of portrait, openface, dlib, got 'dlip'"),
        ("--margin", 50, "margin must be from 0 to 10, got 50"),
    ],
)
def test_wrong_options_are_one_line(run, photos, tmp_path, option, value, words):
    status, _, error = run("align", photos, tmp_path / "out", option, value)
    assert status == 1
    assert words in text(error)
    assert not (tmp_path / "out").exists()
