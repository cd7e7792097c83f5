"""What a layer is: parameters, a forward, a backward, and the table of shapes and costs.

A layer computes y = f(x; w). Given dL/dy ("dout", the upstream gradient), its backward adds dL/dw
to the gradients of its parameters and returns dL/dx. Chaining backwards from the last layer to the
first is all of backpropagation, and `Sequential` does it in three lines.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from .device import backend
from .device.backend import Array
from .window import Window

FLOAT = 4  # bytes of a float32

Derived = TypeVar("Derived")


class Parameter:
    """A trainable array with its gradient. It takes over `data`: pass a copy if you keep yours.

    `data` is read-only, so that nothing changes it unseen: writers say `with p.edit() as w: ...`,
    which raises `version`. A kernel that keeps a packed copy compares versions and never goes
    stale. Gradients accumulate until `zero_grad()`; their memory is taken when first needed, and so
    is that of `zeros`.
    """

    def __init__(self, data: np.ndarray):
        self.version = 0
        self._grad: Array | None = None
        self._derived: dict[tuple, tuple[int, Any]] = {}
        self._is_one_zero = bool(data.shape and data.size and not any(data.strides))
        self._data: Array = data if self._is_one_zero else np.ascontiguousarray(data)

    def __repr__(self) -> str:
        return f"Parameter({'x'.join(map(str, self.shape))}, {self.dtype})"

    @property
    def data(self) -> Array:
        """The values; on the CPU a read-only view."""
        return backend.read_only(self._array())

    def _array(self) -> Array:
        if self._is_one_zero:
            self._data, self._is_one_zero = np.zeros(self.shape, self.dtype), False
        return self._data

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of `data`, whose memory it does not take."""
        return self._data.shape

    @property
    def dtype(self) -> np.dtype:
        return self._data.dtype

    @property
    def grad(self) -> Array:
        """The gradient dL/dw, summed since `zero_grad()`, of the shape and dtype of `data`."""
        if self._grad is None:
            self._grad = backend.zeros(self.data.shape, like=self.data)
        return self._grad

    def zero_grad(self) -> None:
        if self._grad is not None:
            backend.fill(self._grad, 0)

    @contextmanager
    def edit(self) -> Iterator[Array]:
        """Give the writable array; leaving the block raises `version`."""
        try:
            yield self._array()
        finally:
            self.version += 1

    def derived(self, function: Callable[..., Derived], *arguments: Any) -> Derived:
        """Return `function(data, *arguments)`, computed anew only when `version` has changed.

        It is for what a kernel derives from the weights and would otherwise derive at every call.
        """
        key = (function, *arguments)
        if key not in self._derived or self._derived[key][0] != self.version:
            self._derived[key] = self.version, function(self.data, *arguments)
        return self._derived[key][1]

    def to(self, device: str) -> None:
        """Move data and gradient to 'cpu' or 'cuda'."""
        self._derived.clear()
        self._data = backend.to_device(self._array(), device)
        if self._grad is not None:
            self._grad = backend.to_device(self._grad, device)


def zeros(shape: tuple[int, ...], dtype: type) -> np.ndarray:
    """Return one zero that is read as many: a `Parameter` of it takes memory when it is first used.

    So a file that claims to hold a huge network is refused by the shapes, before there is one.
    """
    return np.broadcast_to(dtype(0), shape)


def normal(
    rng: np.random.Generator | None, shape: tuple[int, ...], variance: float, dtype: type
) -> np.ndarray:
    """Return Gaussian start values of the given shape, variance and dtype.

    Without an `rng` they are `zeros`, for a network whose weights come from a file.
    """
    if rng is None:
        return zeros(shape, dtype)
    values = rng.standard_normal(shape, dtype)
    values *= dtype(variance**0.5)
    return values


