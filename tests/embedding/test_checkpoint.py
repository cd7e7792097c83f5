import json
from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import save_file

from minifacenet import arrays
from minifacenet.embedding.architectures import Architecture, FaceNet
from minifacenet.embedding.checkpoint import (
    CheckpointError,
    add_to_model,
    load_arrays,
    load_model,
    save_arrays,
    save_model,
)


@pytest.fixture(scope="module")
def model():
    return FaceNet.new(Architecture(size=32, channels=1, dim=8), seed=3)


def test_a_model_comes_back_bit_for_bit(model, tmp_path):
    save_model(tmp_path / "model.safetensors", model, {"seed": 3})
    for path in (tmp_path, tmp_path / "model.safetensors"):
        again = load_model(path)
        assert again.architecture == model.architecture
        for name, parameter in model.network.parameters().items():
            np.testing.assert_array_equal(again.network.parameters()[name].data, parameter.data)
    assert load_arrays(tmp_path / "model.safetensors")[1]["training"] == {"seed": 3}
    assert [p.name for p in tmp_path.iterdir()] == ["model.safetensors"]  # nothing left over


def test_a_model_keeps_how_the_faces_of_its_training_were_cut(model, tmp_path):
    path = tmp_path / "model.safetensors"
    assert model.cut == "centre square"
    save_model(path, model)
    # As files were before models knew other faces: they load, and an old version loads these.
    assert load_arrays(path)[1]["preprocessing"] == "centre square; pixel / 127.5 - 1"
    assert load_model(path).cut == "centre square"
    aligned = replace(model, cut="aligned to portrait, margin 0.1")
    save_model(path, aligned)
    assert load_model(path).cut == "aligned to portrait, margin 0.1"
    add_to_model(path, "more", 1)
    assert load_model(path).cut == "aligned to portrait, margin 0.1"
    assert aligned.digest == model.digest  # the same weights: `preprocessing` tells them apart
    assert aligned.preprocessing == "aligned to portrait, margin 0.1; pixel / 127.5 - 1"


def test_the_digest_survives_the_file_and_sees_every_bit_of_every_weight(model, tmp_path):
    save_model(tmp_path / "model.safetensors", model)
    again = load_model(tmp_path)
    before = model.digest
    assert again.digest == before == model.digest
    for parameter in again.network.parameters().values():
        for bit in (0, 31):  # the last of the mantissa; the sign
            with parameter.edit() as weights:
                weights.reshape(-1).view(np.uint32)[-1] ^= np.uint32(1 << bit)
            assert again.digest != before
            with parameter.edit() as weights:
                weights.reshape(-1).view(np.uint32)[-1] ^= np.uint32(1 << bit)
    assert again.digest == before


@pytest.mark.parametrize(
    "view", [lambda a: a.T, lambda a: a[::2, 1:]], ids=["transposed", "strided"]
)
def test_arrays_that_are_not_contiguous_come_back_right(view, tmp_path):
    array = view(np.arange(30.0).reshape(5, 6))
    save_arrays(tmp_path / "a.safetensors", {"a": array}, {})
    np.testing.assert_array_equal(load_arrays(tmp_path / "a.safetensors")[0]["a"], array)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_is_not_saved_and_the_old_file_stays(value, tmp_path):
    path = tmp_path / "a.safetensors"
    save_arrays(path, {"a": np.ones(2)}, {})
    with pytest.raises(CheckpointError, match=r"a\.safetensors: not saved, NaN or infinity in b"):
        save_arrays(path, {"a": np.zeros(2), "b": np.array([1, value])}, {})
    np.testing.assert_array_equal(load_arrays(path)[0]["a"], 1)


def test_a_crash_while_writing_leaves_the_old_file(model, tmp_path, monkeypatch):
    path = tmp_path / "model.safetensors"
    save_model(path, model)
    before = path.read_bytes()

    def crash(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(arrays, "save_file", crash)
    with pytest.raises(KeyboardInterrupt):
        save_model(path, model)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["model.safetensors"]


def rewrite(path, model, arrays=None, **changes):
    """A model file with some of its metadata, or of its arrays, replaced."""
    save_model(path, model)
    old_arrays, metadata = load_arrays(path)
    save_file(old_arrays | (arrays or {}), path, {"minifacenet": json.dumps(metadata | changes)})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (dict(format=2), "format 2, but minifacenet .* reads 1"),
        (dict(preprocessing="BGR"), r"'BGR'.*prepares them as '\.\.\.; pixel / 127\.5 - 1'"),
        (dict(preprocessing="centre square; pixel / 255"), "'centre square; pixel / 255', but"),
        (dict(preprocessing="pixel / 127.5 - 1"), "trained on photos as 'pixel / 127.5 - 1', but"),
        (dict(arrays={"extra": np.ones(1)}), r"unexpected \['extra'\]"),
        (dict(arrays={"fc7128.bias": np.ones(8)}), "fc7128.bias is float64"),
        (dict(arrays={"fc7128.bias": np.ones(9, np.float32)}), r"\(9,\).*needs float32 \(8,\)"),
        (dict(arrays={"fc7128.bias": np.full(8, np.nan, np.float32)}), "fc7128.bias holds NaN"),
        (dict(architecture=dict(name="nn1_mini", size=32, channels=3, dim=8)), "conv1.weight"),
        (dict(architecture=dict(name="nn7")), "no network can be built from .*nn7"),
        (dict(architecture=dict(depth=3)), "no network can be built from .*depth"),
        (dict(architecture=None), "no network can be built from None"),
        (dict(preprocessing=None), "trained on photos as None"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(model, tmp_path, changes, message):
    path = tmp_path / "model.safetensors"
    rewrite(path, model, **changes)
    with pytest.raises(CheckpointError, match=message) as error:
        load_model(path)
    assert str(path) in str(error.value)


def test_a_file_of_others_is_refused(tmp_path):
    path = tmp_path / "model.safetensors"
    save_file({"w": np.ones(2)}, path, {"format": "pt"})
    with pytest.raises(CheckpointError, match=r"not written by minifacenet.*'pt'"):
        load_model(path)
    save_file({"w": np.ones(2)}, path)
    with pytest.raises(CheckpointError, match="not written by minifacenet"):
        load_model(path)


def test_damaged_metadata_is_named(tmp_path):
    path = tmp_path / "model.safetensors"
    save_file({"w": np.ones(2)}, path, {"minifacenet": '{"format"1}'})
    with pytest.raises(CheckpointError, match=r"model\.safetensors: damaged, .* no JSON \(Expect"):
        load_model(path)


def test_a_single_number_keeps_its_shape(tmp_path):
    save_arrays(tmp_path / "a.safetensors", {"a": np.array(3.0)}, {})
    assert load_arrays(tmp_path / "a.safetensors")[0]["a"].shape == ()


def test_missing_and_truncated_files_are_named(model, tmp_path):
    with pytest.raises(CheckpointError, match=r"model\.safetensors: no such model file"):
        load_model(tmp_path)
    path = tmp_path / "model.safetensors"
    save_model(path, model)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match="not a whole safetensors file"):
        load_model(path)
