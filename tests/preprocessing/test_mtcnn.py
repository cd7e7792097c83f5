"""The three nets against OpenCV on the same input, with made-up and with the trained weights."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open

from minifacenet.files.arrays import CheckpointError, arrays_digest, fill, load_arrays, save_arrays
from minifacenet.preprocessing import mtcnn
from minifacenet.preprocessing.mtcnn import BOX, FORMAT, MTCNN, face_probability, to_input
from tests.conftest import need

ROOT = Path(__file__).parents[2]
FIXTURE = ROOT / "tests" / "data" / "opencv_mtcnn.safetensors"
WEIGHTS = ROOT / mtcnn.FILE
NETS = ("pnet", "rnet", "onet")


@pytest.fixture(scope="module")
def scripts():
    """The modules get_mtcnn and make_mtcnn_fixtures."""
    sys.path.insert(0, str(ROOT / "data_scripts"))
    try:
        import get_mtcnn
        import make_mtcnn_fixtures
    finally:
        del sys.path[0]
    return get_mtcnn, make_mtcnn_fixtures


@pytest.fixture(scope="module")
def opencv():
    """Outputs by name, and the operations of the ONNX files."""
    with safe_open(FIXTURE, framework="numpy") as file:
        outputs = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return outputs, json.loads(file.metadata()["operations"])


def assert_equal(nets, net, kind, opencv, fixtures):
    heads = getattr(nets, net).forward(fixtures.images(net))
    got = np.concatenate([face_probability(heads)[..., None], heads[..., BOX.start :]], axis=-1)
    expected = opencv[0][f"{kind}.{net}"]
    assert got.shape == expected.shape
    for columns in (slice(0, 1), slice(1, 5), slice(5, None)):  # probability, box, landmarks
        part = expected[..., columns]
        if part.size:
            assert np.abs(got[..., columns] - part).max() <= 2e-5 * np.abs(part).max(), columns


@pytest.mark.parametrize("net", NETS)
def test_made_up_weights_give_what_opencv_gives(net, scripts, opencv):
    get_mtcnn, fixtures = scripts
    nets, arrays = MTCNN.new(np.random.default_rng(0)), {}
    for name, operations in opencv[1].items():
        arrays |= get_mtcnn.convert(name, fixtures.made_up(name, operations))
    fill("made up", nets.parameters(), arrays)
    assert_equal(nets, net, "made up", opencv, fixtures)


@pytest.mark.extra
@pytest.mark.parametrize("net", NETS)
def test_trained_weights_give_what_opencv_gives(net, scripts, opencv):
    need(WEIGHTS.is_file(), f"no {WEIGHTS}: `minifacenet get mtcnn` makes it")
    assert_equal(MTCNN.load(WEIGHTS), net, "trained", opencv, scripts[1])


@pytest.mark.parametrize(
    ("size", "expected"),
    [((12, 12), (1, 1)), ((13, 12), (2, 1)), ((14, 30), (2, 10)), ((31, 22), (11, 6))],
)
def test_pnet_answers_every_two_pixels(size, expected):
    nets = MTCNN.new(np.random.default_rng(0))
    assert nets.pnet.output_shape((*size, 3)) == (*expected, 6)
    assert nets.pnet.forward(np.zeros((1, *size, 3), np.float32)).shape == (1, *expected, 6)


def test_pnet_on_an_image_is_pnet_on_each_of_its_windows():
    nets = MTCNN.new(np.random.default_rng(0))
    image = np.random.default_rng(1).standard_normal((1, 20, 16, 3), np.float32)
    heads = nets.pnet.forward(image)
    for row in range(heads.shape[1]):
        for column in range(heads.shape[2]):
            y, x = 2 * row, 2 * column
            alone = nets.pnet.forward(image[:, y : y + 12, x : x + 12])
            np.testing.assert_allclose(alone[0, 0, 0], heads[0, row, column], atol=1e-5)


def test_the_nets_learn():
    """Every parameter of each net gets a gradient: they could be trained further."""
    nets, rng = MTCNN.new(np.random.default_rng(0)), np.random.default_rng(1)
    for net, size in (("pnet", 12), ("rnet", 24), ("onet", 48)):
        layers = getattr(nets, net)
        out = layers.forward(rng.standard_normal((4, size, size, 3), np.float32), train=True)
        layers.backward(np.ones_like(out))
        for name, parameter in layers.parameters().items():
            assert np.isfinite(parameter.grad).all()
            assert parameter.grad.any(), (net, name)


def test_probability_is_the_softmaxs_second_value_and_does_not_overflow():
    heads = np.float32([[0, 0, 9], [1, 3, 9], [-500, 500, 9], [500, -500, 9]])
    assert face_probability(heads).dtype == np.float32
    softmax = [0.5, np.exp(3) / (np.exp(1) + np.exp(3)), 1, 0]
    np.testing.assert_allclose(face_probability(heads), softmax, rtol=1e-6)


def test_pixels_become_minus_one_to_one():
    np.testing.assert_allclose(
        to_input(np.float32([0, 127.5, 255])), [-127.5 / 128, 0, 127.5 / 128]
    )


def test_a_missing_file_says_what_to_do(tmp_path):
    with pytest.raises(CheckpointError, match=r"no\.safetensors: .* check the path") as raised:
        MTCNN.load(tmp_path / "no.safetensors")
    assert "minifacenet get" not in str(raised.value)  # the path is a slip
    with pytest.raises(CheckpointError, match="is a folder"):
        MTCNN.load(tmp_path)


def test_without_a_path_they_lie_where_get_writes_them(tmp_path, monkeypatch):
    monkeypatch.setenv("MINIFACENET_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointError, match="run `minifacenet get mtcnn`") as raised:
        MTCNN.load()
    file = tmp_path / "home" / "mtcnn.safetensors"
    assert str(raised.value).startswith(f"{file}: ")
    nets = MTCNN.new(np.random.default_rng(0))
    arrays = {name: parameter.data for name, parameter in nets.parameters().items()}
    save_arrays(file, arrays, {"format": FORMAT})
    monkeypatch.setattr(mtcnn, "DIGEST", arrays_digest(arrays))
    MTCNN.load()


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "other.safetensors"
    path.write_bytes(b"text")
    with pytest.raises(CheckpointError, match="not a whole safetensors file"):
        MTCNN.load(path)
    save_arrays(path, {"a": np.ones(2)}, {"format": 1})
    with pytest.raises(CheckpointError, match="format 1, expected 'MTCNN 1'"):
        MTCNN.load(path)
    save_arrays(path, {"a": np.ones(2)}, {"format": FORMAT})
    with pytest.raises(CheckpointError, match=r"missing \['onet.conv1.bias', .*unexpected \['a'\]"):
        MTCNN.load(path)


@pytest.mark.extra
@pytest.mark.parametrize("change", ["a bit", "all signs"])
def test_other_weights_are_refused_since_such_nets_would_find_nothing(tmp_path, change):
    need(WEIGHTS.is_file(), f"no {WEIGHTS}: `minifacenet get mtcnn` makes it")
    arrays, metadata = load_arrays(WEIGHTS)
    if change == "a bit":
        arrays["onet.conv1.weight"].reshape(-1).view(np.uint32)[7] ^= 1
    else:
        arrays = {name: -array for name, array in arrays.items()}
    path = tmp_path / "other.safetensors"
    save_arrays(path, arrays, metadata)
    with pytest.raises(CheckpointError, match=r"not the published weights .*run `") as raised:
        MTCNN.load(path)
    assert str(path) in str(raised.value)
