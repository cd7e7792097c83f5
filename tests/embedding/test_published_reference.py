"""With their published weights our networks give what the programs that they come from give."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from minifacenet.data_scripts.make_published_fixtures import photos
from minifacenet.data_scripts.published_weights import check_model
from minifacenet.embedding.batches import to_input
from minifacenet.embedding.checkpoint import load_model
from minifacenet.embedding.embedder import Embedder
from minifacenet.embedding.published import PUBLISHED
from tests.conftest import need

ROOT = Path(__file__).parents[2]
REFERENCE = load_file(ROOT / "tests" / "data" / "published_reference.safetensors")
BOUND = 1e-5


def to_sphere(vectors):
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture(params=REFERENCE)
def path(request):
    path = ROOT / "data" / PUBLISHED[request.param].file
    need(path.is_file(), f"no {path.name}: `minifacenet get {request.param}` makes it")
    return path


def test_all_that_carry_a_digest_are_compared():
    assert set(REFERENCE) == {name for name, known in PUBLISHED.items() if known.digest}


@pytest.mark.extra
@pytest.mark.parametrize("folded", [False, True])
def test_the_vectors_are_those_of_dlib_and_of_opencv(path, folded):
    name, model = path.stem, load_model(path)
    network = model.for_inference() if folded else model.network
    expected = REFERENCE[name]
    *rows, last = network.layers.values()
    x = to_input(photos(name))
    for row in rows:
        x = row.forward(x)
    assert np.abs(last.forward(x) - to_sphere(expected)).max() <= BOUND
    if name == "dlib_resnet":  # its own vectors are not normalised
        assert np.abs(x - expected).max() <= BOUND


@pytest.mark.extra
def test_an_embedder_gives_them_and_the_file_holds_the_published_weights(path):
    check_model(path.stem, path)
    vectors = Embedder(path).transform(photos(path.stem))
    assert np.abs(vectors - to_sphere(REFERENCE[path.stem])).max() <= BOUND
