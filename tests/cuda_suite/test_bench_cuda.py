"""The times on CUDA: what it computes and prints; in the simulator its times mean nothing."""

import importlib.util
from types import SimpleNamespace

import numpy as np
import pytest
from numba import config

from minifacenet.embedding.architectures import FaceNet
from minifacenet.nn.device.backend import device_of
from minifacenet.nn.l2norm import L2Norm
from minifacenet.nn.layer import Sequential
from minifacenet.nn.linear import Linear
from minifacenet.nn.maxout import Maxout
from minifacenet.nn.maxpool import MaxPool
from minifacenet.speed import kernels as kernels_module
from minifacenet.speed import largest_layers, parts_of, time_kernels, time_network, time_step
from minifacenet.speed.card import copy_bandwidth, this_card
from minifacenet.speed.kernels import LAYERS
from minifacenet.speed.sides import BOTH, FORWARD, PRODUCT, STEP, UPDATE, Ours
from minifacenet.speed.yardsticks import yardstick
from minifacenet.training.settings import TrainConfig

from ..speed.fake import Fake
from .test_training_cuda import network

pytestmark = pytest.mark.full

SHAPE = (8, 8, 1)
SIDES = ["fake", *(["torch"] if importlib.util.find_spec("torch") else [])]


def parts():
    """Every time the same weights, on the CPU."""
    return parts_of(network(np.float32), SHAPE)


def side(name, rows, **options):
    if name == "fake":
        return Fake(rows, **options)
    return yardstick("torch", "cpu" if config.ENABLE_CUDASIM else "cuda")(rows)


@pytest.mark.parametrize("name", SIDES)
def test_every_row_agrees_with_the_other_side(name):
    rows, theirs = parts(), side(name, parts())
    timings = time_network(rows, 2, 1, theirs, device="cuda")
    assert [timing.name for timing in timings] == [*rows, "without LRN", "total"]
    assert {device_of(p.data) for part in rows.values() for p in _parameters(part)} == {"cuda"}
    for timing in timings:
        assert set(timing.ours) == {FORWARD, BOTH}
        assert "contiguous" in timing.theirs
    conv, *_, total = timings
    assert conv.traffic[BOTH] > conv.traffic[FORWARD] > 0
    assert total.traffic[BOTH] == sum(timing.traffic[BOTH] for timing in timings[:-2])


def _parameters(part):
    return part.layers.parameters().values()


def test_a_kernel_that_computes_something_else_is_not_timed():
    theirs = side("fake", parts(), faults={"rnorm1": lambda out, dx: (out, dx * np.float32(1.1))})
    with pytest.raises(ValueError, match="rnorm1: our dx and theirs"):
        time_network(parts(), 2, 1, theirs, device="cuda")


def test_what_is_timed_finds_its_arrays_on_the_gpu():
    rows = parts()
    ours = Ours(rows, "cuda")
    calls = ours.calls(["fc1"], np.ones((2, 8), np.float32), np.ones((2, 3), np.float32))[""]
    seen = []
    layer = rows["fc1"].layers.layers["fc1"]
    forward = layer.forward
    layer.forward = lambda x, train=False: seen.append(device_of(x)) or forward(x, train)
    for call in calls.values():
        call.before()
        call.run()
    assert seen == ["cuda", "cuda"]
    out = ours.output(["fc1"], np.ones((2, 8), np.float32))
    assert (device_of(out), out.shape) == ("cpu", (2, 3))


@pytest.mark.parametrize("name", SIDES)
def test_a_step_mines_on_the_cpu(name):
    settings = TrainConfig(people=2, photos=2)
    timings = time_step(parts(), 1, side(name, parts()), settings, "cuda")
    assert tuple(timing.name for timing in timings) == STEP
    weights = sum(p.data.size for part in parts().values() for p in _parameters(part))
    assert timings[1].traffic == {"step": 28 * weights}
    assert timings[-1].ours["step"] > 0


