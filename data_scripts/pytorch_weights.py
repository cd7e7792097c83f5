"""The weights in a checkpoint of PyTorch, read as bytes: nothing in it is executed.

`torch.save` writes a pickle, and a pickle is a program: rows of operations for a small machine that
may import and call whatever it names. Here is another machine, which knows the few operations that
a state dict needs and builds nothing but numbers, texts, tuples, lists, dicts, and descriptions of
tensors. It looks nothing up and calls nothing: of the names in GLOBALS it knows what they mean. Any
other operation or name is an error.

Since PyTorch 1.6 a file is a zip file: NAME/data.pkl is the pickle, and NAME/data/0, NAME/data/1
... hold the numbers of the storages, which the pickle names. Before, five pickles stood one after
another: a magic number, a version, facts about the machine, the state dict, and the keys of the
storages. Behind them each storage follows, in that order: how many numbers it has, and the numbers.
"""

from __future__ import annotations

import re
import struct
import zipfile
from dataclasses import dataclass

import numpy as np

from minifacenet.data_scripts.weight_bytes import Bytes, WeightsError, view
from minifacenet.data_scripts.zip_members import content, opened_zip
from minifacenet.files.words import shortened

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001  # of the files before PyTorch 1.6
OPERATIONS = 200_000  # a state dict of a thousand arrays takes 40,000; each costs us some memory
AXES = 8
# All files in a zip file together: a storage of zeros shrinks a thousandfold, real weights hardly.
EXPANSION, ROOM = 4, 2**20
PICKLE = re.compile(r"(?!\.+/)[^/\\:]+/data\.pkl")  # in a folder of any name, not in '..'

STORAGES = {
    "FloatStorage": "<f4", "DoubleStorage": "<f8", "HalfStorage": "<f2", "LongStorage": "<i8",
    "IntStorage": "<i4", "ShortStorage": "<i2", "CharStorage": "i1", "ByteStorage": "u1",
}  # fmt: skip
# The names that a pickle may mention. What stands for them here is a text, and is never called.
DICT, TENSOR, PARAMETER = "an ordered dict", "a tensor", "a parameter"
GLOBALS: dict[tuple[str, str], str | np.dtype] = {
    ("collections", "OrderedDict"): DICT,
    ("torch._utils", "_rebuild_tensor_v2"): TENSOR,
    ("torch._utils", "_rebuild_parameter"): PARAMETER,
    **{("torch", name): np.dtype(code) for name, code in STORAGES.items()},
}


@dataclass(frozen=True)
class _Global:
    """A name of GLOBALS, as an object on the machine's stack."""

    meaning: str | np.dtype


@dataclass(frozen=True)
class _Storage:
    """Numbers that lie elsewhere in the file."""

    dtype: np.dtype
    key: str
    count: int


@dataclass(frozen=True)
class _Tensor:
    """A view of a storage."""

    storage: _Storage
    offset: int
    sizes: tuple[int, ...]
    strides: tuple[int, ...]


class _Mark:
    """Where a tuple or a row of items begins on the stack."""


_MARK = _Mark()

# The codes of the operations that are refused, by name: for the message alone.
_REFUSED = {
    b"i"[0]: "INST", b"o"[0]: "OBJ", 0x81: "NEWOBJ", 0x92: "NEWOBJ_EX",
    0x82: "EXT1", 0x83: "EXT2", 0x84: "EXT4", b"P"[0]: "PERSID", 0x8B: "LONG4", b"L"[0]: "LONG",
    b"I"[0]: "INT", b"F"[0]: "FLOAT", b"S"[0]: "STRING", b"V"[0]: "UNICODE", b"T"[0]: "BINSTRING",
    b"U"[0]: "SHORT_BINSTRING", b"B"[0]: "BINBYTES", b"C"[0]: "SHORT_BINBYTES", 0x8E: "BINBYTES8",
    0x96: "BYTEARRAY8", 0x97: "NEXT_BUFFER", 0x98: "READONLY_BUFFER", b"0"[0]: "POP",
    b"1"[0]: "POP_MARK", b"2"[0]: "DUP", b"l"[0]: "LIST", b"d"[0]: "DICT", b"p"[0]: "PUT",
    b"g"[0]: "GET", 0x8F: "EMPTY_SET", 0x90: "ADDITEMS", 0x91: "FROZENSET", 0x8D: "BINUNICODE8",
}  # fmt: skip
# Numbers: the code and how `struct` reads them.
_NUMBERS = {b"J"[0]: "i", b"K"[0]: "B", b"M"[0]: "H"}
_CONSTANTS = {b"N"[0]: None, 0x88: True, 0x89: False}
_TUPLES = {0x85: 1, 0x86: 2, 0x87: 3}
_TEXTS = {b"X"[0]: "I", 0x8C: "B"}  # BINUNICODE, SHORT_BINUNICODE, by the type of their length
_PUT, _GET = {b"q"[0]: "B", b"r"[0]: "I"}, {b"h"[0]: "B", b"j"[0]: "I"}


