import dataclasses

import numpy as np
import pytest

from minifacenet import People, enrol, read_faces, read_photos
from minifacenet.classification import enrolment
from minifacenet.classification.crowding import Crowding
from minifacenet.classification.people import FILE
from minifacenet.classification.thresholds import GalleryGate, Thresholds
from minifacenet.embedding.checkpoint import add_to_model
from minifacenet.embedding.embedder import Embedder
from tests.conftest import text


@pytest.fixture(scope="module")
def faces(people):
    return read_faces(people, size=32)


@pytest.mark.parametrize("gate", ["of the model", "given", "by strangers"])
def test_python_enrols_as_the_command_does(run, people, faces, model, tmp_path, gate):
    options, arguments = {
        "of the model": ((), {}),
        "given": (("--threshold", 0.3), {"threshold": 0.3}),
        "by strangers": (
            ("--strangers", people / "Ada", "--far", 0.1, "--seed", 3),
            {"strangers": read_photos(people / "Ada", size=32), "far": 0.1, "seed": 3},
        ),
    }[gate]
    command, python = tmp_path / "command", tmp_path / "python"
    assert run("classify", "fit", people, "--model", model, "--out", command, *options)[0] == 0
    enrol(faces, model, **arguments).save(python, model)
    assert (python / FILE).read_bytes() == (command / FILE).read_bytes()
    mine, theirs = People.load(python), People.load(command)
    assert mine.source == theirs.source
    np.testing.assert_array_equal(
        mine.classifier.predict(mine.embedder.transform(faces.images)),
        theirs.classifier.predict(theirs.embedder.transform(faces.images)),
    )


def test_two_gates_are_one_too_many(faces, model):
    with pytest.raises(ValueError, match="threshold and strangers both set the gate"):
        enrol(faces, model, threshold=0.3, strangers=faces)


def test_faces_that_were_cut_otherwise_are_refused(faces, model):
    aligned = dataclasses.replace(faces, cut="aligned, by hand")
    with pytest.raises(ValueError, match="got faces cut as 'aligned, by hand'"):
        enrol(aligned, model)
    with pytest.raises(ValueError, match="got faces cut as 'aligned, by hand'"):
        enrol(faces, model, strangers=aligned)


def test_a_gate_from_people_whom_the_network_never_saw_is_not_widened(faces, model, tmp_path):
    """One of people of the training is, where it would refuse many of the photos."""
    strict = dataclasses.replace(Thresholds.of_model(model), gate={0.05: 0.0001})
    galleries = (GalleryGate(5, 6, {0.05: 0.0001}),)
    sources = []
    for thresholds in (strict, dataclasses.replace(strict, galleries=galleries)):
        path = tmp_path / "model.safetensors"
        path.write_bytes((model / "model.safetensors").read_bytes())
        add_to_model(path, "thresholds", thresholds.as_dict())
        people = enrol(faces, path)
        sources.append((people.classifier.threshold > 0.0001, people.source))
    assert sources[0][0]
    assert "these very people" in sources[0][1]
    assert not sources[1][0]
    assert "among 5 people with 6 photos each" in sources[1][1]


def test_a_model_that_knows_its_crowds_gives_each_person_a_gate(faces, model, tmp_path):
    """A threshold by hand is one for all; strangers set one that is moved as the model's is."""
    path = tmp_path / "model.safetensors"
    path.write_bytes((model / "model.safetensors").read_bytes())
    plain = Thresholds.of_model(model)
    centre = np.zeros(Embedder(path).architecture.dim)
    centre[0] = 0.5
    means = enrol(faces, path).classifier.centroids_
    usual = float(Crowding((tuple(centre.tolist()),), 1.0, 0.0).to_centre(means).mean())
    crowding = Crowding((tuple(centre.tolist()),), share=0.01, usual=usual)
    galleries = (GalleryGate(5, 6, {0.05: 1.0, 0.1: 1.2}),)
    knows = dataclasses.replace(plain, galleries=galleries, crowding=crowding)
    add_to_model(path, "thresholds", knows.as_dict())
    people = enrol(faces, path).classifier
    expected = 1.0 + crowding.allowances(people.centroids_)
    np.testing.assert_allclose(people.gates(), expected)
    assert len({*people.gates().tolist()}) == len(people.classes_)
    given = enrol(faces, path, threshold=0.3).classifier
    np.testing.assert_array_equal(given.gates(), [0.3] * len(given.classes_))
    strangers = enrol(faces, path, strangers=faces, far=0.5).classifier
    spread = strangers.gates() - people.gates()
    np.testing.assert_allclose(spread, spread[0])
    vectors = Embedder(path, flip=True).transform(faces.images)
    assert strangers.answers(vectors).known.mean() == pytest.approx(0.5, abs=1 / len(vectors))


def test_many_people_are_enrolled_and_measured_without_an_svm(
    run, people, model, tmp_path, monkeypatch
):
    monkeypatch.setattr(enrolment, "MOST_FOR_SVM", 4)
    out = tmp_path / "people"
    printed = text(run("classify", "fit", people, "--model", model, "--out", out)[1])
    assert "5 people: named by the nearest mean, without an SVM." in printed
    assert "nearest mean of a person, which is used" in printed
    assert "linear SVM" not in printed
    assert People.load(out).classifier.named_by == "mean"
    status, printed, _ = run("classify", "predict", people, "--people", out)
    assert status == 0
    assert "By their folders, 30 photos show enrolled people" in text(printed)
    assert "SVM" not in printed
