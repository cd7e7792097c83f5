import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from minifacenet.classification.classifier import FaceClassifier
from minifacenet.classification.people import People
from minifacenet.embedding.architectures import Architecture, FaceNet
from minifacenet.embedding.checkpoint import CheckpointError, load_arrays, save_model
from minifacenet.embedding.embedder import Embedder
from tests.classification.test_classifier import faces


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("run") / "model.safetensors"
    save_model(path, FaceNet.new(Architecture(size=32, channels=1)))
    return path


def enrol(model, people=6):
    embeddings, names = faces(people=people)
    classifier = FaceClassifier(threshold=0.5).fit(embeddings, names)
    return People(Embedder(model, flip=True), classifier, (5,) * people, "the weather")


@pytest.mark.parametrize("people", [1, 2, 6])
def test_a_round_trip_answers_the_same(model, tmp_path, people):
    before = enrol(model, people)
    before.save(tmp_path / "people", model)
    assert {p.name for p in (tmp_path / "people").iterdir()} == {
        "model.safetensors", "people.safetensors",
    }  # fmt: skip
    after = People.load(tmp_path / "people")
    asked = np.concatenate([faces(people=people)[0], faces(people=9, seed=1)[0]])
    for name, values in vars(before.classifier.answers(asked)).items():
        np.testing.assert_array_equal(getattr(after.classifier.answers(asked), name), values)
    np.testing.assert_array_equal(after.classifier.predict(asked), before.classifier.predict(asked))
    assert (after.photos, after.source) == ((5,) * people, "the weather")
    photos = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 1), np.uint8)
    np.testing.assert_array_equal(
        after.embedder.transform(photos), before.embedder.transform(photos)
    )


def test_saving_into_the_runs_own_folder_keeps_its_model(model, tmp_path):
    copy = tmp_path / "model.safetensors"
    copy.write_bytes(model.read_bytes())
    enrol(copy).save(tmp_path, tmp_path)
    assert copy.read_bytes() == model.read_bytes()
    People.load(tmp_path / "people.safetensors")


def rewrite(path, arrays=None, drop=(), **changes):
    old, metadata = load_arrays(path)
    metadata = {k: v for k, v in (metadata | changes).items() if k not in drop}
    save_file(old | (arrays or {}), path, {"minifacenet": json.dumps(metadata)})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(people_format=2), "format 2 of people, but minifacenet .* reads 1"),
        (dict(drop=("photos",)), "'photos' is missing from it: fit it again"),
        (dict(people=["a", "b"]), "2 names for 6 people.*damaged"),
        (dict(arrays={"coef": np.zeros((2, 128))}), r"6 names for 6 people.*\(2, 128\).*damaged"),
        (dict(preprocessing="upside down"), "fitted on photos as 'upside down'.*fit it again"),
    ],
)
def test_a_damaged_file_is_named(model, tmp_path, change, message):
    enrol(model).save(tmp_path, model)
    rewrite(tmp_path / "people.safetensors", **change)
    with pytest.raises(CheckpointError, match=message) as error:
        People.load(tmp_path)
    assert "people.safetensors" in str(error.value)


def test_people_on_the_same_weights_for_other_faces_are_refused(model, tmp_path):
    enrol(model).save(tmp_path, model)
    aligned = FaceNet.new(Architecture(size=32, channels=1), cut="aligned to portrait, margin 0")
    save_model(tmp_path / "model.safetensors", aligned)
    with pytest.raises(CheckpointError, match=r"as 'centre square; .*as 'aligned to portrait, mar"):
        People.load(tmp_path)


def test_another_network_is_refused(model, tmp_path):
    enrol(model).save(tmp_path, model)
    save_model(tmp_path / "model.safetensors", FaceNet.new(Architecture(size=32, channels=1), 1))
    with pytest.raises(CheckpointError, match=r"fitted on network [0-9a-f]{16}, but .* fit it"):
        People.load(tmp_path)


def test_a_folder_without_people_and_a_cut_file(model, tmp_path):
    with pytest.raises(CheckpointError, match=r"holds no people.*classify fit"):
        People.load(tmp_path)
    enrol(model).save(tmp_path, model)
    path = tmp_path / "people.safetensors"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(CheckpointError, match="not a whole safetensors file"):
        People.load(tmp_path)
