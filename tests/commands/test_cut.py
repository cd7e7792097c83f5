"""Faces cut in one way and a network trained on another, as a user meets it."""

import csv
import re
import shutil
from dataclasses import replace

import pytest
from PIL import Image

from minifacenet.classification.clustering import average_linkage, clusters_at
from minifacenet.embedding.checkpoint import add_to_model, load_model, save_model
from minifacenet.embedding.embedder import Embedder
from minifacenet.embedding.store import Embeddings
from minifacenet.files.arrays import load_metadata
from minifacenet.preprocessing import crop_files as cropper
from minifacenet.preprocessing.read_folder import read_photos

from ..conftest import text
from ..preprocessing.made_files import save_crop
from ..preprocessing.stub_detector import stub_detector

QUICK = ("--steps", 2, "--people", 3, "--photos", 2, "--size", 32)


def crops(people, root, **settings):
    """The photos of `people` as crops."""
    for path in people.glob("*/*.png"):
        name = path.relative_to(people).as_posix()
        with Image.open(path) as photo:
            save_crop(root / name, name, photo, **settings)
    return root


@pytest.fixture(scope="module")
def aligned(people, tmp_path_factory):
    return crops(people, tmp_path_factory.mktemp("aligned") / "faces")


def trained_on(cut, model, path):
    """The model of the run `model`, as if its faces had been cut otherwise."""
    save_model(path / "model.safetensors", replace(load_model(model), cut=cut))
    thresholds = load_metadata(model / "model.safetensors")["thresholds"]
    add_to_model(path / "model.safetensors", "thresholds", thresholds)
    return path


@pytest.fixture(scope="module")
def aligned_model(model, tmp_path_factory):
    return trained_on("aligned to portrait, margin 0", model, tmp_path_factory.mktemp("run"))


@pytest.fixture
def pairs(tmp_path):
    rows = [f"Ada/0.png\tAda/{i}.png\t1\t{1 + i % 2}" for i in range(1, 5)]
    rows += [f"Ada/{i}.png\tGrace/{i}.png\t0\t{1 + i % 2}" for i in range(1, 5)]
    (tmp_path / "pairs.txt").write_text("\n".join(rows))
    return tmp_path / "pairs.txt"


def commands(faces, model, out, pairs):
    """Every command that shows faces to a model."""
    photo = faces / "Ada" / "0.png"
    return {
        "fit": ("classify", "fit", faces, "--model", model, "--out", out / "people"),
        "compare": ("compare", photo, faces / "Ada" / "1.png", "--model", model),
        "cluster": ("cluster", faces, "--model", model),
        "verify": ("verify", faces, "--model", model),
        "pairs": ("verify", faces, "--model", model, "--pairs", pairs),
        "embed": ("embed", faces, "--model", model, "--out", out / "vectors"),
    }


NAMES = ("fit", "compare", "cluster", "verify", "pairs", "embed")


@pytest.mark.parametrize("name", NAMES)
def test_photos_may_be_shown_as_they_are(run, people, aligned_model, tmp_path, pairs, name):
    command = commands(people, aligned_model, tmp_path, pairs)[name]
    first = people / "Ada" / "0.png" if name == "compare" else people
    status, printed, error = run(*command, "--any-faces")  # nobody stubs the detector
    assert (status, error) == (0, "")
    warned = f"{first} holds centre squares of photos: expect worse answers"
    assert warned in text(printed)
    assert "Whole photos" not in printed


@pytest.mark.parametrize("name", NAMES)
def test_crops_are_refused_by_a_model_of_other_crops(
    run, aligned, model, tmp_path, pairs, name, monkeypatch
):
    """Before any whole photo among them is looked at."""
    monkeypatch.setattr(cropper, "Detector", None)
    other = trained_on("aligned to openface, margin 0", model, tmp_path / "other")
    status, _, error = run(*commands(aligned, other, tmp_path, pairs)[name])
    first = aligned / "Ada" / "0.png" if name == "compare" else aligned
    assert status == 1
    assert text(error) == (
        f"error: {other} was trained on faces aligned to openface, margin 0, and {first} holds "
        "faces aligned to portrait, margin 0: pass the photos that these faces were cut from, or "
        "run `minifacenet align PHOTOS OUT --template openface` and pass the faces in OUT/faces, "
        "or say --any-faces"
    )


