"""`minifacenet classify` as a user meets it."""

import csv
import re
import shutil
import unicodedata

import numpy as np
import pytest
from PIL import Image

from minifacenet.classification.identification import gate_threshold, stranger_distances
from minifacenet.classification.people import FILE, People
from minifacenet.classification.thresholds import Thresholds
from minifacenet.console.names import gates_text
from minifacenet.embedding.architectures import Architecture, FaceNet
from minifacenet.embedding.checkpoint import add_to_model, save_model
from minifacenet.embedding.embedder import Embedder
from minifacenet.files.arrays import load_arrays, save_arrays
from minifacenet.preprocessing.read_folder import read_faces
from tests.conftest import text


@pytest.fixture
def enrolled(run, people, model, tmp_path):
    out = tmp_path / "enrolled"
    assert run("classify", "fit", people, "--model", model, "--out", out)[0] == 0
    return out


def test_fit_says_how_well_and_where_the_gate_comes_from(run, people, model, tmp_path):
    out = tmp_path / "enrolled"
    four = tmp_path / "four"  # too few to set a gate by themselves, whatever that of the model does
    for name in ("Ada", "Émilie", "Grace", "Lise"):
        shutil.copytree(people / name, four / name)
    status, printed, _ = run("classify", "fit", four, "--model", model, "--out", out)
    assert status == 0
    for line in ("linear SVM, which is used", "nearest mean", "3 nearest photos"):
        assert line in printed
    assert "Gate: a squared distance of" in printed
    assert (
        "12 photos of 2 people held out of its training; of strangers a share of 0.05 may"
        in text(printed)
    )
    stored = People.load(out)
    assert stored.classifier.threshold == Thresholds.of_model(model).gate[0.05]
    assert stored.classifier.classes_.tolist() == ["Ada", "Grace", "Lise", "Émilie"]
    assert stored.photos == (6,) * 4
    status, _, error = run("classify", "fit", four, "--model", model, "--out", out)
    assert status == 1
    assert "holds people already: choose another --out, or say --force" in text(error)


def test_predict_names_every_photo_and_writes_a_row_each(run, people, enrolled, tmp_path):
    out = tmp_path / "names.csv"
    status, printed, _ = run("classify", "predict", people, "--people", enrolled, "--out", out)
    assert status == 0
    assert "broken.jpg" in printed
    assert "By their folders, 30 photos show enrolled people" in text(printed)
    closing = re.search(r"Squared distances, 0 to 4; .*? may be nearer\.", text(printed))[0]
    assert "An SVM chooses the name: a runner-up may be nearer" in closing
    assert len(closing) < 120  # where the gate comes from was said by `fit`
    with out.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 30
    threshold = People.load(enrolled).classifier.threshold
    for row in rows:
        known = float(row["distance"]) <= threshold
        assert row["name"] == (row["nearest"] if known else "unknown")
        assert float(row["threshold"]) == threshold
        assert row["runner_up"] != row["nearest"]
    named = [row for row in rows if row["name"] != "unknown"]
    assert len(named) > 5  # of 30: the gate of a network after 20 steps is strict
    assert np.mean([row["photo"].split("/")[0] == row["name"] for row in named]) > 0.9
    written = out.read_bytes()
    out.write_text("older")
    command = ("classify", "predict", people, "--people", enrolled, "--out", out)
    status, _, error = run(*command)
    assert status == 1
    assert "is there already: choose another --out, or say --force" in text(error)
    assert out.read_text() == "older"
    assert run(*command, "--force")[0] == 0
    assert out.read_bytes() == written


def test_a_name_stands_on_one_line(run, people, model, tmp_path):
    faces, out = tmp_path / "faces", tmp_path / "o"
    for name in ("Ada", "Grace"):
        shutil.copytree(people / name, faces / f"{name}_Schwarzenegger")
    options = ("--model", model, "--threshold", 0)  # so all are 'unknown (...?)'
    assert run("classify", "fit", faces, "--out", out, *options)[0] == 0
    printed = run("classify", "predict", faces, "--people", out)[1]
    assert len(re.findall(r"unknown \((Ada|Grace)_Schwarzenegger\?\)", printed)) == 12


def test_a_single_photo_and_a_flat_folder(run, people, enrolled, tmp_path):
    photo = people / "Ada" / "0.png"
    status, printed, _ = run("classify", "predict", photo, "--people", enrolled)
    assert status == 0
    assert "0.png" in printed
    assert "By their folders" not in printed
    (tmp_path / "flat").mkdir()
    shutil.copy(photo, tmp_path / "flat")
    assert run("classify", "predict", tmp_path / "flat", "--people", enrolled)[0] == 0


