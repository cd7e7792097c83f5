"""The reader of ONNX files on made-up and damaged ones."""

import numpy as np
import pytest

from minifacenet.data_scripts.onnx_weights import FIELDS, read_onnx
from minifacenet.data_scripts.weight_bytes import WeightsError
from tests.data_scripts.damage import (
    NAME,
    changed,
    cut_off_anywhere,
    read_or_refused,
    refused_in_little_memory,
)
from tests.data_scripts.test_get_mtcnn import field, onnx, varint

ROW = np.arange(3, dtype=np.float32)
SMALL = onnx([("Conv", [ROW.reshape(3, 1, 1, 1), ROW]), ("PRelu", [ROW])])


def read(data, name=NAME):
    return [array for _, arrays in read_onnx(data, name) for array in arrays]


def graph(*fields):
    return field(7, b"".join(fields))


def weight(*fields):
    return graph(field(5, b"".join(fields)))


def test_a_file_cut_off_anywhere_is_refused():
    cut_off_anywhere(read, SMALL)


def test_changed_bytes_are_read_or_refused():
    ends = {read_or_refused(read, data) for data in changed(SMALL, 2000)}
    assert ends == {"read", "refused"}


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (b"", "no field 7"),
        (field(7, 1), "a field 7 of another type"),
        (varint(8 * 7 + 3), "a field of type 3"),
        (varint(8 * 7 + 2) + varint(2**40), "of 1099511627776 bytes, but 0 are left"),
        (varint(8 * 7 + 2) + b"\xff" * 2000, "a number of more than 10 bytes"),
        (graph(field(1, field(1, "x"))), "a node, byte 0: no field 4"),
        (graph(field(1, field(4, b"\xff"))), r"an operation b'\\xff' is no UTF-8"),
        (weight(field(8, "w")), "no field 9 or 4"),
        (weight(field(8, "w"), field(9, b"1234"), field(1, 2**60), field(1, 2**60)), "an array"),
        (weight(field(8, "w"), field(9, b"1234"), field(1, "2")), "a field 1 of another type"),
        (weight(field(8, "w"), field(9, b"")), "an array"),
        (weight(field(8, "w"), field(9, b"1234"), *[field(1, 1)] * 70), "an array"),
    ],
)
def test_what_a_file_may_not_say(data, match):
    with pytest.raises(WeightsError, match=match):
        read(data)


def test_many_small_fields_take_no_memory_of_their_own():
    refused_in_little_memory(read, field(1, 1) * (FIELDS + 9), f"more than {FIELDS} fields", 2**23)