@pytest.mark.parametrize("name", SIDES)
def test_kernels_alone(name):
    rows = largest_layers(network(np.float32), SHAPE)
    assert list(rows) == [kind.__name__ for kind in LAYERS]
    assert rows["ReLU"].row.input == (4, 4, 2)
    theirs = side(name, largest_layers(network(np.float32), SHAPE))
    groups = {group: timings for group, _, timings in time_kernels(rows, 2, 1, theirs, 300, (16,))}
    assert [timing.name for timing in groups["layers"]] == [
        "ReLU 2x4x4x2", "MaxPool 2x4x4x2", "LRN 2x4x4x2", "Maxout 2x6", "L2Norm 2x3",
    ]  # fmt: skip
    moved = [timing.traffic[UPDATE] for timing in groups["optimizers"]]
    assert moved == [20 * 300, 28 * 300, 20 * 300]
    assert [timing.name for timing in groups["products"]] == ["naive 16", "tiled 16", "blocked 16"]
    for timing in groups["products"]:
        assert timing.operations == {PRODUCT: 2 * 16**3}
        assert timing.traffic == {PRODUCT: 4 * 3 * 16**2}
    assert all("contiguous" in timing.theirs for timings in groups.values() for timing in timings)


def test_a_wrong_product_is_not_timed(monkeypatch):
    def halves(a, b, transpose_a, transpose_b, accumulate, out):
        kernels_module.matmul_naive(a, b, transpose_a, transpose_b, accumulate, out)
        out[15:, :] = 0

    monkeypatch.setattr(kernels_module, "STEPS", {"halved": halves})
    with pytest.raises(ValueError, match=r"the product halved 16 is off NumPy's by 0\.\d+ of"):
        list(time_kernels({}, 2, 1, None, 4, (16,)))


def test_the_card():
    card = this_card(1)
    if config.ENABLE_CUDASIM:
        assert card.about == ("GPU simulated by Numba on the CPU: times mean nothing",)
        assert card.peak is card.bandwidth is None
    else:
        assert card.bandwidth > 1e9
        assert card.peak is None or card.peak > 1e11
    assert copy_bandwidth(1, 4096) > 0


@pytest.fixture
def small(monkeypatch):
    """The commands with a network that the simulator, too, has done in seconds."""
    rng = np.random.default_rng(0)
    layers = Sequential(
        ("pool1", MaxPool(9, 8, 1)),
        ("fc1", Linear(16, 6, rng)),
        ("fc1.maxout", Maxout(2)),
        ("L2", L2Norm()),
    )
    model = SimpleNamespace(network=layers)
    monkeypatch.setattr(FaceNet, "new", lambda architecture: model)
    monkeypatch.setenv("COLUMNS", "80")


PHOTOS = ("--size", 32, "--batch", 2, "--rounds", 1)


def test_the_command(run, small, tmp_path):
    options = ("--device", "cuda", "--channels", 1, "--out", tmp_path)
    status, printed, error = run("bench", *PHOTOS, *options)
    assert (status, error) == (0, "")
    assert ("times mean nothing" in printed) == bool(config.ENABLE_CUDASIM)
    assert "with the GPU's work done" in printed
    assert "GB/s" in next(line for line in printed.splitlines() if line.startswith("pool1"))
    assert "GFLOP/s" in printed.splitlines()[-1]
    files = {path.name for path in tmp_path.iterdir()}
    assert files == {"bench.csv", "bench.png", "bench_share.png"} or config.ENABLE_CUDASIM
    assert files >= {"bench.csv", "bench.png"}


def test_the_command_for_kernels(run, small, monkeypatch, tmp_path):
    def few(rows, batch, rounds, against):
        return time_kernels(rows, batch, rounds, against, 300, (16,))

    monkeypatch.setattr(kernels_module, "time_kernels", few)
    monkeypatch.setattr(
        kernels_module,
        "largest_layers",
        lambda network, shape: largest_layers(network, (32, 32, 1)),
    )
    status, printed, error = run("bench", "kernels", *PHOTOS, "--out", tmp_path)
    assert (status, error) == (0, "")
    for words in ("MaxPool 2x32x32x1", "AdaGrad", "blocked 16", "Optimizers on 300 weights"):
        assert words in printed
    assert (tmp_path / "products.csv").read_text().count("\n") == 4
