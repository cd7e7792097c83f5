"""`minifacenet evaluate lfw` as a user meets it, on a few made-up photos in LFW's layout."""

import csv
import json
import re
import shutil
import signal
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from minifacenet.embedding.checkpoint import load_model, save_model
from minifacenet.embedding.embedder import Embedder
from minifacenet.preprocessing import align_folder as alignment
from minifacenet.preprocessing import crop_files as cropper
from minifacenet.preprocessing.crop_note import how_cut
from minifacenet.preprocessing.detector import Detections

from ..conftest import text
from .test_cut import trained_on

POINTS = np.array([(0.3, 0.4), (0.7, 0.4), (0.5, 0.6), (0.35, 0.8), (0.65, 0.8)], np.float32)
LIST = (
    "2\t2\n"
    "Ada\t1\t2\nAda\t1\t3\nAda\t1\tBob\t1\nAda\t2\tBob\t1\n"
    "Cyd\t1\t2\nCyd\t1\t3\nCyd\t1\tDan\t1\nCyd\t2\tEve\t1\n"
)
LISTED = sorted(f"{p}/{p}_000{n}.jpg" for p in ("Ada", "Cyd") for n in (1, 2, 3)) + [
    f"{person}/{person}_0001.jpg" for person in ("Bob", "Dan", "Eve")
]
FIGURES = ["distances.png", "lfw.json", "roc.png"]


