"""nn1_mini and the triplet loss, forward and backward, against what PyTorch computed in float64."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from minifacenet.embedding.architectures import Architecture
from minifacenet.embedding.distances import squared_distances
from minifacenet.embedding.triplet import Triplets, embedding_gradient, triplet_loss

ROOT = Path(__file__).parent.parent
FIXTURE = ROOT / "tests" / "data" / "torch_nn1_mini.safetensors"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location(
        "make_torch_fixtures", ROOT / "data_scripts" / "make_torch_fixtures.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_nn1_mini_is_pytorchs(script):
    expected = load_file(FIXTURE)
    architecture = Architecture("nn1_mini", script.SIZE, 3, script.DIM)
    network = architecture.build(np.random.default_rng(0), np.float64)
    for number, (name, parameter) in enumerate(network.parameters().items()):
        with parameter.edit() as w:
            w[...] = script.parameter_values(name, w.shape, number)

    embeddings = network.forward(script.photos(), train=True)
    np.testing.assert_allclose(embeddings, expected["embeddings"], rtol=0, atol=1e-10)

    triplets = Triplets(*np.array(script.TRIPLETS).T)
    loss, active, weights = triplet_loss(squared_distances(embeddings), triplets, script.MARGIN)
    assert loss == pytest.approx(expected["loss"][0], abs=1e-10)
    assert 0 < active < len(triplets)  # the hinge takes part

    network.backward(embedding_gradient(weights, embeddings))
    for number, (name, parameter) in enumerate(network.parameters().items()):
        norm, slope = expected[f"{name}.gradient"]
        gradient = parameter.grad
        assert np.linalg.norm(gradient) == pytest.approx(norm, rel=1e-10), name
        projected = (gradient * script.pattern(gradient.shape, number)).sum()
        assert projected == pytest.approx(slope, abs=1e-10 * norm * np.sqrt(gradient.size)), name
