"""The weights in a network that dlib wrote, read as bytes: nothing in it is executed.

dlib writes a network from its output to its input and back. First comes the loss. Then each layer
writes the version of its frame, and lets the layer below write itself as a whole before its own
content follows. So all versions stand at the beginning in a row, and the contents come after them
in the order in which an image goes through the network:

    loss, 2 (a layer), 2, 1 (a tag or a skip, with no content), ..., 3 (the lowest, with the input),
    input, content of the lowest layer, content of the next one, ...

An integer is one byte, the number of bytes that follow (and 128 more if it is negative), and those
bytes, the lowest first. A float is two integers, mantissa and exponent of 2. A text is a length and
its letters. A tensor is a version, four sizes and its float32 numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from minifacenet.data_scripts.weight_bytes import Bytes
from minifacenet.files.words import shortened

# What layers and losses are called that come from the file's frames, not from its contents.
TAG_OR_SKIP = "tag or skip"
FRAMES = 10_000  # that many layers at most: a frame costs two bytes in the file, and more here
INF, MINUS_INF, NAN = 32000, 32001, 32002  # exponents that mean something else


@dataclass(frozen=True)
class Layer:
    """A layer as the file has it.

    Attributes
    ----------
    kind : str
        As dlib calls it with its version, 'con_4'; or TAG_OR_SKIP.
    fields : dict
        By the names of LAYERS: numbers, tuples of sizes, and arrays, which are views of the file.
    """

    kind: str
    fields: dict[str, int | float | tuple[int, ...] | np.ndarray]


def _integer(data: Bytes) -> int:
    start = data.at
    control = data.number("B", "an integer")
    size = control & 0x7F
    if not 1 <= size <= 8:
        raise data.error(f"an integer of {size} bytes, expected 1 to 8", start)
    value = int.from_bytes(data.take(size, "an integer"), "little")
    return -value if control & 0x80 else value


def _float(data: Bytes) -> float:
    start = data.at
    mantissa, exponent = _integer(data), _integer(data)
    special = {INF: math.inf, MINUS_INF: -math.inf, NAN: math.nan}
    if exponent in special:
        return special[exponent]
    try:
        return math.ldexp(mantissa, exponent)
    except OverflowError:
        raise data.error(f"the float {mantissa} * 2**{exponent} is out of range", start) from None


def _text(data: Bytes) -> str:
    return data.text(_integer(data), "a text")


def _flag(data: Bytes) -> bool:
    start, sign = data.at, data.number("B", "a flag")
    if sign not in b"01":
        raise data.error(f"a flag {sign}, expected 48 or 49 ('0' or '1')", start)
    return sign == ord("1")


def _version(data: Bytes, expected: int, what: str) -> None:
    start, found = data.at, _integer(data)
    if found != expected:
        raise data.error(f"{what} has version {found}, expected {expected}", start)


def _sizes(data: Bytes) -> tuple[int, ...]:
    start = data.at
    sizes = tuple(_integer(data) for _ in range(4))
    if min(sizes) < 0:
        raise data.error(f"sizes {sizes}", start)
    return sizes


def _shape(data: Bytes) -> tuple[int, ...]:
    """The sizes of a part of a tensor."""
    _version(data, 1, "a part of a tensor")
    return _sizes(data)


def _tensor(data: Bytes) -> np.ndarray:
    _version(data, 2, "a tensor")
    sizes = _sizes(data)
    count = math.prod(sizes)
    numbers = np.frombuffer(data.take(4 * count, f"a tensor {sizes}"), "<f4")
    return numbers.reshape(sizes) if count else numbers  # NumPy has no shape (2**62, 0, 2**62, 1)


# What a layer writes, in order.
_RATES = {
    "learning_rate": _float, "weight_decay": _float, "bias_learning_rate": _float,
    "bias_weight_decay": _float,
}  # fmt: skip
_WINDOW = dict.fromkeys(("nr", "nc", "stride_y", "stride_x", "padding_y", "padding_x"), _integer)
Fields = dict[str, Callable[[Bytes], object]]
INPUTS: dict[str, Fields] = {
    "input_rgb_image_sized": {
        "red": _float, "green": _float, "blue": _float, "nr": _integer, "nc": _integer,
    },
}  # fmt: skip
LAYERS: dict[str, Fields] = {
    "con_4": {
        "params": _tensor, "outputs": _integer, **_WINDOW, "filters": _shape, "biases": _shape,
        **_RATES,
    },
    "affine_": {"params": _tensor, "gamma": _shape, "beta": _shape, "mode": _integer},
    "fc_2": {
        "outputs": _integer, "inputs": _integer, "params": _tensor, "weights": _shape,
        "biases": _shape, "mode": _integer, **_RATES,
    },
    "relu_": {},
    "max_pool_2": _WINDOW,
    "avg_pool_2": _WINDOW,
    "add_prev_": {},
}  # fmt: skip
LOSSES: dict[str, Fields] = {"loss_metric_2": {"margin": _float, "distance": _float}}


def _layer(data: Bytes, table: dict[str, Fields]) -> Layer:
    start, kind = data.at, _text(data)
    if kind not in table:
        known = ", ".join(table)
        raise data.error(f"a layer {shortened(kind, 40)}, expected one of {known}", start)
    return Layer(kind, {name: read(data) for name, read in table[kind].items()})


def read_dlib(data: bytes, name: str) -> list[Layer]:
    """The layers of the network in the file `name`: input, layers, loss, as an image sees them.

    Raises
    ------
    WeightsError
        It is no such file, is damaged or cut off, or has layers that LAYERS does not list.
    """
    left = Bytes(data, name)
    _version(left, 1, "the network")
    loss = _layer(left, LOSSES)

    frames: list[int] = []
    while not frames or frames[-1] != 3:
        start, version = left.at, _integer(left)
        if version not in (1, 2, 3) or len(frames) == FRAMES:
            reason = f"the frame of layer {len(frames)} from the top has version {version}"
            raise left.error(f"{reason}, expected 1, 2 or 3, at most {FRAMES} times", start)
        frames.append(version)

    layers = [_layer(left, INPUTS)]
    for version in reversed(frames):
        if version == 1:
            layers.append(Layer(TAG_OR_SKIP, {}))
            continue
        layers.append(_layer(left, LAYERS))
        for _ in range(3):
            _flag(left)  # what was set up, and which gradients were at hand
        for _ in range(3):
            _tensor(left)  # gradients and output of the last image: empty in a cleaned network
        if version == 3:
            _integer(left)  # the photos that one input makes
    if left.left():
        raise left.error(f"{left.left()} bytes after the last layer")
    return [*layers, loss]
