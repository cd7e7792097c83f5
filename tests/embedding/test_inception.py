"""NN2 is the paper's Table 2, and nn4.small2 is what OpenFace published."""

import pytest

from minifacenet.embedding.architectures import Architecture, FaceNet
from minifacenet.embedding.inception import NN2_PAPER
from minifacenet.nn.l2pool import L2Pool
from minifacenet.nn.maxpool import MaxPool


@pytest.fixture(scope="module")
def nn2():
    return FaceNet.blank(Architecture("nn2")).network


def test_nn2_is_table_2(nn2):
    rows = nn2.table((224, 224, 3))
    assert [row.name for row in rows] == [
        "conv1", "pool1", "norm1", "inception2", "norm2", "pool2", "inception3a", "inception3b",
        "inception3c", "inception4a", "inception4b", "inception4c", "inception4d", "inception4e",
        "inception5a", "inception5b", "avgpool", "fc128", "L2",
    ]  # fmt: skip
    assert sum(row.parameters for row in rows) == 7_456_304
    assert sum(row.multiply_adds for row in rows) == 1_599_771_872
    shapes = {row.name: row.output for row in rows}
    assert shapes["conv1"] == (112, 112, 64)
    assert shapes["pool1"] == (56, 56, 64)
    assert shapes["inception2"] == (56, 56, 192)
    assert shapes["inception3a"] == (28, 28, 256)
    assert shapes["inception3b"] == (28, 28, 320)
    assert shapes["inception3c"] == shapes["inception4a"] == (14, 14, 640)
    assert shapes["inception4e"] == shapes["inception5b"] == (7, 7, 1024)
    assert shapes["avgpool"] == (1, 1, 1024)
    assert shapes["L2"] == (128,)


def test_every_row_rounds_to_the_papers_figures(nn2):
    units = {"K": 1e3, "M": 1e6, "B": 1e9}
    for row in nn2.table((224, 224, 3)):
        printed = NN2_PAPER.get(row.name, ("0K", "0M"))
        for ours, text in zip((row.parameters, row.multiply_adds), printed, strict=True):
            decimals = len(text.partition(".")[2].rstrip("KMB"))
            tolerance = 0.55 * 10**-decimals * units[text[-1]]  # 4a: 545,536 is printed as 545K
            assert abs(ours - float(text[:-1]) * units[text[-1]]) <= tolerance, row


def test_the_pools_of_the_inceptions_are_those_of_table_2(nn2):
    kinds = {
        name: type(layer.branches["pool"]["pool"])
        for name, layer in nn2.layers.items()
        if name.startswith("inception") and "." not in name
    }
    largest = {name for name, kind in kinds.items() if kind is MaxPool}
    assert largest == {"inception3a", "inception3c", "inception4e", "inception5b"}
    assert {kinds[name] for name in kinds.keys() - largest} == {L2Pool}


def test_nn4_small2_has_openfaces_numbers():
    model = FaceNet.blank(Architecture("nn4_small2"))
    sizes = {name: p.data.size for name, p in model.network.parameters().items()}
    running = sum(size for name, size in sizes.items() if "running" in name)
    assert (sum(sizes.values()) - running, running) == (3_733_968, 9_312)
    shapes = {row.name: row.output for row in model.network.table((96, 96, 3))}
    assert shapes["pool2"] == (12, 12, 192)
    assert shapes["inception3a"] == (12, 12, 256)
    assert shapes["inception3c"] == (6, 6, 640)
    assert shapes["inception4e"] == (3, 3, 1024)
    assert shapes["inception5b"] == (3, 3, 736)
