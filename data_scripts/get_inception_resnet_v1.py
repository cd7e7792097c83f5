"""Write Inception-ResNet v1, D. Sandberg's FaceNet, trained on VGGFace2 (23.5 M), as a model.

T. Esler brought them to PyTorch, for facenet-pytorch. No package on PyPI carries them, so they are
downloaded by hand, from a page of that project, and passed with `--from`. A hash says that they are
the right ones.

    minifacenet get inception_resnet_v1 --from 20180402-114759-vggface2.pt
    python data_scripts/get_inception_resnet_v1.py OUT --from 20180402-114759-vggface2.pt
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from minifacenet.data_scripts.fetching import Item, script
from minifacenet.data_scripts.pretrained import Source, finite
from minifacenet.data_scripts.published_weights import (
    check_model,
    in_our_layout,
    renew_thresholds,
    write_model,
)
from minifacenet.data_scripts.pytorch_weights import read_checkpoint
from minifacenet.data_scripts.weight_bytes import WeightsError
from minifacenet.embedding.published import PUBLISHED

# 111,898,327 bytes. Its page names no hash: this is the one that those who use the file agree on.
SOURCE = Source(
    "20180402-114759-vggface2.pt",
    "281cebca8662831adb987a874bdcb36e73f5b1c6dc5ee5878f305e985625d99b",
)
RAW = f"{SOURCE.file} of the release v2.2.9 at https://github.com/timesler/facenet-pytorch/releases"
CREDIT = """\
Inception-ResNet v1 trained on VGGFace2, 20180402-114759: David Sandberg, facenet, MIT license. In
PyTorch: Tim Esler, facenet-pytorch, MIT license. Data: Q. Cao, L. Shen, W. Xie, O. M. Parkhi,
A. Zisserman, 'VGGFace2: A dataset for recognising faces across pose and age', FG 2018."""
COPYRIGHT = "Copyright (c) 2016 David Sandberg\nCopyright (c) 2019 Timothy Esler"

# The branches of each kind of block: what goes in, comes out, and the kernel's height and width.
Convolution = tuple[str, int, int, int, int]
BLOCK35 = (
    ("branch0", 256, 32, 1, 1), ("branch1.0", 256, 32, 1, 1), ("branch1.1", 32, 32, 3, 3),
    ("branch2.0", 256, 32, 1, 1), ("branch2.1", 32, 32, 3, 3), ("branch2.2", 32, 32, 3, 3),
)  # fmt: skip
BLOCK17 = (
    ("branch0", 896, 128, 1, 1), ("branch1.0", 896, 128, 1, 1), ("branch1.1", 128, 128, 1, 7),
    ("branch1.2", 128, 128, 7, 1),
)  # fmt: skip
BLOCK8 = (
    ("branch0", 1792, 192, 1, 1), ("branch1.0", 1792, 192, 1, 1), ("branch1.1", 192, 192, 1, 3),
    ("branch1.2", 192, 192, 3, 1),
)  # fmt: skip
STEM = (
    ("conv2d_1a", 3, 32, 3, 3), ("conv2d_2a", 32, 32, 3, 3), ("conv2d_2b", 32, 64, 3, 3),
    ("conv2d_3b", 64, 80, 1, 1), ("conv2d_4a", 80, 192, 3, 3), ("conv2d_4b", 192, 256, 3, 3),
)  # fmt: skip
MIXED_6A = (
    ("branch0", 256, 384, 3, 3), ("branch1.0", 256, 192, 1, 1), ("branch1.1", 192, 192, 3, 3),
    ("branch1.2", 192, 256, 3, 3),
)  # fmt: skip
MIXED_7A = (
    ("branch0.0", 896, 256, 1, 1), ("branch0.1", 256, 384, 3, 3), ("branch1.0", 896, 256, 1, 1),
    ("branch1.1", 256, 256, 3, 3), ("branch2.0", 896, 256, 1, 1), ("branch2.1", 256, 256, 3, 3),
    ("branch2.2", 256, 256, 3, 3),
)  # fmt: skip
# Names, convolutions, and the channels of the one with a bias that joins the branches, if any.
BLOCKS = (
    *((f"repeat_1.{i}.", BLOCK35, (96, 256)) for i in range(5)),
    ("mixed_6a.", MIXED_6A, None),
    *((f"repeat_2.{i}.", BLOCK17, (256, 896)) for i in range(10)),
    ("mixed_7a.", MIXED_7A, None),
    *((f"repeat_3.{i}.", BLOCK8, (384, 1792)) for i in range(5)),
    ("block8.", BLOCK8, (384, 1792)),
)
EMBEDDING = 512


def shapes() -> dict[str, tuple[int, ...]]:
    """The names and shapes of the network's arrays, as PyTorch orders them."""
    return dict(_shapes())