@pytest.fixture
def images(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MINIFACENET_HOME", str(tmp_path / "home"))
    root = tmp_path / "lfw"
    rng = np.random.default_rng(0)
    for name in [*LISTED, "Bob/Bob_0002.jpg", "Fay/Fay_0001.jpg"]:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        if name.endswith("1.jpg"):
            pattern = rng.integers(40, 216, (100, 100))  # of the person
        save(root / name, pattern + rng.integers(-40, 40, (100, 100)))
    (root / "pairs.txt").write_text(LIST)
    return root


def save(path, pixels):
    Image.fromarray(pixels.astype(np.uint8)).save(path)


@pytest.fixture(autouse=True)
def detector(monkeypatch):
    """Sees a face in the middle of a photo, a larger one in its corner and a small one; counts."""
    seen = SimpleNamespace(photos=0)

    class Stub:
        def __init__(self, weights, min_size, thresholds):
            pass

        def detect(self, photo):
            seen.photos += 1
            count = 3 if photo.shape[1] == 100 else 0
            boxes = [(0, 0, 60, 60), (27, 26, 77, 76), (35, 35, 65, 65)][:count]
            boxes = np.array(boxes, np.float32).reshape(-1, 4)
            sides = boxes[:, None, 2:] - boxes[:, None, :2]
            scores = np.array([0.99, 0.97, 0.95], np.float32)[:count]
            return Detections(boxes, scores, boxes[:, None, :2] + POINTS * sides)

    monkeypatch.setattr(cropper, "Detector", Stub)
    monkeypatch.setattr(alignment.MTCNN, "load", lambda path: None)
    return seen


@pytest.fixture(scope="module")
def aligned(model, tmp_path_factory):
    return trained_on("aligned to openface, margin 0.1", model, tmp_path_factory.mktemp("mine"))


@pytest.fixture
def out(aligned, tmp_path):
    return tmp_path / "runs" / f"lfw-{aligned.name}"


def stored(out):
    return json.loads((out / "lfw.json").read_text())


def crops(out):
    return sorted(p.relative_to(out / "faces").as_posix() for p in out.rglob("faces/*/*"))


def test_from_photos_to_figures(run, images, aligned, out, detector):
    status, printed, _ = run("evaluate", "lfw", images, "--model", aligned)
    assert status == 0
    printed = text(printed)
    assert f"pairs.txt: 8 pairs. Results go to runs/{out.name}." in printed
    assert "out of 9 photos: aligned to openface, margin 0.1, 32 pixels." in printed
    assert "9 faces kept of 27 found" in printed
    assert f"{images / 'pairs.txt'}: 8 of 8 pairs found, 9 photos" in printed
    assert printed.index("8 of 8 pairs found") < printed.index("Accuracy")
    assert re.search(r"Accuracy [01]\.\d+ ± 0\.\d+ \(standard error", printed)
    assert "VAL" in printed
    assert "at the model's threshold" in printed
    assert detector.photos == 9  # and not the two that no pair names
    assert crops(out) == sorted(name.replace(".jpg", ".png") for name in LISTED)
    crop = (out / "faces" / "Ada" / "Ada_0001.png").read_bytes()
    assert how_cut(crop, "x")[0] == "aligned to openface, margin 0.1"
    with Image.open(out / "faces" / "Ada" / "Ada_0001.png") as face:
        assert face.size == (32, 32)  # the network's own
    with (out / "manifest.csv").open() as file:
        kept = [row for row in csv.DictReader(file) if row["crop"]]
    assert {row["x0"] for row in kept} == {
        "27.0"
    }  # neither the larger face nor the small one in its middle
    assert set(FIGURES) < {path.name for path in out.iterdir()}


def test_the_table_of_figures_says_what_they_depend_on(run, images, aligned, out):
    run("evaluate", "lfw", images, "--model", aligned)
    figures = stored(out)
    assert [row["fold"] for row in figures["by_fold"]] == [1, 2]
    assert 0 <= figures["accuracy"] <= 1
    assert (figures["pairs_listed"], figures["pairs_found"], figures["photos"]) == (8, 8, 9)
    assert figures["list"]["file"] == "pairs.txt"
    assert len(figures["list"]["sha256"]) == 64
    assert figures["cut"] == "aligned to openface, margin 0.1"
    assert figures["model"]["digest"] == Embedder(aligned).digest
    assert figures["crop"]["select"] == "center"
    assert figures["thresholds"]["pairs_same"] == 30
    assert "numpy" in figures["versions"]


def test_it_is_the_way_of_verify(run, images, aligned, out, tmp_path):
    """Of the same crops both commands say the same."""
    run("evaluate", "lfw", images, "--model", aligned)
    options = ("--model", aligned, "--pairs", images / "pairs.txt", "--out", tmp_path / "v")
    assert run("verify", out / "faces", *options)[0] == 0
    verified = json.loads((tmp_path / "v" / "verification.json").read_text())
    assert {name: stored(out)[name] for name in verified} == verified


def test_the_second_run_detects_and_embeds_nothing(
    run, images, aligned, out, detector, monkeypatch
):
    first = text(run("evaluate", "lfw", images, "--model", aligned)[1])
    before, detector.photos = stored(out), 0
    monkeypatch.setattr(Embedder, "transform", None)
    status, printed, _ = run("evaluate", "lfw", images, "--model", aligned)
    assert (status, detector.photos) == (0, 0)
    assert stored(out) == before
    assert first.partition("pairs found")[2] == text(printed).partition("pairs found")[2]


def test_an_interrupted_run_goes_on_with_what_is_missing(
    run, images, aligned, out, detector, monkeypatch
):
    real = cropper.Cropper.__call__

    def interrupted(self, name):
        if detector.photos == 4:
            signal.raise_signal(signal.SIGINT)
        return real(self, name)

    monkeypatch.setattr(cropper.Cropper, "__call__", interrupted)
    status, printed, _ = run("evaluate", "lfw", images, "--model", aligned)
    assert status == 130
    assert "Interrupted: 4 photos left. Go on with the same command." in text(printed)
    assert "Accuracy" not in printed
    assert not (out / "lfw.json").exists()
    monkeypatch.setattr(cropper.Cropper, "__call__", real)
    detector.photos = 0
    status, printed, _ = run("evaluate", "lfw", images, "--model", aligned)
    assert (status, detector.photos) == (0, 4)
    assert "8 of 8 pairs found" in printed


def test_missing_photos_and_faces_take_their_pairs_and_folds_keep_their_places(
    run, images, aligned, out
):
    (images / "Cyd" / "Cyd_0003.jpg").unlink()
    save(images / "Dan" / "Dan_0001.jpg", np.zeros((50, 50)))
    save(images / "Ada" / "Ada_0003.jpg", np.zeros((50, 50)))
    status, printed, _ = run("evaluate", "lfw", images, "--model", aligned)
    assert status == 0
    assert "5 of 8 pairs found, 6 photos; 3 photos missing: Ada/Ada_0003.jpg" in text(printed)
    assert "Dan/Dan_0001.jpg: no face" in text(printed)
    rows = stored(out)["by_fold"]
    assert [(r["fold"], r["pairs_same"], r["pairs_different"]) for r in rows] == [
        (1, 1, 2),
        (2, 1, 1),
    ]
    missing = ["Ada/Ada_0003.jpg", "Cyd/Cyd_0003.jpg", "Dan/Dan_0001.jpg"]
    assert stored(out)["photos_missing"] == missing
    assert (stored(out)["pairs_listed"], stored(out)["pairs_found"]) == (8, 5)


def test_a_crop_that_somebody_removed_takes_its_pairs_too(run, images, aligned, out):
    run("evaluate", "lfw", images, "--model", aligned)
    (out / "faces" / "Ada" / "Ada_0003.png").unlink()
    status, printed, _ = run("evaluate", "lfw", images, "--model", aligned)
    assert status == 0
    assert "7 of 8 pairs found, 8 photos; 1 photo missing: Ada/Ada_0003.jpg" in text(printed)
    assert "Ada/Ada_0003.jpg: the file cannot be opened" in text(printed)


def test_a_plain_box_beside_it(run, images, aligned, out):
    run("evaluate", "lfw", images, "--model", aligned)
    status, printed, _ = run("evaluate", "lfw", images, "--model", aligned, "--crop", "box")
    assert status == 0
    assert f"{aligned} was trained otherwise, on: aligned to openface, margin 0.1." in text(printed)
    box = out.with_name(f"{out.name}-box")
    assert (stored(box)["cut"], stored(out)["cut"]) == (
        "box, margin 0",
        "aligned to openface, margin 0.1",
    )
    assert how_cut((box / "faces" / "Ada" / "Ada_0001.png").read_bytes(), "x")[0] == "box, margin 0"
    status, printed, _ = run("evaluate", "lfw", images, "--model", aligned, "--crop", "aligned")
    assert status == 0
    assert "trained otherwise" not in printed
    assert "9 photos were done before" in text(printed)


def test_a_model_of_centre_squares_takes_them_and_no_detector(
    run, images, model, tmp_path, monkeypatch
):
    monkeypatch.setattr(cropper, "Detector", None)
    status, printed, _ = run("evaluate", "lfw", images, "--model", model / "model.safetensors")
    assert status == 0
    assert "Faces are cut" not in printed
    out = tmp_path / "runs" / f"lfw-{model.name}"
    assert (stored(out)["cut"], stored(out)["crop"]) == ("centre square", None)
    assert not (out / "faces").exists()
    options = ("--model", model, "--pairs", images / "pairs.txt", "--out", tmp_path / "v")
    run("verify", images, *options)
    verified = json.loads((tmp_path / "v" / "verification.json").read_text())
    assert verified["accuracy"] == stored(out)["accuracy"]


def test_faces_that_are_cut_already_are_taken_as_they_are(
    run, images, aligned, model, out, tmp_path, detector
):
    run("evaluate", "lfw", images, "--model", aligned)
    before, detector.photos = stored(out), 0
    shutil.copytree(out / "faces", tmp_path / "cut")
    words = ("evaluate", "lfw", tmp_path / "cut", "--pairs", images / "pairs.txt")
    status, _, _ = run(*words, "--model", aligned, "--out", tmp_path / "a")
    assert (status, detector.photos) == (0, 0)
    assert stored(tmp_path / "a")["accuracy"] == before["accuracy"]
    status, _, error = run(*words, "--model", model, "--out", tmp_path / "b")
    assert status == 1
    assert "by 'aligned to openface, margin 0.1', and" in text(error)
    assert "pass the photos that they were cut out of" in text(error)
    status, _, error = run(*words, "--model", aligned, "--crop", "box", "--out", tmp_path / "b")
    assert status == 1
    assert "holds faces that were cut out already" in text(error)
    assert not (tmp_path / "b").exists()


def test_the_list_is_found_in_three_places(run, images, aligned, tmp_path):
    words = ("evaluate", "lfw", images, "--model", aligned)
    places = [images, tmp_path, tmp_path / "home" / "lfw"]
    (images / "pairs.txt").unlink()
    status, _, error = run(*words)
    assert status == 1
    for place in places:
        assert str(place / "pairs.txt") in error
    assert "name one with --pairs, or run `minifacenet get lfw`" in text(error)
    assert not (tmp_path / "runs").exists()
    for place in reversed(places):
        place.mkdir(parents=True, exist_ok=True)
        (place / "pairs.txt").write_text(LIST)
        assert f"{place / 'pairs.txt'}: 8 pairs." in text(run(*words)[1])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (LIST.replace("Cyd\t1\t2", "Cyd\t1"), "pairs.txt, line 6: expected 'name n1 n2'"),
        (LIST.replace("2\t2\n", "10\t300\n"), "6,000 lines, but 8 follow"),
        (LIST.replace("Ada", "../Ada"), "expected paths inside the folder of photos"),
        ("", "the file holds no pair"),
        ("1\nNo\t1\t2\nNo\t1\tNobody\t1\n", "0 of 2 pairs found in"),
    ],
)
def test_a_damaged_list_is_said_before_any_work(
    run, images, aligned, tmp_path, detector, content, words
):
    (images / "pairs.txt").write_text(content)
    status, _, error = run("evaluate", "lfw", images, "--model", aligned)
    assert (status, detector.photos) == (1, 0)
    assert words in text(error)
    assert not (tmp_path / "runs").exists()