def test_the_gate_from_strangers_keeps_them_out(run, people, model, tmp_path):
    rng = np.random.default_rng(9)
    for number in range(20):
        (tmp_path / "strangers").mkdir(exist_ok=True)
        noise = rng.integers(0, 256, (40, 40), np.uint8)
        Image.fromarray(noise).save(tmp_path / "strangers" / f"{number}.png")
    out = tmp_path / "enrolled"
    options = ("--strangers", tmp_path / "strangers", "--far", 0.1)
    status, printed, _ = run("classify", "fit", people, "--model", model, "--out", out, *options)
    assert status == 0
    assert "20 photos of strangers, of whom a share of 0.1 may get a name" in text(printed)
    names = tmp_path / "names.csv"
    run("classify", "predict", tmp_path / "strangers", "--people", out, "--out", names)
    assert names.read_text(encoding="utf-8").count("unknown") >= 18


def test_a_rate_that_the_model_does_not_hold_is_refused_by_name(run, people, model, tmp_path):
    options = ("--model", model, "--out", tmp_path / "o", "--far", 0.2)
    status, _, error = run("classify", "fit", people, *options)
    assert status == 1
    assert "far 0.2: the model holds gates for 0.1, 0.05, 0.01" in text(error)


@pytest.fixture
def bare(tmp_path):
    """A model for which nobody was held out."""
    path = tmp_path / "bare" / "model.safetensors"
    save_model(path, FaceNet.new(Architecture(size=32, channels=1)))
    return path


def test_without_thresholds_the_people_themselves_set_the_gate(run, people, bare, tmp_path):
    out = tmp_path / "o"
    status, printed, _ = run("classify", "fit", people, "--model", bare, "--out", out)
    assert status == 0
    assert "these very people, each asked for where not enrolled" in text(printed)


def one_person(people, tmp_path):
    shutil.copytree(people / "Ada", tmp_path / "one" / "Ada")
    return tmp_path / "one"


def test_one_person_is_verified(run, people, model, bare, tmp_path):
    folder, out = one_person(people, tmp_path), tmp_path / "o"
    status, printed, _ = run("classify", "fit", folder, "--model", model, "--out", out)
    assert status == 0
    assert "Only Ada is enrolled: nobody to tell them apart from" in text(printed)
    status, printed, _ = run("classify", "predict", people, "--people", out)
    assert status == 0
    assert "24 photos lie in other folders" in text(printed)
    status, _, error = run("classify", "fit", folder, "--model", bare, "--out", tmp_path / "p")
    assert status == 1
    assert "only Ada is enrolled and the model holds no thresholds: give a threshold" in text(error)
    options = ("--model", bare, "--out", tmp_path / "p", "--threshold", 0.3)
    assert run("classify", "fit", folder, *options)[0] == 0


def test_one_photo_each_is_enough(run, people, model, tmp_path):
    for name in ("Ada", "Grace"):
        (tmp_path / "single" / name).mkdir(parents=True)
        shutil.copy(people / name / "0.png", tmp_path / "single" / name)
    out = tmp_path / "o"
    status, printed, _ = run("classify", "fit", tmp_path / "single", "--model", model, "--out", out)
    assert status == 0
    assert "Everybody has one photo" in printed


def test_a_folder_without_people_and_a_photo_that_is_none(run, people, enrolled, tmp_path):
    status, _, error = run("classify", "predict", people, "--people", tmp_path)
    assert status == 1
    assert "holds no people" in text(error)
    status, _, error = run("classify", "predict", tmp_path / "nowhere", "--people", enrolled)
    assert status == 1
    assert "does not exist: pass a photo, or a folder of photos" in text(error)


def test_a_cache_gives_the_same_answers(run, people, enrolled, tmp_path):
    def answers(*options):
        out = tmp_path / "names.csv"
        command = ("classify", "predict", people, "--people", enrolled, "--out", out)
        assert run(*command, "--force", *options)[0] == 0
        return out.read_text(encoding="utf-8")

    first = answers()
    assert answers("--cache", tmp_path / "cache") == first
    assert answers("--cache", tmp_path / "cache") == first
    (file,) = (tmp_path / "cache").iterdir()
    file.write_bytes(b"damaged")
    assert answers("--cache", tmp_path / "cache") == first


def test_killed_between_its_two_files_the_same_command_goes_through(run, people, model, tmp_path):
    out = tmp_path / "people"
    out.mkdir()
    copy = out / "model.safetensors"
    copy.write_bytes((model / "model.safetensors").read_bytes())
    assert run("classify", "fit", people, "--model", model, "--out", out)[0] == 0
    assert copy.read_bytes() == (model / "model.safetensors").read_bytes()


def test_two_gates_are_one_too_many(run, people, model, tmp_path):
    options = ("--threshold", 0.3, "--strangers", people)
    status, _, error = run(
        "classify", "fit", people, "--model", model, "--out", tmp_path / "o", *options
    )
    assert status == 1
    assert "--threshold and --strangers both set the gate" in error


def test_another_model_is_not_written_over(run, people, model, bare, tmp_path):
    before = bare.read_bytes()
    command = ("classify", "fit", people, "--model", model, "--out", bare.parent)
    status, _, error = run(*command)
    assert status == 1
    assert "holds another model: choose another --out, or say --force" in text(error)
    assert bare.read_bytes() == before
    assert run(*command, "--force")[0] == 0
    assert People.load(bare.parent).embedder.digest == Embedder(model).digest


