"""Plain data through a pipe: numbers, text, arrays, and lists of these. No code, nothing pickled.

A message is its length, then JSON; whoever reads believes nothing of what is in it. Functions and
the library's own records travel in one direction alone, to whoever runs a stranger's code.
"""

from __future__ import annotations

import base64
import json
import os
import re
import select
import time
from dataclasses import fields, is_dataclass
from importlib import import_module

import numpy as np

MOST_BYTES = 64 << 20
MOST_LEVELS = 30
DTYPE = re.compile(r"[<|=][biufc]\d{1,2}|\|b1|<U\d{1,4}")
PLAIN = (bool, int, float, str, type(None))
HARMLESS = (("minifacenet.nn.window", "Window"),)  # records that a learner's function may return


class NoMessage(Exception):
    """What came is no message, or nothing came; in half a sentence."""


def send(to: int, message: dict) -> None:
    """Write a message, a dictionary of what JSON knows, to a file descriptor."""
    data = json.dumps(message).encode()
    if len(data) > MOST_BYTES:
        raise NoMessage(f"it is larger than {MOST_BYTES >> 20} MiB")
    data = len(data).to_bytes(8, "big") + data
    while data:
        data = data[os.write(to, data) :]


def receive(source: int, until: float | None = None) -> dict:
    """Read a message; `NoMessage` if there is none by `until`, a time of `time.monotonic`."""
    size = int.from_bytes(_read(source, 8, until), "big")
    if size > MOST_BYTES:
        raise NoMessage(f"what it sent is larger than {MOST_BYTES >> 20} MiB")
    try:
        message = json.loads(_read(source, size, until))
    except (ValueError, RecursionError):
        raise NoMessage("it sent what is no message") from None
    if not isinstance(message, dict):
        raise NoMessage("it sent what is no message")
    return message


def _read(source: int, size: int, until: float | None) -> bytes:
    parts = []
    while size:
        if until is not None:
            left = until - time.monotonic()
            if left <= 0 or not select.select([source], [], [], left)[0]:
                raise NoMessage("it took too long")
        part = os.read(source, min(size, 1 << 20))
        if not part:
            raise NoMessage("its process ended")
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def packed(value, functions: list | None = None, depth: int = 0):
    """A value as JSON has it: `unpacked` undoes it. Functions are put on a list, if there is one.

    Raises
    ------
    NoMessage
        It is nothing that travels.
    """
    if depth > MOST_LEVELS:
        raise NoMessage(f"it is nested more than {MOST_LEVELS} deep")

    def inner(one):
        return packed(one, functions, depth + 1)

    kind = type(value)
    if kind in PLAIN:
        return value
    if kind is complex:
        return {"complex": [value.real, value.imag]}
    if isinstance(value, np.ndarray | np.generic):
        array = np.asarray(value)
        if not DTYPE.fullmatch(array.dtype.str):
            raise NoMessage(f"an array of {array.dtype} is no array of numbers")
        data = base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
        return {"array": [array.dtype.str, list(array.shape), data]}
    if functions is not None and isinstance(value, np.random.Generator):
        return {"rng": inner(value.bit_generator.state)}
    harmless = (kind.__module__, kind.__qualname__) in HARMLESS
    if harmless or (functions is not None and (is_dataclass(value) or hasattr(value, "_fields"))):
        names = value._fields if isinstance(value, tuple) else [one.name for one in fields(value)]
        content = {name: inner(getattr(value, name)) for name in names}
        return {"record": [kind.__module__, kind.__qualname__, content]}
    if isinstance(value, list | tuple | set | frozenset):
        name = next(name for name in ("list", "tuple", "set", "frozenset") if _is(value, name))
        return {name: [inner(one) for one in value]}
    if isinstance(value, dict):
        return {"dict": [[inner(key), inner(one)] for key, one in value.items()]}
    if functions is not None and callable(value):
        functions.append(value)
        return {"function": len(functions) - 1}
    raise NoMessage(f"a {kind.__name__} is neither a number nor a text nor an array of them")


def unpacked(value, call=None, depth: int = 0):
    """What was packed. With `call`, a function or a record may be among it: from whom we trust."""
    if depth > MOST_LEVELS:
        raise NoMessage(f"it is nested more than {MOST_LEVELS} deep")
    if type(value) in PLAIN:
        return value

    def inner(one):
        return unpacked(one, call, depth + 1)

    try:
        [(kind, content)] = value.items()
        if kind == "array":
            return _array(*content)
        if kind == "complex":
            return complex(*map(float, content))
        if kind in ("list", "tuple", "set", "frozenset"):
            make = {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset}[kind]
            return make(inner(one) for one in content)
        if kind == "dict":
            return {inner(key): inner(one) for key, one in content}
        if call is not None and kind == "rng":
            rng = np.random.default_rng()
            rng.bit_generator.state = inner(content)
            return rng
        if kind == "record" and (call is not None or tuple(content[:2]) in HARMLESS):
            made = import_module(content[0])
            for name in content[1].split("."):
                made = getattr(made, name)
            return made(**{name: inner(one) for name, one in content[2].items()})
        if call is not None and kind == "function":
            return lambda *arguments: call(content, arguments)
    except (TypeError, ValueError, AttributeError):
        pass
    raise NoMessage("it sent what is no message")


def _array(dtype: str, shape: list[int], data: str) -> np.ndarray:
    if not DTYPE.fullmatch(dtype):
        raise ValueError(dtype)
    array = np.frombuffer(base64.b64decode(data, validate=True), dtype).reshape(shape).copy()
    return array if shape else array[()]


def _is(value, name: str) -> bool:
    return isinstance(
        value, {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset}[name]
    )
