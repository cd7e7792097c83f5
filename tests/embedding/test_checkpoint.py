import json
import os
import struct
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import save_file

from minifacenet.embedding.architectures import Architecture, FaceNet
from minifacenet.embedding.checkpoint import (
    CheckpointError,
    add_to_model,
    blank_model,
    header,
    load_arrays,
    load_model,
    save_arrays,
    save_model,
    weights_of,
)
from minifacenet.files import arrays
from minifacenet.files.arrays import load_metadata


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


def with_text(path, text):
    """The file with another text as its metadata, however odd."""
    old, _ = load_arrays(path)
    save_file(old, path, {"minifacenet": text})


@pytest.mark.parametrize(
    "text",
    ["null", "[]", "3", '"x"', "NaN", "[" * 200_000, '{"a":' * 40 + "1" + "}" * 40,
     '{"format": ' + "9" * 5000 + "}", "", "{", "x" * 9000, json.dumps(["x" * 9000])],
    ids=lambda text: text[:12],
)  # fmt: skip
def test_metadata_that_is_no_object_is_one_line(model, tmp_path, text):
    path = tmp_path / "model.safetensors"
    save_model(path, model)
    with_text(path, text)
    with pytest.raises(CheckpointError, match="damaged, its metadata is") as error:
        load_model(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < len(str(path)) + 300


ODD = [None, [], {}, True, -1, 0, 2.5, 1e308, float("nan"), 10**400, "", "x" * 9000, [[[]]] * 999]


@pytest.mark.parametrize("name", ["format", "preprocessing", "architecture", *vars(Architecture())])
def test_odd_values_of_metadata_are_one_line_each(model, tmp_path, name):
    path = tmp_path / "model.safetensors"
    save_model(path, model)
    whole, metadata = load_arrays(path)
    for value in ODD:
        changed = {**metadata, name: value}
        if name in metadata["architecture"]:
            if (name, value) in (("lrn", True), ("maxout", True)):
                continue
            changed = {**metadata, "architecture": {**metadata["architecture"], name: value}}
        save_file(whole, path, {"minifacenet": json.dumps(changed)})
        if (name, value) == ("format", True):  # as good as 1
            continue
        with pytest.raises(CheckpointError) as error:
            load_model(path)
        assert str(path) in str(error.value)
        assert len(str(error.value)) < len(str(path)) + 700


@pytest.mark.parametrize(("kind", "size"), [("BF16", 2), ("F8_E4M3", 1), ("F8_E5M2", 1)])
def test_types_that_numpy_lacks_are_named(tmp_path, kind, size):
    path = tmp_path / "model.safetensors"
    head = {
        "__metadata__": {"minifacenet": "{}"},
        "w": {"dtype": kind, "shape": [4], "data_offsets": [0, 4 * size]},
    }
    text = json.dumps(head).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(4 * size))
    with pytest.raises(CheckpointError, match=f"safetensors: w is of type {kind}, .*as float32"):
        load_model(path)


@pytest.mark.slow
def test_no_changed_bit_is_believed(model, tmp_path):
    """Without digests the weights were believed in 170 of 215 such files."""
    path = tmp_path / "model.safetensors"
    save_model(path, model, {"seed": 3})
    whole = bytearray(path.read_bytes())
    rng = np.random.default_rng(0)
    header = struct.unpack("<Q", whole[:8])[0]
    places = [*range(0, 8 + header, 3), *rng.integers(8 + header, len(whole), 50)]
    name = whole.index(b"digests")  # without it nothing is compared, and nothing else has changed
    for place in {*places} - {*range(name, name + len("digests"))}:
        whole[place] ^= 4
        path.write_bytes(whole)
        with pytest.raises(CheckpointError) as error:
            load_model(path)
        assert str(path) in str(error.value)
        whole[place] ^= 4
    path.write_bytes(whole)
    assert load_model(path).digest == model.digest


def test_a_file_without_digests_is_read_and_has_them_when_saved_again(model, tmp_path):
    path = tmp_path / "model.safetensors"
    rewrite(path, model)  # as older versions wrote
    load_model(path)
    add_to_model(path, "more", 1)
    assert load_metadata(path)["more"] == 1
    text = path.read_bytes().replace(b'more\\": 1', b'more\\": 2')
    path.write_bytes(text)
    with pytest.raises(CheckpointError, match="damaged, its metadata is not what was written"):
        load_metadata(path)


def test_loading_draws_no_random_numbers(model, tmp_path, monkeypatch):
    save_model(tmp_path / "model.safetensors", model)
    monkeypatch.setattr(np.random, "default_rng", lambda *_: pytest.fail("it drew"))
    assert load_model(tmp_path).digest == model.digest


CLAIM = """
import resource, sys
from minifacenet.embedding.checkpoint import CheckpointError, load_model
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    load_model(sys.argv[1])
except CheckpointError as error:
    print(error)
kilo = 1 if sys.platform != "darwin" else 1024
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // kilo)
"""


@pytest.mark.skipif(os.name == "nt", reason="no getrusage there")
@pytest.mark.parametrize("claim", [dict(dim=60_000), dict(dim=3_000_000), dict(size=6000)])
def test_a_small_file_that_claims_a_large_network_takes_no_memory(model, tmp_path, claim):
    path = tmp_path / "model.safetensors"
    rewrite(path, model, architecture={**model.architecture.as_dict(), **claim})
    done = subprocess.run(
        [sys.executable, "-c", CLAIM, path], capture_output=True, text=True, check=True
    )
    message, kilobytes = done.stdout.splitlines()
    assert str(path) in message
    assert int(kilobytes) < 60_000  # drawn at once: 0.1, 6 and 9 GB


@pytest.mark.parametrize("claim", [dict(dim=10**7), dict(dim=10**15), dict(size=8192, name="nn1")])
def test_a_network_is_compared_by_its_shapes_before_there_is_one(model, monkeypatch, claim):
    zeros = np.zeros

    def few(shape, dtype=float):
        assert np.prod(shape, dtype=object) < 10**5, "memory is taken"
        return zeros(shape, dtype)

    monkeypatch.setattr(np, "zeros", few)
    architecture = replace(model.architecture, **claim)
    with pytest.raises(CheckpointError, match=r"the network needs|missing"):
        blank_model("m.safetensors", architecture, "", weights_of(model))


def test_a_variance_below_0_is_refused(tmp_path):
    path = tmp_path / "m.safetensors"
    model = FaceNet.new(Architecture("nn1_mini_bn", 32, 1, 8))
    arrays = {name: np.array(p.data) for name, p in model.network.parameters().items()}
    name = next(name for name in arrays if name.endswith("running_variance"))
    arrays[name][0] = -1
    save_arrays(path, arrays, header(model))
    with pytest.raises(CheckpointError, match=f"{name} holds a variance below 0"):
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
