"""Published networks: by name wherever a model is taken, and nothing but what was published."""

import json
from dataclasses import replace

import numpy as np
import pytest

from minifacenet.data_scripts import get_nn4_small2, published_weights
from minifacenet.data_scripts.fetching import DataError, Outdated, Spoilt, fetch
from minifacenet.data_scripts.published_weights import check_model, write_model
from minifacenet.embedding import architectures, published
from minifacenet.embedding.architectures import Architecture, FaceNet, Network
from minifacenet.embedding.checkpoint import load_model, model_file, save_model
from minifacenet.embedding.embedder import Embedder
from minifacenet.embedding.published import PUBLISHED
from minifacenet.files.arrays import CheckpointError, load_metadata
from tests.conftest import text

WIDTHS = dict.fromkeys(architectures.NETWORKS["nn1"].widths, 2) | {"fc": 4}
TINY = Architecture("nn1_mini", size=32, channels=1, dim=4)


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """A small network takes the place of nn4_small2 among the published ones."""
    monkeypatch.setenv("MINIFACENET_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(architectures.NETWORKS, "nn4_small2", Network(32, WIDTHS))
    architecture = Architecture("nn4_small2", channels=1, dim=4)
    model = FaceNet.new(architecture, seed=3, cut="aligned to openface, margin 0")
    known = replace(PUBLISHED["nn4_small2"], architecture=architecture, digest=model.digest)
    monkeypatch.setitem(published.PUBLISHED, "nn4_small2", known)
    return model


def arrays_of(model):
    return {name: p.data for name, p in model.network.parameters().items()}


def test_a_name_stands_for_the_file_that_get_writes(tiny, tmp_path):
    out = tmp_path / "home" / "nn4_small2.safetensors"
    write_model("nn4_small2", arrays_of(tiny), out, "credit to whom it is due")
    assert model_file("nn4_small2") == out
    loaded = load_model("nn4_small2")
    assert (loaded.digest, loaded.cut) == (tiny.digest, "aligned to openface, margin 0")
    metadata = load_metadata(out)
    assert metadata["licence"] == "Apache-2.0"
    assert metadata["credit"] == "credit to whom it is due"
    photos = np.zeros((2, 32, 32, 1), np.uint8)
    expected = Embedder(tiny).transform(photos)
    np.testing.assert_array_equal(Embedder("nn4_small2").transform(photos), expected)
    check_model("nn4_small2", out)


def test_a_file_or_folder_of_that_name_comes_first(tiny, tmp_path):
    (tmp_path / "nn4_small2").mkdir()
    other = FaceNet.new(TINY)
    save_model(tmp_path / "nn4_small2" / "model.safetensors", other)
    assert load_model("nn4_small2").digest == other.digest


def test_thresholds_that_were_measured_go_into_the_file(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(published_weights, "THRESHOLDS", tmp_path)
    (tmp_path / "nn4_small2.json").write_text(json.dumps({"made": "up"}))
    out = tmp_path / "out.safetensors"
    write_model("nn4_small2", arrays_of(tiny), out, "")
    assert load_metadata(out)["thresholds"] == {"made": "up"}
    check_model("nn4_small2", out)
    (tmp_path / "nn4_small2.json").write_text(json.dumps({"made": "better"}))
    with pytest.raises(Outdated, match="other thresholds"):
        check_model("nn4_small2", out)
    weights = load_model(out).digest
    told: list[str] = []
    fetch(get_nn4_small2.ITEM, out, tell=told.append)  # with no network: nothing is fetched
    assert load_metadata(out)["thresholds"] == {"made": "better"}
    assert (load_model(out).digest, load_metadata(out)["credit"]) == (weights, "")
    assert "other thresholds" in told[0]
    assert "nothing was fetched" in told[0]
    check_model("nn4_small2", out)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nn4_small2", "weights of nn4_small2 are not here yet: run `minifacenet get nn4_small2`"),
        ("dlib-resnet", "no model 'dlib-resnet': is 'dlib_resnet' meant"),
        ("nn4.small2", "no model 'nn4.small2': is 'nn4_small2' meant"),
        ("inception_resnet", "is 'inception_resnet_v1' meant"),
        ("runs/none", "runs/none: no such model file"),
    ],
)
def test_a_model_that_is_not_there_is_one_line(tiny, name, message):
    with pytest.raises(CheckpointError, match=message):
        load_model(name)


def test_a_command_says_what_gets_the_weights(tiny, run, tmp_path, people):
    for arguments in (
        ["embed", people, "--model", "nn4_small2", "--out", "x"],
        ["compare", people / "Ada/0.png", people / "Ada/1.png", "--model", "nn4_small2"],
        ["classify", "fit", people, "--model", "nn4_small2", "--out", "y"],
        ["cluster", people, "--model", "nn4_small2"],
        ["verify", people, "--model", "nn4_small2"],
    ):
        status, _, error = run(*arguments)
        assert status == 1
        assert "run `minifacenet get nn4_small2`" in text(error), arguments
        assert len(error.strip().splitlines()) <= 2


def test_weights_of_another_network_are_refused(tiny, tmp_path):
    out = tmp_path / "x.safetensors"
    with pytest.raises(CheckpointError, match=r"missing.*unexpected"):
        write_model("nn4_small2", {"conv1.weight": np.zeros(3, np.float32)}, out, "")
    other = arrays_of(FaceNet.new(tiny.architecture, seed=4))
    with pytest.raises(DataError, match="other weights than those of nn4_small2"):
        write_model("nn4_small2", other, out, "")
    assert not out.exists()


def test_what_is_no_published_network_any_more_is_told_apart(tiny, tmp_path):
    out = tmp_path / "x.safetensors"
    save_model(out, FaceNet.new(TINY))
    with pytest.raises(DataError, match="holds nn1_mini, not the published nn4_small2"):
        check_model("nn4_small2", out)
    save_model(out, FaceNet.new(tiny.architecture, seed=4))
    with pytest.raises(Spoilt, match="other weights"):
        check_model("nn4_small2", out)
    out.write_bytes(out.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match="not a whole safetensors file"):
        check_model("nn4_small2", out)


def test_models_lists_them_all_with_where_they_lie(tiny, run, tmp_path):
    write_model("nn4_small2", arrays_of(tiny), tmp_path / "home" / "nn4_small2.safetensors", "")
    status, printed, _ = run("models")
    assert status == 0
    printed = text(printed)
    for name in architectures.NETWORKS:
        assert name in printed
    assert "140,025,664" in printed
    assert "CC0-1.0" in printed
    assert "nn4_small2.safetensors" in printed
    assert "not here: minifacenet get dlib_resnet" in printed
