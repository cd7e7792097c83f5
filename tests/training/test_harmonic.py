"""A training whose vectors compare with those of an older model."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from minifacenet.embedding import architectures, cache
from minifacenet.embedding.architectures import Architecture, FaceNet, Network
from minifacenet.embedding.checkpoint import load_model, save_model
from minifacenet.embedding.embedder import Embedder
from minifacenet.files.arrays import CheckpointError
from minifacenet.nn.maxpool import MaxPool
from minifacenet.preprocessing.faces import Faces
from minifacenet.preprocessing.read_folder import read_faces
from minifacenet.training import harmonic as module
from minifacenet.training import judges
from minifacenet.training.harmonic import Harmonic
from minifacenet.training.loop import TrainingState, train
from minifacenet.training.observer import Observer
from minifacenet.training.recipe import read_recipe
from minifacenet.training.run import began_with, run_training
from minifacenet.training.settings import HARMONIC_BY, TrainConfig, TrainingRunConfig

from .test_starting import architecture, build

TRAINING = TrainConfig(steps=4, people=3, photos=2, augmentation=None, mining="all", margin=1.0)


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    monkeypatch.setitem(architectures.NETWORKS, "small", Network(32, {"fc1": 5}, build))
    monkeypatch.setitem(architectures.NETWORKS, "large", Network(40, {"fc1": 5}, build_large))


def build_large(shape, widths, dim, rng, dtype):
    network = build(shape, widths, dim, rng, dtype)
    network.layers["pool"] = MaxPool(10, 10)
    return network


@pytest.fixture
def faces():
    """Four people with three photos each."""
    rng = np.random.default_rng(0)
    images = rng.integers(60, 196, (4, 1, 32, 32, 1)) + rng.integers(-40, 40, (4, 3, 32, 32, 1))
    images = images.reshape(12, 32, 32, 1).astype(np.uint8)
    return Faces(images, np.arange(12) // 3, tuple("abcd"), tuple(f"{i}.png" for i in range(12)))


@pytest.fixture
def old(tmp_path):
    save_model(tmp_path / "old.safetensors", FaceNet.new(architecture(), seed=9))
    return tmp_path / "old.safetensors"


def settings(old, **changes):
    own = TrainingRunConfig(architecture(), TRAINING, held_out=0, save_every=2)
    return replace(own, harmonic=str(old), **changes)


def one_each(faces):
    return replace(faces.subset(np.arange(0, 12, 3)), labels=np.arange(4))


class Dying(Observer):
    def step(self, record):
        if record.step == 4:
            raise InterruptedError


@pytest.mark.parametrize("by", HARMONIC_BY)
@pytest.mark.parametrize("each", [lambda faces: faces, one_each])
def test_its_vectors_draw_near_the_old_ones(faces, by, each):
    """Also with one photo of each person, where no ordinary triplet exists."""
    faces, new = each(faces), FaceNet.new(architecture())
    old = Embedder(FaceNet.new(architecture(), seed=9)).transform(faces.images)
    distances = [((Embedder(new).transform(faces.images) - old) ** 2).sum(axis=1).mean()]
    longer = replace(TRAINING, steps=60, rate=1e-2)
    list(train(new.network, faces, longer, harmonic=Harmonic(old, by)))
    distances.append(((Embedder(new).transform(faces.images) - old) ** 2).sum(axis=1).mean())
    assert distances[1] < distances[0] / 2


def test_people_with_one_photo_take_part(faces):
    """Beside others with several, who would fill all batches of an ordinary training."""
    faces = faces.subset(np.arange(10))  # the fourth person has one
    network = FaceNet.new(architecture()).network
    vectors = Embedder(FaceNet.new(architecture(), seed=9)).transform(faces.images)
    config = replace(TRAINING, steps=20)
    state, seen = TrainingState(network, config), set()
    for _ in train(network, faces, config, state, Harmonic(vectors)):
        seen |= {*state.seen[0]}
    assert seen == set(range(10))


def test_the_record_tells_the_distances_to_both_halves(faces):
    network = FaceNet.new(architecture()).network
    vectors = Embedder(FaceNet.new(architecture(), seed=9)).transform(faces.images)
    record = next(train(network, faces, TRAINING, harmonic=Harmonic(vectors, "vectors")))
    assert (record.images, record.triplets, record.active) == (6, 6, 1)
    assert record.positive_distance == pytest.approx(record.loss)
    record = next(train(network, faces, TRAINING, harmonic=Harmonic(vectors, "photos")))
    assert record.active == pytest.approx(record.triplets / 60)  # of 6 x 1 x 10
    record = next(train(network, faces, TRAINING, harmonic=Harmonic(vectors)))
    assert record.images == 6
    assert 0 < record.active <= 1  # of 6 anchors with 3 positives and 8 negatives each
    assert record.active == pytest.approx(record.triplets / 144)


@pytest.mark.parametrize("by", ["people", "vectors"])
def test_chunks_have_the_same_gradient(faces, by):
    vectors = Embedder(FaceNet.new(architecture(), seed=9)).transform(faces.images)
    weights = []
    for chunk in (None, 4):
        network = FaceNet.new(architecture()).network
        config = replace(TRAINING, chunk=chunk, optimizer="sgd", rate=0.1)
        list(train(network, faces, config, harmonic=Harmonic(vectors, by)))
        weights.append(network.parameters()["fc1.weight"].data.copy())
    np.testing.assert_allclose(*weights, rtol=0, atol=1e-6)


@pytest.mark.parametrize("by", ["people", "vectors"])
def test_going_on_ends_in_the_same_bits_and_embeds_nothing_anew(
    faces, old, tmp_path, monkeypatch, by
):
    config = settings(old, harmonic_by=by)
    run_training(faces, tmp_path / "whole", config)
    with pytest.raises(InterruptedError):
        run_training(faces, tmp_path / "cut", config, Dying())
    monkeypatch.setattr(Embedder, "transform", None)
    moved = old.rename(tmp_path / "moved.safetensors")
    with pytest.raises(CheckpointError, match=r"old\.safetensors: no such model file"):
        run_training(faces, tmp_path / "cut", began_with(tmp_path / "cut"), resume=True)
    now = replace(began_with(tmp_path / "cut"), harmonic=str(moved))
    run_training(faces, tmp_path / "cut", now, resume=True)
    arrays = [
        {name: p.data for name, p in load_model(tmp_path / out).network.parameters().items()}
        for out in ("whole", "cut")
    ]
    for name, array in arrays[0].items():
        np.testing.assert_array_equal(arrays[1][name], array)


def test_held_out_people_compare_its_vectors_with_the_old_ones(faces, old, tmp_path, monkeypatch):
    seen = []
    score = judges.cross_score
    monkeypatch.setattr(judges, "cross_score", lambda *a: seen.append(a) or score(*a))
    outcome = run_training(faces, tmp_path / "out", settings(old, held_out=0.5, check_every=4))
    (vectors, gallery, labels, _), *_ = seen
    assert len(outcome.checks) == len(seen) == 1
    others = faces.images[np.isin(faces.labels, labels)]
    np.testing.assert_array_equal(gallery, Embedder(old, flip=True).transform(others))
    kept = Embedder(tmp_path / "out").transform(others)
    np.testing.assert_allclose(vectors, kept, atol=1e-6)


def test_going_on_with_another_model_is_refused(faces, old, tmp_path):
    run_training(faces, tmp_path / "out", settings(old))
    save_model(old, FaceNet.new(architecture(), seed=1))
    with pytest.raises(ValueError, match=r"digest \w+, and the training compares with a model of"):
        run_training(faces, tmp_path / "out", began_with(tmp_path / "out"), resume=True)
    with pytest.raises(CheckpointError, match=r"harmonic_digest: '[0-9a-f]{16}' -> '[0-9a-f]{16}'"):
        run_training(faces, tmp_path / "out", settings(old), resume=True)


def test_a_model_of_another_size_reads_the_photos_again(faces, tmp_path):
    folder, rng = tmp_path / "faces", np.random.default_rng(1)
    for name in "ab":
        (folder / name).mkdir(parents=True)
        for i in range(2):
            pixels = rng.integers(0, 256, (40, 40), np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{i}.png")
    model = FaceNet.new(Architecture("large", channels=3, dim=3), seed=9)
    save_model(tmp_path / "old.safetensors", model)
    small = read_faces(folder, 32)
    config = settings(tmp_path / "old.safetensors", harmonic_by="photos")
    with pytest.raises(ValueError, match=r"takes photos of shape \(40, 40, 3\).* name the folder"):
        run_training(small, tmp_path / "out", config)
    seen = []
    transform = Embedder.transform
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Embedder, "transform", lambda s, x: seen.append(x) or transform(s, x))
        run_training(small, tmp_path / "out", config, folder=folder)
    np.testing.assert_array_equal(seen[0], read_faces(folder, 40, 3).images)
    (folder / "a" / "1.png").write_bytes(b"")
    with pytest.raises(ValueError, match=r"1\.png can no longer be read"):
        run_training(small, tmp_path / "other", config, folder=folder)


@pytest.mark.parametrize(("photos", "part"), [(300, 6), (301, 8), (8, 2)])
def test_the_vectors_are_kept_in_so_many_parts_at_most(faces, tmp_path, monkeypatch, photos, part):
    parts = []

    class Cache:
        def __init__(self, *_, **__):
            pass

        def transform(self, images):
            parts.append(len(images))
            return np.zeros((len(images), 3), np.float32)

    monkeypatch.setattr(module, "EmbeddingCache", Cache)
    monkeypatch.setattr(cache, "PART", 2)
    monkeypatch.setattr(cache, "PARTS", 50)
    many, model = faces.subset(np.arange(photos) % 12), FaceNet.new(architecture())
    assert len(module.old_vectors(model, many, None, tmp_path, Observer(), "old")) == photos
    assert max(parts) == part
    assert sum(parts) == photos


def test_faces_cut_otherwise_are_refused(faces, old, tmp_path):
    boxes = replace(faces, cut="box, margin 0")
    with pytest.raises(ValueError, match="cut as 'centre square', and these are cut as 'box, mar"):
        run_training(boxes, tmp_path / "out", settings(old))


@pytest.mark.parametrize("name", ["", "model.safetensors", "../out"])
def test_the_old_model_is_not_replaced_by_the_new_one(faces, tmp_path, name):
    out = tmp_path / "out"
    out.mkdir()
    save_model(out / "model.safetensors", FaceNet.new(architecture(), seed=9))
    before = (out / "model.safetensors").read_bytes()
    with pytest.raises(ValueError, match="would replace it: choose another --out"):
        run_training(faces, out, settings(out / name))
    assert (out / "model.safetensors").read_bytes() == before


def test_vectors_of_another_length_are_refused(faces, old, tmp_path):
    with pytest.raises(ValueError, match=r"gives vectors of 3 numbers, .* 4.*: say --dim 3"):
        run_training(faces, tmp_path / "out", settings(old, architecture=architecture(dim=4)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"harmonic_by": "names"}, "harmonic_by is one of people, photos, vectors, got 'names'"),
        ({"harmonic": None, "harmonic_by": "photos"}, "name it with --harmonic"),
        ({"training": replace(TRAINING, mine_every=2, mining="hardest")}, "leave out --mine-every"),
    ],
)
def test_settings_that_cannot_be(old, changes, message):
    with pytest.raises(ValueError, match=message):
        replace(settings(old), **changes)


def test_what_no_training_can_begin_with(faces):
    network = FaceNet.new(architecture()).network
    harmonic = Harmonic(np.zeros((12, 3), np.float32))
    with pytest.raises(ValueError, match=r"needs two people, got 12 photos of 1 person"):
        next(train(network, replace(faces, labels=faces.labels * 0), TRAINING, harmonic=harmonic))
    with pytest.raises(ValueError, match=r"one for each of 12 faces, got shape \(11, 3\)"):
        next(train(network, faces, TRAINING, harmonic=Harmonic(harmonic.vectors[1:])))
    offline = replace(TRAINING, mine_every=2, mining="hardest")
    with pytest.raises(ValueError, match="leave out --mine-every"):
        next(train(network, faces, offline, harmonic=harmonic))


def test_a_recipe_may_ask_for_it(tmp_path):
    path = tmp_path / "my.toml"
    path.write_text('harmonic = "dlib_resnet"\nharmonic_by = "photos"\n')
    assert read_recipe(path) == {"harmonic": "dlib_resnet", "harmonic_by": "photos"}


def test_what_is_of_triplets_is_refused_where_there_are_none(run, people, tmp_path):
    command = ("train", people, "--out", tmp_path / "out", "--harmonic", "none", "--harmonic-by")
    status, _, error = run(*command, "vectors", "--margin", 0.2)
    assert (status, len(error.splitlines())) == (1, 1)
    assert "takes no triplets, so margin would do nothing: leave out --margin" in error
    recipe = tmp_path / "my.toml"
    recipe.write_text('mining = "all"\nmargin = 0.3\n')
    error = run(*command, "vectors", "--recipe", recipe)[2]
    assert "margin and mining would do nothing: leave out --margin and --mining" in error
    for by, more in (("vectors", ()), ("photos", ("--margin", 0.2))):
        assert "no such model" in run(*command, by, *more)[2]


def test_the_command(run, people, old, tmp_path):
    command = ("train", people, "--out", tmp_path / "out", "--network", "small", "--dim", 3)
    command += ("--steps", 1, "--people", 3, "--photos", 2)
    by_photos = ("--harmonic", old, "--harmonic-by", "photos")
    status, printed, _ = run(*command, *by_photos, "--plan")
    assert status == 0
    printed = " ".join(printed.split())
    assert "a batch up to 6 photos, whoever they show" in printed
    assert "old model small: its vectors of 18 photos take about" in printed
    status, _, error = run(*command, "--photos", 7, *by_photos, "--plan")
    assert (status, len(error.splitlines())) == (1, 1)
    assert "3 x 7 photos are a batch of 21, but there are 18 to train on: take fewer" in error
    assert not (tmp_path / "out").exists()
    assert run(*command, *by_photos)[0] == 0
    assert run("train", people, "--out", tmp_path / "out", "--resume", *by_photos[:2])[0] == 0
    status, _, error = run(*command, "--force", "--harmonic", tmp_path / "none")
    assert (status, len(error.splitlines())) == (1, 1)
    assert "no such model file" in error
    save_model(old, FaceNet.new(architecture(), cut="aligned to dlib, margin 0"))
    status, _, error = run(*command, "--force", *by_photos)
    assert status == 1
    assert "was trained on faces aligned to dlib, margin 0" in " ".join(error.split())
    assert "align PHOTOS OUT --template dlib" in " ".join(error.split())
