"""`minifacenet gallery` as a user meets it."""

import csv
import shutil
from threading import Thread

import numpy as np
import pytest

from minifacenet.classification.gallery import Gallery
from minifacenet.embedding.architectures import Architecture, FaceNet
from minifacenet.embedding.checkpoint import save_model
from minifacenet.embedding.embedder import Embedder
from minifacenet.files.locks import locked
from minifacenet.preprocessing.read_folder import read_photos
from tests.conftest import text


@pytest.fixture
def some(people, tmp_path):
    """Three of the people: Ada, Grace and Lise."""
    for name in ("Ada", "Grace", "Lise"):
        shutil.copytree(people / name, tmp_path / "some" / name)
    (tmp_path / "some" / "Ada" / "broken.jpg").unlink()
    return tmp_path / "some"


@pytest.fixture
def gallery(run, some, model, tmp_path):
    path = tmp_path / "gallery.safetensors"
    status, printed, _ = run("gallery", "add", some, "--gallery", path, "--model", model)
    assert status == 0
    assert f"In {path}: 18 faces, 18 of them new" in text(printed)
    return path


def test_photos_go_in_once(run, people, some, model, gallery):
    before = gallery.read_bytes()
    printed = run("gallery", "add", some, "--gallery", gallery, "--model", model)[1]
    assert "18 faces, 0 of them new; 18 were there already" in text(printed)
    assert gallery.read_bytes() == before
    printed = run("gallery", "add", people, "--gallery", gallery, "--model", model)[1]
    assert "30 faces, 12 of them new; 18 were there already" in text(printed)
    stored = Gallery.load(gallery)
    assert stored.people[:18] == [name for name in ("Ada", "Grace", "Lise") for _ in range(6)]
    assert set(stored.people) == {"Ada", "Émilie", "Grace", "Lise", "Maria"}
    assert set(stored.paths) == set(read_photos(people, size=32).paths)


def test_the_nearest_are_those_of_the_library(run, people, model, gallery, tmp_path):
    out = tmp_path / "nearest.csv"
    command = ("gallery", "search", people, "--gallery", gallery, "--model", model)
    status, printed, _ = run(*command, "--nearest", 2, "--out", out, "--threshold", 0.001)
    assert status == 0
    asked = read_photos(people, size=32)
    vectors = Embedder(model, flip=True).transform(asked.images)
    stored = Gallery.load(gallery)
    rows, distances = stored.nearest(vectors, 2)
    with out.open(encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    assert [row["photo"] for row in table] == [path for path in asked.paths for _ in range(2)]
    assert [row["rank"] for row in table] == ["1", "2"] * 30
    assert [row["path"] for row in table] == [stored.paths[row] for row in rows.ravel()]
    assert [row["person"] for row in table] == [stored.people[row] for row in rows.ravel()]
    np.testing.assert_array_equal([float(row["distance"]) for row in table], distances.ravel())
    assert {row["threshold"] for row in table} == {"0.001"}
    within = (distances[:, 0] <= 0.001).sum()
    assert f"30 faces among 18. Squared distances, 0 to 4; {within} have somebody within" in text(
        printed
    )
    assert "Ada/0.png" in printed
    words = printed.split()
    shown = distances[:20] <= 0.001  # 40 rows are printed
    assert (words.count("within"), words.count("beyond")) == (shown.sum() + 1, (~shown).sum())
    assert "and 10 more faces, all in" in text(printed)
    assert "already" in run(*command, "--out", out)[2]
    printed = run(*command, "--nearest", 99)[1]
    assert "the gate from 12 photos of 2 people" in text(printed)


def test_bytes_stay_bytes(run, people, some, model, gallery, tmp_path):
    path = tmp_path / "small.safetensors"
    command = ("gallery", "add", some, "--gallery", path, "--model", model)
    assert run(*command, "--quantised")[0] == 0
    assert Gallery.load(path).vectors.dtype == np.int8
    run("gallery", "add", people, "--gallery", path, "--model", model)
    assert Gallery.load(path).vectors.dtype == np.int8
    again = ("gallery", "add", some, "--gallery", gallery, "--model", model, "--quantised")
    assert f"{gallery} holds float32: leave --quantised out" in text(run(*again)[2])


def test_another_network_is_refused_before_the_photos_are_read(run, some, gallery, tmp_path):
    other = tmp_path / "other.safetensors"
    save_model(other, FaceNet.new(Architecture(size=32, channels=1), seed=5))
    for command in ("add", "search"):
        status, printed, error = run(
            "gallery", command, some, "--gallery", gallery, "--model", other
        )
        assert (status, printed) == (1, "")
        assert "their distances do not compare" in text(error)


def test_a_model_without_thresholds_says_so(run, some, tmp_path):
    bare, path = tmp_path / "bare.safetensors", tmp_path / "gallery.safetensors"
    save_model(bare, FaceNet.new(Architecture(size=32, channels=1)))
    run("gallery", "add", some, "--gallery", path, "--model", bare)
    printed = run("gallery", "search", some, "--gallery", path, "--model", bare)[1]
    assert "the model holds no threshold that says which are one person" in text(printed)


def test_no_gallery_and_a_busy_folder(run, some, model, gallery, tmp_path):
    errors = []

    def add():
        command = ("gallery", "add", some, "--gallery", gallery, "--model", model)
        errors.append(run(*command)[2])

    nowhere = tmp_path / "nowhere.safetensors"
    error = run("gallery", "search", some, "--gallery", nowhere, "--model", model)[2]
    assert "no such gallery: minifacenet gallery add PHOTOS" in text(error)
    before = gallery.read_bytes()
    with locked(tmp_path):
        thread = Thread(target=add)
        thread.start()
        thread.join()
    assert "another minifacenet is at work in it" in text(errors[0])
    assert gallery.read_bytes() == before
