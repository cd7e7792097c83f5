"""Names for a library of photos, from Python: who is named, who is grouped, what is kept."""

import csv
import shutil
from collections import Counter

import numpy as np
import pytest
from PIL import Image

import minifacenet
from minifacenet.classification.classifier import FaceClassifier
from minifacenet.classification.crowding import Crowding
from minifacenet.classification.known_faces import person_of
from minifacenet.classification.library import RecognitionSettings
from minifacenet.classification.recognition import recognition
from minifacenet.classification.recognition_plan import planned
from minifacenet.embedding import cache
from minifacenet.embedding.checkpoint import add_to_model
from minifacenet.embedding.embedder import Embedder
from minifacenet.files.arrays import load_metadata
from minifacenet.files.locks import locked
from minifacenet.preprocessing import crop_files as cropper

from ..tile_photos import (
    BLACK,
    BLUE,
    GOLD,
    GREEN,
    RED,
    SIDE,
    make_library,
    make_model,
    stand_in,
    tiles,
)


@pytest.fixture(autouse=True)
def _stand_in(monkeypatch):
    stand_in(monkeypatch)


@pytest.fixture
def settings(tmp_path):
    return RecognitionSettings(make_model(tmp_path / "model.safetensors"))


@pytest.fixture
def library(tmp_path):
    return (*make_library(tmp_path), tmp_path / "out")


@pytest.fixture
def found(library, settings):
    """Recognise the library, with other arguments if they are given."""
    return lambda **more: recognition(*library, settings, **more)


def names(rows):
    return {(row.photo, row.face): row.name for row in rows}


