"""Weights of other programs, damaged: arrays come out, or one line; no code in them is run."""

from __future__ import annotations

import pickletools
import zipfile
from io import BytesIO
from random import Random

import numpy as np

from minifacenet.data_scripts.dlib_weights import read_dlib
from minifacenet.data_scripts.onnx_weights import read_onnx
from minifacenet.data_scripts.pytorch_weights import read_checkpoint
from minifacenet.data_scripts.torch7_weights import read_torch7
from minifacenet.data_scripts.weight_bytes import WeightsError

from ..data_scripts import test_dlib_weights, test_pytorch_weights, test_torch7_weights
from ..data_scripts.damage import NAME, touch
from ..data_scripts.test_get_mtcnn import onnx
from .forms import files_of, zip_of
from .fuzzing import Inner, Reader, fuzzed

OPERATIONS = b".()tRQsue]}abqhN\x80\x85\x86\x87\x88\x89\x8a\x94\x95cXKMJGrj0l2\x93oi"
PLACES = 4096  # of operations in a pickle that are looked for


def networks() -> list[bytes]:
    """Make ONNX files with a layer of each kind."""
    kernel, row = np.zeros((2, 1, 1, 1), np.float32), np.ones(2, np.float32)
    return [onnx([("Conv", [kernel, row]), ("PRelu", [row]), ("MatMul", [row])]), onnx([])]


def checkpoints() -> list[bytes]:
    made = test_pytorch_weights
    state = made.state(("a", made.tensor()), ("b", made.tensor(shape=(2, 2), strides=(2, 1))))
    small = [made.zipped(state), made.zipped(state, pack=zipfile.ZIP_DEFLATED), made.legacy(state)]
    return [*small, *made.SAVED.values()]


def read_onnx_whole(data: bytes) -> None:
    for operation, arrays in read_onnx(data, NAME):
        assert isinstance(operation, str)
        touch(arrays, [0])


def mutated_torch7(data: bytes, rng: Random, inner: Inner) -> bytes:
    """Put another small number, or a part from elsewhere, at a place where a number may be."""
    made = bytearray(data)
    at = 4 * rng.randrange(len(data) // 4 + 1)
    if rng.random() < 0.5:
        made[at : at + 4] = rng.choice((*range(12), -1)).to_bytes(4, "little", signed=True)
        return bytes(made)
    start, size = 4 * rng.randrange(len(data) // 4 + 1), 4 * rng.randrange(30)
    made[at : at + rng.choice((0, size))] = data[start : start + size]
    return bytes(made)


def mutated_checkpoint(data: bytes, rng: Random, inner: Inner) -> bytes | None:
    """Damage one file of a zip, or one operation of pickles in a row."""
    if not data.startswith(b"PK"):
        return mutated_pickle(data, rng, inner)
    files = files_of(data)
    if not files:
        return None
    at = rng.randrange(len(files))
    name, packed, content = files[at]
    if name.endswith(".pkl"):
        content = mutated_pickle(content, rng, inner)
    elif rng.random() < 0.5:
        content = inner(content)
    else:
        name = inner(name.encode()).decode("latin-1")[:200]
    files[at] = (name, packed, content)
    return zip_of(
        (name, packed if packed in (0, 8) else 0, content) for name, packed, content in files
    )


def mutated_pickle(data: bytes, rng: Random, inner: Inner) -> bytes:
    """Damage an operation, take one away, or put one in, alone or from elsewhere."""
    places = [0]
    stream = BytesIO(data)
    try:
        while stream.tell() < len(data) and len(places) < PLACES:
            places += [place for _, _, place in pickletools.genops(stream) if place]
    except Exception:  # behind the pickles there are numbers
        pass
    at = rng.randrange(len(places))
    start, end = places[at], [*places, len(data)][at + 1]
    kind = rng.randrange(5)
    if kind == 0:
        return data[:start] + data[end:]
    if kind == 1:
        return data[:start] + inner(data[start:end]) + data[end:]
    if kind == 2:
        return data[:start] + bytes([rng.choice(OPERATIONS)]) + data[start:]
    other = rng.randrange(len(places))
    part = data[places[other] : [*places, len(data)][min(len(places), other + rng.randrange(1, 9))]]
    return data[:start] + part * rng.choice((1, 1, 2, 50)) + data[start if kind == 3 else end :]


def mutated_protobuf(data: bytes, rng: Random, inner: Inner, depth: int = 0) -> bytes | None:
    """Damage one field, or one within it: the lengths around it stay right."""
    fields: list[tuple[int, bytes | None, bytes]] = []  # key, what has a length, or all else
    at = 0
    while at < len(data) and len(fields) < 1000:
        key = data[at]
        if key % 8 == 2 and at + 1 < len(data):
            size, start = data[at + 1], at + 2
            if size >= 0x80 and start < len(data):
                size, start = size % 0x80 + 0x80 * data[start], start + 1
            fields.append((key, data[start : start + size], b""))
            at = start + size
        else:
            step = {0: 2, 1: 9, 5: 5}.get(key % 8, 1)
            fields.append((key, None, data[at + 1 : at + step]))
            at += step
    if not fields:
        return None
    which = rng.randrange(len(fields))
    key, held, rest = fields[which]
    kind = rng.randrange(8)
    if kind == 0:
        del fields[which]
    elif kind == 1:
        fields.insert(which, fields[which])
    elif kind == 2:
        fields[which] = (rng.randrange(256), held, rest)
    elif held is None:
        fields[which] = (key, None, inner(rest))
    else:
        within = mutated_protobuf(held, rng, inner, depth + 1) if depth < 4 and kind < 7 else None
        fields[which] = (key, inner(held) if within is None else within, b"")
    return b"".join(
        bytes([key]) + (rest if held is None else _length(len(held)) + held)
        for key, held, rest in fields
    )


def _length(size: int) -> bytes:
    return bytes([size]) if size < 0x80 else bytes([size % 0x80 + 0x80, size // 0x80 % 0x80])


SCRIPTS = "minifacenet.data_scripts"
# A pickle of 200,000 operations takes half of one, and several while branches are counted.
SECONDS = 4.0

for name, what, read, seeds, mutate in (
    (
        "t7",
        "files of Torch7 (.t7)",
        lambda data: touch(read_torch7(data, NAME), [0]),
        lambda: [test_torch7_weights.SMALL],
        mutated_torch7,
    ),
    (
        "dat",
        "networks of dlib (.dat)",
        lambda data: touch(read_dlib(data, NAME), [0]),
        lambda: [test_dlib_weights.SMALL],
        None,
    ),
    (
        "pt",
        "checkpoints of PyTorch (.pt), zip files and older ones, by bytes and by a pickle's "
        "operations",
        lambda data: touch(read_checkpoint(data, NAME), [0]),
        checkpoints,
        mutated_checkpoint,
    ),
    ("onnx", "networks in ONNX, as MTCNN comes", read_onnx_whole, networks, mutated_protobuf),
):
    fuzzed(
        Reader(
            name=f"fuzz-{name}",
            what=f"{what}: arrays or one line",
            read=read,
            seeds=seeds,
            errors=(WeightsError,),
            guided_by=(SCRIPTS,),
            mutate=mutate,
            seconds=SECONDS,
        )
    )
