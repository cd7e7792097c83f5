import numpy as np
import pytest

from minifacenet.embedding.architectures import Architecture, FaceNet
from minifacenet.embedding.nn1 import NN1
from minifacenet.speed import largest_layers, parts_of, time_network, time_step
from minifacenet.speed.sides import BOTH, FORWARD, STEP, Ours
from minifacenet.speed.yardsticks import yardstick
from minifacenet.training.settings import TrainConfig

from .fake import Fake

SMALL = Architecture("nn1_mini", 32)
ROWS = [row if isinstance(row, str) else row[0] for row in NN1]


def parts(architecture=SMALL):
    return parts_of(FaceNet.new(architecture).network, architecture.input_shape)


@pytest.fixture(scope="module")
def timings():
    rows = parts()
    return time_network(rows, batch=2, rounds=1, against=Fake(rows))


def test_a_row_a_layer_and_the_total_last(timings):
    assert [timing.name for timing in timings] == [*ROWS, "without LRN", "total"]
    for timing in timings:
        assert set(timing.ours) == {FORWARD, BOTH}
        assert set(timing.theirs) == {"contiguous", "channels_last"}
    assert timings[-1].ratio(BOTH) > 0


def test_operations_are_two_a_multiply_add_and_conv1_hands_nothing_back(timings):
    network = FaceNet.new(SMALL).network
    count = {timing.name: timing.operations for timing in timings}
    assert count["total"][FORWARD] == 2 * 2 * network.multiply_adds(SMALL.input_shape)
    assert count["conv2"][BOTH] == 3 * count["conv2"][FORWARD]
    assert count["conv1"][BOTH] == 2 * count["conv1"][FORWARD]
    assert count["total"][BOTH] == 3 * count["total"][FORWARD] - count["conv1"][FORWARD]
    assert count["without LRN"] == count["total"]
    assert count["pool1"] == {FORWARD: 0, BOTH: 0}


def test_a_network_without_lrn_has_one_row_less():
    timings = time_network(parts(Architecture("nn1_mini", 32, lrn=False)), batch=1, rounds=1)
    assert [timing.name for timing in timings[-2:]] == ["L2", "total"]
    assert timings[-1].theirs == {}


def test_rows_get_what_reaches_them_in_the_network():
    seen = {}

    class Watched(Fake):
        def values(self, names, x, dout):
            seen[tuple(names)] = x
            return super().values(names, x, dout)

    rows = parts()
    time_network(rows, batch=1, rounds=1, against=Watched(rows))
    before_fc2 = Ours(rows).layers(ROWS[: ROWS.index("fc2")])
    photos = seen[tuple(ROWS)]
    np.testing.assert_array_equal(seen[("fc2",)], before_fc2.forward(photos))


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (lambda out, dx: (out * np.float32(1.001), dx), "conv3: our output and theirs"),
        (lambda out, dx: (out, dx + dx.std() / 10), "conv3: our dx and theirs"),
        (lambda out, dx: (out, None), "conv3: our dx is .*, theirs None"),
        (lambda out, dx: (out[:, :1], dx), "conv3: our output is .*, theirs"),
        (lambda out, dx: (out * np.float32(np.nan), dx), "conv3: our output and theirs"),
    ],
)
def test_what_is_not_the_same_is_not_compared(fault, message):
    rows = parts()
    with pytest.raises(ValueError, match=message):
        time_network(rows, batch=1, rounds=1, against=Fake(rows, {"conv3": fault}))


def test_progress_is_told():
    told = []
    time_network(parts(), batch=1, rounds=1, tell=lambda *counts: told.append(counts))
    assert told == [(done, 24) for done in range(24)]


def test_our_gradients_are_cleared_before_each_backward():
    rows = parts()
    x = np.ones((1, 32, 32, 3), np.float32)
    call = Ours(rows).calls(["conv1"], x, np.ones((1, 16, 16, 16), np.float32))[""][BOTH]
    gradient = rows["conv1"].layers.parameters()["conv1.bias"].grad
    for _ in range(2):
        call.before()
        call.run()
    once = gradient.copy()
    call.run()
    np.testing.assert_allclose(gradient, 2 * once, rtol=1e-5)
    assert gradient.any()


def test_a_step_is_timed_with_its_parts():
    rows = parts()
    config = TrainConfig(people=3, photos=2)
    weight = rows["fc2"].layers.parameters()["fc2.weight"]
    version = weight.version
    timings = time_step(rows, rounds=1, against=Fake(rows), config=config)
    assert tuple(timing.name for timing in timings) == STEP
    assert weight.version == version + 4  # Adam alone and in the step, twice each
    assert all(set(timing.theirs) == {"contiguous"} for timing in timings)
    alone = time_step(rows, rounds=1, config=config)
    assert all(timing.theirs == {} for timing in alone)


def test_another_yardstick_is_refused():
    with pytest.raises(ValueError, match="no yardstick 'jax': take torch, onnxruntime"):
        yardstick("jax")
    with pytest.raises(ValueError, match=r"OpenVINO computes whole networks forward.*take torch"):
        yardstick("openvino")


def test_of_each_kind_of_layer_the_largest_is_timed_alone():
    found = largest_layers(FaceNet.new(SMALL).network, SMALL.input_shape)
    assert {name: part.row.input for name, part in found.items()} == {
        "ReLU": (16, 16, 16),  # the first of ten
        "MaxPool": (16, 16, 16),
        "LRN": (8, 8, 48),  # the second of two
        "Maxout": (1024,),
        "L2Norm": (128,),
    }
    assert found["MaxPool"].row.output == (8, 8, 16)
