"""With PyTorch installed: its rows compute what ours compute."""

import numba
import numpy as np
import pytest

from minifacenet.embedding.architectures import Architecture, FaceNet
from minifacenet.embedding.nn1 import NN1
from minifacenet.nn.affine import Affine
from minifacenet.nn.avgpool import AvgPool
from minifacenet.nn.concat import Concat
from minifacenet.nn.conv import Conv2D
from minifacenet.nn.l2pool import L2Pool
from minifacenet.nn.layer import Layer, Row, Sequential
from minifacenet.nn.maxpool import MaxPool
from minifacenet.nn.optim import OPTIMIZERS
from minifacenet.nn.prelu import PReLU
from minifacenet.nn.relu import ReLU
from minifacenet.nn.rescale import Rescale
from minifacenet.nn.residual import Residual
from minifacenet.speed import parts_of, time_network, time_step
from minifacenet.speed.network import check_agreement, random_photos
from minifacenet.speed.sides import BOTH, Ours, Part
from minifacenet.speed.yardsticks import yardstick
from minifacenet.training.settings import TrainConfig

torch = pytest.importorskip("torch", reason="PyTorch, the yardstick, is not installed")
from minifacenet.speed.torch_device import set_up  # noqa: E402 - it imports torch

Torch = yardstick("torch")

ROWS = [row if isinstance(row, str) else row[0] for row in NN1]
ARCHITECTURE = Architecture("nn1_mini", 64)


@pytest.fixture(scope="module")
def sides():
    parts = parts_of(FaceNet.new(ARCHITECTURE).network, ARCHITECTURE.input_shape)
    return parts, Ours(parts), Torch(parts)


@pytest.mark.parametrize("row", ROWS)
def test_each_row_agrees_forward_and_backward_in_both_layouts(sides, row):
    parts, ours, theirs = sides
    x = ours.layers(ROWS[: ROWS.index(row)]).forward(random_photos(parts, 2))
    out = parts[row].layers.forward(x)
    dout = np.random.default_rng(0).standard_normal(out.shape, np.float32)
    values = theirs.values([row], x, dout)
    assert set(values) == ({"contiguous", "channels_last"} if x.ndim == 4 else {"contiguous"})
    check_agreement(row, ours.values([row], x, dout)[""], values)


def test_their_gradients_are_not_added_up(sides):
    _, _, theirs = sides
    photos = random_photos(sides[0], 2)
    calls = theirs.calls(ROWS, photos, np.ones((2, 128), np.float32))
    for layout, passes in calls.items():
        weight = theirs.modules[layout]["conv1"][0].weight
        gradients = []
        for _ in range(2):
            passes[BOTH].before()
            assert weight.grad is None
            passes[BOTH].run()
            gradients.append(weight.grad.clone())
        torch.testing.assert_close(*gradients)
        assert gradients[0].any()


def test_layouts_and_threads_are_what_they_are_called(sides):
    theirs = sides[2]
    weight = theirs.modules["channels_last"]["conv2"][0].weight
    assert weight.is_contiguous(memory_format=torch.channels_last)
    assert theirs.modules["contiguous"]["conv2"][0].weight.is_contiguous()
    assert theirs.modules["contiguous"]["fc1"] is theirs.modules["channels_last"]["fc1"]
    numba.set_num_threads(1)
    assert Torch(sides[0]).about.startswith("PyTorch ")
    assert torch.get_num_threads() == 1


def test_another_weight_is_noticed():
    parts = parts_of(FaceNet.new(ARCHITECTURE).network, ARCHITECTURE.input_shape)
    theirs = Torch(parts)
    with parts["conv4"].layers.parameters()["conv4.weight"].edit() as w:
        w *= 1.01
    with pytest.raises(ValueError, match="conv4: our output and theirs"):
        time_network(parts, batch=1, rounds=1, against=theirs)


def test_a_step_is_timed_on_both_sides(sides):
    parts, _, theirs = sides
    timings = time_step(parts, 1, theirs, TrainConfig(people=3, photos=2))
    assert timings[-1].name == "total"
    assert timings[-1].ratio("step") > 0


def test_a_layer_without_counterpart_is_named():
    class Swish(Layer):
        pass

    part = Part(Row("own", None, (4, 4, 8), (4, 4, 8), 8, 0), Sequential(("own", Swish())))
    with pytest.raises(ValueError, match="no counterpart in PyTorch is known for own, a Swish"):
        Torch({"own": part})


