"""The networks: NN1 as the paper's Table 1 reads, and nn1_mini, the same table at laptop size.

The table's gaps and how they are closed here (each also stands in the README):

- Padding is not stated; only symmetric k // 2 (3 for 7x7, 1 for 3x3) gives 55/28/14/7.
- "rnorm" comes without parameters: AlexNet's, see `nn/lrn.py`.
- "maxout p=2": fc1 has 103M parameters, which are two maps to 4,096; the output is their maximum.
- A ReLU follows every convolution; maxout stands in its place in fc1 and fc2; fc7128 is linear.
- "concat" has no second input: it is the identity.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np

from ..files.atomic import digest
from ..files.stored import check_fields, option
from ..files.words import either, shortened
from ..nn.concat import Concat
from ..nn.conv import Conv2D
from ..nn.device.backend import to_device
from ..nn.l2norm import L2Norm
from ..nn.layer import Sequential
from ..nn.linear import Linear
from ..nn.lrn import LRN
from ..nn.maxout import Maxout
from ..nn.maxpool import MaxPool
from ..nn.relu import ReLU
from ..preprocessing.crop_note import CENTRE_SQUARE
from .batches import SCALING

# Table 1 from top to bottom. A convolution: (name, kernel, stride); its width is looked up by name.
NN1 = (
    ("conv1", 7, 2),
    "pool1",
    "rnorm1",
    ("conv2a", 1, 1),
    ("conv2", 3, 1),
    "rnorm2",
    "pool2",
    ("conv3a", 1, 1),
    ("conv3", 3, 1),
    "pool3",
    ("conv4a", 1, 1),
    ("conv4", 3, 1),
    ("conv5a", 1, 1),
    ("conv5", 3, 1),
    ("conv6a", 1, 1),
    ("conv6", 3, 1),
    "pool4",
    "concat",
    "fc1",
    "fc2",
    "fc7128",
    "L2",
)

# The figures in the paper's Table 1 for these rows: parameters, and "FLPS", i.e. multiply-adds.
NN1_PAPER = {
    "conv1": ("9K", "115M"), "conv2a": ("4K", "13M"), "conv2": ("111K", "335M"),
    "conv3a": ("37K", "29M"), "conv3": ("664K", "521M"), "conv4a": ("148K", "29M"),
    "conv4": ("885K", "173M"), "conv5a": ("66K", "13M"), "conv5": ("590K", "116M"),
    "conv6a": ("66K", "13M"), "conv6": ("590K", "116M"), "fc1": ("103M", "103M"),
    "fc2": ("34M", "34M"), "fc7128": ("524K", "0.5M"), "total": ("140M", "1.6B"),
}  # fmt: skip


@dataclass(frozen=True)
class Network:
    """One network's version of Table 1.

    Parameters
    ----------
    size : int
        Side of the photos that it is meant for, in pixels.
    widths : dict of int
        Output channels by row ("a": the 1x1 convolution in front of a 3x3 one), and of fc1 and fc2.
    printed : dict, optional
        The paper's figures for its rows.
    """

    size: int
    widths: dict[str, int]
    printed: dict[str, tuple[str, str]] | None = None


# All networks: commands, error messages and the summary have no other list.
NETWORKS = {
    "nn1": Network(
        size=220,
        widths=dict(
            conv1=64, conv2a=64, conv2=192, conv3a=192, conv3=384, conv4a=384, conv4=256,
            conv5a=256, conv5=256, conv6a=256, conv6=256, fc=4096,
        ),
        printed=NN1_PAPER,
    ),
    "nn1_mini": Network(
        size=96,
        widths=dict(
            conv1=16, conv2a=16, conv2=48, conv3a=48, conv3=96, conv4a=96, conv4=64,
            conv5a=64, conv5=64, conv6a=64, conv6=64, fc=512,
        ),
    ),
}  # fmt: skip
NETWORK_NAMES = f"{either(NETWORKS)}."
OWN_SIZES = ", ".join(f"{network.size} for {name}" for name, network in NETWORKS.items())
SMALLEST = 32  # five halvings leave one pixel of these, and of smaller photos less than that
LARGEST = 8192  # beyond the side of any photo that is read


@dataclass(frozen=True)
class Architecture:
    """The description of a network: all that is needed to build it again.

    Parameters
    ----------
    name : str
        One of `NETWORKS`.
    size : int
        Height and width of the input; None takes the network's own.
    channels : 1 or 3
        Grey or RGB.
    dim : int
        Length of an embedding; the paper's is 128.
    lrn, maxout : bool
        False leaves a part of the paper's network out, to see what it is good for: without lrn, the
        rows rnorm1 and rnorm2 go; without maxout, a ReLU takes its place (one linear map for two,
        as many outputs).

    Raises
    ------
    ValueError
        A value of another type, an unknown name, or a number that no network can have.
    """

    name: str = option("nn1_mini", NETWORK_NAMES, name="network")
    size: int | None = option(
        None,
        f"Side of the square photos; the network's own if left out ({OWN_SIZES}).",
        min=SMALLEST,
        max=LARGEST,
    )
    channels: int = 3
    dim: int = option(128, "Length of an embedding.", min=1)
    lrn: bool = True
    maxout: bool = True

    def __post_init__(self) -> None:
        check_fields(self)
        if self.name not in NETWORKS:
            known = ", ".join(NETWORKS)
            raise ValueError(f"unknown network {shortened(self.name)}; there are {known}")
        if self.channels not in (1, 3):
            raise ValueError(f"channels must be 1 (grey) or 3 (RGB), got {self.channels}")
        if self.size is None:
            object.__setattr__(self, "size", NETWORKS[self.name].size)

    @property
    def input_shape(self) -> tuple[int, int, int]:
        assert self.size is not None  # `__post_init__` has set it
        return (self.size, self.size, self.channels)

    def build(self, rng: np.random.Generator | None, dtype: type = np.float32) -> Sequential:
        """Build the network with fresh random weights, drawn from `rng` in the order of the table.

        Without an `rng` they are zeros: see `nn.layer.normal`.
        """
        if dtype not in (np.float32, np.float64):
            raise ValueError(
                f"networks compute in float32 (float64 for gradient checks), got "
                f"{np.dtype(dtype)}: the distances of half precision round to 0"
            )
        widths = NETWORKS[self.name].widths
        return build_nn1(self.input_shape, widths, self.dim, rng, dtype, self.lrn, self.maxout)

    def as_dict(self) -> dict:
        return asdict(self)


@dataclass
class FaceNet:
    """A network and what it was built from. `network.forward` takes `batches.to_input(photos)`.

    `cut` says how the faces of its training were cut, as `Faces.cut` does; it has seen no others.
    """

    architecture: Architecture
    network: Sequential
    cut: str = CENTRE_SQUARE

    @classmethod
    def new(cls, architecture: Architecture, seed: int = 0, cut: str = CENTRE_SQUARE) -> FaceNet:
        """Return a model with fresh random weights, to be trained on faces cut this way.

        Raises
        ------
        NetworkTooLarge
            The memory is too small for its weights.
        """
        try:
            network = architecture.build(np.random.default_rng(seed))
        except MemoryError as error:
            reason = f" ({error})" if str(error) else ""
            raise NetworkTooLarge(
                f"the weights of {architecture.name} for photos of {architecture.size} pixels, and "
                f"{architecture.dim} dimensions, do not fit into memory{reason}: take a smaller "
                "--dim or --size"
            ) from None
        return cls(architecture, network, cut)

    @classmethod
    def blank(cls, architecture: Architecture, cut: str = CENTRE_SQUARE) -> FaceNet:
        """Return a model whose weights are zero and take hardly any memory: a file fills them."""
        return cls(architecture, architecture.build(None), cut)

    @property
    def preprocessing(self) -> str:
        """Say in words what happens to a photo before the network."""
        return f"{self.cut}; {SCALING}"

    @property
    def digest(self) -> str:
        """16 hex digits of architecture and weights: vectors with two digests cannot be compared.

        It is computed anew at each use, since training changes the weights.
        """
        parts: list[str | np.ndarray] = [json.dumps(self.architecture.as_dict(), sort_keys=True)]
        for name, parameter in self.network.parameters().items():
            parts += [name, to_device(parameter.data, "cpu")]
        return digest(*parts)


class NetworkTooLarge(MemoryError):
    """A network whose weights alone do not fit into memory."""


def build_nn1(
    shape: tuple[int, int, int],
    widths: Mapping[str, int],
    dim: int,
    rng: np.random.Generator | None,
    dtype: type = np.float32,
    lrn: bool = True,
    maxout: bool = True,
) -> Sequential:
    """Build Table 1 for an input of `shape` (H, W, C) with the channels of `widths`."""
    layers = []
    for row in NN1:
        name = row if isinstance(row, str) else row[0]
        if name.startswith("rnorm") and not lrn:
            continue
        for suffix, layer in _row(row, shape, widths, dim, rng, dtype, maxout):
            layers.append((name + suffix, layer))
            shape = layer.output_shape(shape)
    return Sequential(*layers)


def _row(row, shape, widths, dim, rng, dtype, maxout):
    """Return the layers of one table row as (suffix, layer), for an input of `shape`."""
    if isinstance(row, tuple):
        name, kernel, stride = row
        conv = Conv2D(
            shape[2], widths[name], kernel, rng, stride, kernel // 2,
            input_gradient=row is not NN1[0], dtype=dtype,
        )  # fmt: skip
        return [("", conv), (".relu", ReLU())]
    if row.startswith("pool"):
        return [("", MaxPool(3, stride=2, pad=1))]
    if row.startswith("rnorm"):
        return [("", LRN())]
    if row == "concat":
        return [("", Concat())]
    if row == "L2":
        return [("", L2Norm())]
    inputs = math.prod(shape)
    if row == "fc7128":
        return [("", Linear(inputs, dim, rng, dtype=dtype))]
    if not maxout:
        return [("", Linear(inputs, widths["fc"], rng, dtype=dtype)), (".relu", ReLU())]
    return [("", Linear(inputs, 2 * widths["fc"], rng, dtype=dtype)), (".maxout", Maxout(2))]
