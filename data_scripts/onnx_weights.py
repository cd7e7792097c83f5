"""The weights in an ONNX file, read as bytes: nothing in it is executed.

An ONNX file is a protobuf message, and a message is a row of fields. Each begins with a number,
8 * field + type, where type says what follows: 0 a number, 1 eight bytes, 2 a length and so many
bytes (a text, an array or a message), 5 four bytes. Numbers are "varints": 7 bits a byte, the
lowest first, and the top bit set in all but the last byte. A field that comes several times is a
list.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from minifacenet.data_scripts.weight_bytes import Bytes, WeightsError
from minifacenet.files.words import shortened

LONGEST = 10  # bytes of a varint: 64 bits
SIZES = {1: 8, 5: 4}  # bytes of the types that have no length
FIELDS = 100_000  # of one message: the smallest takes 2 bytes in the file, and more here
AXES = 8
# The fields that we need, as onnx.proto numbers them.
MODEL_GRAPH = 7
GRAPH_NODE, GRAPH_INITIALIZER = 1, 5
NODE_INPUT, NODE_OP_TYPE = 1, 4
TENSOR_DIMS, TENSOR_FLOAT_DATA, TENSOR_NAME, TENSOR_RAW_DATA = 1, 4, 8, 9


def _varint(data: Bytes) -> int:
    start, value = data.at, 0
    for place in range(LONGEST):
        byte = data.number("B", "a number")
        value |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return value
    raise data.error(f"a number of more than {LONGEST} bytes", start)


class _Message:
    """The fields of a message by number: ints, or views of bytes. No bytes are copied."""

    def __init__(self, content: memoryview | bytes, name: str):
        self.name = name
        data = Bytes(content, name)
        self._fields: dict[int, list[int | memoryview]] = {}
        for _ in range(FIELDS + 1):
            if not data.left():
                return
            start, key = data.at, _varint(data)
            kind = key % 8
            if kind not in (0, 1, 2, 5):
                raise data.error(f"a field of type {kind}, expected 0, 1, 2 or 5", start)
            value: int | memoryview = _varint(data) if kind in (0, 2) else SIZES[kind]
            if kind != 0:
                value = data.take(value, f"a field of type {kind}")
            self._fields.setdefault(key // 8, []).append(value)
        raise data.error(f"more than {FIELDS} fields")

    def error(self, reason: str) -> WeightsError:
        return Bytes(b"", self.name).error(reason)

    def numbers(self, field: int) -> list[int]:
        return self._all(field, int)

    def views(self, field: int) -> list[memoryview]:
        return self._all(field, memoryview)

    def texts(self, field: int) -> list[str]:
        views = self.views(field)
        return [Bytes(view, self.name).text(len(view), "a text") for view in views]

    def first(self, *fields: int) -> memoryview:
        """The first value under the first number that has any."""
        for field in fields:
            if views := self.views(field):
                return views[0]
        raise self.error(f"no field {' or '.join(map(str, fields))}")

    def _all(self, field: int, kind: type) -> list:
        values = self._fields.get(field, [])
        if not all(isinstance(value, kind) for value in values):
            raise self.error(f"a field {field} of another type than ONNX gives it")
        return values


def _array(tensor: _Message) -> np.ndarray:
    """The numbers of a weight, which are in one field or the other."""
    numbers = tensor.first(TENSOR_RAW_DATA, TENSOR_FLOAT_DATA)
    shape = tensor.numbers(TENSOR_DIMS)
    if len(shape) > AXES or math.prod(shape) * 4 != len(numbers) or not numbers:
        raise tensor.error(f"an array {shortened(shape, 80)} in {len(numbers)} bytes")
    return np.frombuffer(numbers, "<f4").reshape(shape)


def read_onnx(data: bytes, name: str) -> Iterator[tuple[str, list[np.ndarray]]]:
    """The nodes of the network in the file `name`, in order: (operation, its weights).

    Weights go by the inputs that name them, since their own names say little ('slope'). The arrays
    are views of `data`, float32.

    Raises
    ------
    WeightsError
        It is no such file, is damaged or cut off, or has weights of another type.
    """
    graph = _Message(_Message(data, name).first(MODEL_GRAPH), f"{name}, its graph")
    weights = {}
    for content in graph.views(GRAPH_INITIALIZER):
        tensor = _Message(content, f"{name}, a weight")
        for called in tensor.texts(TENSOR_NAME)[:1]:
            weights[called] = _array(tensor)
    for content in graph.views(GRAPH_NODE):
        node = _Message(content, f"{name}, a node")
        inputs = [weights[called] for called in node.texts(NODE_INPUT) if called in weights]
        operation = Bytes(node.first(NODE_OP_TYPE), node.name)
        yield operation.text(operation.left(), "an operation"), inputs
