"""The reader of Torch7's files on made-up ones, which a few lines write here."""

import struct

import numpy as np
import pytest

from minifacenet.data_scripts import torch7_weights
from minifacenet.data_scripts.torch7_weights import Module, read_torch7
from minifacenet.data_scripts.weight_bytes import WeightsError
from tests.data_scripts.damage import (
    NAME,
    changed,
    cut_off_anywhere,
    read_or_refused,
    refused_in_little_memory,
)


def integers(*numbers):
    return struct.pack(f"<{len(numbers)}i", *numbers)


def sizes(*numbers):
    return struct.pack(f"<{len(numbers)}q", *numbers)


def letters(text):
    return integers(len(text)) + text.encode()


NIL = integers(0)


def number(value):
    return integers(1) + struct.pack("<d", value)


def text(value):
    return integers(2) + letters(value)


def table(index, *pairs):
    return integers(3, index, len(pairs)) + b"".join(key + value for key, value in pairs)


def torch(index, kind, content, version="V 1"):
    return integers(4, index) + letters(version) + letters(kind) + content


def storage(index, array, kind="Float"):
    return torch(index, f"torch.{kind}Storage", sizes(array.size) + array.tobytes())


def tensor(index, shape, strides, held, offset=1, kind="Float"):
    content = integers(len(shape)) + sizes(*shape, *strides, offset) + held
    return torch(index, f"torch.{kind}Tensor", content)


NUMBERS = np.arange(12, dtype=np.float32)
SMALL = torch(
    1,
    "nn.Sequential",
    table(
        2,
        (text("train"), integers(5, 1)),
        (text("kW"), number(3)),
        (text("weight"), tensor(3, (2, 3), (3, 1), storage(4, NUMBERS), offset=4)),
        (text("turned"), tensor(5, (3, 2), (1, 3), integers(4, 4))),
        (text("again"), integers(4, 3)),
        (text("nothing"), tensor(6, (), (), NIL)),
        (text("dims"), tensor(7, (2,), (1,), storage(8, np.array([5, 6]), "Long"), 1, "Long")),
        (text("modules"), table(9, (number(1), torch(10, "nn.ReLU", table(11))), (number(2), NIL))),
    ),
)


def test_objects_of_all_kinds():
    network = read_torch7(SMALL, NAME)
    assert network.kind == "nn.Sequential"
    fields = network.fields
    assert fields["train"] is True
    assert fields["kW"] == 3.0
    np.testing.assert_array_equal(fields["weight"], NUMBERS[3:9].reshape(2, 3))
    np.testing.assert_array_equal(fields["turned"], NUMBERS[:6].reshape(2, 3).T)
    assert fields["again"] is fields["weight"]
    assert fields["nothing"].shape == (0,)
    assert fields["dims"].dtype == np.int64
    np.testing.assert_array_equal(fields["dims"], [5, 6])
    assert fields["modules"] == {1: Module("nn.ReLU", {}), 2: None}
    assert not fields["weight"].flags.writeable


def test_double_numbers():
    array = np.array([0.1, -2])
    held = tensor(1, (2,), (1,), storage(2, array, "Double"), kind="Double")
    np.testing.assert_array_equal(read_torch7(held, NAME), array)


def test_a_file_cut_off_anywhere_is_refused():
    cut_off_anywhere(read_torch7, SMALL)


def test_changed_bytes_are_read_or_refused():
    ends = {read_or_refused(read_torch7, data) for data in changed(SMALL, 4000)}
    assert ends == {"read", "refused"}


def held_in(depth):
    return b"".join(integers(3, index, 1) + text("a") for index in range(depth)) + NIL


