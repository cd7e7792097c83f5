import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from minifacenet.classification.classifier import FaceClassifier
from minifacenet.classification.crowding import Crowding
from minifacenet.classification.people import People, holds_another_model
from minifacenet.embedding.architectures import Architecture, FaceNet
from minifacenet.embedding.checkpoint import CheckpointError, load_arrays, save_model
from minifacenet.embedding.embedder import Embedder
from minifacenet.files.arrays import save_arrays
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


def test_people_without_an_svm(model, tmp_path):
    embeddings, names = faces()
    classifier = FaceClassifier(threshold=0.5, svm=False).fit(embeddings, names)
    People(Embedder(model, flip=True), classifier, (5,) * 6, "").save(tmp_path, model)
    loaded = People.load(tmp_path).classifier
    assert loaded.named_by == "mean"
    np.testing.assert_array_equal(loaded.predict(embeddings), names)
    rewrite(tmp_path / "people.safetensors", arrays={"coef": np.zeros((6, 128))})
    with pytest.raises(CheckpointError, match=r"where floats of .*'coef': \(0, 128\)"):
        People.load(tmp_path)


def test_gates_per_person_are_kept_and_an_older_file_has_one_for_all(model, tmp_path):
    embeddings, names = faces()
    means = FaceClassifier().fit(embeddings, names).centroids_
    crowding = Crowding.measure(embeddings, means, share=0.5, centres=2)
    classifier = FaceClassifier(threshold=0.5, crowding=crowding).fit(embeddings, names)
    People(Embedder(model, flip=True), classifier, (5,) * 6, "").save(tmp_path, model)
    loaded = People.load(tmp_path).classifier
    np.testing.assert_array_equal(loaded.gates(), classifier.gates())
    assert len(set(loaded.gates())) == 6
    arrays, metadata = load_arrays(tmp_path / "people.safetensors")
    del arrays["allowances"]
    save_arrays(tmp_path / "people.safetensors", arrays, metadata | {"people_format": 1})
    np.testing.assert_array_equal(People.load(tmp_path).classifier.gates(), [0.5] * 6)


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
        (dict(people_format=4), "format 4 of people, but minifacenet .* reads 1 to 3"),
        (dict(drop=("photos",)), "'photos' is missing from it: fit it again"),
        (dict(people=["a", "b"]), "2 names, photos of 6, and arrays .*damaged"),
        (dict(arrays={"coef": np.zeros((2, 128))}), r"6 names, .*\(2, 128\).*\(6, 128\).*damaged"),
        (dict(photos=[5] * 5), "6 names, photos of 5, and arrays .*damaged"),
        (dict(arrays={"centroids": np.ones(6)}), r"'centroids': \(6,\).*damaged"),
        (dict(arrays={"coef": np.zeros((6, 128), np.int64)}), "where floats of .*damaged"),
        (dict(arrays={"coef": np.full((6, 128), np.nan)}), "coef holds NaN or infinity"),
        (dict(arrays={"allowances": np.zeros(5)}), r"'allowances': \(5,\).*damaged"),
        (dict(arrays={"allowances": np.full(6, 5.0)}), "an allowance is no distance"),
        (dict(arrays={"centroids": np.ones((6, 128))}), "a mean direction is longer than 1"),
        (dict(people=["e\u0301", "\xe9", *"abcd"]), "it holds a name twice"),
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


LONG = "x" * 9000
ODD = {
    "people": [
        None,
        [],
        "abcdef",
        [1, 2, 3, 4, 5, 6],
        [None] * 6,
        ["a"] * 6,
        [["a"]] * 6,
        [LONG, 1],
        ["a" * 256, *"bcdef"],
        ["Ada\0", *"bcdef"],
        ["\ud800", *"bcdef"],
    ],
    "photos": [
        None,
        [],
        5,
        [5.0] * 6,
        [True] * 6,
        [-1] * 6,
        [10**400] * 5 + ["x"],
        [0] * 6,
        [10**400] * 6,
    ],
    "threshold": [
        True,
        -1,
        -1e-4,
        4.0001,
        4.5,
        1e308,
        float("nan"),
        float("inf"),
        "0.5",
        [],
        {},
        10**400,
        LONG,
    ],
    "C": [None, True, 0, -1, float("nan"), float("inf"), "1"],
    "source": [None, 3, [], {}],
    "flip": [None, 0, "no", []],
    "model": [None, 3, [LONG], LONG],
    "preprocessing": [None, 3, [LONG], LONG],
    "people_format": [None, LONG, []],
}


@pytest.mark.parametrize("name", ODD)
def test_odd_values_are_one_line_each(model, tmp_path, name):
    enrol(model).save(tmp_path, model)
    path = tmp_path / "people.safetensors"
    whole = path.read_bytes()
    for value in ODD[name]:
        path.write_bytes(whole)
        rewrite(path, **{name: value})
        with pytest.raises(CheckpointError) as error:
            People.load(tmp_path)
        assert str(path) in str(error.value)
        assert "\n" not in str(error.value)
        assert len(str(error.value)) < 2 * len(str(path)) + 500


def test_nobody_is_called_unknown_where_strangers_are(model, tmp_path):
    enrol(model).save(tmp_path, model)
    path = tmp_path / "people.safetensors"
    names = sorted([*load_arrays(path)[1]["people"][1:], "unknown"])
    rewrite(path, people=names)
    with pytest.raises(CheckpointError, match="somebody in it is called 'unknown'"):
        People.load(tmp_path)
    rewrite(path, people=names, threshold=None)
    assert "unknown" in People.load(tmp_path).classifier.classes_


def test_a_changed_row_of_one_person_is_noticed(model, tmp_path):
    enrol(model).save(tmp_path, model)
    path = tmp_path / "people.safetensors"
    arrays, _ = load_arrays(path)
    row = arrays["coef"][2].tobytes()
    path.write_bytes(path.read_bytes().replace(row, (-arrays["coef"][2]).tobytes()))
    with pytest.raises(CheckpointError, match="damaged, its arrays are not what was written"):
        People.load(tmp_path)


def test_people_without_names_are_not_saved(model, tmp_path):
    embeddings, names = faces(people=6)
    numbers = np.unique(names, return_inverse=True)[1]
    classifier = FaceClassifier(threshold=0.5).fit(embeddings, numbers)
    with pytest.raises(ValueError, match=r"stored by their names, got array.*fit the class"):
        People(Embedder(model), classifier, (5,) * 6, "").save(tmp_path / "new", model)
    assert not (tmp_path / "new").exists()


def test_a_copy_of_the_same_network_is_no_other(model, tmp_path):
    assert not holds_another_model(tmp_path, model)
    copy = tmp_path / "model.safetensors"
    copy.write_bytes(model.read_bytes())  # as a kill between the two files leaves it
    assert not holds_another_model(tmp_path, model)
    assert not holds_another_model(tmp_path, model.parent)
    save_model(copy, FaceNet.new(Architecture(size=32, channels=1), 1))
    assert holds_another_model(tmp_path, model)
