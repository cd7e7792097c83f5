"""A training that begins with the weights of another model."""

import re
from dataclasses import replace

import numpy as np
import pytest

from minifacenet.embedding import architectures
from minifacenet.embedding.architectures import Architecture, FaceNet, Network
from minifacenet.embedding.checkpoint import load_model, save_model
from minifacenet.files.arrays import CheckpointError, load_metadata
from minifacenet.nn.l2norm import L2Norm
from minifacenet.nn.layer import Sequential
from minifacenet.nn.linear import Linear
from minifacenet.nn.maxpool import MaxPool
from minifacenet.preprocessing.faces import Faces
from minifacenet.training.observer import Observer
from minifacenet.training.run import began_with, run_training
from minifacenet.training.settings import TrainConfig, TrainingRunConfig
from minifacenet.training.starting import take_over

TRAINING = TrainConfig(steps=4, people=3, photos=2, augmentation=None, mining="all", margin=1.0)


def architecture(name="small", dim=3):
    return Architecture(name, channels=1, dim=dim)


def settings(**changes):
    return replace(TrainingRunConfig(architecture(), TRAINING, held_out=0, save_every=2), **changes)


def build(shape, widths, dim, rng, dtype):
    return Sequential(
        ("pool", MaxPool(8, 8)),
        ("fc1", Linear(16 * shape[2], widths["fc1"], rng, dtype=dtype)),
        ("fc2", Linear(widths["fc1"], dim, rng, dtype=dtype)),
        ("L2", L2Norm()),
    )


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    for name, width in (("small", 5), ("other", 6)):
        network = Network(32, {"fc1": width}, build)
        monkeypatch.setitem(architectures.NETWORKS, name, network)


@pytest.fixture
def faces():
    images = np.random.default_rng(0).integers(0, 256, (12, 32, 32, 1), np.uint8)
    return Faces(images, np.arange(12) // 3, tuple("abcd"), tuple(f"{i}.png" for i in range(12)))


@pytest.fixture
def start(tmp_path):
    model = FaceNet.new(architecture(), seed=9)
    save_model(tmp_path / "start.safetensors", model)
    return tmp_path / "start.safetensors"


class Listener(Observer):
    def __init__(self, die_at=None):
        self.said, self.die_at = [], die_at

    def say(self, text):
        self.said.append(text)

    def step(self, record):
        if record.step == self.die_at:
            raise InterruptedError


def values(model):
    return {name: p.data.copy() for name, p in model.network.parameters().items()}


def test_arrays_are_taken_by_name_and_shape_and_the_rest_is_told():
    start, model = FaceNet.new(architecture(), seed=9), FaceNet.new(architecture(dim=4), seed=0)
    before, theirs = values(model), values(start)
    line = take_over(model, start, "MODEL")
    assert line == "2 of 4 arrays taken from MODEL; of another shape: fc2.weight, fc2.bias"
    after = values(model)
    for name in after:
        expected = theirs if name.startswith("fc1.") else before
        np.testing.assert_array_equal(after[name], expected[name])


def test_arrays_that_the_model_lacks_are_told():
    start, model = FaceNet.new(architecture(), seed=9), FaceNet.new(architecture(), seed=0)
    del start.network.layers["fc1"]
    line = take_over(model, start, "MODEL")
    assert line == "2 of 4 arrays taken from MODEL; not in it: fc1.weight, fc1.bias"


def test_a_model_that_fits_nowhere_is_an_error():
    start = FaceNet.new(architecture("other", dim=2))
    with pytest.raises(ValueError, match="no array of MODEL, which is of the network other, fits"):
        take_over(FaceNet.new(architecture()), start, "MODEL")


def test_a_model_of_faces_cut_otherwise_is_an_error(faces, start, tmp_path):
    boxes = replace(faces, cut="box, margin 0")
    with pytest.raises(ValueError, match="cut as 'centre square', and these are cut as 'box, mar"):
        run_training(boxes, tmp_path / "out", settings(init=str(start)))


def test_it_begins_there_and_keeps_the_digest(faces, start, tmp_path):
    listener, still = Listener(), replace(TRAINING, steps=1, rate=1e-30)
    run_training(faces, tmp_path, settings(init=str(start), training=still), listener)
    assert listener.said == [f"4 of 4 arrays taken from {start}."]
    theirs = values(load_model(start))
    for name, array in values(load_model(tmp_path)).items():
        np.testing.assert_allclose(array, theirs[name], rtol=0, atol=1e-25)
    kept = load_metadata(tmp_path / "state.safetensors")["settings"]
    assert kept["init_digest"] == load_model(start).digest
    assert "init" not in kept


def test_it_may_begin_with_the_model_that_it_replaces(faces, tmp_path):
    save_model(tmp_path / "model.safetensors", FaceNet.new(architecture(), seed=9))
    theirs = values(load_model(tmp_path))
    still = replace(TRAINING, steps=1, rate=1e-30)
    run_training(faces, tmp_path, settings(init=str(tmp_path), training=still))
    for name, array in values(load_model(tmp_path)).items():
        np.testing.assert_allclose(array, theirs[name], rtol=0, atol=1e-25)


def test_going_on_ends_in_the_same_bits_without_the_model(faces, start, tmp_path):
    config = settings(init=str(start))
    run_training(faces, tmp_path / "whole", config)
    run_training(faces, tmp_path / "random", settings())
    with pytest.raises(InterruptedError):
        run_training(faces, tmp_path / "cut", config, Listener(die_at=4))
    other = FaceNet.new(architecture(), seed=1)
    listener = Listener()
    start.unlink()
    run_training(faces, tmp_path / "cut", began_with(tmp_path / "cut"), listener, resume=True)
    assert listener.said == []
    for name in ("model.safetensors", "state.safetensors"):
        whole, cut, random = (
            (tmp_path / out / name).read_bytes() for out in ("whole", "cut", "random")
        )
        assert whole == cut != random
    save_model(start, other)
    with pytest.raises(CheckpointError, match=r"init_digest: '[0-9a-f]{16}' -> '[0-9a-f]{16}'"):
        run_training(faces, tmp_path / "cut", config, resume=True)
    with pytest.raises(ValueError, match=r"has the digest \w+, and the training begins with"):
        run_training(faces, tmp_path / "cut", began_with(tmp_path / "cut"))


def test_the_command_tells_what_it_took_and_refuses_what_cannot_be(run, people, start, tmp_path):
    command = ("train", people, "--out", tmp_path / "out")
    quick = ("--steps", 1, "--network", "small", "--dim", 3, "--people", 3, "--photos", 2)
    status, printed, _ = run(*command, *quick, "--init", start)
    assert status == 0
    assert "4 of 4 arrays taken from" in " ".join(printed.split())
    status, _, error = run(*command, "--resume", "--init", start)
    assert status != 0
    assert "leave out --init" in error
    save_model(start, FaceNet.new(architecture(), cut="aligned to dlib, margin 0"))
    status, _, error = run(*command, *quick, "--force", "--init", start)
    assert status != 0
    error = " ".join(error.split())
    assert "was trained on faces aligned to dlib, margin 0" in error
    assert re.search(
        r"run `minifacenet align PHOTOS OUT .*` and pass the faces in OUT/faces", error
    )
    assert "any-faces" not in error
    status, _, error = run(*command, *quick, "--force", "--init", tmp_path / "none")
    assert status != 0
    assert "no such model file" in error
