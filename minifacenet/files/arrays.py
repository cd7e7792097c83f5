"""Arrays on disk: a safetensors file whose metadata is one JSON text.

Nothing is pickled, so loading a file that somebody sent you runs none of their code. A file is
written whole or not at all.

Beside the metadata stand two digests, of the metadata itself and of all arrays: a bit that changed
on the disk or on the way here is noticed, wherever it lies. (They are no signature: whoever changes
a file on purpose can write new ones.) Files of older versions have none, and are read without.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from ..nn.layer import Parameter
from .atomic import digest, replacing
from .stored import json_object
from .words import printable, shortened

ENTRY = "minifacenet"
DIGESTS = "digests"
# The types that NumPy can hold, by their names in safetensors, which also has bfloat16 and 8-bit
# floats.
DTYPES = {
    "BOOL": "bool", "U8": "uint8", "I8": "int8", "U16": "uint16", "I16": "int16", "U32": "uint32",
    "I32": "int32", "U64": "uint64", "I64": "int64", "F16": "float16", "F32": "float32",
    "F64": "float64",
}  # fmt: skip

_ITS_FILE = re.compile(r' at path ".*"$', re.DOTALL)  # at the end of safetensors' errors

MOST_DIMENSIONS = 32  # of an array, in every version of NumPy

Layout = dict[str, tuple[np.dtype, tuple[int, ...]]]  # dtype and shape of arrays, by name


class CheckpointError(ValueError):
    """The error for a model file that cannot be used; it gives the reason."""


def save_arrays(path: str | Path, arrays: dict[str, np.ndarray], metadata: dict) -> None:
    """Write arrays and JSON-able metadata, atomically.

    Raises
    ------
    CheckpointError
        An array holds NaN or infinity: the old file stays.
    """
    bad = [name for name, array in arrays.items() if not _is_finite(array)]
    if bad:
        raise CheckpointError(f"{path}: not saved, NaN or infinity in {', '.join(bad)}")
    # safetensors would silently write a transposed array's memory as it lies.
    whole = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    digests = {"metadata": digest(json.dumps(metadata)), "arrays": arrays_digest(whole)}
    # One entry: safetensors writes several in random order, and equal models would differ as files.
    text = json.dumps({**metadata, DIGESTS: digests})
    with replacing(path) as temporary:
        try:
            save_file(whole, temporary, {ENTRY: text})
        except SafetensorError as error:
            # `replacing` says for which file; safetensors has one of its own in between.
            raise OSError(_ITS_FILE.sub("", str(error))) from None


def arrays_digest(arrays: dict[str, np.ndarray]) -> str:
    """Return 16 hex digits of all arrays with their names, whatever their order."""
    return digest(*(part for name in sorted(arrays) for part in (name, arrays[name])))


def _is_finite(array: np.ndarray) -> bool:
    """Whether there is no NaN and no infinity; without an array of flags beside a large one."""
    return not array.size or bool(np.isfinite(array.min()) and np.isfinite(array.max()))


class ArrayFile:
    """An open file that `save_arrays` wrote: its metadata are read, its arrays are not yet.

    Attributes
    ----------
    metadata : dict
    layout : dict of str to (dtype, shape)
        The layout of its arrays. They are no larger than the file.
    """

    def __init__(self, path: Path, file: Any, opened: BufferedReader):
        self.path, self._opened = path, opened
        self.metadata, self._digest = _metadata(path, file.metadata() or {})
        names = file.keys()
        self.layout: Layout = {name: _layout(path, name, file.get_slice(name)) for name in names}

    def read(self) -> dict[str, np.ndarray]:
        """Return the arrays by name, checked to be finite and those that were written."""
        arrays = self._read_into_memory()
        if self._digest is not None:
            _compare(self.path, "arrays are", self._digest, arrays_digest(arrays))
        for name, array in arrays.items():
            if not _is_finite(array):
                raise CheckpointError(f"{self.path}: {printable(name)[:80]} holds NaN or infinity")
        return arrays

    def _read_into_memory(self) -> dict[str, np.ndarray]:
        """Read the bytes where the header says; safetensors maps the file, and holds all twice."""
        arrays, file = {}, self._opened
        file.seek(0)
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(size))
        for name, (dtype, shape) in self.layout.items():
            array = arrays[name] = np.empty(shape, dtype.newbyteorder("<"))
            file.seek(8 + size + header[name]["data_offsets"][0])
            if file.readinto(array.reshape(-1).view(np.uint8).data) != array.nbytes:
                raise OSError("it ends too early")
        return {k: a.astype(a.dtype.newbyteorder("="), copy=False) for k, a in arrays.items()}


@contextmanager
def open_arrays(path: str | Path) -> Iterator[ArrayFile]:
    """Open a file of `save_arrays`, to look at it before its arrays are read.

    Raises
    ------
    CheckpointError
        The file is missing or damaged, not ours, or holds arrays that NumPy has no type for.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"{path}: no such model file")
    try:
        with _opened_twice(path) as (file, opened):  # closed, and so unmapped, at the end
            yield ArrayFile(path, file, opened)
    except (SafetensorError, OSError) as error:
        reason = printable(str(error))[:200]
        raise CheckpointError(f"{path}: not a whole safetensors file ({reason})") from None