def test_where_the_models_gate_refuses_many_the_people_set_it(run, people, model, tmp_path):
    path = tmp_path / "strict" / "model.safetensors"
    path.parent.mkdir()
    shutil.copy(model / "model.safetensors", path)
    strict = Thresholds.of_model(model).as_dict()
    add_to_model(path, "thresholds", strict | {"gate": {"0.05": 1e-4}})
    out = tmp_path / "o"
    printed = text(run("classify", "fit", people, "--model", path, "--out", out)[1])
    assert "from these very people, each asked for where not enrolled" in printed
    assert "The model's own gate, 0.0001, was measured among people of its training" in printed
    faces = read_faces(people, size=32)
    distances = stranger_distances(
        Embedder(path, flip=True).transform(faces.images),
        np.array(faces.people)[faces.labels],
        np.random.default_rng(0),
    )
    assert People.load(out).classifier.threshold == gate_threshold(distances, 0.05)
    few = tmp_path / "few"
    for name in ("Ada", "Grace"):
        shutil.copytree(people / name, few / name)
    run("classify", "fit", few, "--model", path, "--out", tmp_path / "q")
    assert People.load(tmp_path / "q").classifier.threshold == 1e-4
    add_to_model(path, "thresholds", {"source": "a flood"})
    status, _, error = run("classify", "fit", people, "--model", path, "--out", tmp_path / "p")
    assert status == 1
    assert "its thresholds cannot be read (KeyError('far'))" in text(error)


def test_the_models_gate_stays_where_the_people_would_set_a_stricter_one(
    run, people, model, tmp_path
):
    path = tmp_path / "strict" / "model.safetensors"
    path.parent.mkdir()
    shutil.copy(model / "model.safetensors", path)
    faces = read_faces(people, size=32)
    vectors, names = Embedder(path, flip=True).transform(faces.images), faces.labels
    names = np.array(faces.people)[names]
    own = gate_threshold(stranger_distances(vectors, names, np.random.default_rng(0)), 0.05)
    strict = Thresholds.of_model(model).as_dict() | {"gate": {"0.05": 1.01 * own}}
    add_to_model(path, "thresholds", strict)
    out = tmp_path / "o"
    printed = text(run("classify", "fit", people, "--model", path, "--out", out)[1])
    share = float(re.search(r"With it, ([\d.]+)% of these photos", printed)[1])
    assert share > 10  # many are refused, and by the people's own gate it would be more
    assert People.load(out).classifier.threshold == 1.01 * own
    assert "The model's own gate" not in printed


def test_one_name_in_two_unicode_forms_is_one_person(run, people, model, tmp_path):
    faces, out = tmp_path / "faces", tmp_path / "o"
    composed, apart = "Jos\u00e9", "Jose\u0301"
    for folder, numbers in ((composed, "012"), (apart, "345")):
        (faces / folder).mkdir(parents=True)
        for number in numbers:
            shutil.copy(people / "Ada" / f"{number}.png", faces / folder)
    shutil.copytree(people / "Grace", faces / "Mats")
    printed = text(run("classify", "fit", faces, "--model", model, "--out", out)[1])
    assert "12 photos of 2 people" in printed
    assert (
        "one person, whose name stands there in several Unicode forms: 'Jose\\u0301' = 'Jos\\xe9'"
        in printed
    )
    assert People.load(out).classifier.classes_.tolist() == [composed, "Mats"]
    shutil.rmtree(faces / composed)
    (faces / "Mats").rename(faces / "mats")
    printed = text(run("classify", "predict", faces, "--people", out)[1])
    assert "By their folders, 3 photos show enrolled people" in printed
    assert "somebody else? 'Mats' and 'mats' differ in case or in blanks at the ends" in printed


def test_people_of_an_older_file_are_known_by_the_other_form_too(run, people, model, tmp_path):
    out = tmp_path / "o"
    run("classify", "fit", people, "--model", model, "--out", out)
    arrays, stored = load_arrays(out / FILE)
    stored["people"] = [unicodedata.normalize("NFD", name) for name in stored["people"]]
    save_arrays(out / FILE, arrays, stored)
    printed = text(run("classify", "predict", people, "--people", out)[1])
    assert "By their folders, 30 photos show enrolled people" in printed


def test_names_that_are_nearly_equal_are_told(run, people, model, tmp_path):
    faces = tmp_path / "faces"
    for name, folder in (("Ada", "Mats"), ("Grace", "mats"), ("Lise", "Eve"), ("Maria", "Eve ")):
        shutil.copytree(people / name, faces / folder)
    printed = text(run("verify", faces, "--model", model)[1])
    assert (
        "two people or one? Names that differ in case or in blanks at the ends only: "
        "'Eve' and 'Eve '; 'Mats' and 'mats'" in printed
    )


def test_gates_are_told_as_one_or_as_a_range():
    assert gates_text([0.2, 0.2]) == "a squared distance of 0.2000"
    assert gates_text([0.3, 0.1, 0.2]).startswith("squared distances of 0.1000 to 0.3000, one per")