HUGE = 2**60
FIVE = storage(2, NUMBERS[:5])


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (integers(6) + letters("dumped"), r"byte 0: a function \(type 6\), which is code"),
        (integers(8, 1), r"a function \(type 8\)"),
        (integers(9), "an object of type 9, expected 0 to 5"),
        (torch(1, "os.execute", table(2)), "byte 15: an object of class 'os.execute', expected nn"),
        (torch(1, "nn.A.b", table(2)), "of class 'nn.A.b'"),
        (torch(1, "nn.A\x1b[2J", table(2)), r"of class 'nn.A\\x1b\[2J'"),
        (torch(1, "torch.CudaTensor", b""), "of class 'torch.CudaTensor'"),
        (torch(1, "nn.A", number(1)), "nn.A holds float, not a table"),
        (torch(1, "nn.A", table(2), version="V 2"), "a version 'V 2', expected 'V 1'"),
        (text("a") + b"!", "1 bytes after the last object"),
        (integers(2, HUGE % 2**31 - 1), "a text of -1 bytes"),
        (integers(2, 2**31 - 1) + b"abc", "a text of 2147483647 bytes, but 3 are left"),
        (integers(2, 2) + b"\xff\xff", r"a text b'\\xff\\xff' is no UTF-8"),
        (integers(3, 1, 2**31 - 1), "a table of 2147483647 pairs in 0 bytes"),
        (integers(3, 1, -1), "a table of -1 pairs"),
        (table(1, (NIL, NIL)), "a key <class 'NoneType'>, expected a new text or integer"),
        (table(1, (number(0.5), NIL)), "a key 0.5"),
        (table(1, (number(float("nan")), NIL)), "a key nan"),
        (table(1, (text("a"), NIL), (text("a"), NIL)), "a key 'a', expected a new"),
        (table(1, (text("a"), integers(3, 1))), "object 1 holds itself"),
        (torch(1, "torch.FloatStorage", sizes(HUGE)), f"a storage of {HUGE} float32 of {4 * HUGE}"),
        (torch(1, "torch.FloatStorage", sizes(-1)), "of -4 bytes"),
        (tensor(1, (HUGE,), (0,), FIVE), r"sizes \(1152.*does not fit into its storage of 5"),
        (tensor(1, (2**31, 2**31), (0, 0), FIVE), "does not fit"),
        (tensor(1, (3,), (0,), FIVE), "read"),
        (tensor(1, (6,), (0,), FIVE), "does not fit"),
        (tensor(1, (5,), (1,), FIVE), "read"),
        (tensor(1, (5,), (1,), FIVE, offset=2), "does not fit"),
        (tensor(1, (2, 2), (4, 1), FIVE), "does not fit"),
        (tensor(1, (2,), (-1,), FIVE, offset=2), "does not fit"),
        (tensor(1, (1,), (1,), FIVE, offset=0), "does not fit"),
        (tensor(1, (-1,), (1,), FIVE), "does not fit"),
        (tensor(1, (1,), (2**62,), FIVE), "read"),
        (tensor(1, (0, 2**62, 2**62), (1, 1, 1), FIVE), "does not fit"),
        (tensor(1, (5,), (1,), storage(2, np.arange(5.0), "Double")), "without a storage of that"),
        (tensor(1, (5,), (1,), NIL), "float32 without a storage of that type"),
        (torch(1, "torch.FloatTensor", integers(2**30)), "a tensor of 1073741824 axes"),
        (held_in(50), "read"),
        (held_in(51), "more than 50 tables in tables"),
        (held_in(100_000), "more than 50 tables in tables"),
    ],
)
def test_what_is_refused(data, match):
    if match == "read":
        assert read_or_refused(read_torch7, data) == "read"
    else:
        refused_in_little_memory(read_torch7, data, match)


def test_more_objects_than_a_network_has_are_refused(monkeypatch):
    monkeypatch.setattr(torch7_weights, "OBJECTS", 30)
    read_torch7(table(1, *((number(i), NIL) for i in range(14))), NAME)
    with pytest.raises(WeightsError, match="or 30 objects"):
        read_torch7(table(1, *((number(i), NIL) for i in range(15))), NAME)