def test_centre_squares_that_align_wrote_are_no_photos(run, people, aligned_model, tmp_path):
    faces = crops(people, tmp_path / "faces", crop="centre")
    status, _, error = run("cluster", faces, "--model", aligned_model)
    assert status == 1
    assert f"{faces} holds centre squares of photos: pass the photos" in text(error)


@pytest.mark.parametrize("name", NAMES)
def test_crops_are_refused_by_a_model_of_centre_squares(run, aligned, model, tmp_path, pairs, name):
    status, _, error = run(*commands(aligned, model, tmp_path, pairs)[name])
    assert status == 1
    assert f"{model} was trained on centre squares of photos, and {aligned}" in text(error)
    assert text(error).endswith(
        "holds faces aligned to portrait, margin 0: pass the photos that these faces were cut "
        "from, or say --any-faces"
    )


@pytest.mark.parametrize("name", NAMES)
def test_crops_and_their_model_fit(run, aligned, aligned_model, tmp_path, pairs, name):
    status, printed, _ = run(*commands(aligned, aligned_model, tmp_path, pairs)[name])
    assert status == 0
    assert "expect worse answers" not in printed
    if name not in ("compare", "pairs"):
        who = "in 5 folders" if name in ("cluster", "embed") else "of 5 people"
        assert f"30 photos {who} (aligned to portrait, margin 0)" in text(printed)


def test_the_second_photo_of_two_is_looked_at(run, aligned, model, aligned_model, tmp_path):
    box = crops(aligned, tmp_path / "box", crop="box") / "Ada" / "0.png"
    command = ("compare", aligned / "Ada" / "0.png", box, "--model", aligned_model)
    status, _, error = run(*command)
    assert status == 1
    assert f"and {box} holds faces in a box" in text(error)


@pytest.mark.parametrize("asked", ["photos", "strangers", "predict"])
def test_naming_takes_faces_of_one_cut(run, aligned, aligned_model, tmp_path, asked):
    out = tmp_path / "people"
    box = crops(aligned, tmp_path / "box", crop="box")
    faces = box if asked == "photos" else aligned
    strangers = box if asked == "strangers" else aligned
    fit = ("classify", "fit", faces, "--model", aligned_model, "--out", out)
    status, _, error = run(*fit, "--strangers", strangers)
    assert status == (asked != "predict")
    if status:
        assert f"and {box} holds faces in a box, margin 0" in text(error)
        return
    assert run("classify", "predict", aligned, "--people", out)[0] == 0
    predict = ("classify", "predict", box / "Ada" / "0.png", "--people", out)
    status, _, error = run(*predict)
    assert status == 1
    assert f"the model in {out} was trained on faces aligned to portrait, margin 0" in text(error)
    assert "run `minifacenet align PHOTOS OUT --template portrait`" in text(error)
    assert run(*predict, "--any-faces")[0] == 0


@pytest.mark.parametrize(
    ("cut", "words"),
    [
        (
            "aligned to openface, margin 0.1",
            r"faces aligned to openface, margin 0\.1, and .*, or run `minifacenet align PHOTOS OUT "
            r"--template openface --margin 0\.1` and pass",
        ),
        ("box, margin 0", r"faces in a box, margin 0, .* align PHOTOS OUT --crop box` and pass"),
        ("by hand", "faces by hand, .* portrait, margin 0: pass faces that were cut as the mod"),
    ],
)
def test_crops_of_another_kind(run, aligned, model, tmp_path, cut, words):
    other = trained_on(cut, model, tmp_path)
    status, _, error = run("verify", aligned, "--model", other)
    assert status == 1
    assert re.search(words, text(error))


def test_what_the_error_says_helps(run, people, aligned, model, tmp_path, monkeypatch):
    stub_detector(monkeypatch)
    other = trained_on("aligned to openface, margin 0.25", model, tmp_path / "run")
    error = text(run("verify", aligned, "--model", other)[2])
    words = re.search(r"`minifacenet (align) PHOTOS OUT (.*?)`", error).groups()
    align = (words[0], people, tmp_path / "out", *words[1].split())
    assert run(*align, "--threads", 1)[0] == 0  # other processes would not know the stub
    assert run("verify", tmp_path / "out" / "faces", "--model", other)[0] == 0
    # Or the photos themselves.
    assert run("verify", people, "--model", other, "--threads", 1)[0] == 0


