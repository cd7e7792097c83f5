"""`minifacenet embed` and `cluster` as a user meets them."""

import csv
import os
import re
import shutil
import sys

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from minifacenet.classification.thresholds import Thresholds
from minifacenet.embedding.embedder import Embedder
from minifacenet.embedding.store import Embeddings
from minifacenet.preprocessing.read_folder import read_faces
from tests.conftest import text


def test_embeddings_go_to_files_and_come_back(run, people, model, tmp_path):
    out = tmp_path / "vectors"
    status, printed, _ = run("embed", people, "--model", model, "--out", out)
    assert status == 0
    stored = Embeddings.load(out)
    embedder = Embedder(model, flip=True)
    faces = read_faces(people, size=32)
    assert stored.paths == faces.paths
    assert stored.names == tuple(faces.people[label] for label in faces.labels)
    np.testing.assert_array_equal(stored.vectors, embedder.transform(faces.images))
    assert stored.model == embedder.digest
    assert f"30 embeddings of network {embedder.digest}" in text(printed)
    for again in (out, out.with_suffix(".npy"), out.with_suffix(".csv")):
        assert "already" in run("embed", people, "--model", model, "--out", again)[2]
    small = ("--quantised", "global", "--force")
    assert run("embed", people, "--model", model, "--out", out, *small)[0] == 0
    assert np.load(out.with_suffix(".npy")).dtype == np.int8


def test_copies_are_no_matter_of_training_here(run, people, model, tmp_path):
    for name in ("Ada", "Grace"):
        (tmp_path / "faces" / name).mkdir(parents=True)
        shutil.copy(people / "Ada" / "0.png", tmp_path / "faces" / name / "0.png")
    command = ("embed", tmp_path / "faces", "--model", model, "--out", tmp_path / "v")
    printed = text(run(*command)[1])
    assert "2 photos in 2 folders" in printed
    assert "the same file more than once: Ada/0.png = Grace/0.png" in printed
    command = ("classify", "fit", tmp_path / "faces", "--model", model, "--out", tmp_path / "p")
    assert "(one may train, the other be asked for): Ada/0.png" in text(run(*command)[1])


def test_a_file_has_no_empty_lines_where_a_terminal_has_bars(run, people, model, tmp_path):
    printed = run("embed", people, "--model", model, "--out", tmp_path / "v")[1]
    assert "" not in printed.splitlines()


def test_a_wrong_scale_is_named(run, people, model, tmp_path):
    status, _, error = run(
        "embed", people, "--model", model, "--out", tmp_path / "v", "--quantised", "half"
    )
    assert status == 2
    assert "'half'" in error


def test_groups_become_folders(run, people, model, tmp_path):
    out = tmp_path / "groups"
    command = ("cluster", people, "--model", model, "--out", out)
    status, printed, _ = run(*command, "--dry-run")
    assert status == 0
    assert re.search(r"30 photos would be copied into \d+ folders", text(printed))
    assert not out.exists()
    status, printed, _ = run(*command)
    assert status == 0
    cut = Thresholds.of_model(model).cut
    assert f"Taken: a mean squared distance of {cut:.4f} between groups, from 12 photos" in text(
        printed
    )
    assert re.search(r"B-cubed F1 0\.\d+|B-cubed F1 1\.0000", printed)
    with (out / "groups.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 30
    assert all((out / row["file"]).read_bytes() for row in rows)
    assert "is not empty: choose a new folder" in text(run(*command)[2])


def test_a_distance_that_joins_nobody_or_everybody_is_said(run, people, model):
    command = ("cluster", people, "--model", model)
    assert "each of the 30 faces is alone" in text(run(*command, "--distance", 0)[1])
    printed = text(run(*command, "--distance", 4)[1])
    assert "all 30 faces are one group at distance 4: lower the distance" in printed
    printed = text(run(*command, "--distance", 0, "--min-size", 2)[1])
    assert "30 photos are in no group" in printed


def test_the_distance_by_scale(run, people, model):
    command = ("cluster", people, "--model", model)
    printed = text(run(*command, "--scale", 0.3)[1])
    faces = read_faces(people, size=32)
    vectors = Embedder(model, flip=True).transform(faces.images).astype(np.float64)
    mean = pdist(vectors, "sqeuclidean").mean()
    taken = re.search(r"Taken: a mean squared distance of ([0-9.]+)", printed)[1]
    np.testing.assert_allclose(float(taken), 0.3 * mean, atol=1e-4)
    assert "from 0.3 of the mean distance of two photos" in printed
    status, _, error = run(*command, "--scale", 0.3, "--distance", 1)
    assert status == 1
    assert "leave one out" in error


def test_a_lone_photo_has_a_scale(run, people, model):
    photo = people / "Ada" / "0.png"
    status, printed, _ = run("cluster", photo, "--model", model, "--scale", 0.5)
    assert status == 0
    assert "Taken: a mean squared distance of 0.0000" in text(printed)


def test_photos_in_no_folder_are_nobody(run, people, model, tmp_path):
    shutil.copytree(people, tmp_path / "mixed")
    shutil.copy(people / "Ada" / "0.png", tmp_path / "mixed")
    printed = run("cluster", tmp_path / "mixed", "--model", model)[1]
    assert "B-cubed" not in printed


@pytest.mark.skipif(sys.platform != "linux", reason="names there are Unicode")
def test_a_name_in_no_encoding_ends_nothing(run, people, model, tmp_path):
    photos = tmp_path / "photos"
    shutil.copytree(people, photos)
    shutil.copy(photos / "Ada" / "0.png", photos / "Ada" / os.fsdecode(b"\xff.png"))
    status, printed, _ = run("cluster", photos, "--model", model, "--out", tmp_path / "groups")
    assert status == 0
    assert r"ignored: Ada/\udcff.png (its name is no valid Unicode: rename it)" in text(printed)
    with (tmp_path / "groups" / "groups.csv").open(newline="", encoding="utf-8") as file:
        assert len(list(csv.DictReader(file))) == 30
    status, printed, _ = run("align", photos, tmp_path / "faces", "--already-cropped")
    assert status == 0
    assert r"1 other file: Ada/\udcff.png (its name" in text(printed)


def test_groups_do_not_go_among_the_photos(run, people, model):
    status, _, error = run("cluster", people, "--model", model, "--out", people / "groups")
    assert status == 1
    assert "lies among the photos: choose a folder outside of" in text(error)
    assert not (people / "groups").exists()
