"""`minifacenet align` as a user meets it."""

import csv

import numpy as np
import pytest
from PIL import Image

from minifacenet.preprocessing import alignment, cropper
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
    assert "2 faces kept of 3 found; 1 photos show several (largest)" in printed
    assert "1 x no face found: Ada/none.png" in printed
    assert "3 x the file is empty: Grace/0.heic, Grace/1.heic, Grace/2.heic" in printed
    assert "1 other files: notes.txt" in printed
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
    status, _, error = run("align", photos, tmp_path / "out")
    assert status == 1
    assert "no face was cut out of the 4 photos" in text(error)
    with (tmp_path / "out" / "manifest.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 4


def test_cropped_already_asks_no_detector(run, photos, tmp_path, monkeypatch):
    monkeypatch.setattr(cropper, "Detector", None)
    status, printed, _ = run("align", photos, tmp_path / "out", "--already-cropped")
    assert status == 0
    assert "6 photos: 3 with a face, 3 that cannot be read" in text(printed)


def test_layouts_are_told_apart(run, photos, tmp_path):
    (photos / "Ada" / "none.png").rename(photos / "loose.png")
    _, printed, _ = run("align", photos, tmp_path / "out", "--already-cropped")
    assert "1 photos lie beside the folders, not in one, such as loose.png" in text(printed)


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--template", "dlib", "template must be one of portrait, openface, got 'dlib'"),
        ("--margin", 50, "margin must be from 0 to 10, got 50"),
    ],
)
def test_wrong_options_are_one_line(run, photos, tmp_path, option, value, words):
    status, _, error = run("align", photos, tmp_path / "out", option, value)
    assert status == 1
    assert words in text(error)
    assert not (tmp_path / "out").exists()
