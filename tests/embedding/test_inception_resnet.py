"""inception_resnet_v1 is the network of facenet-pytorch: the same weights give the same numbers."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from minifacenet.data_scripts.get_inception_resnet_v1 import our_name, shapes
from minifacenet.data_scripts.make_inception_resnet_fixture import photos, weights
from minifacenet.data_scripts.published_weights import in_our_layout
from minifacenet.embedding.architectures import Architecture, FaceNet
from minifacenet.embedding.batches import to_input
from minifacenet.embedding.published import PUBLISHED
from minifacenet.files.arrays import fill

ARCHITECTURE = Architecture("inception_resnet_v1", dim=512)
FIXTURE = Path(__file__).parents[1] / "data" / "torch_inception_resnet_v1.safetensors"
# The two embeddings differ by little, so that what is wrong may not show in them: 'before' does.
BOUNDS = [(np.float64, 1e-9), (np.float32, 1e-5)]


@pytest.fixture(scope="module")
def arrays():
    """The made-up weights of the fixture under our names and in our layout, float32."""
    return {
        our_name(name): in_our_layout(weights(name, shape, number))
        for number, (name, shape) in enumerate(shapes().items())
    }


def filled(arrays, dtype):
    model = FaceNet(ARCHITECTURE, ARCHITECTURE.build(None, dtype))
    fill("made up", model.network.parameters(), {n: a.astype(dtype) for n, a in arrays.items()})
    return model


def ends(network, dtype):
    """What comes out of a network for the fixture's photos, before it is normalised and after."""
    x = photos().transpose(0, 2, 3, 1).astype(dtype) / dtype(127.5 / 128)  # 'input' scales it back
    *rows, last = network.layers.values()
    for layer in rows:
        x = layer.forward(x)
    return x, last.forward(x)


def check(found, bound):
    expected = load_file(FIXTURE)
    before, embeddings = found
    assert np.abs(embeddings - expected["embeddings"]).max() <= bound
    assert np.abs(before - expected["before"]).max() <= bound * np.abs(expected["before"]).max()


def test_every_array_of_the_state_dict_has_one_parameter_and_every_parameter_one_array(arrays):
    names = [our_name(name) for name in shapes()]
    parameters = FaceNet.blank(ARCHITECTURE).network.parameters()
    assert len(set(names)) == len(names) == len(parameters)
    assert {n: array.shape for n, array in arrays.items()} == {
        n: parameter.data.shape for n, parameter in parameters.items()
    }
    assert PUBLISHED["inception_resnet_v1"].architecture == ARCHITECTURE


@pytest.mark.slow
@pytest.mark.parametrize(("dtype", "bound"), BOUNDS)
def test_the_same_weights_give_the_vectors_of_facenet_pytorch(arrays, dtype, bound):
    found = ends(filled(arrays, dtype).network, dtype)
    assert {array.dtype for array in found} == {np.dtype(dtype)}
    check(found, bound)


@pytest.mark.slow
def test_folded_too(arrays):
    check(ends(filled(arrays, np.float32).for_inference(), np.float32), 1e-5)


def test_pixels_go_in_as_its_own_do():
    pixels = np.arange(0, 255, 5, dtype=np.uint8).reshape(1, 1, 17, 3)
    layer = FaceNet.blank(ARCHITECTURE).network["input"]
    expected = (pixels.astype(np.float64) - 127.5) / 128
    np.testing.assert_allclose(layer.forward(to_input(pixels)), expected, rtol=0, atol=2e-7)