@pytest.mark.parametrize("name", ["fit", "cluster", "verify", "pairs", "embed"])
def test_one_foreign_crop_refuses_no_heap_of_photos(run, people, model, tmp_path, pairs, name):
    """With --any-faces, of which the error tells, and which of the photos it is."""
    heap = tmp_path / "heap"
    shutil.copytree(people, heap)
    save_crop(heap / "Ada" / "0.png", "party.jpg", Image.open(people / "Ada" / "0.png"))
    command = commands(heap, model, tmp_path, pairs)[name]
    mixes = "1 face 'aligned to portrait, margin 0', such as Ada/0.png"
    status, _, error = run(*command)
    assert status == 1
    assert mixes in text(error)
    assert "or say --any-faces" in text(error)
    status, printed, error = run(*command, "--any-faces")
    assert (status, error) == (0, "")
    assert mixes in text(printed)
    assert f"{heap} holds faces cut in several ways: expect worse answers" in text(printed)
    if name == "embed":
        stored = Embeddings.load(tmp_path / "vectors")
        assert stored.preprocessing.startswith("cut in several ways; pixel")


def test_vectors_of_any_faces_say_what_they_are_of(run, people, aligned_model, tmp_path):
    embed = ("embed", people, "--model", aligned_model, "--out", tmp_path / "v", "--any-faces")
    assert run(*embed, "--cache", tmp_path / "cache")[0] == 0
    stored = Embeddings.load(tmp_path / "v")
    assert stored.preprocessing.startswith("centre square; pixel")
    assert stored.model == Embedder(aligned_model).digest


def test_a_run_and_a_training_on_crops_keep_how_they_were_cut(run, aligned, people, tmp_path):
    out = tmp_path / "run"
    status, printed, _ = run("run", aligned, "--out", out, *QUICK)
    assert status == 0
    assert "30 photos of 5 people (aligned to portrait, margin 0)" in text(printed)
    for folder in (out, out / "open"):
        assert load_model(folder).cut == "aligned to portrait, margin 0"
    out = tmp_path / "training"
    status, printed, _ = run("train", aligned, "--out", out, *QUICK)
    assert status == 0
    assert "30 photos of 5 people (aligned to portrait, margin 0)" in text(printed)
    assert load_model(out).cut == "aligned to portrait, margin 0"
    assert "(" not in run("train", people, "--out", out, *QUICK, "--plan")[1].splitlines()[0]
    status, _, error = run("train", people, "--out", out, "--resume")
    assert status == 1
    assert "but cut: 'aligned to portrait, margin 0' -> 'centre square'" in text(error)


def test_two_faces_of_one_photo_are_two_people(run, people, aligned_model, tmp_path):
    faces, groups = tmp_path / "faces", tmp_path / "groups"
    with Image.open(people / "Ada" / "0.png") as photo:
        for number in ("", ".face2", ".face3"):
            save_crop(faces / f"party{number}.png", "party.jpg", photo)
        save_crop(faces / "alone.png", "alone.jpg", photo)
    command = ("cluster", faces, "--model", aligned_model, "--distance", 4)
    status, printed, _ = run(*command, "--out", groups)
    assert status == 0
    assert "1 photo gave several faces, which are kept apart." in text(printed)
    with (groups / "groups.csv").open(newline="", encoding="utf-8") as file:
        assert len({row["file"].split("/")[0] for row in csv.DictReader(file)}) == 3
    data = read_photos(faces, size=32, channels=1)
    vectors = Embedder(aligned_model, flip=True).transform(data.images)
    labels = clusters_at(average_linkage(vectors), vectors, 4).labels
    assert set(labels) == {0}  # without what the crops say they are one group


def test_photos_with_one_face_each_are_grouped_as_ever(run, aligned, aligned_model):
    printed = run("cluster", aligned, "--model", aligned_model, "--distance", 4)[1]
    assert "kept apart" not in printed
    assert "all 30 faces are one group" in text(printed)