class _Machine:
    """Runs one pickle at a time. Whatever it says, the work and the memory grow with its length."""

    def __init__(self, data: Bytes):
        self._data = data
        self._operations = 0

    def run(self) -> object:
        """What the pickle that comes next builds."""
        self._stack: list = []
        self._memo: dict[int, object] = {}
        while True:
            self._start = self._data.at
            code = self._data.number("B", "an operation")
            self._operations += 1
            if self._operations > OPERATIONS:
                raise self._error(f"more than {OPERATIONS} operations")
            if code == b"."[0]:  # STOP
                return self._pop()
            self._step(code)

    def _error(self, reason: str) -> WeightsError:
        return self._data.error(reason, self._start)

    def _pop(self, kind: type | tuple = object, what: str = "an object") -> object:
        if not self._stack or not isinstance(self._stack[-1], kind) or self._stack[-1] is _MARK:
            found = type(self._stack[-1]).__name__ if self._stack else "nothing"
            raise self._error(f"{found} on the stack, expected {what}")
        return self._stack.pop()

    def _above_mark(self) -> list:
        """What was pushed since the last mark, taken off with it."""
        at = len(self._stack) - 1
        while at >= 0 and self._stack[at] is not _MARK:
            at -= 1
        if at < 0:
            raise self._error("no mark on the stack")
        items = self._stack[at + 1 :]
        del self._stack[at:]
        return items

    def _step(self, code: int) -> None:
        data, push = self._data, self._stack.append
        if code == 0x80:  # PROTO
            version = data.number("B", "a version")
            if not 2 <= version <= 5:
                raise self._error(f"a pickle of version {version}, expected 2 to 5")
        elif code == 0x95:  # FRAME: how much comes, which is seen anyway
            data.number("Q", "the size of a frame")
        elif code in _NUMBERS:
            push(data.number(_NUMBERS[code], "a number"))
        elif code == 0x8A:  # LONG1
            digits = data.take(data.number("B", "a size"), "a number")
            push(int.from_bytes(digits, "little", signed=True))
        elif code == b"G"[0]:  # BINFLOAT, which has its highest byte first
            push(struct.unpack(">d", data.take(8, "a number"))[0])
        elif code in _CONSTANTS:
            push(_CONSTANTS[code])
        elif code in _TEXTS:
            push(data.text(data.number(_TEXTS[code], "the length of a text"), "a text"))
        elif code == b"("[0]:
            push(_MARK)
        elif code == b")"[0]:
            push(())
        elif code == b"t"[0]:
            items = self._above_mark()
            push(tuple(items))
        elif code in _TUPLES:
            items = [self._pop() for _ in range(_TUPLES[code])]
            push(tuple(reversed(items)))
        elif code == b"]"[0]:
            push([])
        elif code == b"}"[0]:
            push({})
        elif code == b"a"[0]:  # APPEND
            item = self._pop()
            self._top(list).append(item)
        elif code == b"e"[0]:  # APPENDS
            items = self._above_mark()
            self._top(list).extend(items)
        elif code == b"s"[0]:  # SETITEM
            value, key = self._pop(), self._pop()
            self._set([key, value])
        elif code == b"u"[0]:  # SETITEMS
            self._set(self._above_mark())
        elif code in _PUT:
            self._memo[data.number(_PUT[code], "an index")] = self._top(object)
        elif code == 0x94:  # MEMOIZE
            self._memo[len(self._memo)] = self._top(object)
        elif code in _GET:
            index = data.number(_GET[code], "an index")
            if index not in self._memo:
                raise self._error(f"nothing was kept as number {index}")
            push(self._memo[index])
        elif code == b"c"[0]:  # GLOBAL
            self._name(self._line(), self._line())
        elif code == 0x93:  # STACK_GLOBAL
            name, module = self._pop(str, "a text"), self._pop(str, "a text")
            self._name(module, name)
        elif code == b"Q"[0]:  # BINPERSID
            push(self._storage(self._pop(tuple, "a tuple")))
        elif code == b"R"[0]:  # REDUCE
            arguments = self._pop(tuple, "a tuple")
            push(self._call(self._pop(_Global, "a name").meaning, arguments))
        elif code == b"b"[0]:  # BUILD: the attributes of a state dict, its `_metadata`
            self._pop(dict, "a dict")
            self._top(dict)
        else:
            name = _REFUSED.get(code, f"0x{code:02x}")
            raise self._error(f"the operation {name}, which no state dict needs and is not run")

    def _top(self, kind: type) -> object:
        """The last object, which stays."""
        value = self._pop(kind, f"a {kind.__name__}")
        self._stack.append(value)
        return value

    def _set(self, pairs: list) -> None:
        keys, values = pairs[::2], pairs[1::2]
        # A tuple is no key either: the hash of one that holds itself many times takes for ever.
        if len(keys) != len(values) or not all(isinstance(key, str) for key in keys):
            raise self._error("pairs for a dict whose keys are not all texts")
        self._top(dict).update(zip(keys, values, strict=True))

    def _line(self) -> str:
        """A text up to the end of its line."""
        letters = bytearray()
        while (letter := self._data.number("B", "a letter of a name")) != b"\n"[0]:
            letters.append(letter)
            if len(letters) > 100:
                break
        return letters.decode("latin-1")

    def _name(self, module: str, name: str) -> None:
        if (module, name) not in GLOBALS:
            found = shortened(f"{module}.{name}", 80)
            raise self._error(f"the name {found}, which is not looked up: no state dict needs it")
        self._stack.append(_Global(GLOBALS[module, name]))

    def _storage(self, about: tuple) -> _Storage:
        """The storage that ('storage', type, key, place, count) describes. Old ones add None."""
        fits = len(about) == 5 or (len(about) == 6 and about[5] is None)
        if not fits or about[0] != "storage" or not isinstance(about[1], _Global):
            raise self._error("a reference that describes no storage")
        _, kind, key, _, count = about[:5]
        if not isinstance(kind.meaning, np.dtype) or not isinstance(key, str):
            raise self._error("a storage without a type of numbers or without a key")
        if not isinstance(count, int) or isinstance(count, bool) or count < 0:
            raise self._error("a storage without a number of elements")
        return _Storage(kind.meaning, key, count)

    def _call(self, meaning: str | np.dtype, arguments: tuple) -> object:
        """What a call that GLOBALS knows would give."""
        if meaning is DICT and arguments == ():
            return {}
        if meaning is TENSOR and len(arguments) in (6, 7):
            storage, offset, sizes, strides = arguments[:4]
            numbers = (offset, *sizes, *strides) if _both_tuples(sizes, strides) else (None,)
            if isinstance(storage, _Storage) and all(type(number) is int for number in numbers):
                return _Tensor(storage, offset, sizes, strides)
        if meaning is PARAMETER and len(arguments) == 3 and isinstance(arguments[0], _Tensor):
            return arguments[0]
        what = meaning if isinstance(meaning, str) else f"a storage of {meaning.name}"
        raise self._error(f"a call for {what} with other arguments than it takes")


