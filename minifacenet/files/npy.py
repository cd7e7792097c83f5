"""Arrays in NumPy's own files, .npy: what the header says is known before memory is taken for it.

    b"\\x93NUMPY", version (2 bytes), length of the header (2 bytes; from version 2 on 4), header

The header is a dictionary of Python's in text. NumPy evaluates it, and takes as much memory as it
asks for. Here it is read by the form in which NumPy writes it, and compared with the file's length.
(NEP 1, "A Simple File Format for NumPy Arrays", 2007.)
"""

from __future__ import annotations

import math
import os
import re
from dataclasses import dataclass
from types import SimpleNamespace
from typing import BinaryIO

import numpy as np
from numpy.lib import format as npy_format

from .atomic import replacing
from .words import shortened

_MAGIC = b"\x93NUMPY"
_LENGTHS = {b"\1\0": 2, b"\2\0": 4, b"\3\0": 4}  # bytes that the header's length takes
_LONGEST = 10_000  # bytes of a header; ours have 118
_FORM = re.compile(
    rb"\{'descr': '([<>=|][a-zA-Z][0-9]{1,3})', 'fortran_order': (True|False), "
    rb"'shape': \(((?:[0-9]{1,18}, ?)*[0-9]{0,18})\), ?\}\s*"
)
_MOST_DIMENSIONS = 32


@dataclass(frozen=True)
class NpyHeader:
    """What stands before an array, and where the array begins, in bytes."""

    dtype: np.dtype
    fortran: bool
    shape: tuple[int, ...]
    offset: int


def read_header(file: BinaryIO) -> NpyHeader:
    """Read the header of a whole .npy file of numbers; the file is then at its array.

    Raises
    ------
    ValueError
        It is no such file, or it has another length than its header means; the reason in words.
    """
    if file.read(6) != _MAGIC:
        raise ValueError("it does not begin as a .npy file does")
    width = _LENGTHS.get(version := file.read(2))
    if width is None:
        raise ValueError(f"version {tuple(version)} of the format")
    length = int.from_bytes(file.read(width), "little")
    text = file.read(min(length, _LONGEST))
    found = _FORM.fullmatch(text)
    if found is None:
        raise ValueError(f"its header is {shortened(text, 100)}")
    kind, fortran, sides = (part.decode() for part in found.groups())
    shape = tuple(int(side) for side in sides.split(",") if side.strip())
    try:
        dtype = np.dtype(kind)
    except TypeError:
        raise ValueError(f"NumPy knows no type {kind!r}") from None
    offset = file.tell()
    whole = offset + dtype.itemsize * math.prod(shape)
    if len(shape) > _MOST_DIMENSIONS or file.seek(0, 2) != whole:
        raise ValueError(
            f"it has {file.tell():,} bytes, not {shortened(whole, 30)} as its header means with "
            f"{kind} and {shortened(shape, 60)}"
        )
    file.seek(offset)
    return NpyHeader(dtype, fortran == "True", shape, offset)


def write_npy(path: str | os.PathLike, array: np.ndarray) -> None:
    """Write one array as a .npy file, atomically."""
    with replacing(path) as temporary, temporary.open("wb") as file:
        # Into a real file NumPy writes by C, which does not say that its last bytes had no room.
        stream = SimpleNamespace(write=file.write)
        npy_format.write_array(stream, array, allow_pickle=False)