def test_figures_of_another_evaluation_are_not_replaced(run, images, aligned, out, tmp_path):
    words = ("evaluate", "lfw", images, "--model", aligned, "--out", out)
    assert run(*words)[0] == 0
    before = (out / "lfw.json").read_text()
    other = tmp_path / "other.txt"
    other.write_text(LIST.replace("Cyd\t1\t3", "Cyd\t2\t3"))
    status, _, error = run(*words, "--pairs", other)
    assert status == 1
    assert "figures of another evaluation (not the same list): choose another --out" in text(error)
    assert (out / "lfw.json").read_text() == before
    assert run(*words, "--pairs", other, "--force")[0] == 0
    assert stored(out)["list"]["file"] == "other.txt"
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "roc.png").write_bytes(b"mine")
    status, _, error = run(
        "evaluate", "lfw", images, "--model", aligned, "--out", tmp_path / "mine"
    )
    assert status == 1
    assert "holds roc.png already" in text(error)


def test_a_model_of_unknown_crops_is_refused(run, images, model, tmp_path):
    other = trained_on("cut in several ways", model, tmp_path / "other")
    status, _, error = run("evaluate", "lfw", images, "--model", other)
    assert status == 1
    assert "no crop of this version is 'cut in several ways'" in text(error)


def test_results_are_no_photos_and_are_known_as_results(run, images, model, tmp_path):
    status, _, error = run("evaluate", "lfw", images, "--model", model, "--out", images / "out")
    assert status == 1
    assert "lies among the photos" in text(error)
    people = tmp_path / "people"
    shutil.copytree(images, people)
    run("evaluate", "lfw", images, "--model", model, "--out", people / "results")
    printed = run("make-pairs", people, "--out", "p.txt", "--folds", 1, "--per-fold", 1)[1]
    assert "results/ (results of minifacenet, lfw.json: no person)" in text(printed)