def _both_tuples(sizes: object, strides: object) -> bool:
    """Whether these are sizes and strides of a tensor, as far as their types go."""
    fits = isinstance(sizes, tuple) and isinstance(strides, tuple)
    return fits and len(sizes) == len(strides) <= AXES


def read_checkpoint(data: bytes, name: str) -> dict[str, np.ndarray]:
    """The arrays of the state dict in the file `name`, by name; they are views of its storages.

    Raises
    ------
    WeightsError
        It is no such file, is damaged or cut off, or asks for anything but a dict of tensors.
    """
    if data[:2] == b"PK":
        return _from_zip(data, name)
    left = Bytes(data, name)
    machine = _Machine(left)
    head = [machine.run(), machine.run()]
    if head != [MAGIC, PROTOCOL]:
        raise left.error("this is neither a zip file nor begins as PyTorch's files do", 0)
    machine_facts, root, keys = machine.run(), machine.run(), machine.run()
    if not isinstance(machine_facts, dict) or machine_facts.get("little_endian") is not True:
        raise left.error("not written with the lowest byte first", 0)
    tensors = _tensors(root, left)
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise left.error("no list of storages")
    known = {tensor.storage.key: tensor.storage for tensor in tensors.values()}
    if sorted(keys) != sorted(known):
        raise left.error(f"{len(keys)} storages, but {len(known)} that the state dict names")
    storages = {}
    for key in keys:
        count, start = left.number("q", "the size of a storage"), left.at
        if count != known[key].count:
            raise left.error(f"a storage of {count}, expected {known[key].count}", start)
        storages[key] = left.take(count * known[key].dtype.itemsize, f"storage {key}")
    if left.left():
        raise left.error(f"{left.left()} bytes after the last storage")
    return _arrays(tensors, storages, left)


