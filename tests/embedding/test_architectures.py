import subprocess
import sys

import numpy as np
import pytest

from minifacenet.embedding.architectures import NETWORKS, Architecture, FaceNet
from minifacenet.embedding.nn1 import NN1_PAPER, build_nn1

ROWS = [
    "conv1",
    "pool1",
    "rnorm1",
    "conv2a",
    "conv2",
    "rnorm2",
    "pool2",
    "conv3a",
    "conv3",
    "pool3",
    "conv4a",
    "conv4",
    "conv5a",
    "conv5",
    "conv6a",
    "conv6",
    "pool4",
    "concat",
    "fc1",
    "fc2",
    "fc7128",
    "L2",
]


@pytest.fixture(scope="module")
def nn1():
    return FaceNet.new(Architecture("nn1")).network


def test_nn1_is_table_1(nn1):
    rows = nn1.table((220, 220, 3))
    assert [row.name for row in rows] == ROWS
    assert sum(row.parameters for row in rows) == 140_025_664
    assert sum(row.multiply_adds for row in rows) == 1_608_287_104
    shapes = {row.name: row.output for row in rows}
    assert shapes["conv1"] == (110, 110, 64)
    assert shapes["pool1"] == (55, 55, 64)
    assert shapes["pool2"] == (28, 28, 192)
    assert shapes["pool3"] == (14, 14, 384)
    assert shapes["pool4"] == shapes["concat"] == (7, 7, 256)
    assert shapes["fc1"] == shapes["fc2"] == (4096,)
    assert shapes["L2"] == (128,)


def test_every_row_rounds_to_the_papers_figures(nn1):
    units = {"K": 1e3, "M": 1e6, "B": 1e9}
    for row in nn1.table((220, 220, 3)):
        printed = NN1_PAPER.get(row.name, ("0K", "0M"))
        for ours, text in zip((row.parameters, row.multiply_adds), printed, strict=True):
            decimals = len(text.partition(".")[2].rstrip("KMB"))
            tolerance = 0.52 * 10**-decimals * units[text[-1]]  # conv4: 884,992 is printed as 885K
            assert abs(ours - float(text[:-1]) * units[text[-1]]) <= tolerance, row


OF_TABLE_1 = [name for name, network in NETWORKS.items() if network.build is build_nn1]


@pytest.mark.parametrize("name", OF_TABLE_1[1:])
def test_the_others_are_the_same_table(name, nn1):
    architecture = Architecture(name, channels=1)
    other = FaceNet.new(architecture).network
    assert list(other.layers) == list(nn1.layers)
    kinds = [[type(layer) for layer in net.layers.values()] for net in (other, nn1)]
    assert kinds[0] == kinds[1]
    assert other.output_shape(architecture.input_shape) == (architecture.dim,)
    assert set(NETWORKS[name].widths) == set(NETWORKS["nn1"].widths)


def test_parts_of_the_table_can_be_left_out():
    full, plain = (
        FaceNet.new(Architecture(channels=1, lrn=on, maxout=on)).network for on in (True, False)
    )
    assert set(full.layers) - set(plain.layers) == {"rnorm1", "rnorm2", "fc1.maxout", "fc2.maxout"}
    assert set(plain.layers) - set(full.layers) == {"fc1.relu", "fc2.relu"}
    assert plain.output_shape((96, 96, 1)) == (128,)
    for before, after in zip(full.parameters().items(), plain.parameters().items(), strict=True):
        assert before[0] == after[0]
        halved = before[0].startswith(("fc1", "fc2."))
        assert before[1].data.shape[-1] == after[1].data.shape[-1] * (2 if halved else 1)


@pytest.mark.parametrize("channels", [1, 3])
def test_nn1_mini_gives_unit_vectors(channels):
    architecture = Architecture(channels=channels, dim=16)
    model = FaceNet.new(architecture)
    x = np.random.default_rng(0).standard_normal((2, *architecture.input_shape), dtype=np.float32)
    out = model.network.forward(x)
    assert out.shape == (2, 16)
    assert out.dtype == np.float32
    np.testing.assert_allclose((out**2).sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(name="nn7"), "'nn7'.*nn1, nn1_mini"),
        (dict(channels=4), "channels.*4"),
        (dict(size=8), "size must be at least 32, got 8"),
        (dict(size=9000), "size must be at most 8192, got 9000"),
        (dict(dim=0), "dim must be at least 1, got 0"),
        (dict(name="nn2", lrn=False), "lrn and maxout are parts of nn1, nn2 is only had as it is"),
    ],
)
def test_unknown_networks_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Architecture(**arguments)


@pytest.mark.parametrize("name", ["nn4_small2", "dlib_resnet", "inception_resnet_v1"])
def test_photos_that_are_too_small_are_told_with_the_networks_own_size(name, run):
    own = NETWORKS[name].size
    with pytest.raises(ValueError, match=f"{name} .* of 64 pixels, its own size is {own} "):
        Architecture(name, size=64).build(None)
    status, _, error = run("summary", name, "--size", "64")
    assert (status, error.count("\n")) == (1, 1)
    assert f"{name} does not take photos of 64 pixels" in error


STEP = """
import numpy as np
from minifacenet.embedding.architectures import Architecture, FaceNet
from minifacenet.training.loop import train
from minifacenet.training.settings import TrainConfig
from types import SimpleNamespace

def peak():  # GiB, of this process: getrusage's counts what came before exec
    lines = open("/proc/self/status").read().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmHWM"))) / 2**20

architecture = Architecture(NAME, channels=CHANNELS)
network = FaceNet.new(architecture).network
rng = np.random.default_rng(0)
faces = SimpleNamespace(
    images=rng.integers(0, 256, (PEOPLE * PHOTOS, *architecture.input_shape), np.uint8),
    labels=np.repeat(np.arange(PEOPLE), PHOTOS),
)
before = peak()
record = next(train(network, faces, TrainConfig(
    people=PEOPLE, photos=PHOTOS, chunk=CHUNK, mining="all")))
assert record.triplets and record.images == PEOPLE * PHOTOS
assert all(np.isfinite(p.grad).all() and p.grad.any() for p in network.parameters().values())
print(peak(), peak() - before)
"""


def one_step(**names) -> list[float]:
    """Peak memory of a process that takes a training step, and what the step adds, in GiB."""
    code = STEP
    for name, value in names.items():
        code = code.replace(name.upper(), repr(value))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return [float(number) for number in done.stdout.split()]


@pytest.mark.full
def test_a_step_of_the_full_nn1_at_64_fits_6_gib():
    whole, _ = one_step(name="nn1", channels=3, people=16, photos=4, chunk=None)
    print(f"full NN1, 64 photos, Adam: {whole:.2f} GiB")
    assert whole < 6


@pytest.mark.full
def test_a_step_of_nn1_mini_at_the_papers_1800_photos_fits_1_gib():
    _, added = one_step(name="nn1_mini", channels=1, people=45, photos=40, chunk=100)
    print(f"nn1_mini, 1,800 photos in chunks of 100: {added:.2f} GiB more")
    assert added < 1


def test_equal_weights_in_another_architecture_have_another_digest():
    network = FaceNet.new(Architecture(size=32, channels=1, dim=4)).network
    kinds = [Architecture(size=32, channels=1, dim=4, lrn=lrn) for lrn in (True, False)]
    assert len({FaceNet(kind, network).digest for kind in kinds}) == 2
    assert FaceNet(kinds[0], network).digest == FaceNet.new(kinds[0]).digest
    assert FaceNet(kinds[0], network).digest != FaceNet.new(kinds[0], seed=1).digest