@pytest.mark.filterwarnings("ignore:AUC")  # by two networks that do not fit, of eight pairs
def test_against_an_older_model(run, images, aligned, model, tmp_path):
    old, rng = tmp_path / "old", np.random.default_rng(0)
    shutil.copytree(aligned, old)
    facenet = load_model(old)
    with facenet.network.parameters()["fc7128.weight"].edit() as w:
        w[:] = rng.standard_normal(w.shape)
    save_model(old / "model.safetensors", facenet)
    words = ("evaluate", "lfw", images, "--model", aligned)
    run(*words)
    run("evaluate", "lfw", images, "--model", old)
    status, printed, _ = run(*words, "--against", old)
    assert status == 0
    assert "v1/v1" in printed
    assert "v2/v1 at the thresholds of v1: The model holds no thresholds" in text(printed)
    runs = tmp_path / "runs"
    two = stored(runs / f"lfw-{aligned.name}-against-old")
    assert two["models"]["v2/v2"]["accuracy"] == stored(runs / f"lfw-{aligned.name}")["accuracy"]
    assert two["models"]["v1/v1"]["accuracy"] == stored(runs / "lfw-old")["accuracy"]
    assert two["accuracy"] == two["models"]["v2/v1"]["accuracy"]
    assert two["model"]["against"] == facenet.digest
    assert "thresholds_of_against" in two
    assert "thresholds" not in two
    status, _, error = run(*words, "--against", model)
    assert status == 1
    assert "'aligned to openface, margin 0.1', the other by 'centre square'" in text(error)
    status, _, error = run(*words, "--out", runs / f"lfw-{aligned.name}-against-old")
    assert "figures of another evaluation (not the same model)" in text(error)


def test_explain(run, images, model):
    printed = run("evaluate", "lfw", images, "--model", model, "--explain")[1]
    assert "LFW's list comes in 10 folds" in text(printed)
