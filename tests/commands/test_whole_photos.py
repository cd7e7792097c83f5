"""Whole photos for a model of aligned faces, as a user meets them."""

import csv
import shutil

import numpy as np
import pytest
from PIL import Image

from minifacenet.classification.clustering_scores import bcubed
from minifacenet.console import groups
from minifacenet.embedding.embedder import Embedder
from minifacenet.embedding.store import Embeddings
from minifacenet.preprocessing.whole_photos import read_whole_photos

from ..conftest import text
from ..preprocessing.made_files import save_crop
from ..preprocessing.stub_detector import LEFT, RIGHT, stub_detector
from .test_cut import NAMES, commands, pairs, trained_on

__all__ = ["pairs"]  # a fixture
CUT = "aligned to openface, margin 0.1"


@pytest.fixture(autouse=True)
def detector(monkeypatch):
    return stub_detector(monkeypatch)


@pytest.fixture(scope="module")
def aligned(model, tmp_path_factory):
    return trained_on(CUT, model, tmp_path_factory.mktemp("aligned"))


@pytest.fixture
def photos(people, tmp_path):
    """The people, a photo of Ada and Grace side by side, and one of nobody."""
    root = tmp_path / "photos"
    shutil.copytree(people, root)
    party = Image.new("L", (80, 40))
    for left, name in ((0, "Ada"), (40, "Grace")):
        with Image.open(people / name / "0.png") as photo:
            party.paste(photo, (left, 0))
    party.save(root / "Ada" / "party.png")
    Image.new("L", (20, 25), 100).save(root / "Ada" / "nobody.png")
    return root


