from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from minifacenet.classification.classifier import FaceClassifier
from minifacenet.embedding import architectures
from minifacenet.embedding.architectures import Architecture, FaceNet
from minifacenet.embedding.batches import embed
from minifacenet.embedding.cache import EmbeddingCache
from minifacenet.embedding.checkpoint import CheckpointError, save_model
from minifacenet.embedding.embedder import Embedder
from tests.conftest import need


@pytest.fixture(scope="module")
def model():
    return FaceNet.new(Architecture(size=32, channels=1, dim=8))


@pytest.fixture(scope="module")
def photos():
    return np.random.default_rng(0).integers(0, 256, (7, 32, 32, 1), dtype=np.uint8)


@pytest.mark.parametrize("batch_size", [1, 3, 7, 100])
def test_the_batch_size_changes_nothing(model, photos, batch_size):
    vectors = Embedder(model, batch_size=batch_size).fit_transform(photos)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose((vectors**2).sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(vectors, Embedder(model).transform(photos), atol=1e-6)


def test_a_flipped_photo_has_the_same_averaged_embedding(model, photos):
    embedder = Embedder(model, flip=True)
    a, b = embedder.transform(photos), embedder.transform(photos[:, :, ::-1])
    np.testing.assert_allclose(a, b, atol=1e-6)
    np.testing.assert_allclose((a**2).sum(axis=1), 1, rtol=1e-5)
    assert np.abs(a - Embedder(model).transform(photos)).max() > 1e-4


def test_it_clones_and_pipes_from_a_path(model, photos, tmp_path):
    save_model(tmp_path / "model.safetensors", model)
    names = np.array(["Ada", "Grace", "Ada", "Grace", "Ada", "Grace", "Ada"])
    pipe = clone(make_pipeline(Embedder(tmp_path), FaceClassifier(C=1000.0)))
    pipe.fit(photos, names)
    assert pipe.score(photos, names) > 0.5
    pipe.set_params(embedder__flip=True)
    assert pipe.named_steps["embedder"].flip


def test_a_changed_path_is_loaded_anew(model, photos, tmp_path):
    save_model(tmp_path / "a.safetensors", model)
    other = FaceNet.new(model.architecture, seed=5)
    save_model(tmp_path / "b.safetensors", other)
    embedder = Embedder(tmp_path / "a.safetensors").fit()
    first = embedder.transform(photos)
    second = embedder.set_params(model=tmp_path / "b.safetensors").transform(photos)
    assert np.abs(first - second).max() > 1e-3


def test_a_rewritten_file_is_loaded_by_fit(model, photos, tmp_path):
    save_model(tmp_path / "model.safetensors", model)
    embedder = Embedder(tmp_path).fit()
    first = embedder.transform(photos)
    save_model(tmp_path / "model.safetensors", FaceNet.new(model.architecture, seed=5))
    assert np.abs(embedder.fit().transform(photos) - first).max() > 1e-3


@pytest.mark.parametrize("size", [0, -1, 2.5, np.nan, "8"])
def test_a_batch_holds_at_least_one_photo(model, photos, size):
    with pytest.raises(ValueError, match=f"batch_size.*{size}"):
        Embedder(model, batch_size=size).transform(photos)


def test_photos_in_any_memory_order_are_embedded(model, photos):
    turned = np.rot90(photos, axes=(1, 2))
    assert not turned.flags.c_contiguous
    np.testing.assert_array_equal(
        Embedder(model).transform(turned), Embedder(model).transform(turned.copy())
    )


def test_no_photos_give_no_vectors(model, photos):
    assert Embedder(model).transform(photos[:0]).shape == (0, 8)


def test_other_photos_are_refused_with_both_sides(model, photos):
    with pytest.raises(ValueError, match=r"\(N, 32, 32, 1\).*\(7, 32, 31, 1\).*size=32"):
        Embedder(model).transform(photos[:, :, 1:])
    with pytest.raises(ValueError, match=r"uint8.*float64"):
        Embedder(model).transform(photos / 255)


def test_a_wrong_path_shows_at_fit(tmp_path):
    with pytest.raises(CheckpointError, match="no such model file"):
        Embedder(tmp_path / "nowhere").fit()


def test_it_says_which_network_and_which_preparation_its_vectors_come_from(model, tmp_path):
    save_model(tmp_path / "model.safetensors", model)
    embedder = Embedder(tmp_path)
    assert embedder.digest == Embedder(model).digest == model.digest
    save_model(tmp_path / "model.safetensors", FaceNet.new(model.architecture, seed=5))
    assert embedder.digest == model.digest  # of the network that it uses, not of the file
    assert embedder.fit().digest != model.digest
    assert Embedder(model).preprocessing == f"{model.preprocessing}; photo alone"
    both = Embedder(model, flip=True, batch_size=2).preprocessing
    assert both == "centre square; pixel / 127.5 - 1; mean of photo and mirror image"


def test_the_cut_of_its_faces_is_part_of_the_preparation(model, photos, tmp_path):
    aligned = replace(model, cut="box, margin 0")
    save_model(tmp_path / "model.safetensors", aligned)
    embedder = Embedder(tmp_path)
    assert embedder.cut == "box, margin 0"
    assert embedder.preprocessing == "box, margin 0; pixel / 127.5 - 1; photo alone"
    for network in (model, aligned):
        EmbeddingCache(tmp_path / "cache", Embedder(network)).transform(photos)
    assert len(list((tmp_path / "cache").iterdir())) == 2


def test_its_columns_have_names(model, photos, tmp_path):
    save_model(tmp_path / "model.safetensors", model)
    embedder = Embedder(tmp_path).fit(photos).set_output(transform="default")
    names = [f"embedder{i}" for i in range(8)]
    assert embedder.get_feature_names_out().tolist() == names
    assert isinstance(embedder.transform(photos), np.ndarray)


# A network with batch norms is folded for it (`nn/folding.py`), and folded again when it changes.

WITH_NORMS = ("nn4_small2", "dlib_resnet", "inception_resnet_v1")


@pytest.fixture
def lively(request, monkeypatch):
    """A narrow network whose norms and biases have values as after training."""
    name = request.param
    whole = architectures.NETWORKS[name]
    narrow = replace(whole, widths=dict.fromkeys(whole.widths, 8))
    monkeypatch.setitem(architectures.NETWORKS, name, narrow)
    model, rng = FaceNet.new(Architecture(name, dim=16)), np.random.default_rng(0)
    for own, parameter in model.network.parameters().items():
        with parameter.edit() as values:
            if own.endswith(("gamma", "variance")):
                values[:] = rng.uniform(0.5, 1.5, values.shape)
            elif own.endswith(("bias", "beta", "mean")):
                values[:] = rng.uniform(-0.2, 0.2, values.shape)
    return model


def check_folded(embedder, model):
    """The Embedder gives what the network gives, and went another way; its vectors are returned."""
    shape = (3, *model.architecture.input_shape)
    photos = np.random.default_rng(1).integers(0, 256, shape, np.uint8)
    vectors, expected = embedder.transform(photos), embed(model.network, photos)
    np.testing.assert_allclose(vectors, expected, rtol=0, atol=1e-5)
    assert (vectors != expected).any()
    return vectors


@pytest.mark.parametrize("lively", WITH_NORMS, indirect=True)
def test_norms_are_folded_and_the_vectors_stay(lively):
    check_folded(Embedder(lively), lively)
    assert not [name for name in lively.for_inference().parameters() if "running" in name]


def of_kind(model, end):
    return next(p for name, p in model.network.parameters().items() if name.endswith(end))


@pytest.mark.parametrize("end", ["weight", "bias", "gamma", "beta", "mean", "variance"])
@pytest.mark.parametrize("lively", WITH_NORMS[::2], indirect=True)
def test_a_weight_that_changes_after_the_first_photo_is_noticed(lively, end):
    embedder = Embedder(lively)
    before = check_folded(embedder, lively)
    kept = lively.for_inference()
    assert lively.for_inference() is kept  # nothing changed, and it is not made anew
    with of_kind(lively, end).edit() as values:
        values += 0.5
    assert np.abs(check_folded(embedder, lively) - before).max() > 1e-4
    assert lively.for_inference() is not kept


@pytest.mark.parametrize("lively", WITH_NORMS[:1], indirect=True)
def test_training_after_the_first_photo_is_noticed(lively):
    """A forward in training moves the running means alone."""
    embedder = Embedder(lively)
    before = check_folded(embedder, lively)
    photos = np.random.default_rng(2).integers(0, 99, (4, *lively.architecture.input_shape))
    embed(lively.network, photos.astype(np.uint8), train=True)
    assert np.abs(check_folded(embedder, lively) - before).max() > 1e-4


@pytest.mark.parametrize("lively", WITH_NORMS[:1], indirect=True)
def test_a_network_in_the_place_of_another_is_noticed(lively):
    """Even if as much has happened to its weights: all that was read from files looks so."""
    lively.network, other = (FaceNet.new(lively.architecture, seed).network for seed in (1, 2))
    embedder = Embedder(lively)
    before = check_folded(embedder, lively)
    lively.network = other
    assert np.abs(check_folded(embedder, lively) - before).max() > 1e-4


@pytest.mark.extra
def test_it_gives_a_table_where_one_is_asked_for(model, photos):
    need(find_spec("pandas"), "pandas is not installed")
    import pandas

    people = np.array(["Ada", "Grace", "Ada", "Grace", "Ada", "Grace", "Ada"])
    pipe = make_pipeline(Embedder(model), FaceClassifier(threshold=4.0))
    answers = pipe.fit(photos, people).predict(photos)
    pipe.set_output(transform="pandas").fit(photos, people)
    assert isinstance(pipe[:1].transform(photos), pandas.DataFrame)
    np.testing.assert_array_equal(pipe.predict(photos), answers)