class Layer:
    """The base of all layers. A subclass writes `forward`, `backward` and what differs from here.

    Activations are NHWC: ndarray of shape (N, H, W, C), or (N, D) once flattened; the dtype of the
    input is the dtype of everything. `forward(x, train=True)` keeps what `backward` needs, once: a
    second `backward` raises. Neither `x` nor `dout` is ever modified.
    """

    window: Window | None = None  # set by a layer that slides one over the image
    _cache: tuple | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._about()})"

    def _about(self) -> str:
        """Return the text between the parentheses of the repr."""
        return str(self.window or "")

    def forward(self, x: Array, train: bool = False) -> Array:
        raise TypeError(f"{type(self).__name__} defines no forward")

    def backward(self, dout: Array) -> Array | None:
        raise TypeError(f"{type(self).__name__} defines no backward")

    def slopes_for(self, train: bool) -> Array | None:
        """Return what the layer before this one needs to do this one's work.

        None if nobody can. Of a rectifier it is the slopes below 0: one per channel, or an array
        without any, of a ReLU. `adopt` then follows in the place of this layer's forward.
        """
        return None

    def can_rectify(self, x: Array, slopes: Array) -> bool:
        """Return whether `forward(x, train, rectify=slopes)` does that work."""
        return False

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of one image's output (no batch axis), given its input's."""
        return shape

    def multiply_adds(self, shape: tuple[int, ...]) -> int:
        """Return the multiply-adds (biases counted) for one image of input `shape`."""
        return 0

    def bytes_moved(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """Return the least bytes that forward and backward move, in float32, for a batch (N, ...).

        Every array that goes in or comes out counts once. Here, as in most layers: x, y and the
        parameters; back, dL/dy, x (or y, as large), dL/dx, the parameters, and their gradients
        twice, since these are added to.
        """
        x, y = math.prod(shape), shape[0] * math.prod(self.output_shape(shape[1:]))
        weights = sum(parameter.data.size for parameter in self.parameters().values())
        return FLOAT * (x + weights + y), FLOAT * (y + x + x + 3 * weights)

    def walk(self) -> Iterator[Layer]:
        """Yield this layer and all layers that it is made of."""
        yield self
        for held in vars(self).values():
            for inner in held.values() if isinstance(held, dict) else (held,):
                if isinstance(inner, Layer):
                    yield from inner.walk()

    def parameters(self) -> dict[str, Parameter]:
        """Return the attributes that are a `Parameter` by name, in a fixed order."""
        return {k: v for k, v in vars(self).items() if isinstance(v, Parameter)}

    @property
    def device(self) -> str:
        """Where the parameters live, 'cpu' or 'cuda'; inputs have to be there, too."""
        return next((backend.device_of(p.data) for p in self.parameters().values()), "cpu")

    def to(self, device: str) -> Layer:
        """Move all parameters, and other arrays that a layer keeps, to 'cpu' or 'cuda'."""
        for parameter in self.parameters().values():
            parameter.to(device)
        return self

    def zero_grad(self) -> None:
        for parameter in self.parameters().values():
            parameter.zero_grad()

    def _accept(self, x, *axes):
        """Return the input in C order, if this layer can take it: every forward asks first.

        `axes` are those of a batch; the last one is a number if only that one fits: "N", "H",
        "W", 3. `..., 3` stands for any axes before the channels.

        Raises
        ------
        TypeError
            The dtype is neither float32 nor float64, or not that of the parameters.
        ValueError
            The axes differ, such as those of one image without a batch.
        """
        name, dtype = type(self).__name__, x.dtype
        if dtype not in backend.DTYPES:
            raise TypeError(f"{name} computes in float32 or float64, got {dtype}: convert it first")
        own = next((p.dtype for p in vars(self).values() if isinstance(p, Parameter)), dtype)
        if dtype != own:
            raise TypeError(
                f"{name} has {own} parameters and got {dtype} of shape {tuple(x.shape)}: hand in "
                f"x.astype(np.{own}), or make the layer with dtype=np.{dtype}"
            )
        if axes and not _fit(tuple(x.shape), axes):
            wanted = ", ".join("..." if axis is ... else str(axis) for axis in axes)
            alone = "; one image alone is x[None]" if len(x.shape) == len(axes) - 1 else ""
            raise ValueError(f"{name} expects shape ({wanted}), got {tuple(x.shape)}{alone}")
        return backend.contiguous(x)

    def _remember(self, train: bool, out, *cache) -> None:
        """Keep what backward needs of a forward that gave `out`."""
        gave = out.shape, out.dtype, backend.device_of(out)
        self._cache = (*gave, cache) if train else None

    def _recall(self, dout) -> tuple:
        """Return what forward kept, once: a gradient cannot be counted twice by accident."""
        name = type(self).__name__
        if self._cache is None:
            raise RuntimeError(f"{name}.backward needs one forward(x, train=True) before each call")
        shape, dtype, device, cache = self._cache
        if dout.shape != shape:
            raise ValueError(f"{name} gave {shape}, but dout is {dout.shape}")
        if dout.dtype != dtype:
            raise TypeError(
                f"{name} gave {dtype}, but dout is {dout.dtype}: hand in dout.astype(np.{dtype})"
            )
        if backend.device_of(dout) != device:
            raise TypeError(
                f"arrays of one computation live on one device, but {name} gave {dtype} {shape} on "
                f"{device!r} and dout is on {backend.device_of(dout)!r}: "
                f"to_device(dout, {device!r}) moves it"
            )
        self._cache = None
        return cache


def _fit(shape: tuple[int, ...], axes: tuple) -> bool:
    last_fits = type(axes[-1]) is str or shape[-1:] == axes[-1:]
    return last_fits and (axes[0] is ... or len(shape) == len(axes))


def named(layers: Sequence[tuple[str, Layer]]) -> dict[str, Layer]:
    """Return (name, layer) pairs as a dictionary; ValueError if a name is used twice."""
    if len(dict(layers)) != len(layers):
        raise ValueError(f"layer names must differ, got {[name for name, _ in layers]}")
    return dict(layers)


def in_lines(layer: Layer, layers: dict[str, Layer]) -> str:
    """Return the repr of a layer made of others: its own text, then one line for each by name."""
    width = max(map(len, layers), default=0)
    lines = [f"\n{name:{width}}  {inner!r}".replace("\n", "\n  ") for name, inner in layers.items()]
    return f"{type(layer).__name__}({layer._about()}{''.join(lines)}" + ("\n)" if layers else ")")


class Sequential(Layer):
    """A chain of named layers: `Sequential(('conv1', Conv2D(...)), ('pool1', ...))`.

    `network['conv1']` and `network[0]` are the first layer, `len(network)` is their number.
    A name with a dot ('conv1.relu') belongs to the table row before the dot.

    Attributes
    ----------
    trained_from : int
        The place of the first layer that learns. Those before it keep nothing of a forward in
        training, and the backward ends above them, with None.
    """

    trained_from = 0

    def __init__(self, *layers: tuple[str, Layer]):
        self.layers = named(layers)

    def __repr__(self) -> str:
        return in_lines(self, self.layers)

    def __len__(self) -> int:
        return len(self.layers)

    def __getitem__(self, key: str | int) -> Layer:
        """Return the layer of this name, or at this place; KeyError or IndexError if none."""
        if isinstance(key, str):
            if key not in self.layers:
                raise KeyError(f"no layer is called {key!r}; there are {', '.join(self.layers)}")
            return self.layers[key]
        return list(self.layers.values())[key]

    def to(self, device: str) -> Layer:
        """Move every layer: one may keep arrays that are no parameters."""
        for layer in self.layers.values():
            layer.to(device)
        return self

    def forward(self, x: Array, train: bool = False) -> Array:
        layers: list[Any] = list(self.layers.values())
        rectified = False
        for place, layer in enumerate(layers):
            keep = train and place >= self.trained_from
            if rectified:  # its work is done
                layer.adopt(x, keep)
                rectified = False
                continue
            slopes = layers[place + 1].slopes_for(train) if place + 1 < len(layers) else None
            rectified = slopes is not None and layer.can_rectify(x, slopes)
            x = layer.forward(x, keep, rectify=slopes) if rectified else layer.forward(x, keep)
        return x

    def backward(self, dout: Array) -> Array | None:
        for layer in reversed(list(self.layers.values())[self.trained_from :]):
            dout = layer.backward(dout)
        return None if self.trained_from else dout

    def first_not_finite(self, x: Array) -> str | None:
        """Return the name of the first layer to make NaN or infinity of a finite `x`, or None."""
        for name, layer in self.layers.items():
            x = layer.forward(x)
            if not np.isfinite(backend.to_device(x, "cpu")).all():
                return name
        return None

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        for layer in self.layers.values():
            shape = layer.output_shape(shape)
        return shape

    def multiply_adds(self, shape: tuple[int, ...]) -> int:
        return sum(row.multiply_adds for row in self.table(shape))

    def bytes_moved(self, shape: tuple[int, ...]) -> tuple[int, int]:
        forward = backward = 0
        for layer in self.layers.values():
            there, back = layer.bytes_moved(shape)
            forward, backward = forward + there, backward + back
            shape = (shape[0], *layer.output_shape(shape[1:]))
        return forward, backward

    def parameters(self) -> dict[str, Parameter]:
        return {
            f"{name}.{own}": parameter
            for name, layer in self.layers.items()
            for own, parameter in layer.parameters().items()
        }

    def table(self, shape: tuple[int, ...]) -> list[Row]:
        """Return one `Row` per stage: shapes, parameters, multiply-adds for an image of `shape`."""
        return list(self._rows(shape))

    def _rows(self, shape) -> Iterator[Row]:
        row = None
        for name, layer in self.layers.items():
            stage = name.partition(".")[0]
            if row is not None and row.name != stage:
                yield row
                row = None
            before = row or Row(stage, layer.window, shape, shape, 0, 0)
            row = Row(
                stage,
                before.window,
                before.input,
                layer.output_shape(shape),
                before.parameters + sum(p.data.size for p in layer.parameters().values()),
                before.multiply_adds + layer.multiply_adds(shape),
            )
            shape = row.output
        if row is not None:
            yield row


@dataclass(frozen=True)
class Row:
    """A row of the network's table: Table 1 of the paper has these columns."""

    name: str
    window: Window | None
    input: tuple[int, ...]
    output: tuple[int, ...]
    parameters: int
    multiply_adds: int