def rows(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


ONE_THREAD = ("--threads", 1)  # other processes would not know the stub


@pytest.mark.parametrize("name", NAMES)
def test_whole_photos_are_as_good_as_their_crops(
    run, people, aligned, tmp_path, pairs, detector, name
):
    status, printed, error = run(*commands(people, aligned, tmp_path, pairs)[name], *ONE_THREAD)
    assert (status, error) == (0, "")
    line = f"Whole photos: faces are found and cut as {aligned} knows them ({CUT})"
    assert text(printed).count(line) == 1
    assert detector.photos == {"compare": 2, "pairs": 9}.get(name, 30)
    options = ("--size", 32, "--template", "openface", "--margin", 0.1)
    run("align", people, tmp_path / "cut", *options, *ONE_THREAD)
    faces, out = tmp_path / "cut" / "faces", tmp_path / "of crops"
    again = run(*commands(faces, aligned, out, pairs)[name], *ONE_THREAD)[1]
    if name == "embed":
        vectors = [Embeddings.load(folder / "vectors").vectors for folder in (tmp_path, out)]
        assert np.array_equal(*vectors)
    else:  # the figures come last
        last = text(again).replace(str(out), str(tmp_path)).split()[-40:]
        assert text(printed).split()[-40:] == last


def test_a_model_of_centre_squares_asks_no_detector(run, people, model, tmp_path, pairs, detector):
    for name in NAMES:
        printed = run(*commands(people, model, tmp_path, pairs)[name], *ONE_THREAD)[1]
        assert "Whole photos" not in printed
    assert detector.photos == 0
    assert not (tmp_path / "vectors-faces.csv").exists()


def test_known_people_have_one_face_a_photo(run, photos, aligned, tmp_path):
    fit = ("classify", "fit", photos, "--model", aligned, "--out", tmp_path / "people")
    status, printed, _ = run(*fit, *ONE_THREAD)
    assert status == 0
    printed = text(printed)
    assert f"31 photos of 5 people ({CUT}), 2 skipped" in printed
    assert "Ada/nobody.png: no face found in 20 x 25 pixels" in printed
    assert "1 photo shows several faces, the largest is kept: Ada/party.png" in printed


def test_all_faces_get_names(run, photos, people, aligned, tmp_path):
    enrolled, out = tmp_path / "people", tmp_path / "names.csv"
    fit = ("classify", "fit", people, "--model", aligned, "--out", enrolled, "--threshold", 4)
    run(*fit, *ONE_THREAD)
    predict = ("classify", "predict", photos, "--people", enrolled, "--out", out)
    status, printed, _ = run(*predict, *ONE_THREAD)
    assert status == 0
    printed = text(printed)
    assert f"as the model in {enrolled} knows them" in printed
    assert f"32 faces on 31 photos in 5 folders ({CUT}), 2 skipped" in printed
    assert "Ada/party.png (face 1)" in printed
    assert "32 of 32 faces named" in printed
    assert "By their folders, 31 photos show enrolled people" in printed
    assert "Of a photo with several faces, the largest counts there." in printed
    assert f"In {out}: one row per face" in printed
    alone = run("classify", "predict", photos / "Ada" / "party.png", "--people", enrolled)[1]
    assert "party.png (face 2)" in text(alone)
    assert "the largest counts" not in text(alone)
    party = [row for row in rows(out) if row["photo"] == "Ada/party.png"]
    assert [row["face"] for row in party] == ["1", "2"]
    assert {row["name"] for row in party} <= {path.name for path in people.iterdir()}
    places = [tuple(float(row[name]) for name in ("x0", "y0", "x1", "y1")) for row in party]
    assert places == [LEFT, RIGHT]


def test_answers_about_photos_as_they_are_have_no_boxes(run, people, model, tmp_path):
    run("classify", "fit", people, "--model", model, "--out", tmp_path / "people")
    out = tmp_path / "names.csv"
    run("classify", "predict", people, "--people", tmp_path / "people", "--out", out)
    assert [*rows(out)[0]][-1] == "its_distance"


@pytest.mark.parametrize("size", [1, 40])
def test_groups_of_all_faces(run, photos, aligned, tmp_path, size):
    out = tmp_path / "groups"
    command = ("cluster", photos, "--model", aligned, "--distance", 4, "--min-size", size)
    status, printed, _ = run(*command, "--out", out, *ONE_THREAD)
    assert status == 0
    assert "1 photo gave several faces, which are kept apart." in text(printed)
    table = rows(out / "groups.csv")
    party = [row for row in table if row["photo"] == "Ada/party.png"]
    assert [row["face"] for row in party] == ["1", "2"]
    assert float(party[1]["x1"]) == RIGHT[2]
    files = {row["file"] for row in party}
    if size == 1:
        assert len({row["group"] for row in party}) == 2
    else:
        assert files == {"others/party.png"}  # once, though for two faces
        assert "32 faces are in no group" in text(printed)
    for file in files:
        assert (out / file).read_bytes() == (photos / "Ada" / "party.png").read_bytes()
    assert len(list(out.glob("*/*"))) == (32 if size == 1 else 31)
    assert run(*command, "--out", tmp_path / "no", "--dry-run", *ONE_THREAD)[0] == 0


def test_groups_are_scored_by_the_largest_faces(run, photos, aligned, monkeypatch):
    counted = []

    def counting(labels, people):
        counted.append((len(labels), len(people)))
        return bcubed(labels, people)

    monkeypatch.setattr(groups, "bcubed", counting)
    run("cluster", photos, "--model", aligned, "--distance", 0.5, *ONE_THREAD)
    assert set(counted) == {(31, 31)}


def test_vectors_of_all_faces(run, photos, aligned, tmp_path):
    out = tmp_path / "v"
    command = ("embed", photos, "--model", aligned, "--out", out)
    status, printed, _ = run(*command, *ONE_THREAD)
    assert status == 0
    assert f"In {tmp_path / 'v-faces.csv'}: the photo of each row" in text(printed)
    stored = Embeddings.load(out)
    assert len(stored) == 32
    assert {"Ada/0.png", "Ada/party.png (face 1)", "Ada/party.png (face 2)"} < {*stored.paths}
    assert stored.preprocessing.startswith(CUT)
    table = rows(tmp_path / "v-faces.csv")
    assert tuple(row["path"] for row in table) == stored.paths
    assert [row["index"] for row in table] == [str(i) for i in range(32)]
    second = table[stored.paths.index("Ada/party.png (face 2)")]
    assert (second["photo"], second["face"], float(second["x0"])) == ("Ada/party.png", "2", 40)
    status, _, error = run(*command, *ONE_THREAD)
    assert status == 1
    (tmp_path / "v.npy").unlink()
    (tmp_path / "v.csv").unlink()
    status, _, error = run(*command, *ONE_THREAD)
    assert "v-faces.csv is there already" in text(error)
    assert run("embed", photos / "Ada" / "0.png", *command[2:], "--force", *ONE_THREAD)[0] == 0
    assert len(rows(tmp_path / "v-faces.csv")) == 1
    # Crops have no boxes, and the old ones would belong to nobody.
    save_crop(tmp_path / "crop.png", "x.jpg", template="openface", margin=0.1)
    assert run("embed", tmp_path / "crop.png", *command[2:], "--force")[0] == 0
    assert not (tmp_path / "v-faces.csv").exists()


def test_with_a_cache_no_photo_is_looked_at_twice(run, photos, aligned, tmp_path, detector, pairs):
    cache = ("--cache", tmp_path / "cache", *ONE_THREAD)
    for name, command in commands(photos, aligned, tmp_path, pairs).items():
        assert run(*command, *cache)[0] == 0
        assert detector.photos == 32, name
    Image.open(photos / "Ada" / "1.png").rotate(90).save(photos / "Ada" / "1.png")
    assert run("verify", photos, "--model", aligned, *cache)[0] == 0
    assert detector.photos == 33


def test_crops_and_photos_may_lie_side_by_side(run, photos, aligned, detector):
    with Image.open(photos / "Lise" / "0.png") as photo:
        save_crop(photos / "Lise" / "0.png", "x.jpg", photo, template="openface", margin=0.1)
    printed = text(run("verify", photos, "--model", aligned, *ONE_THREAD)[1])
    assert f"knows them ({CUT}); 1 face had been cut so before" in printed
    assert detector.photos == 31
    with Image.open(photos / "Lise" / "1.png") as photo:
        save_crop(photos / "Lise" / "1.png", "x.jpg", photo, template="portrait")
    status, printed, error = run("verify", photos, "--model", aligned, *ONE_THREAD)
    assert status == 1
    assert "mixes faces that were cut in 3 ways" in text(error)
    assert detector.photos == 31
    assert "Whole photos" not in printed


def test_a_list_of_pairs_loses_those_without_a_face(run, photos, aligned, pairs):
    shutil.copy(photos / "Ada" / "nobody.png", photos / "Ada" / "4.png")
    command = ("verify", photos, "--model", aligned, "--pairs", pairs, *ONE_THREAD)
    printed = text(run(*command)[1])
    assert "6 of 8 pairs found" in printed
    assert "Ada/4.png: no face found in 20 x 25 pixels" in printed


def test_a_photo_without_a_face_cannot_be_compared(run, photos, aligned):
    nobody = photos / "Ada" / "nobody.png"
    status, _, error = run("compare", photos / "Ada" / "0.png", nobody, "--model", aligned)
    assert status == 1
    error = text(error)
    assert f"{nobody}: no face found in 20 x 25 pixels (MTCNN looked at the upright photo" in error
    assert "say --any-faces" in error


def test_the_distance_is_that_of_the_largest_faces(run, photos, aligned):
    embedder = Embedder(aligned, flip=True)
    faces = [
        read_whole_photos(photos / name, CUT, 32, 1) for name in ("Ada/party.png", "Ada/0.png")
    ]
    vectors = [embedder.transform(data.images)[0].astype(float) for data in faces]
    command = ("compare", photos / "Ada" / "party.png", photos / "Ada" / "0.png")
    printed = text(run(*command, "--model", aligned)[1])
    assert f"the two photos {np.square(vectors[0] - vectors[1]).sum():.4f}" in printed


def test_two_photos_in_a_picture(run, photos, aligned, tmp_path):
    out = tmp_path / "pair.png"
    command = ("compare", photos / "Ada" / "party.png", photos / "Ada" / "0.png")
    command = (*command, "--model", aligned, "--show", out)
    status, printed, _ = run(*command)
    assert status == 0
    assert "1 photo shows several faces, the largest is kept: party.png" in text(printed)
    assert f"In {out}: both photos" in text(printed)
    with Image.open(out) as picture:
        assert min(picture.size) > 800
        assert np.array(picture.convert("RGB")).std() > 20
    status, _, error = run(*command)
    assert status == 1
    assert "choose another --show, or say --force" in text(error)
    assert run(*command, "--force", "--any-faces")[0] == 0


def test_strangers_may_be_whole_photos(run, photos, people, aligned, tmp_path, detector):
    fit = ("classify", "fit", people, "--model", aligned, "--out", tmp_path / "people")
    status, _, _ = run(*fit, "--strangers", photos / "Grace", *ONE_THREAD)
    assert status == 0
    assert detector.photos == 36
