"""The weights in an ONNX file, read as bytes: nothing in it is executed.

An ONNX file is a protobuf message, and a message is a row of fields. Each begins with a number,
8 * field + type, where type says what follows: 0 a number, 1 eight bytes, 2 a length and so many
bytes (a text, an array or a message), 5 four bytes. Numbers are "varints": 7 bits a byte, the
lowest first, and the top bit set in all but the last byte. A field that comes several times is a
list.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    """The number that begins at `at`, and where it ends."""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def _fields(data: memoryview) -> dict[int, list]:
    """All fields of a message by number: ints, or views of bytes. No bytes are copied."""
    found, at = {}, 0
    while at < len(data):
        key, at = _varint(data, at)
        kind = key % 8
        if kind == 0:
            value, at = _varint(data, at)
        else:
            size, at = _varint(data, at) if kind == 2 else ({1: 8, 5: 4}[kind], at)
            value, at = data[at : at + size], at + size
        found.setdefault(key // 8, []).append(value)
    return found


def _texts(values) -> list[str]:
    return [bytes(value).decode() for value in values]


# The fields that we need, as onnx.proto numbers them.
MODEL_GRAPH = 7
GRAPH_NODE, GRAPH_INITIALIZER = 1, 5
NODE_INPUT, NODE_OP_TYPE = 1, 4
TENSOR_DIMS, TENSOR_FLOAT_DATA, TENSOR_NAME, TENSOR_RAW_DATA = 1, 4, 8, 9


def read_onnx(data) -> Iterator[tuple[str, list[np.ndarray]]]:
    """The nodes of a network in order: (operation, those of its inputs that are weights).

    Weights go by the inputs that name them, since their own names say little ('slope'). The arrays
    are views of `data`, float32.
    """
    graph = _fields(_fields(memoryview(data))[MODEL_GRAPH][0])
    weights = {}
    for message in graph[GRAPH_INITIALIZER]:
        tensor = _fields(message)
        numbers = tensor.get(TENSOR_RAW_DATA) or tensor[TENSOR_FLOAT_DATA]  # one or the other
        array = np.frombuffer(numbers[0], "<f4").reshape(tensor[TENSOR_DIMS])
        weights[_texts(tensor[TENSOR_NAME])[0]] = array
    for message in graph[GRAPH_NODE]:
        node = _fields(message)
        inputs = [name for name in _texts(node[NODE_INPUT]) if name in weights]
        yield _texts(node[NODE_OP_TYPE])[0], [weights[name] for name in inputs]
