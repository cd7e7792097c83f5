"""The weights in a file of Torch7, read as bytes: nothing in it is executed.

A .t7 file is one object. Each object begins with a number that says what follows: 0 nil, 1 a number
(float64), 2 a text (a length and its letters), 5 true or false. 3 is a table: its index, how many
pairs it has, and each key and value as objects. 4 is a torch object: its index, its version
('V 1'), the name of its class, and what the class writes. A table or a torch object whose index was
there before is the same one again, and nothing follows. 6, 7 and 8 are functions, that is, code:
refused.

Integers have 4 bytes and sizes 8, the lowest first. Storages are a size and so many numbers, and
tensors are views of storages: the number of axes, sizes, strides, an offset that begins at 1, and
the storage. A module of a network (nn.Linear, ...) is a table with the name of its class.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from minifacenet.data_scripts.weight_bytes import Bytes, view
from minifacenet.files.words import shortened

NIL, NUMBER, TEXT, TABLE, TORCH, BOOLEAN = range(6)
FUNCTIONS = (6, 7, 8)
DEPTH = 50  # tables in tables: a network has a dozen
OBJECTS = 200_000  # the smallest takes 4 bytes in the file, and more here; a network has thousands
AXES = 8
TYPES = {"Float": "<f4", "Double": "<f8", "Long": "<i8", "Int": "<i4", "Byte": "u1"}
STORAGES = {f"torch.{kind}Storage": np.dtype(code) for kind, code in TYPES.items()}
TENSORS = {f"torch.{kind}Tensor": np.dtype(code) for kind, code in TYPES.items()}
MODULE = re.compile(r"nn\.[A-Za-z0-9_]{1,60}")


@dataclass(frozen=True)
class Module:
    """A part of a network.

    Attributes
    ----------
    kind : str
        Its class, 'nn.SpatialConvolution'.
    fields : dict
        What it holds by name, or by number from 1: numbers, texts, arrays, dicts, Modules. The
        arrays are views of the file.
    """

    kind: str
    fields: dict


class _Reader:
    """The objects of one file; those with an index are kept, since they may come again."""

    def __init__(self, data: bytes, name: str):
        self._data = Bytes(data, name)
        self._known: dict[int, object] = {}
        self._open: set[int] = set()  # begun and not ended
        self._objects = 0

    def read(self) -> object:
        value = self._object(0)
        if self._data.left():
            raise self._data.error(f"{self._data.left()} bytes after the last object")
        return value

    def _object(self, depth: int) -> object:
        data = self._data
        start, kind = data.at, data.number("i", "an object")
        self._objects += 1
        if depth > DEPTH or self._objects > OBJECTS:
            raise data.error(f"more than {DEPTH} tables in tables, or {OBJECTS} objects", start)
        if kind == NIL:
            return None
        if kind == NUMBER:
            return data.number("d", "a number")
        if kind == TEXT:
            return self._text("a text")
        if kind == BOOLEAN:
            return data.number("i", "true or false") == 1
        if kind in FUNCTIONS:
            raise data.error(f"a function (type {kind}), which is code and is not read", start)
        if kind not in (TABLE, TORCH):
            raise data.error(f"an object of type {kind}, expected 0 to 5", start)
        index = data.number("i", "an index")
        if index in self._open:  # whoever walks through the tree would not come to an end
            raise data.error(f"object {index} holds itself", start)
        if index not in self._known:
            self._open.add(index)
            self._known[index] = self._table(depth) if kind == TABLE else self._torch(depth)
            self._open.remove(index)
        return self._known[index]

    def _text(self, what: str) -> str:
        return self._data.text(self._data.number("i", f"the length of {what}"), what)

    def _table(self, depth: int) -> dict:
        start, count = self._data.at, self._data.number("i", "the size of a table")
        if not 0 <= count <= self._data.left() // 8:  # a pair of two objects has 8 bytes or more
            raise self._data.error(f"a table of {count} pairs in {self._data.left()} bytes", start)
        table: dict = {}
        for _ in range(count):
            start, key = self._data.at, self._object(depth + 1)
            if isinstance(key, float) and key.is_integer():
                key = int(key)
            if not isinstance(key, str | int) or key in table:
                found = shortened(key, 40) if isinstance(key, str | int | float) else type(key)
                raise self._data.error(f"a key {found}, expected a new text or integer", start)
            table[key] = self._object(depth + 1)
        return table

    def _torch(self, depth: int) -> Module | np.ndarray:
        start = self._data.at
        version = self._text("a version")
        if version != "V 1":
            raise self._data.error(f"a version {shortened(version, 40)}, expected 'V 1'", start)
        start = self._data.at
        kind = self._text("the name of a class")
        if kind in TENSORS:
            return self._tensor(TENSORS[kind], depth)
        if kind in STORAGES:
            return self._storage(STORAGES[kind])
        if not MODULE.fullmatch(kind):
            known = ", ".join((*TENSORS, *STORAGES))
            reason = f"an object of class {shortened(kind, 40)}, expected nn.* or one of {known}"
            raise self._data.error(reason, start)
        start, fields = self._data.at, self._object(depth + 1)
        if not isinstance(fields, dict):
            raise self._data.error(f"{kind} holds {type(fields).__name__}, not a table", start)
        return Module(kind, fields)

    def _storage(self, dtype: np.dtype) -> np.ndarray:
        count = self._data.number("q", "the size of a storage")
        what = f"a storage of {count} {dtype.name}"
        return np.frombuffer(self._data.take(count * dtype.itemsize, what), dtype)

    def _tensor(self, dtype: np.dtype, depth: int) -> np.ndarray:
        data, start = self._data, self._data.at
        axes = data.number("i", "the number of axes")
        if not 0 <= axes <= AXES:
            raise data.error(f"a tensor of {axes} axes, expected at most {AXES}", start)
        sizes = tuple(data.number("q", "a size") for _ in range(axes))
        strides = tuple(data.number("q", "a stride") for _ in range(axes))
        offset = data.number("q", "an offset") - 1
        storage = self._object(depth + 1)
        if not axes and (storage is None or isinstance(storage, np.ndarray)):
            return np.empty(0, dtype)
        if not isinstance(storage, np.ndarray) or storage.ndim != 1 or storage.dtype != dtype:
            raise data.error(f"a tensor of {dtype.name} without a storage of that type", start)
        return view(storage, offset, sizes, strides, data, start)


def read_torch7(data: bytes, name: str) -> object:
    """The object in the .t7 file `name`: of a network, a Module.

    Raises
    ------
    WeightsError
        It is no such file, is damaged or cut off, or holds code or classes that are not in the
        tables above.
    """
    return _Reader(data, name).read()