def test_known_people_are_named_and_the_others_are_grouped(found, library):
    result = found()
    assert names(result.rows) == {
        ("2001/party.png", 1): "Ada Lovelace", ("2001/party.png", 2): "Grace",
        ("2001/party.png", 3): "unknown", ("2001/beach.png", 1): "unknown",
        ("2001/beach.png", 2): "unknown", ("ada.png", 1): "Ada Lovelace",
        ("cyan.png", 1): "unknown", ("pink.png", 1): "unknown", ("blue.png", 1): "unknown",
    }  # fmt: skip
    groups = {key: row.group for key, row in zip(names(result.rows), result.rows, strict=True)}
    assert groups["2001/party.png", 3] == groups["2001/beach.png", 1] == groups["blue.png", 1] == 1
    assert groups["2001/beach.png", 2] == groups["cyan.png", 1] == 2
    assert groups["pink.png", 1] == groups["ada.png", 1] == 0
    with (library[2] / "names.csv").open(newline="", encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    assert [(row["photo"], int(row["face"]), row["name"]) for row in table] == [
        (row.photo, row.face, row.name) for row in result.rows
    ]
    ada = next(row for row in table if row["photo"] == "ada.png")
    assert ada["named_by"] == "network"
    assert ada["runner_up"] == "Grace"
    assert float(ada["distance"]) < float(ada["threshold"]) == 0.2 < float(ada["its_distance"])
    assert [float(ada[edge]) for edge in ("x0", "y0", "x1", "y1")] == [4, 4, SIDE - 4, SIDE - 4]


def test_from_python_in_one_call(library, settings):
    photos, known, _ = library
    rows = minifacenet.recognise(photos, known, model=settings.model)
    assert Counter(row.name for row in rows) == {"unknown": 6, "Ada Lovelace": 2, "Grace": 1}


def test_who_has_one_photo_is_named_beside_somebody_with_many(library, settings):
    """By the nearest mean and by the SVM, which without weights would name the one with many."""
    photos, known, out = library
    shutil.rmtree(known / "Grace")
    for number in range(12):
        tiles(known / "Grace" / f"{number}.png", (235 - number, 120, 20))
    tiles(photos / "one.png", (240, 50, 50))
    [row] = [
        row for row in recognition(photos, known, out, settings).rows if row.photo == "one.png"
    ]
    assert (row.name, row.runner_up) == ("Ada Lovelace", "Grace")
    embed = Embedder(settings.model, flip=True).transform
    vectors = np.stack([_vector(embed, c) for c in [RED, *[(230, 120, 20)] * 12]])
    people = np.array(["Ada Lovelace", *["Grace"] * 12])
    svm = FaceClassifier(threshold=row.threshold).fit(vectors, people)
    assert svm.predict(_vector(embed, (240, 50, 50))[None])[0] == "Ada Lovelace"


def _vector(embed, colour):
    return embed(np.full((1, 32, 32, 3), colour, np.uint8))[0]


def test_the_gate_is_the_models_and_is_not_widened(library, settings):
    """In `enrolment` the people themselves may widen it, where a model's gate does not fit them."""
    photos, known, out = library
    for number in range(5):  # five people whose two photos lie 0.27 apart from their mean
        tiles(known / f"P{number}" / "1.png", (240, 20 + 55 * number, 240))
        tiles(known / f"P{number}" / "2.png", (20, 20 + 55 * number, 20))
    gate = recognition(photos, known, out, settings).gate
    assert gate.threshold == 0.2
    assert "among 2 people with 1 photo each" in gate.source
    assert gate.people["P4"] == 2
    given = RecognitionSettings(settings.model, threshold=0.01)
    assert recognition(photos, known, out, given).gate.threshold == 0.01
    for number in range(60):
        tiles(known / f"Q{number}.png", (90, 90, 4 * number))
    assert recognition(photos, known, out, settings).gate.threshold == 0.1


def test_each_person_has_a_gate_where_the_model_knows_how_crowded_it_is(library, settings):
    photos, known, out = library
    embed = Embedder(settings.model, flip=True).transform
    red, green = _vector(embed, RED), _vector(embed, GREEN)
    crowding = Crowding((tuple(red.tolist()),), share=0.5, usual=0.3)
    stored = load_metadata(settings.model)["thresholds"]
    add_to_model(settings.model, "thresholds", {**stored, "crowding": vars(crowding)})
    result = recognition(photos, known, out, settings)
    ada, grace = 0.2 - 0.15, 0.2 + 0.5 * (np.square(red - green).sum() - 0.3)
    assert result.gate.by_person == pytest.approx({"Ada Lovelace": ada, "Grace": grace}, abs=0.01)
    for row in result.rows:
        assert row.threshold == result.gate.by_person[row.nearest]
        assert row.known == (row.distance <= row.threshold)
    given = RecognitionSettings(settings.model, threshold=0.01)  # one for all
    assert {*recognition(photos, known, out, given).gate.by_person.values()} == {0.01}


def test_a_model_without_gates_for_galleries_is_asked_as_in_enrolment(library, settings, tmp_path):
    photos, known, out = library
    plain = RecognitionSettings(make_model(tmp_path / "plain.safetensors", galleries=False))
    result = recognition(photos, known, out, plain)
    assert result.gate.threshold == 0.2
    assert "among 3 people" in result.gate.source
    assert names(result.rows)["ada.png", 1] == "Ada Lovelace"
    rare = RecognitionSettings(settings.model, far=0.02)
    with pytest.raises(ValueError, match=r"far 0.02: the model has gates for 0.1, 0.05, 0.01;"):
        recognition(photos, known, out, rare)


def test_a_second_run_does_only_what_is_new(found, library, monkeypatch):
    photos = library[0]
    first = found()
    opened, passed = [], []
    cut, transform = cropper.Cropper.__call__, Embedder.transform
    monkeypatch.setattr(
        cropper.Cropper, "__call__", lambda self, name: opened.append(name) or cut(self, name)
    )
    monkeypatch.setattr(
        Embedder, "transform", lambda self, X: passed.append(len(X)) or transform(self, X)
    )
    assert found().rows == first.rows
    assert (opened, sum(passed)) == ([], 0)
    tiles(photos / "new.png", RED, GREEN)
    rows = found().rows
    assert (opened, sum(passed)) == (["new.png"], 2)
    assert names(rows)["new.png", 2] == "Grace"
    (photos / "new.png").unlink()
    assert found().rows == first.rows


def test_interrupted_it_goes_on_where_it_was(found, library, monkeypatch):
    cut, done = cropper.Cropper.__call__, []
    monkeypatch.setattr(
        cropper.Cropper, "__call__", lambda self, name: done.append(name) or cut(self, name)
    )
    for seen in range(1, 20):
        result = found(stop=lambda seen=seen: len(done) >= seen)
        if not result.left:
            break
        assert result.rows == ()
        assert not (library[2] / "names.csv").exists()
    assert len(done) == 10  # 3 known photos and 7 others, each once
    assert len(result.rows) == 9


def test_stopped_between_two_parts_it_keeps_what_is_embedded(found, library, monkeypatch):
    monkeypatch.setattr(cache, "PART", 4)
    passed, transform = [], Embedder.transform
    monkeypatch.setattr(
        Embedder, "transform", lambda self, X: passed.append(len(X)) or transform(self, X)
    )
    result = found(stop=lambda: len(passed) == 2)
    assert (result.left, passed) == ("5 faces to embed", [3, 4])  # of known people, and of 9 others
    assert not (library[2] / "names.csv").exists()
    assert len(found().rows) == 9
    assert passed == [3, 4, 4, 1]


def test_without_known_people_all_are_strangers(library, settings):
    photos, _, out = library
    rows = recognition(photos, None, out, settings).rows
    assert {row.name for row in rows} == {"unknown"}
    assert {row.distance for row in rows} == {None}
    assert Counter(row.group for row in rows) == {1: 3, 2: 2, 3: 2, 0: 2}


def test_one_known_person_is_told_from_strangers(library, settings):
    photos, known, out = library
    shutil.rmtree(known / "Grace")
    rows = recognition(photos, known, out, settings).rows
    assert Counter(row.name for row in rows) == {"unknown": 7, "Ada Lovelace": 2}
    assert rows[0].runner_up == ""
    bare = make_model(photos.parent / "bare.safetensors", thresholds=None)
    with pytest.raises(ValueError, match="only Ada Lovelace is enrolled"):
        recognition(photos, known, photos.parent / "b", RecognitionSettings(bare))


def test_a_photo_with_forty_faces(found, library):
    tiles(library[0] / "crowd.png", *[RED, BLUE] * 20)
    rows = [row for row in found().rows if row.photo == "crowd.png"]
    assert [row.face for row in rows] == [*range(1, 41)]
    strangers = [row.group for row in rows if row.name == "unknown"]
    assert len(strangers) == 20
    assert all(strangers.count(group) == 1 for group in strangers if group)  # kept apart


def test_a_photo_of_20_megapixels_is_reduced_and_its_boxes_are_not(found, library, monkeypatch):
    image = Image.new("RGB", (5200, 3900), GOLD)
    image.save(library[0] / "large.jpg", quality=95)
    monkeypatch.setattr(
        "tests.tile_photos.TileDetector.detect",
        lambda self, photo, real=cropper.Detector.detect: real(self, photo[:SIDE, : SIDE * 2]),
    )
    large = [row for row in found().rows if row.photo == "large.jpg"]
    assert len(large) == 2
    assert large[0].box == (8, 8, 2 * SIDE - 8, 2 * SIDE - 8)


def test_a_photo_turned_without_a_note(library, settings):
    photos, known, out = library
    with Image.open(photos / "2001" / "beach.png") as image:
        image.rotate(90, expand=True).save(photos / "turned.png")
    rows = recognition(photos, known, out, settings).rows
    assert "turned.png" not in {row.photo for row in rows}
    turning = RecognitionSettings(settings.model, try_rotations=True)
    rows = recognition(photos, known, photos.parent / "again", turning).rows
    assert [row.face for row in rows if row.photo == "turned.png"] == [1, 2]


def test_people_without_a_usable_face_are_told_of(found, library):
    _, known, _ = library
    tiles(known / "Nobody" / "1.png", BLACK)
    (known / "Broken.jpg").write_bytes(b"no photo")
    tiles(known / "Grace" / "two.png", GREEN, RED)
    known_faces = found().known
    assert known_faces.without == ("Broken", "Nobody")
    assert {photo for photo, _ in known_faces.lost} == {"Nobody/1.png", "Broken.jpg"}
    assert known_faces.several == (("Grace/two.png", 2),)


@pytest.mark.parametrize(
    ("colours", "words"),
    [((GREEN, RED), "Grace/two.png shows 2 faces"), ((BLACK,), "Grace/two.png has no usable face")],
)
def test_strict_refuses_doubtful_known_photos(found, library, colours, words):
    tiles(library[1] / "Grace" / "two.png", *colours)
    with pytest.raises(ValueError, match=words):
        found(strict=True)
    assert not (library[2] / "names.csv").exists()
    found()


def test_one_photo_under_two_names_is_refused(found, library):
    tiles(library[1] / "Grace" / "same.png", GREEN, seed=1)
    tiles(library[1] / "Ada.png", GREEN, seed=1)
    with pytest.raises(ValueError, match=r"as 'Ada' and as 'Grace' \(Ada.png, Grace/same.png are"):
        found()


@pytest.mark.parametrize("name", ["unknown/1.png", "Unknown.png", " UNKNOWN /x/1.png"])
def test_nobody_can_be_called_unknown(found, library, name):
    tiles(library[1] / name, RED)
    with pytest.raises(ValueError, match="nobody can be called"):
        found()


def test_no_usable_face_at_all_is_an_error(library, settings, tmp_path):
    tiles(tmp_path / "dark" / "Ada.png", BLACK)
    with pytest.raises(ValueError, match=r"no photo in .*dark has a usable face, such as Ada.png"):
        recognition(library[0], tmp_path / "dark", library[2], settings)


def test_places_in_each_others_way(library, settings, tmp_path):
    photos, known, out = library
    for places, words in (
        ((photos, photos, out), "are one folder"),
        ((known / "Grace", known, out), "PHOTOS in KNOWN"),
        ((photos, known, photos / "out"), "lies among the photos"),
        ((photos, known, known / "out"), "lies among the photos"),
        ((photos, known, tmp_path), "holds something else"),
        ((tmp_path / "none", known, out), "does not exist"),
        ((photos, tmp_path / "none", out), "does not exist"),
        ((photos / "ada.png", known, out), "is a file"),
    ):
        with pytest.raises(ValueError, match=words):
            recognition(*places, settings)
    (tmp_path / "mine" / "work").mkdir(parents=True)
    (tmp_path / "mine" / "letter.txt").write_text("mine")
    with pytest.raises(ValueError, match="holds something else"):
        recognition(photos, known, tmp_path / "mine", settings)
    (tmp_path / "empty").mkdir()
    for places in ((tmp_path / "empty", known, out), (photos, tmp_path / "empty", out)):
        with pytest.raises(ValueError, match=r"no photos .* in"):
            recognition(*places, settings)
    assert not (out / "names.csv").exists()


def test_known_people_may_lie_among_the_photos(library, settings):
    photos, known, out = library
    inside = known.rename(photos / "known")
    rows = recognition(photos, inside, out, settings).rows
    assert len(rows) == 9
    assert not [row for row in rows if row.photo.startswith("known/")]
    shutil.rmtree(photos / "2001")
    for path in photos.glob("*.png"):
        path.unlink()
    with pytest.raises(ValueError, match="none to name"):
        recognition(photos, inside, out, settings)


def test_another_known_folder_the_next_time(found, library, settings):
    photos, _, out = library
    found()
    tiles(photos.parent / "others" / "Blue.png", BLUE)
    tiles(photos.parent / "others" / "Grace.png", GREEN)
    rows = recognition(photos, photos.parent / "others", out, settings).rows
    assert Counter(row.name for row in rows) == {"unknown": 5, "Blue": 3, "Grace": 1}


def test_two_at_once_are_refused(found, library):
    with locked(library[2]):
        # Another thread stands for another process: a thread may lock again what it holds.
        from threading import Thread

        said = []

        def other():
            try:
                found()
            except ValueError as error:
                said.append(str(error))

        thread = Thread(target=other)
        thread.start()
        thread.join()
    assert "another minifacenet is at work in it" in said[0]


def test_a_crop_that_somebody_removed_is_no_face_any_more(found, library):
    found()
    crops = sorted((library[2] / "work" / "photos" / "faces").rglob("*.png"))
    crops[0].unlink()
    crops[1].write_bytes(b"damaged")
    result = found()
    assert (len(result.rows), result.away) == (7, 2)


def test_what_would_be_done(library, settings):
    photos, known, out = library
    plan = planned(photos, known, out, settings)
    assert (plan.photos, plan.fresh) == (7, 7)
    assert plan.people == {"Ada Lovelace": 1, "Grace": 2}
    assert not out.exists()
    recognition(photos, known, out, settings)
    tiles(photos / "new.png", RED)
    plan = planned(photos, known, out, settings)
    assert (plan.photos, plan.fresh) == (8, 1)


def test_names_of_photos_and_folders():
    assert person_of("Jose\u0301/1.jpg") == person_of("Jos\u00e9.jpg") == "Jos\u00e9"
    assert person_of("Dr. Who.jpg") == "Dr. Who"