def _tensors(root: object, data: Bytes) -> dict[str, _Tensor]:
    """The state dict, if it is one: nothing but tensors, each storage always the same."""
    if not isinstance(root, dict) or not all(isinstance(v, _Tensor) for v in root.values()):
        raise data.error("the file holds something else than a state dict, a dict of tensors")
    known: dict[str, _Storage] = {}
    for tensor in root.values():
        if known.setdefault(tensor.storage.key, tensor.storage) != tensor.storage:
            key = shortened(tensor.storage.key, 40)
            raise data.error(f"storage {key} has two types or sizes")
    return root


def _arrays(tensors: dict[str, _Tensor], storages: dict, data: Bytes) -> dict[str, np.ndarray]:
    arrays = {}
    for name, tensor in tensors.items():
        storage, numbers = tensor.storage, storages[tensor.storage.key]
        expected = storage.count * storage.dtype.itemsize
        if len(numbers) != expected:
            key = shortened(storage.key, 40)
            raise data.error(f"storage {key} has {len(numbers)} bytes, expected {expected}")
        held = np.frombuffer(numbers, storage.dtype)
        arrays[name] = view(held, tensor.offset, tensor.sizes, tensor.strides, data, data.at)
    return arrays


def _from_zip(data: bytes, name: str) -> dict[str, np.ndarray]:
    """The state dict of a zip file. Files in it go by their exact names, and none is unpacked."""
    with opened_zip(data, name, WeightsError) as archive:
        return _from_archive(archive, len(data), name)


def _from_archive(archive: zipfile.ZipFile, size: int, name: str) -> dict[str, np.ndarray]:
    members = {member.filename: member for member in archive.infolist()}
    for member in archive.infolist():
        if members[member.filename] is not member:
            found = shortened(member.filename, 80)
            raise WeightsError(f"{name} holds two files {found}: get the file anew")
    total = sum(member.file_size for member in members.values())
    if total > EXPANSION * size + ROOM:
        raise WeightsError(
            f"{name} has {size} bytes and says that it holds {total}: get the file anew"
        )
    pickles = [found for found in members if PICKLE.fullmatch(found)]
    if len(pickles) != 1:
        raise WeightsError(
            f"{name} holds {len(pickles)} files NAME/data.pkl, expected 1: it is no checkpoint of "
            "PyTorch"
        )
    folder = pickles[0].removesuffix("data.pkl")

    def held(file: str) -> bytes:
        member = members.get(folder + file)
        if member is None:
            raise WeightsError(f"{name} lacks {shortened(folder + file, 80)}: get the file anew")
        return content(archive, member)

    if folder + "byteorder" in members and held("byteorder") != b"little":
        raise WeightsError(f"{name} is not written with the lowest byte first: save it anew")
    left = Bytes(held("data.pkl"), f"{name}, data.pkl")
    tensors = _tensors(_Machine(left).run(), left)
    keys = {tensor.storage.key for tensor in tensors.values()}
    storages = {key: held(f"data/{key}") for key in keys}
    return _arrays(tensors, storages, left)
