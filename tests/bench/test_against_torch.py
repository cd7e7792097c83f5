"""With PyTorch installed: its rows compute what ours compute."""

import numba
import numpy as np
import pytest

from minifacenet.bench import bench_network, bench_step, parts_of
from minifacenet.bench.network import check_agreement, random_photos
from minifacenet.bench.sides import BOTH, Ours, Part, yardstick
from minifacenet.embedding.architectures import NN1, Architecture, FaceNet
from minifacenet.embedding.train import TrainConfig
from minifacenet.nn.layer import Row, Sequential
from minifacenet.nn.prelu import PReLU

torch = pytest.importorskip("torch", reason="PyTorch, the yardstick, is not installed")
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
        bench_network(parts, batch=1, rounds=1, against=theirs)


def test_a_step_is_timed_on_both_sides(sides):
    parts, _, theirs = sides
    timings = bench_step(parts, 1, theirs, TrainConfig(people=3, photos=2))
    assert timings[-1].name == "total"
    assert timings[-1].ratio("step") > 0


def test_a_layer_without_counterpart_is_named():
    layers = Sequential(("prelu1", PReLU(8)))
    part = Part(Row("prelu1", None, (4, 4, 8), (4, 4, 8), 8, 0), layers)
    with pytest.raises(ValueError, match="no counterpart in PyTorch is known for prelu1, a PReLU"):
        Torch({"prelu1": part})