def _shapes() -> Iterator[tuple[str, tuple[int, ...]]]:
    for prefix, convolutions, joined in (("", STEM, None), *BLOCKS):
        for name, inputs, outputs, *sides in convolutions:
            yield f"{prefix}{name}.conv.weight", (outputs, inputs, *sides)
            for part in ("weight", "bias", "running_mean", "running_var"):
                yield f"{prefix}{name}.bn.{part}", (outputs,)
        if joined:
            yield f"{prefix}conv2d.weight", (joined[1], joined[0], 1, 1)
            yield f"{prefix}conv2d.bias", (joined[1],)
    yield "last_linear.weight", (EMBEDDING, 1792)
    for part in ("weight", "bias", "running_mean", "running_var"):
        yield f"last_bn.{part}", (EMBEDDING,)


def read_weights(source: Path) -> dict[str, np.ndarray]:
    """The arrays of the network from the .pt file, checked; float32, under PyTorch's names.

    Kernels are OIHW, and matrices have outputs first. The layer that told the people of VGGFace2
    apart is left out, since it is no part of the embedding.
    """
    return convert(read_checkpoint(SOURCE.read(source), source.name), source.name)


def convert(state: dict[str, np.ndarray], name: str) -> dict[str, np.ndarray]:
    """The arrays of the state dict of the file `name` that the embedding needs, checked."""
    arrays = {}
    for array, shape in shapes().items():
        found = state.get(array)
        if found is None or (found.shape, found.dtype) != (shape, np.float32):
            what = "nothing" if found is None else f"{found.dtype} {found.shape}"
            raise WeightsError(f"{name} holds {what} for {array}, expected float32 {shape}")
        arrays[array] = np.array(found)
    for array in state.keys() - arrays.keys():
        if not array.startswith("logits.") and not array.endswith(".num_batches_tracked"):
            raise WeightsError(f"{name} holds {array}, which Inception-ResNet v1 does not have")
    return finite(arrays, name)


NAME = "inception_resnet_v1"
KNOWN = PUBLISHED[NAME]
# Rows of PyTorch's network and ours.
ROWS = {
    **{f"conv2d_{row}": f"conv{row}" for row in ("1a", "2a", "2b", "3b", "4a", "4b")},
    **{f"repeat_1.{i}": f"block35_{i + 1}" for i in range(5)},
    **{f"repeat_2.{i}": f"block17_{i + 1}" for i in range(10)},
    **{f"repeat_3.{i}": f"block8_{i + 1}" for i in range(5)},
    "block8": "block8_6",
    "mixed_6a": "mixed6a",
    "mixed_7a": "mixed7a",
    "last_linear": "fc",
    "last_bn": "fc.bn",
}
NAMES = re.compile(rf"({'|'.join(map(re.escape, ROWS))})((?:\.\w+)*)\.(\w+)")
FIELDS = {
    "conv": {"weight": "weight"},
    "conv2d": {"weight": "weight", "bias": "bias"},
    "bn": {
        "weight": "gamma", "bias": "beta",
        "running_mean": "running_mean", "running_var": "running_variance",
    },
}  # fmt: skip


def our_name(name: str) -> str:
    """The name of an array of `read_weights` among the parameters of our network."""
    found = NAMES.fullmatch(name)
    assert found is not None, name
    row, parts, field = ROWS[found[1]], found[2].split(".")[1:], found[3]
    if found[1].startswith("last"):
        return f"{row}.{FIELDS['bn' if found[1] == 'last_bn' else 'conv'][field]}"
    *branch, kind = parts
    field = FIELDS[kind][field]
    if kind == "conv2d":  # behind the branches
        return f"{row}.body.up.{field}"
    norm = ".bn" * (kind == "bn")
    if not branch:  # of the stem
        return f"{row}{norm}.{field}"
    number, place = branch[0].removeprefix("branch"), (branch[1] if len(branch) == 2 else "0")
    inside = "" if row.startswith("mixed") else ".body.branches"
    return f"{row}{inside}.{number}.{place}{norm}.{field}"


def write(source: Path, out: Path) -> None:
    """The item's file, from the .pt file."""
    arrays = {our_name(name): in_our_layout(array) for name, array in read_weights(source).items()}
    write_model(NAME, arrays, out, CREDIT, COPYRIGHT)


ITEM = Item(
    name=NAME,
    file=KNOWN.file,
    what="Inception-ResNet v1, trained on VGGFace2's 3.3 million faces: 512 numbers a face",
    origin=KNOWN.origin,
    licence=f"{KNOWN.licence}, Copyright (c) 2016 David Sandberg, (c) 2019 Timothy Esler; "
    "its text goes into the file",
    size="112 MB to fetch, 94 MB on disk",
    raw=RAW,
    package=None,
    write=write,
    check=lambda path: check_model(NAME, path),
    renew=lambda path: renew_thresholds(NAME, path),
)

if __name__ == "__main__":
    sys.exit(script(ITEM))
