"""The networks by name, and what is needed to build one.

The structures stand in files of their own: `nn1.py` and `inception.py` follow the paper's tables,
`resnet_mini.py` is one to train on a laptop. `dlib_resnet.py` and `inception_resnet.py` are those
of others, whose published weights are read by `minifacenet get`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field

import numpy as np

from ..files.atomic import digest
from ..files.stored import check_fields, option
from ..files.words import either, shortened
from ..nn.device.backend import to_device
from ..nn.folding import folded
from ..nn.layer import Layer, Sequential
from ..preprocessing.crop_note import CENTRE_SQUARE
from . import dlib_resnet, inception, inception_resnet, nn1, resnet_mini
from .batches import SCALING


@dataclass(frozen=True)
class Network:
    """A network's structure, and the channels that make it this one.

    Parameters
    ----------
    size : int
        Side of the photos that it is meant for, in pixels.
    widths : dict of int
        Output channels by the names of its rows or their parts.
    build : callable
        Makes it: `build(shape, widths, dim, rng, dtype)`; that of `nn1` takes `lrn` and `maxout`,
        too.
    printed : dict, optional
        The paper's figures for its rows.
    """

    size: int
    widths: Mapping[str, int]
    build: Callable[..., Sequential] = nn1.build_nn1
    printed: dict[str, tuple[str, str]] | None = None


# All networks: commands, error messages and the summary have no other list.
NETWORKS = {
    "nn1": Network(220, nn1.NN1_WIDTHS, printed=nn1.NN1_PAPER),
    "nn1_mini": Network(96, nn1.NN1_MINI_WIDTHS),
    "nn1_mini_bn": Network(96, nn1.NN1_MINI_WIDTHS, nn1.build_nn1_bn),
    "resnet_mini": Network(96, resnet_mini.WIDTHS, resnet_mini.build_resnet_mini),
    "nn2": Network(224, inception.NN2_WIDTHS, inception.build_nn2, inception.NN2_PAPER),
    "nn4_small2": Network(96, inception.NN4_SMALL2_WIDTHS, inception.build_nn4_small2),
    "dlib_resnet": Network(150, dlib_resnet.WIDTHS, dlib_resnet.build_dlib_resnet),
    "inception_resnet_v1": Network(
        160, inception_resnet.WIDTHS, inception_resnet.build_inception_resnet_v1
    ),
}
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
        False leaves a part of the paper's NN1 out, to see what it is good for: without lrn, the
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
        if not (self.lrn and self.maxout) and NETWORKS[self.name].build is not nn1.build_nn1:
            raise ValueError(f"lrn and maxout are parts of nn1, {self.name} is only had as it is")
        if self.size is None:
            object.__setattr__(self, "size", NETWORKS[self.name].size)

    @property
    def input_shape(self) -> tuple[int, int, int]:
        assert self.size is not None  # `__post_init__` has set it
        return (self.size, self.size, self.channels)

    def build(self, rng: np.random.Generator | None, dtype: type = np.float32) -> Sequential:
        """Build the network with fresh random weights, drawn from `rng` in the order of the table.

        Without an `rng` they are zeros: see `nn.layer.normal`.

        Raises
        ------
        ValueError
            The photos are too small for this network, or `dtype` is none to compute in.
        """
        if dtype not in (np.float32, np.float64):
            raise ValueError(
                f"networks compute in float32 (float64 for gradient checks), got "
                f"{np.dtype(dtype)}: the distances of half precision round to 0"
            )
        network = NETWORKS[self.name]
        left_out = {} if self.lrn and self.maxout else {"lrn": self.lrn, "maxout": self.maxout}
        try:
            return network.build(self.input_shape, network.widths, self.dim, rng, dtype, **left_out)
        except ValueError as error:  # a window is larger than what it should slide over
            raise ValueError(
                f"{self.name} does not take photos of {self.size} pixels, its own size is "
                f"{network.size} ({error})"
            ) from None

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
    _folded: tuple[tuple, Layer] | None = field(default=None, init=False, repr=False, compare=False)

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

    def for_inference(self) -> Layer:
        """Return the network with its batch norms folded into its convolutions, for `forward` only.

        It is made anew when a weight has changed since, or the network itself.
        """
        versions = ((p, p.version) for p in self.network.parameters().values())
        state = (self.network, self.network.device, *versions)  # layers are equal if they are one
        if self._folded is None or self._folded[0] != state:
            self._folded = state, folded(self.network)
        return self._folded[1]

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