@contextmanager
def _opened_twice(path: Path) -> Iterator[tuple[Any, BufferedReader]]:
    """Open one file for safetensors and for reading: another may take its place in between."""
    while True:
        with path.open("rb") as opened, safe_open(path, framework="numpy") as file:
            if os.path.samestat(os.fstat(opened.fileno()), path.stat()):
                yield file, opened
                return


def load_arrays(path: str | Path) -> tuple[dict[str, np.ndarray], dict]:
    """Return arrays and metadata of a file of `save_arrays`. Errors are as in `open_arrays`."""
    with open_arrays(path) as file:
        return file.read(), file.metadata


def load_metadata(path: str | Path) -> dict:
    """Return the metadata alone. Errors are as in `open_arrays`."""
    with open_arrays(path) as file:
        return file.metadata


def _metadata(path: Path, texts: dict[str, str]) -> tuple[dict, str | None]:
    """Return the metadata that were saved, and the digest of the arrays, if it is known."""
    if ENTRY not in texts:
        raise CheckpointError(
            f"{path}: not written by minifacenet, its metadata is {shortened(texts)}"
        )
    try:
        metadata = json_object(texts[ENTRY])
    except ValueError as error:
        raise CheckpointError(f"{path}: damaged, its metadata is {error}") from None
    if DIGESTS not in metadata:
        return metadata, None
    digests = metadata.pop(DIGESTS)
    if not isinstance(digests, dict):
        digests = {}
    _compare(path, "metadata is", digests.get("metadata"), digest(json.dumps(metadata)))
    return metadata, str(digests.get("arrays"))  # 'None', which fits none, if only it is missing


def _compare(path: Path, what: str, written: object, found: str) -> None:
    if written != found:
        raise CheckpointError(
            f"{path}: damaged, its {what} not what was written (digest {found}, then "
            f"{shortened(written, 40)}): take another copy, or make it anew"
        )


def _layout(path: Path, name: str, array) -> tuple[np.dtype, tuple[int, ...]]:
    kind = str(array.get_dtype())
    if kind not in DTYPES:
        raise CheckpointError(
            f"{path}: {printable(name)[:80]} is of type {kind}, which NumPy does not know: save it "
            "as float32"
        )
    dtype, shape = np.dtype(DTYPES[kind]), tuple(array.get_shape())
    # An array of no bytes may say that it has any shape, and no file ends too early for it.
    bytes_of_sides = dtype.itemsize * math.prod(side or 1 for side in shape)
    if len(shape) > MOST_DIMENSIONS or bytes_of_sides >= 2**63:
        raise CheckpointError(
            f"{path}: damaged, {printable(name)[:80]} has the shape {shortened(shape)}, which no "
            "array can have"
        )
    return dtype, shape


def check_layout(path: str | Path, needed: Layout, found: Layout) -> None:
    """Compare the arrays of the file `path` with those that a network has.

    Raises
    ------
    CheckpointError
        Names, shapes or dtypes differ.
    """
    if needed.keys() != found.keys():
        missing, extra = (
            shortened(sorted(one.keys() - other.keys()))
            for one, other in ((needed, found), (found, needed))
        )
        raise CheckpointError(f"{path}: missing {missing}, unexpected {extra}")
    for name, (dtype, shape) in needed.items():
        if found[name] != (dtype, shape):
            other, size = found[name]
            raise CheckpointError(
                f"{path}: {name} is {other} {shortened(size)}, the network needs {dtype} {shape}"
            )


def layout_of(arrays: dict[str, np.ndarray]) -> Layout:
    """Return the layout of arrays in memory, on the CPU or on a GPU."""
    return {name: (np.dtype(a.dtype), tuple(a.shape)) for name, a in arrays.items()}


def fill(path: str | Path, parameters: dict[str, Parameter], arrays: dict[str, np.ndarray]) -> None:
    """Put the arrays of the file `path` into the parameters of the same names.

    Raises
    ------
    CheckpointError
        Names, shapes or dtypes differ.
    """
    needed = layout_of({name: parameter.data for name, parameter in parameters.items()})
    check_layout(path, needed, layout_of(arrays))
    for name, parameter in parameters.items():
        with parameter.edit() as w:
            w[:] = arrays[name]  # device arrays know no `...`