LAYERS = {
    "prelu": PReLU(6),
    "affine": Affine(6),
    "a fixed scale": Rescale(np.arange(6), np.arange(6)),
    "an uneven padding": Conv2D(6, 4, 3, np.random.default_rng(0), 2, ((0, 1), (1, 0))),
    "an uneven pool": MaxPool(3, 2, ((0, 1), (0, 1))),
    "a pool that hangs over": MaxPool(3, 2, ceil_mode=True),
    "mean": AvgPool(3, 2, 1, count_include_pad=False),
    "l2": L2Pool(3, 2, 1),
    "branches": Concat(("a", MaxPool(3, 2)), ("b", ReLU()), pad=True),
    "residual": Residual(
        Sequential(("c", Conv2D(6, 8, 3, np.random.default_rng(0), 2))), scale=0.5
    ),
}


@pytest.mark.parametrize("kind", LAYERS)
def test_a_layer_of_each_kind_agrees(kind):
    layers = Sequential((kind, LAYERS[kind]))
    shape = (9, 7, 6)
    part = Part(Row(kind, None, shape, layers.output_shape(shape), 0, 0), layers)
    x = np.random.default_rng(1).standard_normal((2, *shape), np.float32)
    dout = np.random.default_rng(2).standard_normal((2, *layers.output_shape(shape)), np.float32)
    values = Torch({kind: part}).values([kind], x, dout)
    check_agreement(kind, Ours({kind: part}).values([kind], x, dout)[""], values)


@pytest.mark.parametrize("name", ["nn1_mini_bn", "resnet_mini", "nn4_small2", "dlib_resnet"])
def test_other_networks_agree_as_a_whole(name):
    architecture = Architecture(name)
    parts = parts_of(FaceNet.new(architecture).network, architecture.input_shape)
    photos, dout = random_photos(parts, 2), np.ones((2, 128), np.float32)
    values = Torch(parts).values(parts, photos, dout)
    check_agreement(name, Ours(parts).values(parts, photos, dout)[""], values)


def test_a_relu_of_its_own_leaves_its_input_alone():
    part = Part(Row("ReLU", None, (4, 4, 2), (4, 4, 2), 0, 0), Sequential(("ReLU", ReLU())))
    x = np.random.default_rng(0).standard_normal((2, 4, 4, 2), np.float32)
    theirs = Torch({"ReLU": part})
    for out, dx in theirs.values(["ReLU"], x, np.ones_like(x)).values():
        np.testing.assert_array_equal(out, np.maximum(x, 0))
        np.testing.assert_array_equal(dx, x > 0)


def test_optimizers_and_products_are_theirs():
    theirs = Torch({})
    weights = np.ones(4, np.float32)
    for name in OPTIMIZERS:
        theirs.update(name, weights)["contiguous"].run()
    a, b = np.random.default_rng(0).standard_normal((2, 5, 5), np.float32)
    product = theirs.product(a, b)["contiguous"].run()
    np.testing.assert_allclose(product.numpy(), a @ b, rtol=1e-4, atol=1e-5)


@pytest.fixture
def settings(monkeypatch):
    """PyTorch's, put back afterwards; said to be a build for GPUs."""
    before = {
        (part, name): getattr(part, name)
        for part, names in (
            (torch.backends.cuda.matmul, ["allow_tf32"]),
            (torch.backends.cudnn, ["allow_tf32", "enabled", "benchmark"]),
        )
        for name in names
    }
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    yield
    for (part, name), value in before.items():
        setattr(part, name, value)


def test_on_a_gpu_float32_stays_float32(settings):
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    about = set_up("cuda")
    assert not torch.backends.cuda.matmul.allow_tf32
    assert not torch.backends.cudnn.allow_tf32
    assert torch.backends.cudnn.benchmark
    for words in (f"PyTorch {torch.__version__}", "CUDA 13.0", "cuDNN", "benchmark", "TF32 off"):
        assert words in about


def test_a_pytorch_that_cannot_use_the_gpu_says_why(settings, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(
        ValueError, match=r"finds no GPU, though ours does: its CUDA 13\.0 may want"
    ):
        yardstick("torch", "cuda")({})
    monkeypatch.setattr(torch.version, "cuda", None)
    with pytest.raises(ValueError, match=r"without CUDA.*pip uninstall torch.*pip install torch"):
        yardstick("torch", "cuda")({})
